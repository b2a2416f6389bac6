"""Arithmetic and functions of one number, applied element by element with NumPy's broadcasting.

Each rule is the chain rule for one operand: the cotangent `g` times the derivative at that element.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff import kernels
from autodiff.ops.comparisons import equal, greater, greater_equal, less_equal, logical_and
from autodiff.tape import Array, primitive


@primitive("where", None,
           lambda g, out, condition, a, b: where(condition, g, 0.0),
           lambda g, out, condition, a, b: where(condition, 0.0, g))
def where(condition: Array, a: Array, b: Array) -> Array:
    """a where the condition holds, else b."""
    return np.where(condition, a, b)


# ── arithmetic ──────────────────────────────────────────────────────────────────────────────────────────


@primitive("add",
           lambda g, out, a, b: g,
           lambda g, out, a, b: g)
def add(a: Array, b: Array) -> Array:
    """a + b."""
    return np.add(a, b)


@primitive("subtract",
           lambda g, out, a, b: g,
           lambda g, out, a, b: negative(g))
def subtract(a: Array, b: Array) -> Array:
    """a − b."""
    return np.subtract(a, b)


@primitive("multiply",
           lambda g, out, a, b: multiply(g, b),
           lambda g, out, a, b: multiply(g, a))
def multiply(a: Array, b: Array) -> Array:
    """a · b."""
    return np.multiply(a, b)


@primitive("divide",
           lambda g, out, a, b: divide(g, b),
           lambda g, out, a, b: negative(multiply(g, divide(out, b))))
def divide(a: Array, b: Array) -> Array:
    """a / b."""
    return np.true_divide(a, b)


@primitive("negative", lambda g, out, a: negative(g))
def negative(a: Array) -> Array:
    """−a."""
    return np.negative(a)


@primitive("power",
           lambda g, out, a, b: multiply(g, multiply(b, power(_off_singularity(a, b), b - 1.0))),
           lambda g, out, a, b: multiply(g, multiply(out, log(where(greater(a, 0), a, 1)))))
def power(a: Array, b: Array) -> Array:
    """aᵇ. The gradient of b is 0 where a ≤ 0, as in TensorFlow."""
    return np.power(a, b)


def _off_singularity(a: Array, b: Array) -> Array:
    """a, but 1 where a = b = 0: there b·aᵇ⁻¹ would be 0·∞, while a⁰ is the constant 1."""
    return where(logical_and(equal(a, 0), equal(b, 0)), 1, a)


def square(a: Array) -> Array:
    """a²."""
    return multiply(a, a)


def axpy(α: float, x: Array, y: Array) -> Array:
    """y + α·x, by BLAS's name: written over y where that is an array, as `y += …` does; of Tensors, a new one."""
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        kernels.axpy(α, x, y)
        return y
    return add(y, multiply(x, α))


def as_real(a: Array) -> Array:
    """Return integers as float64, in a kernel that negates or subtracts: small or unsigned ones would wrap around."""
    a = np.asarray(a)
    return a if a.dtype.kind == "f" else a.astype(np.float64)


# ── exponentials and their kin ──────────────────────────────────────────────────────────────────────────


@primitive("exp", lambda g, out, a: multiply(g, out))
def exp(a: Array) -> Array:
    """eᵃ."""
    return np.exp(a)


@primitive("expm1", lambda g, out, a: multiply(g, exp(a)))
def expm1(a: Array) -> Array:
    """eᵃ − 1, exact for small a."""
    return np.expm1(a)


@primitive("log", lambda g, out, a: divide(g, a))
def log(a: Array) -> Array:
    """The natural logarithm of a."""
    return np.log(a)


@primitive("log1p", lambda g, out, a: divide(g, add(a, 1)))
def log1p(a: Array) -> Array:
    """log(1 + a), exact for small a."""
    return np.log1p(a)


@primitive("sqrt", lambda g, out, a: divide(g, multiply(out, 2)))
def sqrt(a: Array) -> Array:
    """The square root of a."""
    return np.sqrt(a)


