"""The compiled matrix product: a panel of B for the nearest cache, register tiles above it, threads where they pay.

What is left to do around the tile is to feed it, and the order of the loops is Goto's (see `simd.py`). The columns of
the result are dealt out to panels of two or three vectors, the shared axis to blocks of some 150. One block of one
panel of B is packed: copied on the way by the first tile, or transposed if its columns are what is contiguous, as in
x @ W.T. All rows of A then go past it. A is read as it lies; it may have any strides.

Each entry of the result is one sum, in the order of the shared axis, whichever tile, panel or thread
computes it. So the bits of the result do not depend on the number of threads.
"""

import math
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from autodiff.kernels import vectorized
from autodiff.kernels.linked import Linked
from autodiff.kernels.simd import (
    DEPTH,
    ROWS,
    SHORT,
    VECTORS,
    copying_tile_of_1,
    copying_tile_of_2,
    copying_tile_of_3,
    lanes_of,
    room_for_panel,
    short_tile_of_1,
    short_tile_of_2,
    short_tile_of_3,
    tile_of_1,
    tile_of_2,
    tile_of_3,
    transpose_block,
)
from autodiff.kernels.specialised import Specialised, compiled
from autodiff.kernels.team import team
from autodiff.kernels.vectors import VECTOR_BYTES

LYING_FROM = 32
"""Length of the sums from which it pays to compute a narrow result lying down."""

HELD = 1 << 20
"""Bytes of A that are to stay in the second cache while one panel of B after the other comes by."""

PARALLEL_FROM = 2_000_000
"""Multiplications from which more threads pay. To wake them costs the time of 100,000 with OpenMP, whose
threads stay awake between calls, and of some 3 million with Numba's own layer, whose threads fall asleep."""

LATE = 2e-10
"""Seconds for each multiplication after which the team is late: ten times what a single core takes."""


