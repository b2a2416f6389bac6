"""Write mathematics down: the formula of a derivative rule, read off the rule itself.

No formula is typed by hand. A rule is run on symbols, as it is run on numbers in a backward pass, and what it did is
written in the notation of `notation.py`; so a formula cannot say anything that the code does not do.
"""

from __future__ import annotations

import inspect
import unicodedata
from collections.abc import Sequence
from string import Formatter
from typing import Any

import numpy as np

from autodiff import tape
from autodiff.explain.notation import NOTATION, SCALED, WHOLE, Notation
from autodiff.tape import Array, Primitive, Variable, shape_of, unwrap


def formula(
    primitive: Primitive, operands: Sequence[Array], attributes: dict[str, Any], out: Variable, index: int
) -> str:
    """Return the rule of one operand as an equation, such as `b̄ = aᵀ·ȳ`.

    The operands have the names of the kernel's parameters, the result is y, and a bar marks a cotangent. The
    operands' shapes and dtypes are those of the operation asked about; their numbers are of no account.

    Raises whatever the rule does when it is run on symbols; TypeError for an operand that has no rule.
    """
    rule = primitive.rules_of(operands)[index]
    if rule is None:
        raise TypeError(f"{primitive.name} has no rule for operand {index}: it is flat in it")
    names = parameter_names(primitive, len(operands))
    symbols = [_symbol(out, operand, name) for operand, name in zip(operands, names, strict=True)]
    cotangent, result = _symbol(out, out, barred("y")), _symbol(out, out, "y")
    steps = _Steps()
    with tape.recording(False), tape.watching(steps), np.errstate(all="ignore"):
        operands_of_rule = (tuple(symbols),) if primitive.rule_for else symbols
        written = rule(cotangent, result, *operands_of_rule, **attributes)
    return f"{barred(names[index])} = {steps.write(written)}"


def parameter_names(primitive: Primitive, count: int) -> list[str]:
    """Return what the kernel calls its operands: `a`, `b`; or `arrays₀`, `arrays₁` where it takes any number."""
    parameters = list(inspect.signature(primitive.kernel).parameters.values())
    if parameters[0].kind == inspect.Parameter.VAR_POSITIONAL:
        subscript = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
        return [f"{parameters[0].name}{str(i).translate(subscript)}" for i in range(count)]
    return [parameter.name for parameter in parameters[:count]]


def barred(name: str) -> str:
    """Write the cotangent of a variable: its name with a bar over the first letter."""
    return unicodedata.normalize("NFC", f"{name[0]}\N{COMBINING MACRON}{name[1:]}")


def _symbol(kind: Variable, value: Array, name: str) -> Any:
    """Return a variable of the same class, shape and dtype under another name; a plain number stands for itself."""
    array = unwrap(value)
    if not isinstance(array, np.ndarray):
        return array
    symbol = kind.result_type.of(np.ones(array.shape, array.dtype) if array.dtype.kind == "f" else array)
    symbol.name = name
    return symbol


class _Steps(tape.Watcher):
    """The operations that a rule has done, by the identity of their results."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Primitive, tuple[Array, ...], dict[str, Any], Array]] = {}

    def operation(
        self, primitive: Primitive, operands: tuple[Array, ...], attributes: dict[str, Any], result: Array
    ) -> None:
        self._made[id(result)] = primitive, operands, attributes, result  # it is kept, so that its id stays its own

    def write(self, value: Array) -> str:
        """Write what a value was computed from."""
        return self._write(value)[0]

    def _write(self, value: Array) -> tuple[str, int]:
        """Return the text of a value, and how tightly it holds together."""
        if id(value) in self._made:
            primitive, operands, attributes, _ = self._made[id(value)]
            notation = _notation(primitive, operands, attributes)
            parts = [self._write(operand) for operand in operands]
            return _fill(notation.template, parts, attributes), notation.tightness
        if name := getattr(value, "name", None):
            return name, WHOLE
        return _constant(unwrap(value)), WHOLE


def _fill(template: str, parts: list[tuple[str, int]], attributes: dict[str, Any]) -> str:
    """Put operands, in parentheses where they need them, and attributes into a template."""
    text = ""
    for literal, field, tightness, _ in Formatter().parse(template):
        text += literal
        if field is None:
            continue
        if field in attributes:
            text += _attribute(attributes[field])
            continue
        part, held = parts[int(field)]
        text += f"({part})" if tightness and held < int(tightness) else part
    return text


def _notation(primitive: Primitive, operands: tuple[Array, ...], attributes: dict[str, Any]) -> Notation:
    """Return how an operation is written: as `name(operands, attribute=value)` if in no other way."""
    if primitive.name == "multiply" and any(shape_of(operand) == () for operand in operands):
        return SCALED
    if primitive.name in NOTATION:
        return NOTATION[primitive.name]
    given = [f"{{{i}}}" for i in range(len(operands))]
    given += [f"{name}={{{name}}}" for name, value in attributes.items() if value is not None and value is not False]
    return Notation(f"{primitive.name.lstrip('_')}({', '.join(given)})", WHOLE)


def _constant(value: Array) -> str:
    """Write an array of one number as that number, and any other by its shape."""
    array = np.asarray(value)
    if array.size and (array == array.flat[0]).all():
        return f"{array.flat[0]:g}" if array.dtype.kind == "f" else str(array.flat[0])
    return f"array{array.shape}"


def _attribute(value: Any) -> str:
    """Write an attribute as Python does, but slices as they are typed between brackets."""
    if isinstance(value, slice):
        bounds = ["" if bound is None else str(bound) for bound in (value.start, value.stop, value.step)]
        return ":".join(bounds if bounds[2] else bounds[:2])
    if value is Ellipsis:
        return "…"
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    if isinstance(value, type | np.dtype):
        return np.dtype(value).name
    if isinstance(value, tuple) and any(isinstance(part, slice) for part in value):
        return ", ".join(map(_attribute, value))
    return repr(value)
