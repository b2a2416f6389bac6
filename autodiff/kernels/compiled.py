"""The kernels compiled by Numba, for float32 and float64; other dtypes are left to NumPy.

An element-wise kernel needs only its loop written out. It goes through memory once, where a chain of
NumPy operations goes through it once for each, and LLVM makes vector instructions of the loop.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.kernels import vectorized
from autodiff.kernels.compiled_matmul import matmul
from autodiff.kernels.specialised import FLOATS, Specialised

__all__ = ["matmul", "relu", "relu_backward"]


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
    g, x = np.asarray(g), np.asarray(x)
    if g.shape != x.shape or g.dtype != x.dtype or x.dtype not in FLOATS:
        return vectorized.relu_backward(g, x)
    out = np.empty(x.shape, x.dtype)
    _relu_backward[x.dtype](g.ravel(), x.ravel(), out.ravel())
    return out


def _relu_loop(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = 0 if x[i] <= 0 else x[i]


def _relu_backward_loop(g: Any, x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = g[i] if x[i] > 0 else 0


_relu = Specialised(_relu_loop, inputs=1, ndim=1, layout="C")
_relu_backward = Specialised(_relu_backward_loop, inputs=2, ndim=1, layout="C")
