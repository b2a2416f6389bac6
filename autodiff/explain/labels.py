"""What each value of a graph is called where all are shown, in pictures: what the equations call it.

The equations need no name for what is used once. Such a value is called by what they write in its place, X·W1, if that
is short, and else by its operation, with a number if there are several, reshape2. Its cotangent is d(X·W1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from autodiff.explain.formula import Rule, Symbols
from autodiff.explain.names import Name, clean, names_of
from autodiff.explain.notation import reading
from autodiff.explain.writing import Part, pieces, write, write_leaf
from autodiff.graph import Graph, Operation, Value

LONGEST = 16
"""The most characters that what is written in a value's place may have to be its label."""


class Labels:
    """The labels of a graph's values, by their ids: those of all values, and those of their cotangents.

    A cotangent that several values share, since a rule only passed it on, is itself called after one of them.
    """

    def __init__(self, graph: Graph) -> None:
        names = names_of(graph)
        self._names = {value.id: name for name, value in reversed(names.aliases)} | names.of
        self._gradients = names.gradients
        self._owners = _owners(graph, names.of)
        written = Counter(part.text for part in self._expressions(graph).values())
        self._parts = self._expressions(graph, {text for text, count in written.items() if count > 1})
        self._number(graph)
        self.of = {id: part.text for id, part in self._parts.items()}
        self.gradient = {
            value.id: self._differential(value, self._parts) for value in graph.values if value.cotangent is not None
        }

    def given(self, value: Value) -> str | None:
        """Return the name that a value came with, if its label shows another: a formula has no room for any name."""
        shown = self._names.get(value.id)
        return value.name if value.name and not (shown and shown.base == value.name) else None

    def write(self, operation: Operation) -> tuple[list[str | int], list[str]]:
        """Write what an operation does, and its operands; see `writing.pieces`."""
        return pieces(operation, self._part)

    def write_rule(self, rule: Rule, operation: Operation, index: int) -> str:
        """Write an operation's rule for an operand: `dW1 = Xᵀ·dZ1`."""
        result, operands = operation.output, [self._part(value) for value in operation.inputs]
        assert result.cotangent is not None
        gradient = self.gradient[operation.inputs[index].id]
        return rule.write(Symbols(operands, self._part(result), self._part(result.cotangent), gradient))

    def _part(self, value: Value) -> Part:
        return self._parts[value.id]

    def _expressions(self, graph: Graph, ambiguous: Collection[str] = ()) -> dict[int, Part]:
        """Return how values are written that have a name, are numbers, or are short to write out of such values.

        What is ambiguous is left out where it matters, since the values' gradients differ.
        """
        parts: dict[int, Part] = {}
        for value in graph.values:
            operation, owner = value.operation, self._owners.get(value.id)
            if name := self._names.get(value.id):
                parts[value.id] = Part(str(name))
            elif owner and owner.id in parts:
                parts[value.id] = Part(self._differential(owner, parts))
            elif operation is None:
                parts[value.id] = write_leaf(value.data)
            elif all(part.id in parts for part in reading(operation)[1]):
                part = write(operation, _within(parts))
                if len(part.text) <= LONGEST and not (value.cotangent and part.text in ambiguous):
                    parts[value.id] = part
        return parts

    def _number(self, graph: Graph) -> None:
        """Call what is left by its operation, and by a number if there are several; and its cotangent after it."""
        left = [value for value in graph.values if value.id not in self._parts]
        kinds = {v.id: _kind(v.operation) for v in left if v.operation and not self._is_derived(v)}
        count = Counter(kinds.values())
        seen: Counter[str] = Counter()
        for value in left:
            if kind := kinds.get(value.id):
                seen[kind] += 1
                self._parts[value.id] = Part(str(Name(kind, seen[kind] if count[kind] > 1 else None)))
            else:
                self._parts[value.id] = Part(self._differential(self._owners[value.id], self._parts))

    def _differential(self, value: Value, parts: dict[int, Part]) -> str:
        """Return what the cotangent of a value is called."""
        name = self._gradients.get(value.id)
        return str(name) if name else f"d({parts[value.id].text})"

    def _is_derived(self, value: Value) -> bool:
        """Whether a value is a cotangent of one that was there before it."""
        owner = self._owners.get(value.id)
        return owner is not None and owner.id < value.id


def _kind(operation: Operation) -> str:
    return clean(operation.primitive.name) or "operation"


def _within(parts: dict[int, Part]) -> Callable[[Value], Part]:
    return lambda value: parts[value.id]


def _owners(graph: Graph, named: Collection[int]) -> dict[int, Value]:
    """Return whose cotangent each value is that is one: of several owners one with a name, and the youngest result."""
    owners: dict[int, Value] = {}

    def rank(owner: Value) -> tuple[bool, bool, int]:
        return owner.id in named, owner.operation is not None, owner.id

    for value in graph.values:
        if value.cotangent is not None:
            known = owners.get(value.cotangent.id)
            owners[value.cotangent.id] = value if known is None else max(known, value, key=rank)
    return owners
