"""The compiled product of few columns and long sums, as of the gradient of a convolution with few channels.

A row of the result does not fill a vector, so the vectors lie along the sums, whose lanes are added up at the end. An
entry is another order of the same sum than `matmul` has; so nobody is given this who asks for that.
"""

from __future__ import annotations

from typing import Any

from autodiff.kernels.linked import Linked
from autodiff.kernels.simd import NARROW_COLUMNS, NARROW_ROWS, VECTOR_BYTES, narrow_tile
from autodiff.kernels.specialised import Dispatchers

LONG = 8
"""Vectors in a sum from which it pays."""


def is_narrow(n: int, k: int, itemsize: int) -> bool:
    """Whether n columns are few enough, and sums of k long enough."""
    lanes = VECTOR_BYTES // itemsize
    return 2 * n <= lanes and k >= LONG * lanes


def _product_of_part(a: Any, b: Any, c: Any, top: int, bottom: int, left: int, right: int) -> None:
    """c[top:bottom, left:right] = (a @ b)[top:bottom, left:right]; a's rows and b's columns are contiguous."""
    for i in range(top, bottom, NARROW_ROWS):
        for j in range(left, right, NARROW_COLUMNS):
            narrow_tile(a, b, c, i, bottom, j, right)


narrow_product_of_rows = Linked(
    Dispatchers(_product_of_part, inputs=2, limits=4, ndim=2, layout="A"), "autodiff_narrow_product", by_rows=True
)
"""`narrow_product_of_rows[dtype](a, b, c, top, bottom)` writes a·b over rows of c, for compiled code."""
