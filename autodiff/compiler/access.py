"""Access: which stored values each operation reads, and where, when loops read through the views between them; and
along which axis threads share its work.

Threads usually share rows. But a parameter of the first layer is owned by columns, in its product as in its gradient
and its update: then each thread finds in its own cache the columns that it has updated itself in the step before, and
has to fetch none from the other's, which would take as long as half of the arithmetic.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autodiff.compiler.rewriting import needed
from autodiff.compiler.units import is_loop, is_product, is_reduction, names, reduced_axes, space_of
from autodiff.compiler.views import Index, broadcast, is_free, is_view, read
from autodiff.graph import Graph, Operation, Value

OWNED_FROM = 1 << 17
"""Bytes from which it pays to own the columns of a parameter."""


class Access:
    """What the operations of a graph read, and how threads share them.

    Attributes:
        operations: those that compute something; views that loops read through are none of them.
    """

    def __init__(self, graph: Graph) -> None:
        self._materialised = _materialised(graph)
        self._reads: dict[int, list[tuple[Value, Index]]] = {}
        self.operations = [operation for operation in graph if not self.is_inlined(operation.output)]
        self._owned = self._owned_by_columns(graph)
        self._owned_shapes = {value.shape for value in self._owned}
        self._axes: dict[int, int | None] = {}
        for operation in self.operations:
            self._axes[id(operation)] = self._axis(operation)

    def is_inlined(self, value: Value) -> bool:
        """Whether a value is a view that loops read through."""
        return value.operation is not None and is_view(value.operation) and value.id not in self._materialised

    def reads(self, operation: Operation) -> list[tuple[Value, Index]]:
        """Return the stored values that an operation reads, each with the index at which it does, or () for whole."""
        if id(operation) not in self._reads:
            self._reads[id(operation)] = self._read(operation)
        return self._reads[id(operation)]

    def behind(self, value: Value) -> Value:
        """Return the stored value behind what an operation's own kernel reads."""
        while self.is_inlined(value) and value.operation:
            value = value.operation.inputs[0]
        return value

    # ── who does what ───────────────────────────────────────────────────────────────────────────────────

    def axis(self, operation: Operation) -> int | None:
        """Return the axis of an operation's space that threads share; None if one thread has to do it all."""
        return self._axes[id(operation)]

    def is_aligned(self, operation: Operation, value: Value, index: Index) -> bool:
        """Whether what a thread reads of a result it has made itself: then it need not wait for the others."""
        maker = value.operation
        if maker is None or not (is_loop(maker) or is_product(maker)):
            return False
        axis, made = self.axis(operation), self.axis(maker)
        if axis is None or made is None:
            return axis is made
        made = 0 if is_reduction(maker) else made
        if is_product(operation):
            own, other = map(factor, operation.inputs if axis == 0 else operation.inputs[::-1])
            return own == Factor(value, value.shape, False) and value is not other.stored and made == axis
        return index[made] == f"i{axis}" and value.shape[made] == space_of(operation)[axis]

    def _axis(self, operation: Operation) -> int | None:
        """Choose the axis to share: rows of the result, unless columns are owned."""
        shape = operation.output.shape
        if not shape or shape[0] == 1:
            return None
        if is_product(operation):
            b = factor(operation.inputs[1])
            return int(not b.transposed and (b.stored in self._owned or shape in self._owned_shapes))
        if is_reduction(operation):
            return next(axis for axis in range(len(space_of(operation))) if axis not in reduced_axes(operation))
        alike = [value for value, _ in self.reads(operation) if value.shape == shape]
        makers = [value.operation for value in alike if value.operation]
        if makers and not is_reduction(makers[0]):
            return self._axes[id(makers[0])]
        return int(bool(alike) and not makers and shape in self._owned_shapes)

    def _owned_by_columns(self, graph: Graph) -> set[Value]:
        """Return the large matrices that are updated and are factors of one product only, on its right."""
        factors = [factor(value).stored for op in self.operations if is_product(op) for value in op.inputs]
        right = {factor(op.inputs[1]) for op in self.operations if is_product(op)}
        return {
            leaf
            for leaf, _ in graph.assignments
            if leaf.operation is None and Factor(leaf, leaf.shape, False) in right
            and np.asarray(leaf.data).nbytes >= OWNED_FROM and sum(value is leaf for value in factors) == 1
        }  # fmt: skip

    # ── what is read ────────────────────────────────────────────────────────────────────────────────────

    def _read(self, operation: Operation) -> list[tuple[Value, Index]]:
        if is_product(operation):
            return [(factor(value).stored, ()) for value in operation.inputs]
        if not is_loop(operation):
            return [(self.behind(value), ()) for value in operation.inputs]
        found: list[tuple[Value, Index]] = []

        def load(value: Value, index: Index) -> str:
            if self.is_inlined(value):
                return read(value.operation, index, load)  # type: ignore[arg-type]
            found.append((value, index))
            return "0"

        space = space_of(operation)
        if is_view(operation):
            read(operation, names(space), load)
        else:
            for value in operation.inputs:
                load(value, broadcast(names(space), value.shape, space))
        return found


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
