"""The compiled product of few columns and long sums, as of the gradient of a convolution with few channels.

A row of the result does not fill a vector, so the vectors lie along the sums, whose lanes are added up at the end. An
entry is another order of the same sum than `matmul` has; so nobody is given this who asks for that.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autodiff.kernels.linked import Linked
from autodiff.kernels.specialised import Dispatchers
from autodiff.kernels.vectors import VECTOR_BYTES, Matrix, consecutive, int64, new_sum

ROWS, COLUMNS = 4, 3
"""The tile, whose loads do not outnumber its multiply-adds."""

LONG = 8
"""Vectors in a sum from which it pays."""


def is_narrow(n: int, k: int, itemsize: int) -> bool:
    """Whether n columns are few enough, and sums of k long enough."""
    lanes = VECTOR_BYTES // itemsize
    return 2 * n <= lanes and k >= LONG * lanes


def _narrow_tile(rows: int, columns: int) -> Any:
    """The intrinsic `tile(a, b, c, i, bottom, j, right)`, for a tile of c at row i and column j, of few columns.

    The vectors lie along the shared axis here, which must be contiguous in the rows of a and the columns of b. The
    lanes of each sum are added up at its end.
    """

    def tile(
        typing: Any,
        a: types.Array,
        b: types.Array,
        c: types.Array,
        i: types.Type,
        bottom: types.Type,
        j: types.Type,
        right: types.Type,
    ) -> tuple[Any, Callable[..., ir.Value]]:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            a_, b_, c_, i, bottom, j, right = arguments
            A, B, C = (Matrix.of(context, builder, kind, x) for kind, x in ((a, a_), (b, b_), (c, c_)))
            B.strides = B.strides[::-1]
            a_rows, c_rows, b_columns = A.rows(i, rows, bottom), C.rows(i, rows, bottom), B.rows(j, columns, right)
            sums = [[new_sum(builder, C.vector) for _ in b_columns] for _ in a_rows]
            for total in chain.from_iterable(sums):
                builder.store(C.zero, total)
            k = A.shape[1]
            with cgutils.for_range_slice(builder, int64(0), k, int64(C.lanes), intp=int64) as (p, _):
                mask = C.before(k, p)
                b_vectors = [B.load(column, p, mask) for column in b_columns]
                for a_row, row_sums in zip(a_rows, sums, strict=True):
                    a_vector = A.load(a_row, p, mask)
                    for b_vector, total in zip(b_vectors, row_sums, strict=True):
                        product = builder.fmul(a_vector, b_vector, flags=["contract"])
                        builder.store(builder.fadd(builder.load(total), product, flags=["contract"]), total)
            numbers = consecutive(builder, j, columns, right)
            for c_row, row_sums in zip(c_rows, sums, strict=True):
                for number, total in zip(numbers, row_sums, strict=True):
                    C.store_sum(builder.load(total), c_row, number)
            return context.get_dummy_value()

        return types.void(a, b, c, i, bottom, j, right), generate

    return intrinsic(tile)


_tile: Any = _narrow_tile(ROWS, COLUMNS)


def _product_of_part(a: Any, b: Any, c: Any, top: int, bottom: int, left: int, right: int) -> None:
    """c[top:bottom, left:right] = (a @ b)[top:bottom, left:right]; a's rows and b's columns are contiguous."""
    for i in range(top, bottom, ROWS):
        for j in range(left, right, COLUMNS):
            _tile(a, b, c, i, bottom, j, right)


narrow_product_of_rows = Linked(
    Dispatchers(_product_of_part, inputs=2, limits=4, ndim=2, layout="A"), "autodiff_narrow_product", by_rows=True
)
"""`narrow_product_of_rows[dtype](a, b, c, top, bottom)` writes a·b over rows of c, for compiled code."""
