"""The kernels one number at a time: slow, and the definition of what the other versions compute."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Axes = int | tuple[int, ...] | None


def matmul(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Multiply matrices of shapes (..., m, k) and (..., k, n), which gives (..., m, n).

    The batch axes `...` broadcast, and the dtypes are promoted as in NumPy. The result is new and
    C-contiguous. ValueError where the shapes do not match.
    """
    (*a_batch, m, k), (*b_batch, k_too, n) = a.shape, b.shape
    if k != k_too:
        raise ValueError(f"matmul of {a.shape} and {b.shape}: the inner lengths {k} and {k_too} differ")
    batch = np.broadcast_shapes(tuple(a_batch), tuple(b_batch))
    a = np.broadcast_to(a, (*batch, m, k))
    b = np.broadcast_to(b, (*batch, k, n))
    out = np.zeros((*batch, m, n), np.result_type(a, b))
    for matrix in np.ndindex(batch):
        for i in range(m):
            for j in range(n):
                for p in range(k):
                    out[*matrix, i, j] += a[*matrix, i, p] * b[*matrix, p, j]
    return out


def axpy(α: float, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Add α·x to y, in place; x broadcasts, and α takes y's dtype."""
    x = np.broadcast_to(x, y.shape)
    for i in np.ndindex(y.shape):
        y[i] += y.dtype.type(α) * x[i]


def relu(x: NDArray[Any]) -> NDArray[Any]:
    """Replace what is negative by 0, at any shape and dtype; NaN stays NaN, and -0.0 becomes 0.0."""
    x = np.asarray(x)
    out = np.zeros(x.shape, x.dtype)
    for i in np.ndindex(x.shape):
        if not x[i] <= 0:
            out[i] = x[i]
    return out


def relu_backward(g: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Pass a gradient g back through relu(x): g where x > 0, else 0, also at 0 and at NaN.

    g and x broadcast, and the dtypes are promoted as in NumPy.
    """
    dtype = np.result_type(g, x)
    g, x = np.broadcast_arrays(g, x)
    out = np.zeros(x.shape, dtype)
    for i in np.ndindex(x.shape):
        if x[i] > 0:
            out[i] = g[i]
    return out


def log_softmax(x: NDArray[Any], axis: Axes = -1) -> NDArray[Any]:
    """Return x − log Σ eˣ along the axis (or axes); the largest x is subtracted first, so that nothing overflows."""
    out = np.empty(x.shape, np.result_type(x, np.float32))
    for line in _lines(x, axis):
        largest = max(x[i] for i in line)
        total = sum(math.exp(x[i] - largest) for i in line)
        for i in line:
            out[i] = x[i] - largest - math.log(total)
    return out


def log_softmax_backward(g: NDArray[Any], out: NDArray[Any], axis: Axes = -1) -> NDArray[Any]:
    """Pass a gradient g back through out = log_softmax(x): g − e^out · Σ g along the axis (or axes)."""
    result = np.empty(out.shape, np.result_type(g, out))
    for line in _lines(out, axis):
        total = sum(g[i] for i in line)
        for i in line:
            result[i] = g[i] - math.exp(out[i]) * total
    return result


def erf(x: NDArray[Any]) -> NDArray[Any]:
    """Return the error function of floating-point numbers, in their shape and dtype."""
    out = np.empty(x.shape, x.dtype)
    for i in np.ndindex(x.shape):
        out[i] = math.erf(x[i])
    return out


def add_windows(g: NDArray[Any], shape: tuple[int, ...], stride: tuple[int, ...]) -> NDArray[Any]:
    """Add windows (…, places…, window…) to zeros of a shape (…, lengths…), each a stride further than the last."""
    out = np.zeros(shape, g.dtype)
    first, axes = len(shape) - len(stride), len(stride)
    for index in np.ndindex(g.shape):
        places, offsets = index[first : first + axes], index[first + axes :]
        at = (place * step + offset for place, step, offset in zip(places, stride, offsets, strict=True))
        out[*index[:first], *at] += g[index]
    return out


def uniform(state: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Draw numbers from 0 to below 1: the output of SplitMix64, started from a state, a seed and a count."""
    seed, count = (int(number) for number in state)
    start, digits = _mixed(seed ^ _mixed(count)), np.finfo(dtype).nmant + 1
    out = np.empty(shape, dtype)
    for i, index in enumerate(np.ndindex(shape), 1):
        out[index] = (_mixed((start + i * GOLDEN) % 2**64) >> 64 - digits) * 2.0**-digits
    return out


GOLDEN = 0x9E3779B97F4A7C15
"""2⁶⁴ divided by the golden ratio: its multiples are spread evenly, modulo 2⁶⁴."""
MULTIPLIERS = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Of SplitMix64: variant 13 of D. Stafford's constants for the finalizer of MurmurHash3."""


def _mixed(bits: int) -> int:
    """Return 64 bits of which each depends on each bit given."""
    bits = (bits ^ bits >> 30) * MULTIPLIERS[0] % 2**64
    bits = (bits ^ bits >> 27) * MULTIPLIERS[1] % 2**64
    return bits ^ bits >> 31


def _lines(x: NDArray[Any], axis: Axes) -> Iterator[list[tuple[int, ...]]]:
    """Yield the indices of x in groups, each group running along the axes."""
    axes = range(x.ndim) if axis is None else [i % x.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
    start = [range(1 if i in axes else n) for i, n in enumerate(x.shape)]
    for first in np.ndindex(*map(len, start)):
        along = [range(n) if i in axes else [first[i]] for i, n in enumerate(x.shape)]
        yield [tuple(along[i][j] for i, j in enumerate(index)) for index in np.ndindex(*map(len, along))]
