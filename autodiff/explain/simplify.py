"""Bring a graph to the form of textbooks: build it again, each operation rewritten by the rules in `rewrites`.

The graph is built from its beginning to its end, so that a rule always finds the operands in their final form, and
what is computed twice is built once. A rule looks only into what will stand on the same line: values that have a name,
and gradients that are used more than once, are symbols to it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, TypeVar

import numpy as np

from autodiff import ops
from autodiff.explain.literals import frozen
from autodiff.explain.rewrites import RULES
from autodiff.explain.rewrites.rule import ELEMENTWISE
from autodiff.graph import Graph, Operation, Value
from autodiff.tape import Array, Primitive, registry

AnyGraph = TypeVar("AnyGraph", bound=Graph)

DEEPEST = 40
"""How deep rules may call on one another: a chain of operations, however long, shall not exhaust Python's stack."""

USUAL_NAMES = {"softmax": "A", "one_hot": "Y"}
"""What mathematics calls results that rules introduce; they are computed with the forward pass."""

PRIMITIVES = {name: p for name, p in registry.items() if p.kernel.__module__.startswith(ops.__name__)}
"""The engine's own, of which the rules are true; somebody else's may have the same name."""


def simplify(graph: AnyGraph) -> AnyGraph:
    """Return a graph of the same values in fewer and more familiar operations.

    Outputs, gradients of leaves, updates and all that has a name are kept, if not bit for bit, then up to rounding.
    What contributes to none of these is dropped. The batch size has the name m where a mean divides by it.
    """
    builder = Builder()
    symbols, sizes, updated = _symbols(graph), _batch_sizes(graph), {old.id for old, _ in graph.assignments}
    new = {v.id: builder.leaf(v, v.id in updated) for v in graph.values if v.operation is None}
    with np.errstate(all="ignore"):
        for operation in graph:
            inputs = [new[value.id] for value in operation.inputs]
            if id(operation) in sizes:
                inputs[1] = builder.number(inputs[1].data, is_size=True)
            result = builder.rebuild(operation, tuple(inputs))
            result.origin = result.origin or operation.output
            if operation.output.id in symbols and result.operation:
                builder.symbols.add(result.id)
                result.name = result.name or operation.output.name
            new[operation.output.id] = result
    return _assembled(graph, new, symbols, builder)


