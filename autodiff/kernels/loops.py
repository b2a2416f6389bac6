"""The kernels one number at a time: slow, and the definition of what the other versions compute."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


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
