"""The innermost loops of the compiled matrix product, written in vectors.

A product of n × n matrices takes n³ multiplications but holds only n² numbers, so it need not wait
for memory if whatever is loaded is used often. The unit of reuse is the *register tile*: a few rows
by a few vectors of the result that stay in the processor's vector registers through the whole sum.
Each step of the sum adds an outer product,

    tile += (column p of the tile's rows of A) × (row p of the tile's columns of B),

whose ROWS + VECTORS loads feed ROWS · VECTORS multiply-adds. (Goto & van de Geijn, "Anatomy of High-Performance
Matrix Multiplication", 2008, build a whole BLAS around this loop; BLIS calls it the micro-kernel.) No compiler
keeps a tile of an array in registers by itself, so these loops are written in LLVM's language, where a vector of
16 floats is a type like any other; Numba inlines them into the loops that call them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autodiff.kernels.vectors import FEATURES, VECTOR_BYTES, Matrix, int32, int64, new_sum

_REGISTERS = 32 if "+avx512f" in FEATURES or "+neon" in FEATURES else 16

ROWS, VECTORS = (8, 3) if _REGISTERS == 32 else (6, 2)
"""The largest tile. Its ROWS · VECTORS sums with a row of B and an entry of A fill the registers, the addresses of ROWS
rows fit the other registers, and the sums outnumber the multiply-adds that a core has in flight, twice four."""

SHORT = ROWS // 2
"""The rows of the tile for what is left at the bottom."""

DEPTH = 170
"""Rows of B in a panel, at most. With VECTORS vectors in each it then fills two thirds of a cache of 48 kB."""


def _lanes_of(typing: Any, array: types.Array) -> tuple[Any, Callable[..., ir.Value]]:
    """`lanes_of(array)` is how many of its numbers fit a vector; to the compiler it is a constant."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return int64(VECTOR_BYTES // context.get_abi_sizeof(context.get_data_type(array.dtype)))

    return types.int64(array), generate