class Builder:
    """What builds operations, each rewritten at once; see `rewrites.rule.Builder`."""

    def __init__(self) -> None:
        self.symbols: set[int] = set()
        """The ids of values that rules do not look into."""
        self.moments: dict[int, int] = {}
        """By a value's id the place, in the old graph, of the operation for whose sake it is computed."""
        self._old: list[Operation] = []
        self._built: dict[Any, Value] = {}
        """What there is, by all that defines it."""
        self._sizes: set[int] = set()
        self._depth = 0

    # ── what rules see ──────────────────────────────────────────────────────────────────────────────────

    def __call__(self, name: str, *inputs: Value, **attributes: Any) -> Value:
        """Build an operation of the engine."""
        count = len(self.moments)
        value = self._build(PRIMITIVES[name], inputs, attributes)
        if name in USUAL_NAMES and value.id >= count:
            self._compute_early(value)
        return value

    def look(self, value: Value, *names: str) -> Operation | None:
        """Return what made a value, if it is one of these of the engine's primitives and the value is no symbol."""
        operation = value.operation
        if operation is None or value.id in self.symbols or operation.primitive.name not in names:
            return None
        return operation if _is_engines(operation.primitive) else None

    def number(self, number: Array, is_size: bool = False) -> Value:
        """Return a constant. The size of a batch has a name."""
        number = np.asarray(number) if isinstance(number, np.generic) else number
        key = frozen(number), is_size
        if key not in self._built:
            self._built[key] = self._add(Value(0, "constant", number, "m" if is_size and number > 0 else None))
            self._sizes |= {self._built[key].id} if is_size else set()
        return self._built[key]

    def opposite(self, number: Value) -> Value:
        """Return a constant of the opposite sign; of the size of a batch, too."""
        return self.number(-number.data, number.id in self._sizes)

    # ── what the simplification sees ────────────────────────────────────────────────────────────────────

    def leaf(self, old: Value, is_updated: bool) -> Value:
        """Take over a leaf. A number that has a gradient, or is updated, is none to the rules."""
        is_variable = is_updated or old.cotangent is not None
        if old.kind == "constant" and old.shape == () and not old.name and not is_variable:
            return self.number(old.data)
        kind = "parameter" if is_variable and old.kind == "constant" else old.kind
        return self._add(Value(0, kind, old.data, old.name, old.path, origin=old))

    def rebuild(self, old: Operation, inputs: tuple[Value, ...]) -> Value:
        """Take over an operation, on inputs that may have been rewritten."""
        self._old.append(old)
        is_same = all(new.data is value.data for new, value in zip(inputs, old.inputs, strict=True))
        return self._build(old.primitive, inputs, old.attributes, old.output.data if is_same else None)

    def _build(
        self, primitive: Primitive, inputs: tuple[Value, ...], attributes: dict[str, Any], data: Array = None
    ) -> Value:
        key = (primitive, *(value.id for value in inputs), frozen(attributes))
        if key not in self._built:
            if data is None:
                data = np.asarray(primitive.kernel(*(value.data for value in inputs), **attributes))
            value = self._add(Value(0, "result", data))
            old = self._old[-1]
            value.operation = Operation(primitive, inputs, attributes, value, old.during, old.place, old.scope)
            self._built[key] = self._rewritten(value.operation)
        return self._built[key]

    def _rewritten(self, operation: Operation) -> Value:
        """Return what the first rule that applies makes of an operation, or else its own output."""
        output = operation.output
        if self._depth == DEEPEST or output.dtype.kind != "f" or not _is_engines(operation.primitive):
            return output
        self._depth += 1
        for rule in RULES:
            value = rule(operation, self)
            if value is not None and value.shape == output.shape and value.dtype == output.dtype:
                output = value
                break
        self._depth -= 1
        return output

    def _add(self, value: Value) -> Value:
        value.id = len(self.moments)
        self.moments[value.id] = len(self._old) - 1
        return value

    def _compute_early(self, value: Value) -> None:
        """Let a value that has a usual name be computed as soon as its operands are."""
        operation = value.operation
        if operation is None:
            return
        before = operation.inputs[0]
        value.name = USUAL_NAMES[operation.primitive.name]
        self.moments[value.id] = self.moments[before.id] if before.operation else -1
        with_it = before.operation or self._old[0]
        operation.during, operation.place = with_it.during, with_it.place
        operation.scope = before.operation.scope if before.operation else ""


def _is_engines(primitive: Primitive) -> bool:
    return PRIMITIVES.get(primitive.name) is primitive


def _symbols(graph: Graph) -> set[int]:
    """Return the ids of the values that are symbols to the rules, since they will have lines of their own.

    These are the results that have a name, and the gradients of leaves and of updates. The gradient of another value is
    one if it is used more than once, and that of a value with a name unless all that is done with it is to multiply it,
    element by element: dA2 then stands within dZ2. A gradient that is one number for all elements is none.
    """
    users = defaultdict(list)
    for operation in graph:
        for value in operation.inputs:
            users[value.id].append(operation.primitive.name)
    symbols = {value.id for value in graph.values if value.operation and value.name}
    updates = {value.id for _, value in graph.assignments}
    for owner in graph.values:
        gradient = owner.cotangent
        if gradient is None or gradient.operation is None:
            continue
        used = users[gradient.id]
        is_step = len(used) == 1 and used[0] in ELEMENTWISE
        is_term = not _is_spread(gradient.operation) and (len(used) > 1 or (owner.name is not None and not is_step))
        if owner.operation is None or owner.id in updates or is_term:
            symbols.add(gradient.id)
    return symbols


