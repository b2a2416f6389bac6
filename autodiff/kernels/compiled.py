"""The kernels compiled by Numba, for float32 and float64; other dtypes are left to NumPy.

An element-wise kernel needs only its loop written out. It goes through memory once, where a chain of
NumPy operations goes through it once for each, and LLVM makes vector instructions of the loop.
"""

import math
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from autodiff.kernels import vectorized
from autodiff.kernels.compiled_matmul import matmul
from autodiff.kernels.compiled_random import uniform
from autodiff.kernels.compiled_windows import add_windows
from autodiff.kernels.specialised import FLOATS, Specialised
from autodiff.kernels.team import team
from autodiff.kernels.vectorized import Axes

__all__ = [
    "add_windows", "axpy", "erf", "log_softmax", "log_softmax_backward", "matmul", "relu", "relu_backward", "uniform",
]  # fmt: skip

_PARALLEL_FROM = 20_000
"""Elements from which more threads pay: less for the loop itself than because each finds its part of a gradient
in its own cache, where it wrote it."""

_LATE = 2e-9
"""Seconds for each element after which the team is late: ten times what a single core takes."""


def axpy(α: float, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Add α·x to y, in place and in one pass; x broadcasts, and α takes y's dtype."""
    if x.shape != y.shape or x.dtype != y.dtype or y.dtype not in FLOATS or not y.flags.carray:
        return vectorized.axpy(α, x, y)
    α, x, y = y.dtype.type(α), x.ravel(), y.ravel()
    if y.size < _PARALLEL_FROM or not team.share(y.size * _LATE, _axpy_by_team[y.dtype], α, x, y):
        _axpy[y.dtype](α, x, y)
    return None


def relu(x: NDArray[Any]) -> NDArray[Any]:
    """Replace what is negative by 0, at any shape and dtype; NaN stays NaN, and -0.0 becomes 0.0."""
    x = np.asarray(x)
    if x.dtype not in FLOATS:
        return vectorized.relu(x)
    out = np.empty(x.shape, x.dtype)
    _relu[x.dtype](x.ravel(), out.ravel())
    return out


def relu_backward(g: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Pass a gradient g back through relu(x): g where x > 0, else 0, also at 0 and at NaN.

    g and x broadcast, and the dtypes are promoted as in NumPy.
    """
    arrays = isinstance(g, np.ndarray) and isinstance(x, np.ndarray)
    if not arrays or g.shape != x.shape or g.dtype != x.dtype or x.dtype not in FLOATS:
        return vectorized.relu_backward(g, x)
    out = np.empty(x.shape, x.dtype)
    _relu_backward[x.dtype](g.ravel(), x.ravel(), out.ravel())
    return out


def log_softmax(x: NDArray[Any], axis: Axes = -1) -> NDArray[Any]:
    """Return x − log Σ eˣ along the axis (or axes); the largest x is subtracted first, so that nothing overflows."""
    if x.dtype not in FLOATS or axis not in (-1, x.ndim - 1) or x.size == 0:
        return vectorized.log_softmax(x, axis)
    out = np.empty(x.shape, x.dtype)
    n = x.shape[-1]
    _log_softmax[x.dtype](x.reshape(-1, n), out.reshape(-1, n))
    return out


def log_softmax_backward(g: NDArray[Any], out: NDArray[Any], axis: Axes = -1) -> NDArray[Any]:
    """Pass a gradient g back through out = log_softmax(x): g − e^out · Σ g along the axis (or axes)."""
    if out.dtype not in FLOATS or g.dtype != out.dtype or axis not in (-1, out.ndim - 1) or out.size == 0:
        return vectorized.log_softmax_backward(g, out, axis)
    result = np.empty(out.shape, out.dtype)
    n = out.shape[-1]
    _log_softmax_backward[out.dtype](g.reshape(-1, n), out.reshape(-1, n), result.reshape(-1, n))
    return result


def erf(x: NDArray[Any]) -> NDArray[Any]:
    """Return the error function of floating-point numbers, in their shape and dtype."""
    if x.dtype not in FLOATS:
        return vectorized.erf(x)
    out = np.empty(x.shape, x.dtype)
    _erf[x.dtype](x.ravel(), out.ravel())
    return out


def _axpy_loop(α: float, x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] += α * x[i]


def _axpy_loop_by_team(α: float, x: Any, y: Any) -> None:
    for i in prange(x.size):
        y[i] += α * x[i]


def _relu_loop(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = 0 if x[i] <= 0 else x[i]


def _relu_backward_loop(g: Any, x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = g[i] if x[i] > 0 else 0


def _erf_loop(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = math.erf(x[i])


def _log_softmax_loop(x: Any, out: Any) -> None:
    for i in range(x.shape[0]):
        largest = x[i, 0]
        for j in range(1, x.shape[1]):
            largest = max(largest, x[i, j])
        total = np.exp(x[i, 0] - largest)
        for j in range(1, x.shape[1]):
            total += np.exp(x[i, j] - largest)
        log_total = np.log(total)
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] - largest - log_total


def _log_softmax_backward_loop(g: Any, out: Any, result: Any) -> None:
    for i in range(out.shape[0]):
        total = g[i, 0]
        for j in range(1, out.shape[1]):
            total += g[i, j]
        for j in range(out.shape[1]):
            result[i, j] = g[i, j] - np.exp(out[i, j]) * total


_axpy = Specialised(_axpy_loop, numbers=1, inputs=1, ndim=1, layout="C")
_axpy_by_team = Specialised(_axpy_loop_by_team, numbers=1, inputs=1, ndim=1, layout="C", parallel=True)
_relu = Specialised(_relu_loop, inputs=1, ndim=1, layout="C")
_relu_backward = Specialised(_relu_backward_loop, inputs=2, ndim=1, layout="C")
_erf = Specialised(_erf_loop, inputs=1, ndim=1, layout="C")
_log_softmax = Specialised(_log_softmax_loop, inputs=1, ndim=2, layout="A")
_log_softmax_backward = Specialised(_log_softmax_backward_loop, inputs=2, ndim=2, layout="A")