@primitive("sigmoid", lambda g, out, a: multiply(g, multiply(out, sigmoid(negative(a)))))
def sigmoid(a: Array) -> Array:
    """1 / (1 + e⁻ᵃ). It overflows nowhere, and 1 − σ(a) is written σ(−a), which keeps its digits."""
    a = as_real(a)
    decay = np.exp(-np.abs(a))
    return np.where(np.greater_equal(a, 0), 1, decay) / (1 + decay)


@primitive("softplus", lambda g, out, a: multiply(g, sigmoid(a)))
def softplus(a: Array) -> Array:
    """log(1 + eᵃ), without overflow."""
    a = as_real(a)
    return np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a)))


@primitive("erf", lambda g, out, a: multiply(g, multiply(exp(negative(square(a))), 2 / math.sqrt(math.pi))))
def erf(a: Array) -> Array:
    """2/√π · ∫ e^(−t²) dt from 0 to a, the error function."""
    return kernels.erf(as_real(a))


# ── circular and hyperbolic ─────────────────────────────────────────────────────────────────────────────


@primitive("sin", lambda g, out, a: multiply(g, cos(a)))
def sin(a: Array) -> Array:
    """The sine of a, in radians."""
    return np.sin(a)


@primitive("cos", lambda g, out, a: negative(multiply(g, sin(a))))
def cos(a: Array) -> Array:
    """The cosine of a, in radians."""
    return np.cos(a)


@primitive("tanh", lambda g, out, a: multiply(g, subtract(1, square(out))))
def tanh(a: Array) -> Array:
    """The hyperbolic tangent of a."""
    return np.tanh(a)


# ── with a kink: what the derivative is there is a convention, TensorFlow's ──────────────────────────────


@primitive("abs", lambda g, out, a: multiply(g, sign(a)))
def abs(a: Array) -> Array:
    """|a|, with derivative 0 at 0."""
    return np.abs(a)


@primitive("sign", lambda g, out, a: np.zeros(a.shape, a.dtype))
def sign(a: Array) -> Array:
    """−1, 0 or 1; its derivative is 0 everywhere, at 0 too."""
    return np.sign(a)


@primitive("relu", lambda g, out, a: relu_backward(g, a))
def relu(a: Array) -> Array:
    """a where a > 0, else 0; with derivative 0 at 0. NaN stays NaN."""
    return kernels.relu(a)


@primitive("relu_backward",
           lambda g, out, cotangent, a: relu_backward(g, a),
           None)
def relu_backward(cotangent: Array, a: Array) -> Array:
    """The cotangent where a > 0, else 0: the rule of relu in one pass."""
    return kernels.relu_backward(cotangent, a)


@primitive("maximum",
           lambda g, out, a, b: where(greater_equal(a, b), g, 0.0),
           lambda g, out, a, b: where(greater_equal(a, b), 0.0, g))
def maximum(a: Array, b: Array) -> Array:
    """The larger of a and b; at a tie the gradient goes to a."""
    return np.maximum(a, b)


@primitive("minimum",
           lambda g, out, a, b: where(less_equal(a, b), g, 0.0),
           lambda g, out, a, b: where(less_equal(a, b), 0.0, g))
def minimum(a: Array, b: Array) -> Array:
    """The smaller of a and b; at a tie the gradient goes to a."""
    return np.minimum(a, b)


def clip(a: Array, lo: Array | None = None, hi: Array | None = None) -> Array:
    """a held between lo and hi, either of which may be None; at a bound the gradient passes to a."""
    if lo is not None:
        a = maximum(a, lo)
    return a if hi is None else minimum(a, hi)


# ── the same numbers ──────────────────────────────────────────────────────────────────────────────────


@primitive("astype", lambda g, out, a, dtype: g)
def astype(a: Array, dtype: Any) -> Array:
    """a in another dtype, always a copy; the backward pass casts the cotangent back."""
    return np.asarray(a).astype(dtype)


@primitive("alias", lambda g, out, a: g)
def alias(a: Array) -> Array:
    """a itself, as a variable of its own, so that gradients can be taken here and no further back."""
    return np.asarray(a).view()