def _is_spread(operation: Operation) -> bool:
    """Whether the result of an operation is a single number, or one that is repeated."""
    is_repeated = operation.primitive is PRIMITIVES["broadcast_to"] and operation.inputs[0].shape == ()
    return is_repeated or operation.output.shape == ()


def _batch_sizes(graph: Graph) -> set[int]:
    """Return the ids of the operations that divide by the size of the batch: means over it, and their derivatives.

    The size of the batch is the length of an input's first axis. A mean divides a sum by how many were summed up.
    """
    sizes = {value.shape[0] for value in graph.of_kind("input") if value.shape}
    means: set[int] = set()
    for operation in graph:
        if operation.primitive is not PRIMITIVES["divide"]:
            continue
        total, count = operation.inputs
        if operation.differentiates and id(operation.differentiates[0]) in means:
            if count is operation.differentiates[0].inputs[1]:
                means.add(id(operation))
        elif type(count.data) is int and abs(count.data) in sizes and _is_sum_of(total, abs(count.data)):
            means.add(id(operation))
    return means


def _is_sum_of(value: Value, count: int) -> bool:
    """Whether each element of a value is the sum of so many."""
    made = value.operation
    if made is None or made.primitive is not PRIMITIVES["sum"]:
        return False
    return count * np.size(value.data) == np.size(made.inputs[0].data)


def _assembled(old: AnyGraph, new: dict[int, Value], symbols: set[int], builder: Builder) -> AnyGraph:
    """Return the graph of what is needed of all that was built."""
    graph = type(old)(modules=dict(old.modules))
    new |= _tied(old, new, symbols)
    graph.outputs = [new[value.id] for value in old.outputs]
    graph.assignments = [(new[before.id], new[after.id]) for before, after in old.assignments]
    named = [new[value.id] for value in old.values if value.operation and value.name]
    gradients = [new[v.cotangent.id] for v in old.values if v.cotangent and v.operation is None]
    wanted = [*graph.outputs, *(after for _, after in graph.assignments), *named, *gradients]
    needed = _needed(wanted)
    graph.operations = sorted(needed.values(), key=lambda x: (builder.moments[x.output.id], x.output.id))
    leaves = [new[value.id] for value in old.values if value.kind in ("input", "parameter")]
    others = [value for operation in graph for value in (*operation.inputs, operation.output)]
    for value in others:
        if value.cotangent and value.cotangent.operation and id(value.cotangent.operation) not in needed:
            value.cotangent = None
    ends = [value.cotangent for value in (*leaves, *others) if value.cotangent]
    graph.values = list({id(value): value for value in (*leaves, *others, *wanted, *ends)}.values())
    for i, value in enumerate(graph.values):
        value.id = i
    return graph


def _tied(old: Graph, new: dict[int, Value], symbols: set[int]) -> dict[int, Value]:
    """Tie new values to their cotangents, where these have lines of their own; return those that are numbers.

    A number may stand elsewhere, too, and is no gradient there: it is copied.
    """
    copies: dict[int, Value] = {}
    owners = defaultdict(list)
    for value in old.values:
        if value.cotangent and (value.operation is None or new[value.id].operation):
            owners[new[value.id].id].append(value)
    for value, *twins in owners.values():
        gradient = value.cotangent
        if gradient is None or any(twin.cotangent is not gradient for twin in twins):
            continue  # it was computed twice, and each gradient is a part of the whole
        found = new[gradient.id]
        if found.kind == "constant" and found.shape == ():
            found = copies.setdefault(gradient.id, Value(0, "constant", found.data))
        if gradient.operation is None or gradient.id in symbols:
            new[value.id].cotangent = found
    return copies


def _needed(wanted: list[Value]) -> dict[int, Operation]:
    """Return the operations that lead to the values wanted, by their identity."""
    found: dict[int, Operation] = {}
    pending = [value.operation for value in wanted if value.operation]
    while pending:
        operation = pending.pop()
        if id(operation) not in found:
            found[id(operation)] = operation
            pending += [value.operation for value in operation.inputs if value.operation]
    return found