def matmul(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Multiply matrices of shapes (..., m, k) and (..., k, n), which gives (..., m, n).

    The batch axes `...` broadcast, and the dtypes are promoted as in NumPy. The result is new and
    C-contiguous. ValueError where the shapes do not match.
    """
    dtype = a.dtype
    if b.dtype is not dtype and b.dtype != dtype:
        return vectorized.matmul(a, b)
    try:
        multiply = product[dtype]
    except KeyError:
        return vectorized.matmul(a, b)
    try:
        (m, k), (k_too, n) = a.shape, b.shape
    except ValueError:
        return _stacked(a, b)
    if k != k_too:
        raise ValueError(f"matmul of {a.shape} and {b.shape}: the inner lengths {k} and {k_too} differ")
    out = np.empty((m, n), dtype)
    work = m * n * k
    if work < PARALLEL_FROM or not team.share(work * LATE, product_by_team[dtype], a, b, out, team.size):
        multiply(a, b, out, 0, m, 0, n)
    return out


def _stacked(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """The product of stacks of matrices, of as many as there are shared among threads."""
    (*a_batch, m, k), (*b_batch, k_too, n) = a.shape, b.shape
    if k != k_too:
        raise ValueError(f"matmul of {a.shape} and {b.shape}: the inner lengths {k} and {k_too} differ")
    batch = np.broadcast_shapes(tuple(a_batch), tuple(b_batch))
    a, b = np.broadcast_to(a, (*batch, m, k)), np.broadcast_to(b, (*batch, k, n))
    out = np.empty((*batch, m, n), a.dtype)
    count, work = math.prod(batch), out.size * k
    given = a.reshape(count, m, k), b.reshape(count, k, n), out.reshape(count, m, n)
    if work < PARALLEL_FROM or not team.share(work * LATE, products_by_team[a.dtype], *given, team.size):
        products[a.dtype](*given, 0, count)
    return out


def _product_of_part(a: Any, b: Any, c: Any, top: int, bottom: int, left: int, right: int) -> None:
    """c[top:bottom, left:right] = (a @ b)[top:bottom, left:right].

    A column of numbers wastes most of a vector, so a result of a few columns is computed lying down, as bᵀ·aᵀ, if aᵀ
    has contiguous rows: the gradient of the last layer's weights.
    """
    if b.strides[0] != c.itemsize and b.strides[1] != c.itemsize:
        b = _row_by_row(b)
    m, n, k = bottom - top, right - left, a.shape[1]
    lies = a.strides[0] == c.itemsize and n < min(m, 2 * lanes_of(c)) and k >= LYING_FROM
    if lies:
        x, y, z = b[:, left:right].T, a[top:bottom].T, np.empty((n, m), c.dtype)
        first, end, j, right = 0, n, 0, m
    else:
        x, y, z, first, end, j = a, b, c, top, bottom, left
    rows = -(-HELD // (max(k, 1) * c.itemsize * ROWS)) * ROWS
    for i in range(first, end, rows):
        _panel_by_panel(x, y, z, i, min(i + rows, end), j, right)
    if lies:
        _transpose(z, np.int64(c.ctypes.data) + top * c.strides[0] + left * c.itemsize, c.strides[0], n)


@njit(inline="always")
def _panel_by_panel(a: Any, b: Any, c: Any, top: int, bottom: int, left: int, right: int) -> None:
    vectors = -(-(right - left) // lanes_of(c))
    k = a.shape[1]
    depth = -(-k // max(1, -(-k // DEPTH)))
    panels = -(-vectors // VECTORS)
    panel = room_for_panel()
    j = left
    for p in range(panels):
        width = (p + 1) * vectors // panels - p * vectors // panels
        start = 0
        while True:
            stop = min(start + depth, k)
            i = top
            if b.strides[1] == c.itemsize:
                if width == 1:
                    copying_tile_of_1(a, b, panel, c, i, bottom, j, right, start, stop)
                elif width == 2:
                    copying_tile_of_2(a, b, panel, c, i, bottom, j, right, start, stop)
                else:
                    copying_tile_of_3(a, b, panel, c, i, bottom, j, right, start, stop)
                i += ROWS
            else:
                part = b[start:stop, j : min(j + width * lanes_of(c), right)].T
                _transpose(part, panel, width * VECTOR_BYTES, width * lanes_of(c))
            while bottom - i > SHORT:
                if width == 1:
                    tile_of_1(a, b, panel, c, i, bottom, j, right, start, stop)
                elif width == 2:
                    tile_of_2(a, b, panel, c, i, bottom, j, right, start, stop)
                else:
                    tile_of_3(a, b, panel, c, i, bottom, j, right, start, stop)
                i += ROWS
            if i < bottom:
                if width == 1:
                    short_tile_of_1(a, b, panel, c, i, bottom, j, right, start, stop)
                elif width == 2:
                    short_tile_of_2(a, b, panel, c, i, bottom, j, right, start, stop)
                else:
                    short_tile_of_3(a, b, panel, c, i, bottom, j, right, start, stop)
            start = stop
            if start == k:
                break
        j += width * lanes_of(c)


@compiled
def limits_of_part(part: int, parts: int, length: int, multiple: int) -> tuple[int, int]:
    """Where a part of an axis begins and ends: all but the last end at a multiple."""
    pieces = -(-length // multiple)
    return part * pieces // parts * multiple, min((part + 1) * pieces // parts * multiple, length)


@compiled
def _transpose(source: Any, target: int, step: int, right: int) -> None:
    """Write the transpose of an array to an address, its rows `step` bytes apart, up to a column."""
    m, n = source.shape
    for i in range(0, m, lanes_of(source)):
        for j in range(0, n, lanes_of(source)):
            transpose_block(source, i, j, target, step, n, right)


@compiled
def _row_by_row(b: Any) -> Any:
    """A copy of an array whose numbers lie scattered."""
    rows = np.empty(b.shape, b.dtype)
    for p in range(b.shape[0]):
        for j in range(b.shape[1]):
            rows[p, j] = b[p, j]
    return rows


product = Specialised(_product_of_part, inputs=2, limits=4, ndim=2, layout="A")
"""`product[dtype](a, b, c, top, bottom, left, right)` writes these rows and columns of a·b over those of c."""

product_of_rows = Linked(product.inner, "autodiff_product", by_rows=True)
"""`product_of_rows[dtype](a, b, c, top, bottom)` writes a·b over rows of c, from top to bottom, for compiled code."""


_linked = Linked(product.inner, "autodiff_product")
_product_of_these: Any = _linked.call


def _product_by_team(a: Any, b: Any, c: Any, parts: int) -> None:
    m, n = c.shape
    for part in prange(parts):
        top, bottom, left, right = 0, m, 0, n
        if m < n:
            left, right = limits_of_part(part, parts, n, lanes_of(c))
        else:
            top, bottom = limits_of_part(part, parts, m, ROWS)
        _product_of_these(a, b, c, top, bottom, left, right)


def _products(a: Any, b: Any, c: Any, first: int, last: int) -> None:
    m, n = c.shape[1:]
    for i in range(first, last):
        _product_of_these(a[i], b[i], c[i], 0, m, 0, n)


def _products_by_team(a: Any, b: Any, c: Any, parts: int) -> None:
    m, n = c.shape[1:]
    for part in prange(parts):
        first, last = limits_of_part(part, parts, len(c), 1)
        for i in range(first, last):
            _product_of_these(a[i], b[i], c[i], 0, m, 0, n)


class _OfProducts(Specialised):
    """A kernel that calls the product by its name."""

    def __missing__(self, dtype: np.dtype[Any]) -> Any:
        _linked[dtype]  # its name must be known before anything refers to it
        return super().__missing__(dtype)


product_by_team = _OfProducts(_product_by_team, inputs=2, limits=1, ndim=2, layout="A", parallel=True)
"""`product_by_team[dtype](a, b, c, parts)` writes a·b over c, in so many parts, which the threads share."""

products = _OfProducts(_products, inputs=2, limits=2, ndim=3, layout="A")
"""`products[dtype](a, b, c, first, last)` writes a·b over c for stacks of matrices, from the first to the last."""

products_by_team = _OfProducts(_products_by_team, inputs=2, limits=1, ndim=3, layout="A", parallel=True)
"""`products_by_team[dtype](a, b, c, parts)` does so for all, in so many parts, which the threads share."""
