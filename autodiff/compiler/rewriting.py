"""What the passes share: a graph is never changed, but written anew, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autodiff.graph import Graph, Operation, Value
from autodiff.tape import Array, Primitive, registry

Rewrite = Callable[["Rewriter", Operation, tuple[Value, ...]], Value | None]
"""Given an operation and its inputs in the new graph, return the value that stands for its result there; None keeps
the operation as it is."""


class Rewriter:
    """Writes a graph anew. Leaves are carried over; what an operation becomes, a `Rewrite` says."""

    def __init__(self, graph: Graph) -> None:
        self.graph = Graph(modules=graph.modules)
        self._old = graph
        self._new: dict[int, Value] = {}
        self._made: dict[tuple[str, int], Value] = {}

    def run(self, rewrite: Rewrite, only: Iterable[Operation] | None = None) -> Graph:
        """Return the graph in which each operation, or only some, is what `rewrite` makes of it."""
        for operation in self._old if only is None else only:
            inputs = tuple(self.value(v) for v in operation.inputs)
            self._current = operation
            self._new[id(operation.output)] = rewrite(self, operation, inputs) or self.keep(operation, inputs)
        self.graph.outputs = [self.value(v) for v in self._old.outputs]
        self.graph.assignments = [(self.value(v), self.value(new)) for v, new in self._old.assignments]
        return self.graph

    def value(self, old: Value) -> Value:
        """Return the value of the new graph that stands for one of the old."""
        if id(old) not in self._new:
            self._new[id(old)] = self._add(Value(0, old.kind, old.data, old.name, old.path, origin=old.origin or old))
        return self._new[id(old)]

    def keep(self, operation: Operation, inputs: tuple[Value, ...]) -> Value:
        """Write an operation as it was."""
        return self._write(operation, operation.primitive, inputs, operation.attributes, operation.output.data)

    def do(self, name: str, *inputs: Value | Array, **attributes: Any) -> Value:
        """Write another operation in the place of the current one; its numbers are computed: they tell the shape."""
        return self.write(registry[name], *inputs, **attributes)

    def write(self, primitive: Primitive, *inputs: Value | Array, **attributes: Any) -> Value:
        """Do the same with a primitive that is not in the registry."""
        values = tuple(v if isinstance(v, Value) else self.constant(v) for v in inputs)
        with np.errstate(all="ignore"):
            data = primitive.kernel(*(v.data for v in values), **attributes)
        return self._write(self._current, primitive, values, attributes, np.asarray(data))

    def find(self, name: str, operand: Value) -> Value | None:
        """Return what an operation of one operand and no attributes has given for a value of the new graph."""
        return self._made.get((name, operand.id))

    def constant(self, number: Array) -> Value:
        """Write a constant."""
        return self._add(Value(0, "constant", number))

    def _write(
        self, like: Operation, primitive: Any, inputs: tuple[Value, ...], attributes: dict[str, Any], data: Array
    ) -> Value:
        old = like.output
        output = self._add(Value(0, "result", data, old.name, origin=old.origin or old))
        output.operation = Operation(
            primitive, inputs, attributes, output, like.during, like.place, like.scope, like.differentiates
        )
        self.graph.operations.append(output.operation)
        if len(inputs) == 1 and not attributes:
            self._made[primitive.name, inputs[0].id] = output
        return output

    def _add(self, value: Value) -> Value:
        value.id = len(self.graph.values)
        self.graph.values.append(value)
        return value


def rewritten(graph: Graph, rewrite: Rewrite) -> Graph:
    """Return a graph in which each operation is what `rewrite` makes of it."""
    return Rewriter(graph).run(rewrite)


def uses(graph: Graph) -> dict[int, list[Operation]]:
    """Return the operations that read each value, by the value's id."""
    found: dict[int, list[Operation]] = {value.id: [] for value in graph.values}
    for operation in graph:
        for value in operation.inputs:
            found[value.id].append(operation)
    return found


def needed(graph: Graph) -> Iterable[Value]:
    """Yield the values for whose sake the graph is computed: its outputs, and what is assigned."""
    yield from graph.outputs
    for _, new in graph.assignments:
        yield new


def is_number(value: Value, number: float | None = None) -> bool:
    """Whether a value is a constant without axes; and that number, if one is given."""
    return value.kind == "constant" and np.ndim(value.data) == 0 and (number is None or bool(value.data == number))
