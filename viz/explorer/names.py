"""What the explorer calls each value, and how it writes operations and rules with those names.

A value is called what its variable or module calls it, numbered within modules or where a name occurs more than once:
W₁, Z₂. A result without a name is called by what was done, x·W₁ or else take_along_axis, and the cotangent of v is
dv, as in `nets/manual.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from string import Formatter
from typing import Any

import numpy as np

from autodiff.explain.formula import barred, formula, parameter_names
from autodiff.explain.notation import NOTATION, SCALED, WHOLE, Notation
from autodiff.graph import Graph, Operation, Value
from autodiff.tensor import Tensor

_BRACES = str.maketrans({"{": "{{", "}": "}}"})
_LONGEST = 16
"""The longest expression, in characters, that still serves as a name."""
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_IDENTIFIER = re.compile(r"[^\W\dᵀ](?:[^\Wᵀ]|\u0304)*(?![^\Wᵀ]|[(=])")
"""A name in a formula, the bar over it included, but not that of a function or of an attribute."""
_OPERATORS = set(" ·∘/^")

Part = str | int
"""A piece of an expression: text, or the number of an operand."""


class Names:
    """The names of the values of a graph.

    `of[id]` is the name of a value, and `gradient[id]` that of the cotangent of a value that has one. A cotangent
    that several values share, since a rule only passed it on, has as its own name that of one of them.
    """

    def __init__(self, graph: Graph) -> None:
        self.of: dict[int, str] = {}
        self.gradient: dict[int, str] = {}
        self._simple: set[int] = set()  # those that need no parentheses within an expression
        self._seen: Counter[str] = Counter()
        cotangents = {v.cotangent.id for v in graph.values if v.cotangent is not None}
        outside = [
            v for v in graph.values if (v.operation.during == "forward" if v.operation else v.id not in cotangents)
        ]
        self._name_leaves_and_modules(graph, outside)
        self._name_results(v for v in outside if v.id not in self.of)
        self._name_cotangents([v for v in outside if v.cotangent is not None])
        for value, new in graph.assignments:
            self.of.setdefault(new.id, f"{self.of.get(value.id, value.kind)}′")
        self._name_results(v for v in graph.values if v.id not in self.of)
        self._name_cotangents([v for v in graph.values if v.cotangent is not None and v.id not in self.gradient])

    def write(self, operation: Operation) -> str:
        """Write what an operation does: `x·W₁`."""
        operands = self.operands(operation)
        return "".join(part if isinstance(part, str) else operands[part] for part in expression(operation))

    def operands(self, operation: Operation) -> list[str]:
        """Return the names of the operands as they stand in an operation's expression: in parentheses if need be."""
        written = [self.of.get(value.id, "") for value in operation.inputs]
        for position, (_, place, tightness, _) in enumerate(Formatter().parse(_notation(operation).template)):
            if place and place.isdigit():
                value, name = operation.inputs[int(place)], written[int(place)]
                is_loose = _tightness(value, name) < int(tightness or 0)
                written[int(place)] = f"({name})" if is_loose or (position and name.startswith("−")) else name
        return written

    def write_rule(self, rule: str, operation: Operation, index: int) -> str:
        """Write the formula of an operation's rule for an operand with the names of the values at hand."""
        result, operand = operation.output, operation.inputs[index]
        cotangent = self.of[result.cotangent.id] if result.cotangent else self.gradient.get(result.id, "")
        of = {v.id: _in_formula(self.of[v.id]) for v in operation.inputs}
        written = _with_symbols(rule, operation, of, _in_formula(self.of[result.id]), cotangent)
        return f"{self.gradient[operand.id]} = {written}"

    def _name_leaves_and_modules(self, graph: Graph, values: Sequence[Value]) -> None:
        """Name what has a name of its own, the constants, and the scalar that it all leads to."""
        own = {value: name for value in values if (name := _own_name(value)) is not None}
        ends = [*graph.outputs, *(v for v in values if v.cotangent is not None and v.cotangent.operation is None)]
        for value in ends:
            if value.shape == () and value.operation and value.operation.during == "forward":
                own.setdefault(value, "L")
                break
        for value, name in self._numbered(own).items():
            self.of[value.id] = name
            self._simple.add(value.id)

    def _name_results(self, values: Iterable[Value]) -> None:
        """Name results by what was done, if that is short, or else by the operation alone."""
        named: dict[Value, str] = {}
        for value in values:
            operation = value.operation
            if operation is None:
                named[value] = _own_name(value) or value.kind
                self.of[value.id] = named[value]
                self._simple.add(value.id)
                continue
            is_short = all(operand.id in self._simple for operand in operation.inputs)
            text = self.write(operation) if is_short else ""
            named[value] = text if 0 < len(text) <= _LONGEST else operation.primitive.name.lstrip("_")
            if operation.primitive.name == "matrix_transpose" and named[value] == text:
                self.of[value.id] = text
                self._simple.add(value.id)
        self.of |= {value.id: name for value, name in self._numbered(named).items()}

    def _name_cotangents(self, values: list[Value]) -> None:
        for value in values:
            name = self.of[value.id]
            self.gradient[value.id] = f"d{name}" if value.id in self._simple else f"d({name})"
        for value in sorted(values, key=lambda v: v.id not in self._simple):
            if value.cotangent is not None and value.cotangent.id not in self.of:
                self.of[value.cotangent.id] = self.gradient[value.id]
                self._simple.add(value.cotangent.id)

    def _numbered(self, named: Mapping[Value, str]) -> dict[Value, str]:
        """Give values of the same name numbers, and those of a module in any case; but a plain number is its name."""
        countable = {value: name for value, name in named.items() if not _is_number(value)}
        count = Counter(countable.values()) + self._seen
        always = {name for value, name in countable.items() if value.path or (value.name and value.operation)}
        numbered = dict(named)
        for value, name in countable.items():
            self._seen[name] += 1
            if count[name] > 1 or name in always:
                numbered[value] = f"{_in_formula(name)}{str(self._seen[name]).translate(_SUBSCRIPTS)}"
        return numbered


