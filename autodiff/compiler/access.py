"""Access: which stored values each operation reads, and where, when loops read through the views between them."""

from __future__ import annotations

from typing import NamedTuple

from autodiff.compiler.rewriting import needed
from autodiff.compiler.units import axis_of, is_in_place, is_loop, is_partial, is_product, names, space_of
from autodiff.compiler.views import Index, broadcast, is_free, is_view, read
from autodiff.graph import Graph, Operation, Value


class Access:
    """What the operations of a graph read.

    Attributes:
        operations: those that compute something; views that loops read through are none of them.
    """

    def __init__(self, graph: Graph) -> None:
        self._materialised = _materialised(graph)
        self._reads: dict[int, list[tuple[Value, Index]]] = {}
        self.operations = [operation for operation in graph if not self.is_inlined(operation.output)]

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

    def is_aligned(self, operation: Operation, value: Value, index: Index) -> bool:
        """Whether each row of an operation reads only the same row of a result: no thread then waits for another."""
        maker = value.operation
        if maker is None or not (is_loop(maker) or is_product(maker)) or is_partial(maker) or is_partial(operation):
            return False
        axis = axis_of(operation)
        if axis is None or axis_of(maker) is None:
            return axis is axis_of(maker)
        if is_product(operation):
            found = factors(operation)
            rows = found[0] if operation.primitive.name == "matmul" else found[1]
            is_alone = sum(factor.stored is value for factor in found) == 1
            same = value.shape[0] == operation.output.shape[0]
            return rows.stored is value and is_alone and same and not rows.transposed
        return index[0] == f"i{axis}" and value.shape[0] == operation.output.shape[0]

    def _read(self, operation: Operation) -> list[tuple[Value, Index]]:
        if is_product(operation):
            return [(factor.stored, ()) for factor in factors(operation)]
        if not is_loop(operation):
            return [(self.behind(value), ()) for value in operation.inputs]
        found: list[tuple[Value, Index]] = []

        def load(value: Value, index: Index) -> str:
            if self.is_inlined(value):
                return read(value.operation, index, load)  # type: ignore[arg-type]
            found.append((value, index))
            return "0"

        space = space_of(operation)
        if is_view(operation) and is_in_place(operation):
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
            wanted |= {factor.stored.id for factor in factors(operation)}
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


def factors(operation: Operation) -> list[Factor]:
    """Return what has to be stored for a product."""
    return [factor(value) for value in operation.inputs]


def factor(value: Value) -> Factor:
    """Return what has to be stored for a factor of a product: an array need not be transposed or reshaped for it."""
    transposed = False
    while (made_by := value.operation) and made_by.primitive.name == "matrix_transpose" and len(value.shape) == 2:
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
