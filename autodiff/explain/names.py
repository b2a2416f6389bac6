"""What the values of a graph are called, and which of them are written on a line of their own.

A value that has a name (a tensor's own, or the one that a module gives to its result) keeps it, with a number where
several share it: W2 is the W of the layer that computes Z2. The cotangent of V is dV. Of the rest, what is used more
than once is t1, t2, …, and what is used once is written out where it is used, unless that would grow too long.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from autodiff.explain.notation import escaped, in_roman, is_transpose
from autodiff.graph import Graph, Operation, Value

LONGEST = 24
"""How much one line may hold: 3 for each operation, but 1 for one that only changes the shape."""

_LIGHT = {"reshape", "matrix_transpose", "permute_dims", "broadcast_to"}


class Name(NamedTuple):
    """A name in its parts: the cotangent of W2 has the base W, the number 2 and one d."""

    base: str
    number: int | None = None
    ds: int = 0
    primes: int = 0
    """How often it has been updated."""

    def __str__(self) -> str:
        joint = "_" if self.base[-1].isdigit() and self.number is not None else ""
        return f"{'d' * self.ds}{self.base}{joint}{'' if self.number is None else self.number}{'′' * self.primes}"

    def cotangent(self) -> Name:
        """Return the name of the cotangent."""
        return self._replace(ds=self.ds + 1)

    def updated(self) -> Name:
        """Return the name of what it is updated to."""
        return self._replace(primes=self.primes + 1)

    def latex(self) -> str:
        """Write the name in LaTeX, the number as an index."""
        text = "d" * self.ds + _letter(self.base)
        text += "" if self.number is None else f"_{{{self.number}}}"
        return text + "'" * self.primes


def _letter(base: str) -> str:
    """Write a name's base in LaTeX: a letter as it is, Greek by its name, words upright."""
    if len(base) == 1:
        kind, _, greek = unicodedata.name(base, "").rpartition(" LETTER ")
        if kind == "GREEK SMALL" and " " not in greek and greek != "OMICRON":
            return rf"\{greek.lower().replace('lamda', 'lambda')} "
        if base.isascii():
            return base if base.isalpha() else escaped(base)
    return in_roman(base)


@dataclass
class Names:
    """The names of a graph's values, by their ids; a value that has none is written out where it is used."""

    of: dict[int, Name] = field(default_factory=dict)
    gradients: dict[int, Name] = field(default_factory=dict)
    """What the cotangent of a named value is called, by the value's id; not always its first name, if it is shared."""
    aliases: list[tuple[Name, Value]] = field(default_factory=list)
    """Second names: of a gradient that is also another value, of an output that is also an input."""


def names_of(graph: Graph) -> Names:
    """Find names for the values of a graph."""
    return _Namer(graph).names


