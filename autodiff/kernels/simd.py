"""The two innermost loops of the compiled matrix product, written in vectors.

A product of n × n matrices takes n³ multiplications but holds only n² numbers, so it need not wait
for memory if whatever is loaded is used often. The unit of reuse is the *register tile*: a few rows
by a few vectors of the result that stay in the processor's vector registers through the whole sum.
Each step of the sum adds an outer product,

    tile += (column p of the tile's rows of A) × (row p of the tile's columns of B),

whose ROWS + 2 loads feed 2 · ROWS multiply-adds. (Goto & van de Geijn, "Anatomy of High-Performance
Matrix Multiplication", 2008, build a whole BLAS around this loop.) No compiler keeps a tile of an
array in registers by itself, so these loops are written in LLVM's language, where a vector of 16
floats is a type like any other; Numba inlines them into the loops that call them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_features = binding.get_host_cpu_features()

# AVX-512 has 32 registers of 64 bytes; AVX2 has 16 of 32 bytes; SSE and NEON have at least 16 of 16
# bytes. A tile of ROWS × 2 leaves room for a row of B and an entry of A, and its 2 · ROWS independent
# sums are more than enough to hide the latency of a multiply-add.
VECTOR_BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx2") else 16
ROWS = 8 if VECTOR_BYTES == 64 else 6

_int32, _int64 = ir.IntType(32), ir.IntType(64)
_address = ir.IntType(8).as_pointer()


class _Matrix:
    """A two-dimensional array argument of an intrinsic, addressed by row and column."""

    def __init__(self, context: Any, builder: ir.IRBuilder, array_type: types.Array, value: ir.Value) -> None:
        array = context.make_array(array_type)(context, builder, value)
        self._builder = builder
        self._start = builder.bitcast(array.data, _address)
        self._strides = [builder.extract_value(array.strides, axis) for axis in (0, 1)]
        self.shape = [builder.extract_value(array.shape, axis) for axis in (0, 1)]
        self.scalar = context.get_data_type(array_type.dtype)
        self.itemsize = context.get_abi_sizeof(self.scalar)
        self.lanes = VECTOR_BYTES // self.itemsize
        self.vector = ir.VectorType(self.scalar, self.lanes)

    def rows(self, first: ir.Value, count: int) -> list[ir.Value]:
        """The addresses of consecutive rows; beyond the edge, the last row again.

        The edge then needs no code of its own: its tile computes and stores the last row more than once.
        """
        builder = self._builder
        last = builder.sub(self.shape[0], _int64(1))
        numbers = [builder.add(first, _int64(i)) for i in range(count)]
        inside = [builder.select(builder.icmp_signed("<", i, last), i, last) for i in numbers]
        return [builder.gep(self._start, [builder.mul(i, self._strides[0])]) for i in inside]

    def row(self, i: ir.Value) -> ir.Value:
        """The address of a row."""
        return self._builder.gep(self._start, [self._builder.mul(i, self._strides[0])])

    def repeated(self, row: ir.Value, column: ir.Value) -> ir.Value:
        """A vector that holds one entry in every lane."""
        address = self._builder.gep(row, [self._builder.mul(column, self._strides[1])])
        entry = self._builder.load(self._builder.bitcast(address, self.scalar.as_pointer()), align=1)
        return _repeat(self._builder, entry, self.lanes)

    def inside(self, column: ir.Value) -> ir.Value:
        """Which lanes of the vector that starts at a column are columns of the matrix."""
        lanes = ir.Constant(ir.VectorType(_int32, self.lanes), list(range(self.lanes)))
        columns_left = self._builder.trunc(self._builder.sub(self.shape[1], column), _int32)
        return self._builder.icmp_signed("<", lanes, _repeat(self._builder, columns_left, self.lanes))

    def load(self, row: ir.Value, column: ir.Value, mask: ir.Value | None = None) -> ir.Value:
        """The vector of a row that starts at a column; zero outside the mask, where nothing is read."""
        pointer = self._vector_at(row, column)
        if mask is None:
            return self._builder.load(pointer, align=1)
        zero = ir.Constant(self.vector, [0.0] * self.lanes)
        return self._masked("load", self.vector, [pointer, _int32(1), mask, zero])

    def store(self, vector: ir.Value, row: ir.Value, column: ir.Value, mask: ir.Value | None = None) -> None:
        """Write a vector where `load` would read it."""
        pointer = self._vector_at(row, column)
        if mask is None:
            self._builder.store(vector, pointer, align=1)
        else:
            self._masked("store", ir.VoidType(), [vector, pointer, _int32(1), mask])

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


def _register_tile(vectors: int, masked: bool) -> Any:
    """The intrinsic `tile(a, b, c, i, j)`: c[i : i + ROWS, j : j + vectors · lanes] = (a @ b)[the same].

    Each row of b and c must lie contiguously in memory; a may have any strides. Rows beyond the edge
    are clipped, columns only where masked.
    """

    def tile(
        typing: Any, a: types.Type, b: types.Type, c: types.Type, i: types.Type, j: types.Type
    ) -> tuple[Any, Callable[..., ir.Value]]:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            *arrays, i, j = arguments
            A, B, C = (
                _Matrix(context, builder, array_type, array)
                for array_type, array in zip(signature.args, arrays, strict=False)
            )
            columns = [builder.add(j, _int64(v * C.lanes)) for v in range(vectors)]
            masks = [C.inside(column) if masked else None for column in columns]
            zero = ir.Constant(C.vector, [0.0] * C.lanes)
            new_sum = partial(cgutils.alloca_once_value, builder, zero)
            sums = [[new_sum() for _ in columns] for _ in range(ROWS)]
            a_rows = A.rows(i, ROWS)
            with cgutils.for_range(builder, A.shape[1]) as loop:
                b_row = B.row(loop.index)
                b_vectors = [B.load(b_row, column, mask) for column, mask in zip(columns, masks, strict=True)]
                for a_row, row_sums in zip(a_rows, sums, strict=True):
                    a_entry = A.repeated(a_row, loop.index)
                    for b_vector, total in zip(b_vectors, row_sums, strict=True):
                        product = builder.fmul(a_entry, b_vector, flags=["contract"])
                        builder.store(builder.fadd(builder.load(total), product, flags=["contract"]), total)
            for c_row, row_sums in zip(C.rows(i, ROWS), sums, strict=True):
                for column, mask, total in zip(columns, masks, row_sums, strict=True):
                    C.store(builder.load(total), c_row, column, mask)
            return context.get_dummy_value()

        return types.void(a, b, c, i, j), generate

    return intrinsic(tile)


def _transpose_block(
    typing: Any, source: types.Type, target: types.Type, i: types.Type, j: types.Type
) -> tuple[Any, Callable[..., ir.Value]]:
    """`transpose_block(source, target, i, j)`: target[j : j + lanes, i : i + lanes] = source[i:, j:].T there.

    Rows of both must lie contiguously in memory; the block may overhang source, but not target.

    A square block of vectors is transposed by riffling it like a deck of cards: interleave the upper
    half of the vectors with the lower half, and after log₂(lanes) riffles rows have become columns.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        source_array, target_array, i, j = arguments
        source = _Matrix(context, builder, signature.args[0], source_array)
        target = _Matrix(context, builder, signature.args[1], target_array)
        lanes = source.lanes
        mask = source.inside(j)
        block = [source.load(row, j, mask) for row in source.rows(i, lanes)]
        deck = [lane + half for lane in range(lanes) for half in (0, lanes)]
        riffles = [ir.Constant(ir.VectorType(_int32, lanes), part) for part in (deck[:lanes], deck[lanes:])]
        for _ in range(lanes.bit_length() - 1):
            pairs = zip(block[: lanes // 2], block[lanes // 2 :], strict=True)
            block = [builder.shuffle_vector(x, y, half) for x, y in pairs for half in riffles]
        for step, vector in enumerate(block):
            target.store(vector, target.row(builder.add(j, _int64(step))), i)
        return context.get_dummy_value()

    return types.void(source, target, i, j), generate


wide_tile = _register_tile(vectors=2, masked=False)
narrow_tile = _register_tile(vectors=1, masked=True)
transpose_block: Any = intrinsic(_transpose_block)