def _room_for_panel(typing: Any) -> tuple[Any, Callable[..., ir.Value]]:
    """`room_for_panel()` is the address of DEPTH · VECTORS vectors on the stack of the function that asks for it."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        room = ir.ArrayType(ir.IntType(8), (DEPTH * VECTORS + 1) * VECTOR_BYTES)
        with builder.goto_entry_block():
            start = builder.ptrtoint(builder.alloca(room), int64)
        return builder.and_(builder.add(start, int64(VECTOR_BYTES - 1)), int64(-VECTOR_BYTES))

    return types.int64(), generate


def _register_tile(rows: int, vectors: int, copies: bool) -> Any:
    """The intrinsic `tile(a, b, panel, c, i, bottom, j, right, start, stop)`, for a tile of c at row i and column j.

    It adds the terms of the sums from start to stop: tile += a[its rows, start:stop] @ b[start:stop, its columns].
    Where start is 0 the tile is written, else added to. What overhangs the bottom row or the right column is not
    stored.

    The panel is the part of b that is meant here, its rows packed one after the other and filled up with zeros. A tile
    that copies reads b, whose rows must be contiguous, and writes the panel; the tiles below it then find its numbers
    side by side in the nearest cache, whatever b's strides. To write it costs nothing: a tile waits for its
    multiply-adds, not for memory. One that does not copy reads the panel alone. a may have any strides.
    """

    def tile(
        typing: Any,
        a: types.Array,
        b: types.Array,
        panel: types.Type,
        c: types.Array,
        i: types.Type,
        bottom: types.Type,
        j: types.Type,
        right: types.Type,
        start: types.Type,
        stop: types.Type,
    ) -> tuple[Any, Callable[..., ir.Value]]:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            a_, b_, panel, c_, i, bottom, j, right, start, stop = arguments
            A, B, C = (Matrix.of(context, builder, kind, x) for kind, x in ((a, a_), (b, b_), (c, c_)))
            P = Matrix(builder, panel, (int64(vectors * VECTOR_BYTES), C.strides[1]), C.scalar, C.itemsize)
            columns = [int64(v * C.lanes) for v in range(vectors)]
            there = [builder.add(j, column) for column in columns]
            masks = [None] * (vectors - 1) + [C.before(right, there[-1])]
            a_rows, c_rows = A.rows(i, rows, bottom), C.rows(i, rows, bottom)
            sums = [[new_sum(builder, C.vector) for _ in columns] for _ in range(rows)]
            with builder.if_else(builder.icmp_signed("==", start, int64(0))) as (fresh, going_on):
                with fresh:
                    for total in chain.from_iterable(sums):
                        builder.store(C.zero, total)
                with going_on:
                    for c_row, row_sums in zip(c_rows, sums, strict=True):
                        for column, mask, total in zip(there, masks, row_sums, strict=True):
                            builder.store(C.load(c_row, column, mask), total)
            with cgutils.for_range(builder, stop, start=start) as loop:
                panel_row = P.row(builder.sub(loop.index, start))
                if copies:
                    b_row = B.row(loop.index)
                    b_vectors = [B.load(b_row, column, mask) for column, mask in zip(there, masks, strict=True)]
                    for b_vector, column in zip(b_vectors, columns, strict=True):
                        P.store(b_vector, panel_row, column)
                else:
                    b_vectors = [P.load(panel_row, column) for column in columns]
                for a_row, row_sums in zip(a_rows, sums, strict=True):
                    a_entry = A.repeated(a_row, loop.index)
                    for b_vector, total in zip(b_vectors, row_sums, strict=True):
                        product = builder.fmul(a_entry, b_vector, flags=["contract"])
                        builder.store(builder.fadd(builder.load(total), product, flags=["contract"]), total)
            for c_row, row_sums in zip(c_rows, sums, strict=True):
                for column, mask, total in zip(there, masks, row_sums, strict=True):
                    C.store(builder.load(total), c_row, column, mask)
            return context.get_dummy_value()

        return types.void(a, b, panel, c, i, bottom, j, right, start, stop), generate

    return intrinsic(tile)


def _transpose_block(
    typing: Any,
    source: types.Array,
    i: types.Type,
    j: types.Type,
    target: types.Type,
    step: types.Type,
    bottom: types.Type,
    right: types.Type,
) -> tuple[Any, Callable[..., ir.Value]]:
    """`transpose_block(source, i, j, target, step, bottom, right)` transposes a square block of vectors.

    What is at row i and column j of the source, and to the right and below, goes to row j and column i of the target,
    which is the address of rows, `step` bytes apart. Rows of both must be contiguous. The block may overhang the
    source, whose beyond is 0; of the target nothing is written from the bottom row and the right column on.

    A square block of vectors is transposed by riffling it like a deck of cards: interleave the upper
    half of the vectors with the lower half, and after log₂(lanes) riffles rows have become columns.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        source_, i, j, target, step, bottom, right = arguments
        S = Matrix.of(context, builder, source, source_)
        T = Matrix(builder, target, (step, S.strides[1]), S.scalar, S.itemsize)
        lanes = S.lanes
        mask = S.before(S.shape[1], j)
        block = [S.load(row, j, mask) for row in S.rows(i, lanes, S.shape[0])]
        deck = [lane + half for lane in range(lanes) for half in (0, lanes)]
        riffles = [ir.Constant(ir.VectorType(int32, lanes), part) for part in (deck[:lanes], deck[lanes:])]
        for _ in range(lanes.bit_length() - 1):
            pairs = zip(block[: lanes // 2], block[lanes // 2 :], strict=True)
            block = [builder.shuffle_vector(x, y, half) for x, y in pairs for half in riffles]
        mask = T.before(right, i)
        rows = T.rows(j, lanes, bottom)
        for vector, row in zip(reversed(block), reversed(rows), strict=True):
            T.store(vector, row, i, mask)  # upwards, since what is below the bottom falls on the last row
        return context.get_dummy_value()

    return types.void(source, i, j, target, step, bottom, right), generate


lanes_of: Any = intrinsic(_lanes_of)
room_for_panel: Any = intrinsic(_room_for_panel)
transpose_block: Any = intrinsic(_transpose_block)


def _tiles(rows: int, copies: bool) -> list[Any]:
    """The tiles of one, two and three vectors, or as many as there are registers for."""
    return [_register_tile(rows, min(vectors, VECTORS), copies) for vectors in (1, 2, 3)]


tile_of_1, tile_of_2, tile_of_3 = _tiles(ROWS, copies=False)
copying_tile_of_1, copying_tile_of_2, copying_tile_of_3 = _tiles(ROWS, copies=True)
short_tile_of_1, short_tile_of_2, short_tile_of_3 = _tiles(SHORT, copies=False)
