"""The compiled matrix product: blocks of register tiles, shared among threads where that pays.

What is left to do around the tile is to feed it. A tall stack of tiles, all with the same columns of B,
reads those again and again from the cache. The tile takes B in vectors along its rows, so a B that is
the transposed view of an array, as in x @ W.T, is first written out row by row. A may have any strides.

Each entry of the result is one sum, in the order of the shared axis, whichever tile, block or thread
computes it. So the bits of the result do not depend on the number of threads.
"""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from autodiff.kernels import vectorized
from autodiff.kernels.simd import ROWS, VECTOR_BYTES, narrow_tile, transpose_block, wide_tile
from autodiff.kernels.specialised import FLOATS, Specialised, compiled
from autodiff.kernels.team import team

BLOCK = 64
"""Rows and columns of the result that a thread takes at a time: as many as the rows of a usual batch."""

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
    if b.dtype != dtype or dtype not in FLOATS:
        return vectorized.matmul(a, b)
    if a.ndim != 2 or b.ndim != 2:
        return _stacked(a, b)
    m, k = a.shape
    k_too, n = b.shape
    if k != k_too:
        raise ValueError(f"matmul of {a.shape} and {b.shape}: the inner lengths {k} and {k_too} differ")
    out = np.empty((m, n), dtype)
    work = m * n * k
    if work < PARALLEL_FROM or not team.share(work * LATE, _product_by_team[dtype], a, b, out):
        _product[dtype](a, b, out)
    return out


def _stacked(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """The product of stacks of matrices, one matrix after the other."""
    (*a_batch, m, k), (*b_batch, k_too, n) = a.shape, b.shape
    if k != k_too:
        raise ValueError(f"matmul of {a.shape} and {b.shape}: the inner lengths {k} and {k_too} differ")
    batch = np.broadcast_shapes(tuple(a_batch), tuple(b_batch))
    a, b = np.broadcast_to(a, (*batch, m, k)), np.broadcast_to(b, (*batch, k, n))
    out = np.empty((*batch, m, n), a.dtype)
    for i in np.ndindex(batch):
        out[i] = matmul(a[i], b[i])
    return out


def _product_loop(a: Any, b: Any, c: Any) -> None:
    if b.strides[1] != c.itemsize:
        b = _row_by_row(b, c.itemsize)
    _block(a, b, c, 0, c.shape[0], 0, c.shape[1])


def _product_loop_by_team(a: Any, b: Any, c: Any) -> None:
    if b.strides[1] != c.itemsize:
        b = _row_by_row(b, c.itemsize)
    m, n = c.shape
    blocks_across = -(-n // BLOCK)
    for block in prange(-(-m // BLOCK) * blocks_across):
        i, j = block // blocks_across * BLOCK, block % blocks_across * BLOCK
        _block(a, b, c, i, min(i + BLOCK, m), j, min(j + BLOCK, n))


def _product_of_rows_loop(a: Any, b: Any, c: Any, top: int, bottom: int) -> None:
    if b.strides[1] != c.itemsize:
        b = _row_by_row(b, c.itemsize)
    _block(a, b, c, top, bottom, 0, c.shape[1])


def _product_of_columns_loop(a: Any, b: Any, c: Any, left: int, right: int) -> None:
    if b.strides[1] != c.itemsize:
        b = _row_by_row(b, c.itemsize)
    _block(a, b, c, 0, c.shape[0], left, right)


product_of_rows = Specialised(_product_of_rows_loop, inputs=2, limits=2, ndim=2, layout="A")
"""`product_of_rows[dtype](a, b, c, top, bottom)` writes a·b over rows of c, from top to bottom, for compiled code."""

product_of_columns = Specialised(_product_of_columns_loop, inputs=2, limits=2, ndim=2, layout="A")
"""`product_of_columns[dtype](a, b, c, left, right)` does so with columns."""

_product = Specialised(_product_loop, inputs=2, ndim=2, layout="A")
_product_by_team = Specialised(_product_loop_by_team, inputs=2, ndim=2, layout="A", parallel=True)


@compiled
def _block(a: Any, b: Any, c: Any, top: int, bottom: int, left: int, right: int) -> None:
    """c[top:bottom, left:right] = (a @ b)[top:bottom, left:right].

    The last tiles may reach over the edges, into rows and columns of another thread; both write the same numbers there.
    """
    lanes = VECTOR_BYTES // c.itemsize
    for j in range(left, right - 2 * lanes + 1, 2 * lanes):
        for i in range(top, bottom, ROWS):
            wide_tile(a, b, c, i, j)
    for j in range(right - (right - left) % (2 * lanes), right, lanes):
        for i in range(top, bottom, ROWS):
            narrow_tile(a, b, c, i, j)


@compiled
def _row_by_row(b: Any, itemsize: int) -> Any:
    """A copy of b with contiguous rows, padded to whole vectors on both axes."""
    k, n = b.shape
    lanes = VECTOR_BYTES // itemsize
    rows = np.empty((k + -k % lanes, n + -n % lanes), b.dtype)
    if b.strides[0] == itemsize:
        for j in range(0, n, lanes):
            for p in range(0, k, lanes):
                transpose_block(b.T, rows, j, p)
    else:
        for p in range(k):
            for j in range(n):
                rows[p, j] = b[p, j]
    return rows
