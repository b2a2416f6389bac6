"""What of a graph a picture shows: the operations of the forward pass, and the way that gradients take through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autodiff import Tensor, tape
from autodiff.explain.formula import formula
from autodiff.graph import Graph, Operation, Value
from autodiff.recording import recording
from autodiff.tape import Array, Primitive, shape_of

MOST_RULES = 6
"""As many rules are read of an operation of very many operands, which has one and the same for all."""


@dataclass(frozen=True)
class Rule:
    """The rule of one operand of an operation."""

    formula: str
    reads: frozenset[int]
    """The ids of the values that it computes with: they are kept from the forward pass."""
    shape: tuple[int, ...]
    """Of what it gives; broadcasting is undone after it."""


@dataclass(eq=False)
class Reading:
    """A graph as it is drawn."""

    graph: Graph
    operations: list[Operation]
    values: list[Value]
    outputs: list[Value]
    rules: dict[tuple[int, int], Rule] = field(default_factory=dict)
    """By the id of an operation's output, and the number of the operand."""
    smooth: set[tuple[int, int]] = field(default_factory=set)
    """Those that have a rule, by the same key; `rules` has the first few of an operation of very many."""
    wanted: set[int] = field(default_factory=set)
    """The ids of the values whose gradients are on the way from the output to a parameter."""
    saved: set[int] = field(default_factory=set)
    """The ids of the values that the rules on this way compute with."""

    @classmethod
    def of(cls, graph: Graph) -> Reading:
        """Read the forward pass, its rules, and which gradients are wanted."""
        operations = graph.in_pass("forward")
        used = {value.id: value for operation in operations for value in (*operation.inputs, operation.output)}
        used |= {value.id: value for value in graph.outputs if value.operation is None}
        inner = {value.id for operation in operations for value in operation.inputs}
        outputs = [value for value in graph.outputs if value.id in used]
        outputs = outputs or [operation.output for operation in operations if operation.output.id not in inner]
        reading = cls(graph, operations, [used[key] for key in sorted(used)], outputs)
        reading.smooth = {
            (operation.output.id, index)
            for operation in operations
            for index, rule in enumerate(operation.primitive.rules_of(operation.inputs))
            if rule
        }
        reading.rules = {
            (operation.output.id, index): rule
            for operation in operations
            for index in range(min(len(operation.inputs), MOST_RULES))
            if (rule := _rule(operation, index))
        }
        reading._follow_gradients()
        return reading

    def asks(self, operation: Operation, index: int) -> bool:
        """Whether the backward pass runs the rule of an operand."""
        key = operation.output.id
        return key in self.wanted and operation.inputs[index].id in self.wanted and (key, index) in self.smooth

    def _follow_gradients(self) -> None:
        """Find what lies between a leaf that wants a gradient and the output."""
        wanting = {v.id for v in self.values if v.kind == "parameter" or (v.kind != "result" and v.cotangent)}
        for operation in self.operations:
            key = operation.output.id
            if operation.output.dtype.kind == "f" and any(
                value.id in wanting and (key, index) in self.smooth for index, value in enumerate(operation.inputs)
            ):
                wanting.add(key)
        leading = {value.id for value in self.outputs}
        for operation in reversed(self.operations):
            if operation.output.id in leading:
                leading.update(value.id for value in operation.inputs)
        self.wanted = wanting & leading
        for operation in self.operations:
            for index in range(len(operation.inputs)):
                if self.asks(operation, index) and (rule := self.rules.get((operation.output.id, index))):
                    self.saved |= rule.reads


class _Reads(tape.Watcher):
    """Notes which arrays are computed with."""

    def __init__(self) -> None:
        self.ids: set[int] = set()

    def operation(
        self, primitive: Primitive, operands: tuple[Array, ...], attributes: dict[str, Any], result: Array
    ) -> None:
        self.ids.update(map(id, operands))


def _rule(operation: Operation, index: int) -> Rule | None:
    """Run the rule of an operand to see what it does; None if there is none."""
    primitive, attributes = operation.primitive, operation.attributes
    rule = primitive.rules_of(operation.inputs)[index]
    if rule is None:
        return None
    out = Tensor.of(np.asarray(operation.output.data))
    operands = [Tensor.of(v.data) if isinstance(v.data, np.ndarray) else v.data for v in operation.inputs]
    reads = _Reads()
    try:
        text = formula(primitive, operands, attributes, out, index)
        with recording(False), tape.watching(reads), np.errstate(all="ignore"):
            cotangent = Tensor.of(np.ones_like(out.data))
            result = rule(cotangent, out, *((tuple(operands),) if primitive.rule_for else operands), **attributes)
    except Exception:  # a rule that cannot be run by itself is still drawn
        return Rule("a rule that cannot be written down", frozenset(), operation.inputs[index].shape)
    read = {id(result), *reads.ids}
    kept: Sequence[tuple[Array, Value]] = [*zip(operands, operation.inputs, strict=True), (out, operation.output)]
    return Rule(
        text,
        frozenset(value.id for array, value in kept if isinstance(array, Tensor) and id(array) in read),
        shape_of(result),
    )
