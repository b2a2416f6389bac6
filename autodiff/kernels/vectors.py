"""Vectors in LLVM's language, for the loops that no compiler makes good vectors of: rows of numbers in memory.

A vector of 16 floats is a type there like any other, and Numba inlines what is written so into the loops that call it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, config, types

_by_user: str | None = getattr(config, "CPU_FEATURES", None)  # NUMBA_CPU_FEATURES
FEATURES = (binding.get_host_cpu_features().flatten() if _by_user is None else _by_user).split(",")

VECTOR_BYTES = 64 if "+avx512f" in FEATURES else 32 if "+avx2" in FEATURES else 16
"""Bytes of a vector register."""

new_sum: Any = cgutils.alloca_once
"""Room for a vector, which the compiler makes a register."""

int32, int64 = ir.IntType(32), ir.IntType(64)
address_type = ir.IntType(8).as_pointer()


class Matrix:
    """Rows of numbers in memory, addressed by row and column.

    The numbers of a row must lie side by side wherever a vector of them is loaded or stored.
    """

    def __init__(
        self, builder: ir.IRBuilder, start: ir.Value, strides: Sequence[ir.Value], scalar: ir.Type, itemsize: int
    ) -> None:
        self._builder = builder
        self._start = builder.inttoptr(start, address_type)
        self.strides = strides
        self.scalar = scalar
        self.itemsize = itemsize
        self.lanes = VECTOR_BYTES // itemsize
        self.vector = ir.VectorType(scalar, self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        self.shape: list[ir.Value] = []

    @classmethod
    def of(cls, context: Any, builder: ir.IRBuilder, array_type: types.Array, value: ir.Value) -> Matrix:
        """An argument of an intrinsic: an array of two axes."""
        array = context.make_array(array_type)(context, builder, value)
        strides = [builder.extract_value(array.strides, axis) for axis in (0, 1)]
        scalar = context.get_data_type(array_type.dtype)
        matrix = cls(builder, builder.ptrtoint(array.data, int64), strides, scalar, context.get_abi_sizeof(scalar))
        matrix.shape = [builder.extract_value(array.shape, axis) for axis in (0, 1)]
        return matrix

    @classmethod
    def at(cls, context: Any, builder: ir.IRBuilder, like: types.Array, start: ir.Value, step: ir.Value) -> Matrix:
        """Rows at an address, so many bytes apart, of numbers like an array's."""
        scalar = context.get_data_type(like.dtype)
        itemsize = context.get_abi_sizeof(scalar)
        return cls(builder, start, (step, int64(itemsize)), scalar, itemsize)

    def row(self, i: ir.Value) -> ir.Value:
        """The address of a row."""
        return self._builder.gep(self._start, [self._builder.mul(i, self.strides[0])])

    def rows(self, first: ir.Value, count: int, bottom: ir.Value) -> list[ir.Value]:
        """The addresses of consecutive rows; from the bottom on, the last row above it again."""
        return [self.row(i) for i in consecutive(self._builder, first, count, bottom)]

    def repeated(self, row: ir.Value, column: ir.Value) -> ir.Value:
        """A vector that holds one entry in every lane."""
        address = self._builder.gep(row, [self._builder.mul(column, self.strides[1])])
        entry = self._builder.load(self._builder.bitcast(address, self.scalar.as_pointer()), align=1)
        return repeat(self._builder, entry, self.lanes)

    def before(self, right: ir.Value, column: ir.Value) -> ir.Value:
        """Which lanes of the vector that starts at a column are left of another column."""
        builder = self._builder
        left = builder.sub(right, column)
        left = builder.select(builder.icmp_signed("<", left, int64(self.lanes)), left, int64(self.lanes))
        lanes = ir.Constant(ir.VectorType(int32, self.lanes), list(range(self.lanes)))
        return builder.icmp_signed("<", lanes, repeat(builder, builder.trunc(left, int32), self.lanes))

    def load(self, row: ir.Value, column: ir.Value, mask: ir.Value | None = None) -> ir.Value:
        """The vector of a row that starts at a column; zero outside the mask, where nothing is read."""
        pointer = self._vector_at(row, column)
        if mask is None:
            return self._builder.load(pointer, align=1)
        return self._masked("load", self.vector, [pointer, int32(1), mask, self.zero])

    def store(self, vector: ir.Value, row: ir.Value, column: ir.Value, mask: ir.Value | None = None) -> None:
        """Write a vector where `load` would read it."""
        pointer = self._vector_at(row, column)
        if mask is None:
            self._builder.store(vector, pointer, align=1)
        else:
            self._masked("store", ir.VoidType(), [vector, pointer, int32(1), mask])

    def store_sum(self, vector: ir.Value, row: ir.Value, column: ir.Value) -> None:
        """Write the sum of a vector's lanes as one number."""
        name = f"llvm.vector.reduce.fadd.v{self.lanes}f{8 * self.itemsize}"
        signature = ir.FunctionType(self.scalar, [self.scalar, self.vector])
        function = self._builder.module.declare_intrinsic(name, fnty=signature)
        total = self._builder.call(function, [ir.Constant(self.scalar, 0.0), vector], fastmath=("reassoc",))
        address = self._builder.gep(row, [self._builder.mul(column, int64(self.itemsize))])
        self._builder.store(total, self._builder.bitcast(address, self.scalar.as_pointer()), align=1)

    def _vector_at(self, row: ir.Value, column: ir.Value) -> ir.Value:
        address = self._builder.gep(row, [self._builder.mul(column, int64(self.itemsize))])
        return self._builder.bitcast(address, self.vector.as_pointer())

    def _masked(self, operation: str, result: ir.Type, arguments: list[ir.Value]) -> ir.Value:
        name = f"llvm.masked.{operation}.v{self.lanes}f{8 * self.itemsize}.p0"
        signature = ir.FunctionType(result, [argument.type for argument in arguments])
        function = self._builder.module.declare_intrinsic(name, fnty=signature)
        return self._builder.call(function, arguments)


def consecutive(builder: ir.IRBuilder, first: ir.Value, count: int, end: ir.Value) -> list[ir.Value]:
    """Consecutive numbers of rows or columns; from the end on, the last one before it again.

    The edge then needs no code of its own: its tile computes and stores the last row more than once.
    """
    last = builder.sub(end, int64(1))
    numbers = [builder.add(first, int64(i)) for i in range(count)]
    return [builder.select(builder.icmp_signed("<", i, last), i, last) for i in numbers]


def repeat(builder: ir.IRBuilder, scalar: ir.Value, lanes: int) -> ir.Value:
    """A vector that holds a number in every lane."""
    nothing = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    zeros = ir.Constant(ir.VectorType(int32, lanes), [0] * lanes)
    return builder.shuffle_vector(builder.insert_element(nothing, scalar, int32(0)), nothing, zeros)
