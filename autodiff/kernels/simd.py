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

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

_by_user: str | None = getattr(config, "CPU_FEATURES", None)  # NUMBA_CPU_FEATURES
_features = (binding.get_host_cpu_features().flatten() if _by_user is None else _by_user).split(",")

VECTOR_BYTES = 64 if "+avx512f" in _features else 32 if "+avx2" in _features else 16
"""Bytes of a vector register."""

_REGISTERS = 32 if "+avx512f" in _features or "+neon" in _features else 16

ROWS, VECTORS = (8, 3) if _REGISTERS == 32 else (6, 2)
"""The largest tile. Its ROWS · VECTORS sums with a row of B and an entry of A fill the registers, the addresses of ROWS
rows fit the other registers, and the sums outnumber the multiply-adds that a core has in flight, twice four."""

SHORT = ROWS // 2
"""The rows of the tile for what is left at the bottom."""

DEPTH = 170
"""Rows of B in a panel, at most. With VECTORS vectors in each it then fills two thirds of a cache of 48 kB."""

_new_sum: Any = cgutils.alloca_once
"""Room for a vector, which the compiler makes a register."""

_int32, _int64 = ir.IntType(32), ir.IntType(64)
_address = ir.IntType(8).as_pointer()


class _Matrix:
    """Rows of numbers in memory, addressed by row and column.

    The numbers of a row must lie side by side wherever a vector of them is loaded or stored.
    """

    def __init__(
        self, builder: ir.IRBuilder, start: ir.Value, strides: Sequence[ir.Value], scalar: ir.Type, itemsize: int
    ) -> None:
        self._builder = builder
        self._start = builder.inttoptr(start, _address)
        self.strides = strides
        self.scalar = scalar
        self.itemsize = itemsize
        self.lanes = VECTOR_BYTES // itemsize
        self.vector = ir.VectorType(scalar, self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        self.shape: list[ir.Value] = []

    @classmethod
    def of(cls, context: Any, builder: ir.IRBuilder, array_type: types.Array, value: ir.Value) -> _Matrix:
        """An argument of an intrinsic: an array of two axes."""
        array = context.make_array(array_type)(context, builder, value)
        strides = [builder.extract_value(array.strides, axis) for axis in (0, 1)]
        scalar = context.get_data_type(array_type.dtype)
        matrix = cls(builder, builder.ptrtoint(array.data, _int64), strides, scalar, context.get_abi_sizeof(scalar))
        matrix.shape = [builder.extract_value(array.shape, axis) for axis in (0, 1)]
        return matrix

    @classmethod
    def at(cls, context: Any, builder: ir.IRBuilder, like: types.Array, start: ir.Value, step: ir.Value) -> _Matrix:
        """Rows at an address, so many bytes apart, of numbers like an array's."""
        scalar = context.get_data_type(like.dtype)
        itemsize = context.get_abi_sizeof(scalar)
        return cls(builder, start, (step, _int64(itemsize)), scalar, itemsize)

    def row(self, i: ir.Value) -> ir.Value:
        """The address of a row."""
        return self._builder.gep(self._start, [self._builder.mul(i, self.strides[0])])

    def rows(self, first: ir.Value, count: int, bottom: ir.Value) -> list[ir.Value]:
        """The addresses of consecutive rows; from the bottom on, the last row above it again.

        The edge then needs no code of its own: its tile computes and stores the last row more than once.
        """
        builder = self._builder
        last = builder.sub(bottom, _int64(1))
        numbers = [builder.add(first, _int64(i)) for i in range(count)]
        return [self.row(builder.select(builder.icmp_signed("<", i, last), i, last)) for i in numbers]

    def repeated(self, row: ir.Value, column: ir.Value) -> ir.Value:
        """A vector that holds one entry in every lane."""
        address = self._builder.gep(row, [self._builder.mul(column, self.strides[1])])
        entry = self._builder.load(self._builder.bitcast(address, self.scalar.as_pointer()), align=1)
        return _repeat(self._builder, entry, self.lanes)

    def before(self, right: ir.Value, column: ir.Value) -> ir.Value:
        """Which lanes of the vector that starts at a column are left of another column."""
        builder = self._builder
        left = builder.sub(right, column)
        left = builder.select(builder.icmp_signed("<", left, _int64(self.lanes)), left, _int64(self.lanes))
        lanes = ir.Constant(ir.VectorType(_int32, self.lanes), list(range(self.lanes)))
        return builder.icmp_signed("<", lanes, _repeat(builder, builder.trunc(left, _int32), self.lanes))

    def load(self, row: ir.Value, column: ir.Value, mask: ir.Value | None = None) -> ir.Value:
        """The vector of a row that starts at a column; zero outside the mask, where nothing is read."""
        pointer = self._vector_at(row, column)
        if mask is None:
            return self._builder.load(pointer, align=1)
        return self._masked("load", self.vector, [pointer, _int32(1), mask, self.zero])

    def store(self, vector: ir.Value, row: ir.Value, column: ir.Value, mask: ir.Value | None = None) -> None:
        """Write a vector where `load` would read it."""
        pointer = self._vector_at(row, column)
        if mask is None:
            self._builder.store(vector, pointer, align=1)
        else:
            self._masked("store", ir.VoidType(), [vector, pointer, _int32(1), mask])

    def store_sum(self, vector: ir.Value, row: ir.Value, column: ir.Value) -> None:
        """Write the sum of a vector's lanes as one number."""
        name = f"llvm.vector.reduce.fadd.v{self.lanes}f{8 * self.itemsize}"
        function = self._builder.module.declare_intrinsic(name, fnty=ir.FunctionType(self.scalar, [self.scalar, self.vector]))
        total = self._builder.call(function, [ir.Constant(self.scalar, 0.0), vector], fastmath=("reassoc",))
        address = self._builder.gep(row, [self._builder.mul(column, _int64(self.itemsize))])
        self._builder.store(total, self._builder.bitcast(address, self.scalar.as_pointer()), align=1)

    def _vector_at(self, row: ir.Value, column: ir.Value) -> ir.Value:
        address = self._builder.gep(row, [self._builder.mul(column, _int64(self.itemsize))])
        return self._builder.bitcast(address, self.vector.as_pointer())

    def _masked(self, operation: str, result: ir.Type, arguments: list[ir.Value]) -> ir.Value:
        name = f"llvm.masked.{operation}.v{self.lanes}f{8 * self.itemsize}.p0"
        signature = ir.FunctionType(result, [argument.type for argument in arguments])
        function = self._builder.module.declare_intrinsic(name, fnty=signature)
        return self._builder.call(function, arguments)


def _repeat(builder: ir.IRBuilder, scalar: ir.Value, lanes: int) -> ir.Value:
    nothing = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    zeros = ir.Constant(ir.VectorType(_int32, lanes), [0] * lanes)
    return builder.shuffle_vector(builder.insert_element(nothing, scalar, _int32(0)), nothing, zeros)


def _lanes_of(typing: Any, array: types.Array) -> tuple[Any, Callable[..., ir.Value]]:
    """`lanes_of(array)` is how many of its numbers fit a vector; to the compiler it is a constant."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return _int64(VECTOR_BYTES // context.get_abi_sizeof(context.get_data_type(array.dtype)))

    return types.int64(array), generate


def _room_for_panel(typing: Any) -> tuple[Any, Callable[..., ir.Value]]:
    """`room_for_panel()` is the address of DEPTH · VECTORS vectors on the stack of the function that asks for it."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        room = ir.ArrayType(ir.IntType(8), (DEPTH * VECTORS + 1) * VECTOR_BYTES)
        with builder.goto_entry_block():
            start = builder.ptrtoint(builder.alloca(room), _int64)
        return builder.and_(builder.add(start, _int64(VECTOR_BYTES - 1)), _int64(-VECTOR_BYTES))

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
            A, B, C = (_Matrix.of(context, builder, kind, x) for kind, x in ((a, a_), (b, b_), (c, c_)))
            P = _Matrix(builder, panel, (_int64(vectors * VECTOR_BYTES), C.strides[1]), C.scalar, C.itemsize)
            columns = [_int64(v * C.lanes) for v in range(vectors)]
            there = [builder.add(j, column) for column in columns]
            masks = [None] * (vectors - 1) + [C.before(right, there[-1])]
            a_rows, c_rows = A.rows(i, rows, bottom), C.rows(i, rows, bottom)
            sums = [[_new_sum(builder, C.vector) for _ in columns] for _ in range(rows)]
            with builder.if_else(builder.icmp_signed("==", start, _int64(0))) as (fresh, going_on):
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
        S = _Matrix.of(context, builder, source, source_)
        T = _Matrix(builder, target, (step, S.strides[1]), S.scalar, S.itemsize)
        lanes = S.lanes
        mask = S.before(S.shape[1], j)
        block = [S.load(row, j, mask) for row in S.rows(i, lanes, S.shape[0])]
        deck = [lane + half for lane in range(lanes) for half in (0, lanes)]
        riffles = [ir.Constant(ir.VectorType(_int32, lanes), part) for part in (deck[:lanes], deck[lanes:])]
        for _ in range(lanes.bit_length() - 1):
            pairs = zip(block[: lanes // 2], block[lanes // 2 :], strict=True)
            block = [builder.shuffle_vector(x, y, half) for x, y in pairs for half in riffles]
        mask = T.before(right, i)
        rows = T.rows(j, lanes, bottom)
        for vector, row in zip(reversed(block), reversed(rows), strict=True):
            T.store(vector, row, i, mask)  # upwards, since what is below the bottom falls on the last row
        return context.get_dummy_value()

    return types.void(source, i, j, target, step, bottom, right), generate


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
            _Matrix.at(context, builder, like, start, apart) for start, apart in ((source, step), (target, target_step))
        )
        with cgutils.for_range_slice(builder, _int64(0), n, _int64(T.lanes), intp=_int64) as (column, _):
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
        T = _Matrix.at(context, builder, like, target, _int64(0))
        lanes = ir.Constant(ir.VectorType(_int32, T.lanes), list(range(T.lanes)))
        total = _new_sum(builder, T.vector)
        limit = _repeat(builder, builder.trunc(n, _int32), T.lanes)
        with cgutils.for_range_slice(builder, _int64(0), length, _int64(T.lanes), intp=_int64) as (column, _):
            builder.store(T.zero, total)
            with cgutils.for_range(builder, shifts) as shift:
                first = builder.sub(column, shift.index)
                places = builder.add(_repeat(builder, builder.trunc(first, _int32), T.lanes), lanes)
                mask = builder.icmp_unsigned("<", places, limit)
                S = _Matrix.at(context, builder, like, builder.add(source, builder.mul(shift.index, shift_step)), step)
                with cgutils.for_range(builder, rows) as row:
                    builder.store(builder.fadd(builder.load(total), S.load(S.row(row.index), first, mask)), total)
            T.store(builder.load(total), T.row(_int64(0)), column, T.before(length, column))
        return context.get_dummy_value()

    return types.void(like, source, step, rows, shift_step, shifts, n, target, length), generate


def _narrow_tile(rows: int, columns: int) -> Any:
    """The intrinsic `tile(a, b, c, i, bottom, j, right)`, for a tile of c at row i and column j, of few columns.

    The vectors lie along the shared axis here, which must be contiguous in both, the rows of a and the columns of b; the
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
            A, B, C = (_Matrix.of(context, builder, kind, x) for kind, x in ((a, a_), (b, b_), (c, c_)))
            B.strides = B.strides[::-1]
            a_rows, c_rows, b_columns = A.rows(i, rows, bottom), C.rows(i, rows, bottom), B.rows(j, columns, right)
            sums = [[_new_sum(builder, C.vector) for _ in b_columns] for _ in a_rows]
            for total in chain.from_iterable(sums):
                builder.store(C.zero, total)
            k = A.shape[1]
            with cgutils.for_range_slice(builder, _int64(0), k, _int64(C.lanes), intp=_int64) as (p, _):
                mask = C.before(k, p)
                b_vectors = [B.load(column, p, mask) for column in b_columns]
                for a_row, row_sums in zip(a_rows, sums, strict=True):
                    a_vector = A.load(a_row, p, mask)
                    for b_vector, total in zip(b_vectors, row_sums, strict=True):
                        product = builder.fmul(a_vector, b_vector, flags=["contract"])
                        builder.store(builder.fadd(builder.load(total), product, flags=["contract"]), total)
            numbers = [builder.add(j, _int64(n)) for n in range(columns)]
            last = builder.sub(right, _int64(1))
            numbers = [builder.select(builder.icmp_signed("<", n, last), n, last) for n in numbers]
            for c_row, row_sums in zip(c_rows, sums, strict=True):
                for number, total in zip(numbers, row_sums, strict=True):
                    C.store_sum(builder.load(total), c_row, number)
            return context.get_dummy_value()

        return types.void(a, b, c, i, bottom, j, right), generate

    return intrinsic(tile)


NARROW_ROWS, NARROW_COLUMNS = 4, 3
"""The narrow tile, whose loads do not outnumber its multiply-adds."""

narrow_tile: Any = _narrow_tile(NARROW_ROWS, NARROW_COLUMNS)
copy_rows: Any = intrinsic(_copy_rows)
add_shifted_rows: Any = intrinsic(_add_shifted_rows)
lanes_of: Any = intrinsic(_lanes_of)
room_for_panel: Any = intrinsic(_room_for_panel)
transpose_block: Any = intrinsic(_transpose_block)


def _tiles(rows: int, copies: bool) -> list[Any]:
    """The tiles of one, two and three vectors, or as many as there are registers for."""
    return [_register_tile(rows, min(vectors, VECTORS), copies) for vectors in (1, 2, 3)]


tile_of_1, tile_of_2, tile_of_3 = _tiles(ROWS, copies=False)
copying_tile_of_1, copying_tile_of_2, copying_tile_of_3 = _tiles(ROWS, copies=True)
short_tile_of_1, short_tile_of_2, short_tile_of_3 = _tiles(SHORT, copies=False)
