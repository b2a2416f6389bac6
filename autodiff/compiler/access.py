"""Access: which stored values each operation reads, and where, when loops read through the views between them."""

from __future__ import annotations

from autodiff.compiler.rewriting import needed
from autodiff.compiler.units import axis_of, is_loop, is_product, names, space_of
from autodiff.compiler.views import Index, broadcast, is_view, read
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

    def factor(self, value: Value) -> tuple[Value, bool]:
        """Return the stored matrix behind a factor of a product, and whether it is transposed."""
        transposed = False
        while self.is_inlined(value) and value.operation:
            value, transposed = value.operation.inputs[0], not transposed
        return value, transposed

    def is_aligned(self, operation: Operation, value: Value, index: Index) -> bool:
        """Whether each row of an operation reads only the same row of a value: no thread then waits for another."""
        axis = axis_of(operation)
        if axis is None:
            return value.operation is not None and axis_of(value.operation) is None
        if value.shape[:1] != operation.output.shape[:1]:
            return False
        if is_product(operation):
            (a, a_transposed), (b, _) = map(self.factor, operation.inputs)
            return value is a and value is not b and not a_transposed
        return index[0] == f"i{axis}"

    def _read(self, operation: Operation) -> list[tuple[Value, Index]]:
        if is_product(operation):
            return [(self.factor(value)[0], ()) for value in operation.inputs]
        if not is_loop(operation):
            return [(value, ()) for value in operation.inputs]
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
    wanted = {value.id for value in needed(graph) if value.operation and is_view(value.operation)}
    for operation in graph:
        if is_product(operation):
            wanted |= {v.id for v in operation.inputs if not _is_transpose(v)}
        elif not is_loop(operation):
            wanted |= {v.id for v in operation.inputs}
        if is_view(operation) and (0 in operation.output.shape or 0 in operation.inputs[0].shape):
            wanted.add(operation.output.id)
    return {id_ for id_ in wanted if (op := graph.values[id_].operation) and is_view(op)}


def _is_transpose(value: Value) -> bool:
    """Whether a value is a matrix, or the plain transpose of one."""
    while value.operation and is_view(value.operation):
        if value.operation.primitive.name != "matrix_transpose":
            return False
        value = value.operation.inputs[0]
    return True
