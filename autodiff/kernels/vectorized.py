"""The kernels in whole arrays: NumPy runs the loops, and its matrix product is that of a tuned BLAS."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.kernels.loops import GOLDEN, MULTIPLIERS

Axes = int | tuple[int, ...] | None


def matmul(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Multiply matrices of shapes (..., m, k) and (..., k, n), which gives (..., m, n).

    The batch axes `...` broadcast, and the dtypes are promoted as in NumPy. The result is new and
    C-contiguous. ValueError where the shapes do not match.
    """
    return np.matmul(a, b, order="C")


def axpy(α: float, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Add α·x to y, in place; x broadcasts, and α takes y's dtype."""
    y += α * x


def relu(x: NDArray[Any]) -> NDArray[Any]:
    """Replace what is negative by 0, at any shape and dtype; NaN stays NaN, and -0.0 becomes 0.0."""
    x = np.asarray(x)
    return np.where(x <= 0, x.dtype.type(0), x)


def relu_backward(g: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Pass a gradient g back through relu(x): g where x > 0, else 0, also at 0 and at NaN.

    g and x broadcast, and the dtypes are promoted as in NumPy.
    """
    return np.where(np.greater(x, 0), g, np.zeros((), np.result_type(g, x)))


def log_softmax(x: NDArray[Any], axis: Axes = -1) -> NDArray[Any]:
    """Return x − log Σ eˣ along the axis (or axes); the largest x is subtracted first, so that nothing overflows."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)))


def log_softmax_backward(g: NDArray[Any], out: NDArray[Any], axis: Axes = -1) -> NDArray[Any]:
    """Pass a gradient g back through out = log_softmax(x): g − e^out · Σ g along the axis (or axes)."""
    return np.asarray(g - np.exp(out) * np.sum(g, axis=axis, keepdims=True))


def erf(x: NDArray[Any]) -> NDArray[Any]:
    """Return the error function of floating-point numbers, in their shape and dtype."""
    return np.asarray(np.vectorize(math.erf, otypes=[x.dtype])(x))


def add_windows(g: NDArray[Any], shape: tuple[int, ...], stride: tuple[int, ...]) -> NDArray[Any]:
    """Add windows (…, places…, window…) to zeros of a shape (…, lengths…), each a stride further than the last."""
    out = np.zeros(shape, g.dtype)
    axes = len(stride)
    places, window = g.shape[-2 * axes : -axes], g.shape[-axes:]
    for offsets in np.ndindex(window):
        lines = zip(offsets, stride, places, strict=True)
        elements: Any = (..., *(slice(o, o + step * (n - 1) + 1, step) for o, step, n in lines))
        out[elements] += g[(..., *offsets)]
    return out


def uniform(state: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Draw numbers from 0 to below 1: the output of SplitMix64, started from a state, a seed and a count."""
    start = _mixed(state[:1] ^ _mixed(state[1:]))
    digits = np.finfo(dtype).nmant + 1
    places = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    bits = _mixed(start + places * np.uint64(GOLDEN)) >> np.uint64(64 - digits)
    return (bits * 2.0**-digits).astype(dtype).reshape(shape)


def _mixed(bits: NDArray[Any]) -> NDArray[Any]:
    """Return 64 bits of which each depends on each bit given."""
    bits = (bits ^ bits >> np.uint64(30)) * np.uint64(MULTIPLIERS[0])
    bits = (bits ^ bits >> np.uint64(27)) * np.uint64(MULTIPLIERS[1])
    return bits ^ bits >> np.uint64(31)
