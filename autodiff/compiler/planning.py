"""Planning: which operations share a loop, which loops share the rows of a batch among threads, and what is stored.

A *loop* goes over all elements of a space and does one element-wise operation after the other to each, so that what
only they need stays in registers; it may end in reductions. A *region* is a run of loops and matrix products of which
row i needs only the row i of what the region itself has made: threads can take a part of the rows each, and need not
wait for one another before its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.compiler.rewriting import needed
from autodiff.compiler.scalars import is_elementwise, is_weak
from autodiff.compiler.views import Index, broadcast, is_free, is_view, read
from autodiff.graph import Graph, Operation, Value

FLOATS = ("float32", "float64")
REDUCTIONS = ("sum", "max", "min", "sum_to")
PARALLEL_FROM = 2_000_000
"""Multiplications, or as much other work, from which a region is shared among threads."""
WORK_OF_AN_ELEMENT = 30
"""What an element-wise operation costs, in multiplications of a matrix product."""


@dataclass(eq=False)
class Loop:
    """Element-wise operations and reductions over the elements of one space."""

    space: tuple[int, ...]
    operations: list[Operation] = field(default_factory=list)


@dataclass(eq=False)
class Product:
    """A matrix product."""

    operation: Operation


@dataclass(eq=False)
class Region:
    """Loops and products done one after the other; by several threads, each with some of the `rows`, if it pays."""

    rows: int | None
    units: list[Loop | Product] = field(default_factory=list)

    @property
    def work(self) -> int:
        """How much there is to compute, in multiplications of a matrix product."""
        return sum(map(_work, self.units))

    @property
    def is_shared(self) -> bool:
        """Whether it pays to share it among threads."""
        return self.rows is not None and self.work >= PARALLEL_FROM


@dataclass(eq=False)
class Call:
    """An operation that is left to its own kernel."""

    operation: Operation


@dataclass(eq=False)
class Numbers:
    """Arithmetic of plain numbers, which Python does."""

    operation: Operation


Step = Region | Call | Numbers


class Moment(NamedTuple):
    """An operation's turn: what threads may do at the same time has the same number."""

    number: int
    unit: Loop | Product | Call | Numbers
    operation: Operation
    reads: list[tuple[Value, Index]]


