"""Put names into notation: the text, or the LaTeX, of an operation, a number and an attribute."""

from __future__ import annotations

import re
from collections.abc import Callable
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

from autodiff.explain.literals import is_uniform
from autodiff.explain.notation import PRODUCT, WHOLE, escaped, in_roman, reading
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
    parts = [part_of(value) for value in values]
    return Part(_fill(template, parts, operation.attributes, latex), notation.tightness)


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


def _fill(template: str, parts: list[Part], attributes: dict[str, Any], latex: bool) -> str:
    """Put operands, in parentheses where they need them, and attributes into a template.

    What begins with a minus sign needs them anywhere but at the beginning.
    """
    text = ""
    for literal, field, tightness, _ in Formatter().parse(template):
        text += literal
        if field is None:
            continue
        if not field.isdecimal():
            attribute = _attribute(attributes[field])
            text += re.sub(r"[^\W\d_]{2,}", lambda word: in_roman(word[0]), escaped(attribute)) if latex else attribute
            continue
        part = parts[int(field)]
        is_loose = tightness and (part.tightness < int(tightness) or (part.text[0] in "−-" and text.strip("{")))
        opening, closing = (r"\left(", r"\right)") if latex else ("(", ")")
        text += f"{opening}{part.text}{closing}" if is_loose else part.text
    return text


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
