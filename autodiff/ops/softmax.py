"""Softmax and its logarithms, each a primitive because its parts would overflow or lose digits.

The largest element is subtracted first: the results do not change, and no exponential overflows.
"""

from __future__ import annotations

import numpy as np

from autodiff import kernels
from autodiff.ops.elementwise import as_real, exp, multiply, negative, subtract
from autodiff.ops.reductions import keep_axes, sum
from autodiff.ops.shapes import Axes
from autodiff.tape import Array, primitive


@primitive("logsumexp",
           lambda g, out, a, axis, keepdims: multiply(keep_axes(g, a, axis, keepdims), softmax(a, axis)))
def logsumexp(a: Array, axis: Axes = -1, *, keepdims: bool = False) -> Array:
    """log Σ eᵃ along the axes, the last by default."""
    a = as_real(a)
    largest = np.max(a, axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)  # ∞ − ∞ is no number
    total = np.log(np.sum(np.exp(a - largest), axis=axis, keepdims=True)) + largest
    return total if keepdims else np.squeeze(total, axis)


@primitive("softmax",
           lambda g, out, a, axis: multiply(out, subtract(g, sum(multiply(g, out), axis, keepdims=True))))
def softmax(a: Array, axis: Axes = -1) -> Array:
    """eᵃ / Σ eᵃ along the axes, the last by default."""
    a = as_real(a)
    weights = np.exp(a - np.max(a, axis=axis, keepdims=True))
    return weights / np.sum(weights, axis=axis, keepdims=True)


@primitive("log_softmax", lambda g, out, a, axis: log_softmax_backward(g, out, axis=axis))
def log_softmax(a: Array, axis: Axes = -1) -> Array:
    """a − log Σ eᵃ along the axes, the last by default."""
    return kernels.log_softmax(as_real(a), axis)


@primitive("log_softmax_backward",
           lambda g, out, cotangent, log_p, axis: subtract(g, sum(multiply(g, exp(log_p)), axis, keepdims=True)),
           lambda g, out, cotangent, log_p, axis: negative(
               multiply(g, multiply(exp(log_p), sum(cotangent, axis, keepdims=True)))))
def log_softmax_backward(cotangent: Array, log_p: Array, axis: Axes = -1) -> Array:
    """The cotangent less p times its sum along the axes, with p = exp(log_p): the rule of log_softmax in one pass."""
    return kernels.log_softmax_backward(cotangent, log_p, axis)
