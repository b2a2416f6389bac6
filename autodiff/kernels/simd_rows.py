"""Rows of windows moved and added by vectors: of a few numbers each, which are some of the lanes of one vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autodiff.kernels.vectors import Matrix, int32, int64, new_sum, repeat


def _copy_rows(
    typing: Any,
    like: types.Array,
    source: types.Type,
    step: types.Type,
    target: types.Type,
    target_step: types.Type,
    rows: types.Type,
    n: types.Type,
) -> tuple[Any, Callable[..., ir.Value]]:
    """`copy_rows(like, source, step, target, target_step, rows, n)` copies rows of n numbers, like an array's.

    Source and target are addresses, and their rows so many bytes apart. Rows of a few numbers take one vector each, of
    which some lanes are left alone.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        _, source, step, target, target_step, rows, n = arguments
        S, T = (
            Matrix.at(context, builder, like, start, apart) for start, apart in ((source, step), (target, target_step))
        )
        with cgutils.for_range_slice(builder, int64(0), n, int64(T.lanes), intp=int64) as (column, _):
            mask = T.before(n, column)
            with cgutils.for_range(builder, rows) as loop:
                T.store(S.load(S.row(loop.index), column, mask), T.row(loop.index), column, mask)
        return context.get_dummy_value()

    return types.void(like, source, step, target, target_step, rows, n), generate


def _add_shifted_rows(
    typing: Any,
    like: types.Array,
    source: types.Type,
    step: types.Type,
    rows: types.Type,
    shift_step: types.Type,
    shifts: types.Type,
    n: types.Type,
    target: types.Type,
    length: types.Type,
) -> tuple[Any, Callable[..., ir.Value]]:
    """`add_shifted_rows(like, source, step, rows, shift_step, shifts, n, target, length)` writes a sum of rows.

    The target, an address, gets `length` numbers. Of each of the shifts, 0 and on, there are rows of n numbers, `step`
    bytes apart, and those of the next shift are `shift_step` bytes from them; the first of all is at the address
    `source`. Each is added so many numbers to the right.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        _, source, step, rows, shift_step, shifts, n, target, length = arguments
        T = Matrix.at(context, builder, like, target, int64(0))
        lanes = ir.Constant(ir.VectorType(int32, T.lanes), list(range(T.lanes)))
        total = new_sum(builder, T.vector)
        limit = repeat(builder, builder.trunc(n, int32), T.lanes)
        with cgutils.for_range_slice(builder, int64(0), length, int64(T.lanes), intp=int64) as (column, _):
            builder.store(T.zero, total)
            with cgutils.for_range(builder, shifts) as shift:
                first = builder.sub(column, shift.index)
                places = builder.add(repeat(builder, builder.trunc(first, int32), T.lanes), lanes)
                mask = builder.icmp_unsigned("<", places, limit)
                S = Matrix.at(context, builder, like, builder.add(source, builder.mul(shift.index, shift_step)), step)
                with cgutils.for_range(builder, rows) as row:
                    builder.store(builder.fadd(builder.load(total), S.load(S.row(row.index), first, mask)), total)
            T.store(builder.load(total), T.row(int64(0)), column, T.before(length, column))
        return context.get_dummy_value()

    return types.void(like, source, step, rows, shift_step, shifts, n, target, length), generate


copy_rows: Any = intrinsic(_copy_rows)
add_shifted_rows: Any = intrinsic(_add_shifted_rows)