def expression(operation: Operation) -> list[Part]:
    """Return an operation in the notation of mathematics, [0, "·", 1], or as ["name(", 0, ", ", 1, ")"]."""
    parts: list[Part] = []
    text = ""
    for literal, place, _, _ in Formatter().parse(_notation(operation).template):
        text += literal
        if place is not None and place.isdigit():
            parts += [text, int(place)]
            text = ""
        elif place is not None:
            text += _attribute(operation.attributes[place])
    return [part for part in (*parts, text) if part != ""]


def _notation(operation: Operation) -> Notation:
    """Return how an operation is written: as `name(operands, attribute=value)` if in no other way."""
    name, operands = operation.primitive.name, operation.inputs
    if name == "multiply" and any(operand.shape == () for operand in operands):
        return SCALED
    if name in NOTATION:
        return NOTATION[name]
    given = [f"{{{i}}}" for i in range(len(operands))]
    attributes = {key: value for key, value in operation.attributes.items() if value is not None}
    given += [f"{key}={{{key}}}" for key, value in attributes.items() if value is not False]
    called = f"{name.lstrip('_').translate(_BRACES)}({', '.join(given)})"
    return Notation(called, WHOLE, called)


def rule_of(operation: Operation, index: int) -> str:
    """Return the formula of an operation's rule for an operand, as `autodiff.explain` reads it off the rule.

    A rule that cannot be run on symbols is named only.
    """
    operands = [v.data for v in operation.inputs]
    out = Tensor.of(operation.output.data)
    try:
        return formula(operation.primitive, operands, operation.attributes, out, index)
    except Exception:
        name = parameter_names(operation.primitive, len(operands))[index]
        return f"{barred(name)} = rule {index} of {operation.primitive.name}"


def rule_in_shapes(rule: str, operation: Operation, index: int) -> str:
    """Write the formula of a rule with the shapes in place of the names: `(2×4) = (2×2)·(4×2)ᵀ`."""
    shapes = {v.id: f"({write_shape(v.shape)})" for v in operation.inputs}
    result = f"({write_shape(operation.output.shape)})"
    return f"{shapes[operation.inputs[index].id]} = {_with_symbols(rule, operation, shapes, result, result)}"


def write_shape(shape: tuple[int, ...]) -> str:
    """Write a shape as `2×4`; that of a number is `1`."""
    return "×".join(map(str, shape)) or "1"


def _with_symbols(rule: str, operation: Operation, of: Mapping[int, str], result: str, cotangent: str) -> str:
    """Return the right side of a formula with other symbols for the operands, the result and its cotangent."""
    names = parameter_names(operation.primitive, len(operation.inputs))
    new = {name: of[value.id] for name, value in zip(names, operation.inputs, strict=True)}
    new |= {"y": result, barred("y"): cotangent}
    right = rule.partition(" = ")[2]
    return _IDENTIFIER.sub(lambda found: new.get(found[0], found[0]), right)


def _tightness(value: Value, name: str) -> int:
    """Return how tightly a name holds together: as its operation's notation if it is an expression."""
    return _notation(value.operation).tightness if value.operation and _in_formula(name) != name else WHOLE


def _in_formula(name: str) -> str:
    """Put a name that is an expression in parentheses."""
    is_whole = name.rstrip("₀₁₂₃₄₅₆₇₈₉")[-1:] in (")", "]")
    return f"({name})" if _OPERATORS & set(name) and not is_whole else name


def _own_name(value: Value) -> str | None:
    """Return the name that a value came with; a leaf has one in any case."""
    if _is_number(value):
        return f"{np.asarray(value.data).item():.6g}".replace("-", "−")
    if value.name or value.operation is not None:
        return value.name
    return value.path.rpartition(".")[2] if value.path else value.kind


def _is_number(value: Value) -> bool:
    """Whether a value is a constant that can be written out."""
    return value.operation is None and value.kind == "constant" and value.shape == () and not value.name


def _attribute(value: Any) -> str:
    """Write an attribute as it is typed: slices with colons, an array by its shape."""
    if isinstance(value, slice):
        bounds = ["" if bound is None else str(bound) for bound in (value.start, value.stop, value.step)]
        return ":".join(bounds if bounds[2] else bounds[:2])
    if isinstance(value, tuple) and any(isinstance(part, slice | np.ndarray) or part is Ellipsis for part in value):
        return ", ".join(map(_attribute, value))
    if value is Ellipsis:
        return "…"
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    if isinstance(value, type | np.dtype):
        return np.dtype(value).name
    return repr(value)