class _Namer:
    """The finding of names, in steps."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = Names()
        self._taken: set[str] = set()
        self._bases: dict[int, str] = {}
        self._owners: dict[int, list[Value]] = {}
        """Whose cotangent a value is."""
        for value in graph.values:
            if value.cotangent is not None:
                self._owners.setdefault(value.cotangent.id, []).append(value)
        self._updates = {new.id: old for old, new in graph.assignments}
        self._updated = {old.id for old, _ in graph.assignments}
        self._primed: set[int] = set()
        """What is called by what it updates: W1′."""
        self._outputs = {value.id for value in graph.outputs}
        self._uses = Counter(v.id for operation in graph for v in operation.inputs)
        self._uses.update(v.id for v in graph.outputs)
        self._uses.update(list(self._updates))
        self._given()
        self._number()
        self._derived()
        self._second()

    # ── names that were given, and their numbers ────────────────────────────────────────────────────────

    def _given(self) -> None:
        """Find the base of each name that does not derive from another value's."""
        for value in self.graph.values:
            is_given = value.kind in ("input", "parameter")
            is_derived = not is_given and (value.id in self._owners or value.id in self._updates)
            if base := clean(value.name) or ("" if is_derived else self._usual(value)):
                self._bases[value.id] = base

    def _usual(self, value: Value) -> str:
        """Return what a value without a name is usually called; nothing, if it has no usual name."""
        if value.operation is None:
            if value.kind == "input":
                return "x"
            if value.kind == "parameter" or value.cotangent or value.id in self._updated:
                return "w"
            return "c" if value.shape else ""
        seed = value.cotangent
        if value.shape == () and seed and seed.operation is None and self._owners[seed.id][-1] is value:
            return "L"
        return "out" if value.id in self._outputs else ""

    def _number(self) -> None:
        """Give numbers to names that are shared: to results in order, and to parameters those of their layers."""
        number: dict[int, int] = {}
        taken: dict[str, set[int]] = defaultdict(set)
        highest: Counter[str] = Counter()
        follows: dict[str, set[str]] = defaultdict(set)

        def take(value: Value, leader: Value | None) -> None:
            base = self._bases[value.id]
            n = number[leader.id] if leader else 0
            if leader is None or self._bases[leader.id] == base or n in taken[base]:
                n = 1 + highest[base]
            else:
                follows[base].add(self._bases[leader.id])
            taken[base].add(n)
            highest[base] = max(highest[base], n)
            number[value.id] = n

        before, after = _nearest_results(self.graph, self._bases)
        named = [value for value in self.graph.values if value.id in self._bases]
        for value in named:
            if value.operation:
                take(value, before.get(value.id))
        for value in named:
            if not value.operation:
                take(value, after.get(value.id) if value.kind == "parameter" else None)
        numbered = {base for base, numbers in taken.items() if len(numbers) > 1}
        while more := {base for base in follows if base not in numbered and follows[base] & numbered}:
            numbered |= more
        for value in named:
            base = self._bases[value.id]
            self._call(value, Name(base, number[value.id] if base in numbered else None))

    def _call(self, value: Value, name: Name) -> None:
        """Give a value a name, or one much like it if that is taken."""
        self.names.of[value.id] = self._free(name)

    def _free(self, name: Name) -> Name:
        while str(name) in self._taken:
            name = name._replace(base=f"{name.base}_")
        self._taken.add(str(name))
        return name

    # ── names that derive from others, and lines without a name ─────────────────────────────────────────

    def _derived(self) -> None:
        """Name cotangents, updates and what is shared."""
        lines = self._lines()
        count = 0
        for value in self.graph.values:
            if value.id in self.names.of or value.id not in lines:
                continue
            owner = self._owner(value)
            if value.id in self._updates:
                self._call(value, self.names.of[self._updates[value.id].id].updated())
                self._primed.add(value.id)
            elif owner:
                self._call(value, self.names.of[owner.id].cotangent())
                self.names.gradients[owner.id] = self.names.of[value.id]
            elif value.id in self._outputs:
                self._call(value, Name("out"))
            else:
                count += 1
                self._call(value, Name("t", count))

    def _lines(self) -> set[int]:
        """Find the values that are written on a line of their own."""
        lines = set(self.names.of)
        sizes: dict[int, int] = {}
        for value in self.graph.values:
            operation = value.operation
            if operation is None:
                is_known = value.kind == "constant" or self._uses[value.id]
                if is_known and self._is_cotangent(value, lines):  # 1, where a backward pass starts
                    lines.add(value.id)
                continue
            inlined = dict.fromkeys(v.id for v in operation.inputs if v.operation and v.id not in lines)
            sizes[value.id] = (1 if operation.primitive.name in _LIGHT else 3) + sum(sizes[id] for id in inlined)
            for id in sorted(inlined, key=lambda id: sizes[id], reverse=True):
                if sizes[value.id] > LONGEST:
                    lines.add(id)
                    sizes[value.id] -= sizes[id]
            is_wanted = value.id in self._outputs or value.id in self._updates or self._is_cotangent(value, lines)
            is_shared = self._uses[value.id] != 1 and not (self._uses[value.id] and _is_short(operation, lines))
            if is_wanted or is_shared:
                lines.add(value.id)
        return lines

    def _is_cotangent(self, value: Value, lines: set[int]) -> bool:
        """Whether a value is the cotangent of one that has a line."""
        return any(owner.id in lines for owner in self._owners.get(value.id, ()))

    def _owner(self, value: Value) -> Value | None:
        """Return the named value whose cotangent a value is: the youngest result, or else a leaf."""
        owners = [owner for owner in self._owners.get(value.id, ()) if owner.id in self.names.of]
        return max(owners, key=lambda owner: (owner.operation is not None, owner.id), default=None)

    def _second(self) -> None:
        """Find second names for what is the gradient of a leaf, or an update or output, and has another name."""
        of = self.names.of
        for value in self.graph.values:
            if value.cotangent and value.id in of and value.id not in self.names.gradients:
                name = self.names.gradients[value.id] = self._free(of[value.id].cotangent())
                if value.operation is None and value.cotangent.id in of:
                    self.names.aliases.append((name, value.cotangent))
        for old, new in self.graph.assignments:
            if new.id not in self._primed or self._updates[new.id] is not old:
                self.names.aliases.append((self._free(of[old.id].updated()), new))
        told = {value.id for _, value in self.names.aliases}
        for value in self.graph.outputs:
            if value.operation is None and value.id not in told and not (value.id in of and of[value.id].ds):
                self.names.aliases.append((self._free(Name("out")), value))


def clean(name: str | None) -> str:
    """Return a name with an underscore for whatever is no letter, digit or prime; nothing, if no letter is left."""
    name = re.sub(r"[^\w′']+", "_", unicodedata.normalize("NFC", str(name or ""))).strip("_")
    return name if any(character.isalpha() for character in name) else ""


def _is_short(operation: Operation, lines: set[int]) -> bool:
    """Whether to write an operation out is as short as to name it: the transpose of a name, the part of one."""
    is_plain = is_transpose(operation) or operation.primitive.name == "getitem"
    return is_plain and all(value.operation is None or value.id in lines for value in operation.inputs)


def _nearest_results(graph: Graph, bases: dict[int, str]) -> tuple[dict[int, Value], dict[int, Value]]:
    """Return, for each value, the nearest of the results of modules before it and after it, if there is one.

    After a leaf that leads to several there is none: a weight that layers share has the number of neither.
    """
    before: dict[int, Value] = {}
    after: dict[int, Value] = {}
    shared: set[int] = set()

    def is_of_module(value: Value) -> bool:
        return value.id in bases and value.operation is not None and bool(value.operation.scope)

    for operation in graph:
        near = [v if is_of_module(v) else before.get(v.id) for v in operation.inputs]
        found = [value for value in near if value is not None]
        if found and (is_of_module(operation.output) or operation.output.id not in bases):
            before[operation.output.id] = max(found, key=lambda value: value.id)
    for operation in reversed(graph.operations):
        target = operation.output if is_of_module(operation.output) else after.get(operation.output.id)
        for value in operation.inputs:
            if target is not None:
                if value.operation is None and after.get(value.id, target) is not target:
                    shared.add(value.id)
                after[value.id] = target
    return before, {id: value for id, value in after.items() if id not in shared}