class Plan:
    """The steps by which a graph is computed, and where its values are kept."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._materialised = _materialised(graph)
        self._reads: dict[int, list[tuple[Value, Index]]] = {}
        operations = [op for op in graph if not self.is_inlined(op.output)]
        self.steps = self._merged(self._scheduled(operations))
        self.stored = self._stored()

    # ── what is read ────────────────────────────────────────────────────────────────────────────────────

    def is_inlined(self, value: Value) -> bool:
        """Whether a value is a view that loops read through."""
        return value.operation is not None and is_view(value.operation) and value.id not in self._materialised

    def space(self, operation: Operation) -> tuple[int, ...]:
        """Return the shape that the loop of an operation goes over."""
        return operation.inputs[0].shape if is_reduction(operation) else operation.output.shape

    def reads(self, operation: Operation) -> list[tuple[Value, Index]]:
        """Return the stored values that an operation reads, each with the index at which it does, or () for whole."""
        if id(operation) not in self._reads:
            found: list[tuple[Value, Index]] = []

            def load(value: Value, index: Index) -> str:
                if self.is_inlined(value):
                    return read(value.operation, index, load)  # type: ignore[arg-type]
                found.append((value, index))
                return "0"

            if is_product(operation):
                found += [(factor(value).stored, ()) for value in operation.inputs]
            elif is_loop(operation):
                index = names(self.space(operation))
                if is_view(operation):
                    read(operation, index, load)
                for value in operation.inputs if not is_view(operation) else ():
                    load(value, broadcast(index, value.shape, self.space(operation)))
            else:
                found += [(self.behind(value), ()) for value in operation.inputs]
            self._reads[id(operation)] = found
        return self._reads[id(operation)]

    def behind(self, value: Value) -> Value:
        """Return the stored value behind what an operation's own kernel reads."""
        while self.is_inlined(value) and value.operation:
            value = value.operation.inputs[0]
        return value

    def moments(self) -> Iterator[Moment]:
        """Yield the operations in the order in which they are done."""
        number = 0
        for step in self.steps:
            number += 1
            for unit in step.units if isinstance(step, Region) else [step]:
                number += not (isinstance(step, Region) and step.is_shared)
                for operation in operations_of(unit):
                    yield Moment(number, unit, operation, self.reads(operation))

    # ── the order ───────────────────────────────────────────────────────────────────────────────────────

    def _scheduled(self, operations: list[Operation]) -> list[Step]:
        """Put operations in an order that makes regions large; none comes before what it reads."""
        steps: list[Step] = []
        done = {value.id for value in self.graph.values if value.operation is None}
        remaining = operations
        while remaining:
            first = remaining[0]
            if is_weak(first.output):
                steps.append(Numbers(first))
                taken = [first]
            elif not (is_product(first) or is_loop(first)):
                steps.append(Call(first))
                taken = [first]
            else:
                rows = self._rows(first)
                taken = self._region(remaining, rows, done)
                steps.append(Region(rows, self._units(taken)))
            done.update(op.output.id for op in taken)
            chosen = set(map(id, taken))
            remaining = [op for op in remaining if id(op) not in chosen]
        return steps

    def _rows(self, operation: Operation) -> int | None:
        """Return into how many rows an operation can be split that do not need each other; None if it cannot."""
        space = self.space(operation)
        if not space or (is_reduction(operation) and 0 in reduced_axes(operation)):
            return None
        return space[0]

    def _region(self, operations: list[Operation], rows: int | None, done: set[int]) -> list[Operation]:
        """Return the operations, of those left, that can be done together, row by row."""
        inside: set[int] = set()
        taken = []
        for operation in operations:
            if is_weak(operation.output) or not (is_product(operation) or is_loop(operation)):
                continue
            if self._rows(operation) != rows:
                continue
            reads = self.reads(operation)
            if all(v.id in done or (v.id in inside and self._is_aligned(operation, v, i, rows)) for v, i in reads):
                inside.add(operation.output.id)
                taken.append(operation)
        return taken

    def _is_aligned(self, operation: Operation, value: Value, index: Index, rows: int | None) -> bool:
        """Whether each row of an operation reads only the same row of a value that its region makes."""
        if rows is None:
            return True
        if is_product(operation):
            a, b = map(factor, operation.inputs)
            return value is a.stored and value is not b.stored and not a.transposed and value.shape == a.shape
        return bool(index) and index[0] == "i0" and value.shape[0] == rows

    def _units(self, operations: list[Operation]) -> list[Loop | Product]:
        """Fuse operations into loops as long as they go over the same space, element by element."""
        units: list[Loop | Product] = []
        loop: Loop | None = None
        for operation in operations:
            if is_product(operation):
                units.append(Product(operation))
                loop = None
                continue
            if loop is None or not self._fits(operation, loop):
                loop = Loop(self.space(operation))
                units.append(loop)
            loop.operations.append(operation)
        return units

    def _fits(self, operation: Operation, loop: Loop) -> bool:
        """Whether an operation can join a loop: it reads what the loop makes at the element where the loop stands."""
        if self.space(operation) != loop.space:
            return False
        made = {op.output.id: op for op in loop.operations}
        return all(
            value.id not in made or (index == names(loop.space) and not is_reduction(made[value.id]))
            for value, index in self.reads(operation)
        )

    def _merged(self, steps: list[Step]) -> list[Step]:
        """Make one region of regions that follow each other and are not worth sharing."""
        merged: list[Step] = []
        for step in steps:
            last = merged[-1] if merged else None
            if isinstance(step, Region) and isinstance(last, Region) and not step.is_shared and not last.is_shared:
                last.rows = None
                last.units += step.units
            else:
                merged.append(step)
        for step in merged:
            if isinstance(step, Region):
                step.units = self._units([op for unit in step.units for op in operations_of(unit)])
        return merged

    # ── what is kept ────────────────────────────────────────────────────────────────────────────────────

    def _stored(self) -> set[int]:
        """Return the ids of the results that need memory: those that are read outside of the loop that makes them."""
        stored = {value.id for value in needed(self.graph)}
        for step in self.steps:
            for unit in step.units if isinstance(step, Region) else [step]:
                operations = operations_of(unit)
                own = {op.output.id for op in operations if not is_reduction(op)} if isinstance(unit, Loop) else set()
                stored |= {op.output.id for op in operations if not isinstance(unit, Loop) or is_reduction(op)}
                stored |= {value.id for op in operations for value, _ in self.reads(op) if value.id not in own}
        return stored


