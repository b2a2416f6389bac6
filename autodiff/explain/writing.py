"""Put names into notation: the text, or the LaTeX, of an operation, a number and an attribute."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

from autodiff.explain.literals import is_uniform
from autodiff.explain.notation import PRODUCT, WHOLE, call, escaped, in_roman, reading
from autodiff.graph import Operation, Value
from autodiff.tape import Array


class Part(NamedTuple):
    """A piece of mathematics, and how tightly it holds together; see `notation.py`."""

    text: str
    tightness: int = WHOLE


def write(operation: Operation, part_of: Callable[[Value], Part], latex: bool = False) -> Part:
    """Write an operation, given how its operands are written."""
    notation, values = reading(operation)
    template = notation.latex if latex else notation.template
    filled = _filled(template, [part_of(value) for value in values], operation.attributes, latex)
    return Part("".join(text for text, _ in filled), notation.tightness)


def pieces(operation: Operation, part_of: Callable[[Value], Part]) -> tuple[list[str | int], list[str]]:
    """Return an operation in pieces, text and the numbers of operands in turn: x·W1 is [0, "·", 1].

    With them come the operands as they are written there, in parentheses where they need them.
    """
    notation, values = reading(operation)
    if values is not operation.inputs:  # it looks through operands
        notation = call(operation)
    operands = [part_of(value) for value in operation.inputs]
    written = [part.text for part in operands]
    found: list[str | int] = []
    for text, number in _filled(notation.template, operands, operation.attributes, latex=False):
        if number is not None:
            written[number] = text
            found.append(number)
        elif found and isinstance(found[-1], str):
            found[-1] += text
        elif text:
            found.append(text)
    return found, written


def write_leaf(array: Array, latex: bool = False) -> Part:
    """Write an array of one number as that number, and any other by its shape."""
    array = np.asarray(array)
    if not is_uniform(array):
        return Part(f"array{array.shape}")
    text = f"{array.flat[0]:g}" if array.dtype.kind == "f" else str(array.flat[0])
    if latex and "e" in text:
        digits, exponent = text.split("e")
        return Part(rf"{digits} \cdot 10^{{{int(exponent)}}}", PRODUCT)
    return Part(text if latex else text.replace("-", "−"))


def _filled(
    template: str, parts: list[Part], attributes: dict[str, Any], latex: bool
) -> Iterator[tuple[str, int | None]]:
    """Yield a template's text with attributes put in, and operands with their numbers, in parentheses if need be.

    What begins with a minus sign needs them anywhere but at the beginning.
    """
    is_first = True
    for literal, field, tightness, _ in Formatter().parse(template):
        yield literal, None
        is_first = is_first and not literal.strip("{")
        if field is None:
            continue
        if field.isdecimal():
            part = parts[int(field)]
            is_loose = tightness and (part.tightness < int(tightness) or (part.text[0] in "−-" and not is_first))
            opening, closing = (r"\left(", r"\right)") if latex else ("(", ")")
            yield f"{opening}{part.text}{closing}" if is_loose else part.text, int(field)
        else:
            attribute = _attribute(attributes[field])
            yield _in_latex(attribute) if latex else attribute, None
        is_first = False


def _in_latex(attribute: str) -> str:
    """Write an attribute's words upright."""
    return re.sub(r"[^\W\d_]{2,}", lambda word: in_roman(word[0]), escaped(attribute))


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
    if isinstance(value, tuple) and any(isinstance(part, slice | np.ndarray) or part is Ellipsis for part in value):
        return ", ".join(map(_attribute, value))
    return repr(value)