def operations_of(unit: Loop | Product | Call | Numbers) -> list[Operation]:
    """Return the operations that a unit does, in order."""
    return unit.operations if isinstance(unit, Loop) else [unit.operation]


def names(space: tuple[int, ...]) -> Index:
    """Return the names of a loop's counters."""
    return tuple(f"i{axis}" for axis in range(len(space)))


def is_reduction(operation: Operation) -> bool:
    """Whether an operation is a reduction that a loop can do."""
    (a, *_), out = operation.inputs or (operation.output,), operation.output
    return operation.primitive.name in REDUCTIONS and a.dtype == out.dtype and out.dtype.name in FLOATS


def reduced_axes(operation: Operation) -> tuple[int, ...]:
    """Return the axes that a reduction sums up, in order."""
    ndim = len(operation.inputs[0].shape)
    if operation.primitive.name == "sum_to":
        shape = operation.attributes["shape"]
        added = ndim - len(shape)
        stretched = (added + i for i, n in enumerate(shape) if n == 1 and operation.inputs[0].shape[added + i] != 1)
        return (*range(added), *stretched)
    axis = operation.attributes["axis"]
    return tuple(range(ndim)) if axis is None else tuple(sorted(normalize_axis_tuple(axis, ndim)))


def is_product(operation: Operation) -> bool:
    """Whether an operation is a product of two matrices, of a type that the kernels know."""
    values = (*operation.inputs, operation.output)
    alike = len({v.dtype for v in values}) == 1 and values[0].dtype.name in FLOATS
    matrices = all(len(v.shape) == 2 and 0 not in v.shape for v in values)
    return operation.primitive.name == "matmul" and alike and matrices


def is_loop(operation: Operation) -> bool:
    """Whether an operation can be done in a loop."""
    if any(0 in value.shape for value in (operation.output, *operation.inputs)):
        return False
    known = operation.output.dtype.name in (*FLOATS, "bool")
    return is_elementwise(operation) or is_reduction(operation) or (is_view(operation) and known)


def _materialised(graph: Graph) -> set[int]:
    """Return the ids of the views that cannot be read through: something needs them as arrays."""
    wanted = {value.id for value in needed(graph)}
    for operation in graph:
        if is_product(operation):
            wanted |= {factor(v).stored.id for v in operation.inputs}
        elif not is_loop(operation):
            wanted |= {_behind_free_views(v).id for v in operation.inputs}
        if operation.primitive.name == "sliding_windows":  # what they overlap on is read more than once
            wanted |= {v.id for v in operation.inputs if v.operation and not is_free(v.operation)}
        if is_view(operation) and (0 in operation.output.shape or 0 in operation.inputs[0].shape):
            wanted.add(operation.output.id)
    return {id_ for id_ in wanted if (op := graph.values[id_].operation) and is_view(op)}


class Factor(NamedTuple):
    """A factor of a product: a stored value, the matrix that its numbers are read as, and whether transposed."""

    stored: Value
    shape: tuple[int, ...]
    transposed: bool


def factor(value: Value) -> Factor:
    """Return what has to be stored for a factor of a product: an array need not be transposed or reshaped for it."""
    transposed = False
    while (made_by := value.operation) and made_by.primitive.name == "matrix_transpose":
        value, transposed = made_by.inputs[0], not transposed
    shape = value.shape
    while (made_by := value.operation) and made_by.primitive.name == "reshape" and made_by.inputs[0].shape:
        (value,) = made_by.inputs
    return Factor(value, shape, transposed)


def _behind_free_views(value: Value) -> Value:
    """Return the value of which NumPy makes a view for an operation's own kernel."""
    while value.operation and is_free(value.operation):
        value = value.operation.inputs[0]
    return value


def _work(unit: Loop | Product) -> int:
    if isinstance(unit, Loop):
        return prod(unit.space) * len(unit.operations) * WORK_OF_AN_ELEMENT
    (m, k), n = unit.operation.inputs[0].shape, unit.operation.output.shape[1]
    return m * k * n

