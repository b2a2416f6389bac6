"""What is written in a picture, in text that means itself whatever it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import graphviz
import numpy as np

from autodiff.explain.labels import Labels
from autodiff.graph import Value
from viz import style

_LONGEST = 80
MOST_NAMED = 12
"""How many things are named one by one."""


def text(*lines: str) -> str:
    """Return a label that reads as the lines do, whatever they hold; one that is too long is cut."""
    label: str = graphviz.nohtml(r"\n".join(map(_literal, lines)))
    return label


def beside(*lines: str) -> str:
    """Return the label of an arrow, a little away from it."""
    return text(*(f"  {line}  " for line in lines))


def _literal(line: str) -> str:
    """Write a line so that DOT takes nothing in it for markup; what cannot be printed becomes a white question mark."""
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    cut = printable if len(printable) <= _LONGEST else printable[: _LONGEST - 1] + "…"
    return cut.replace("\\", "\\\\").replace("&", "&amp;")


def describe(value: Value, kind: str, labels: Labels) -> list[str]:
    """Return the lines of a value: its label, where it is from, its number if it is one, shape, dtype and ‖grad‖."""
    name = labels.of[value.id]
    if origin := value.path or labels.given(value):
        name += f" ({origin})"
    if np.size(value.data) == 1 and (kind == "output" or (kind == "constant" and (value.shape or value.name))):
        name += f" = {np.asarray(value.data).item():.4g}"
    lines = [name, f"{shape_text(value.shape)} {value.dtype}"]
    if value.cotangent is not None:
        norm = np.hypot.reduce(np.asarray(value.cotangent.data, np.float64), axis=None)  # no square overflows
        lines.append(f"‖grad‖ = {norm:.4g}")
    elif kind != "constant" and value.dtype.kind == "f":
        lines.append("grad: not computed")
    return lines


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape."""
    return str(shape) if shape else "scalar"


def is_plain(attribute: object) -> bool:
    """Whether an attribute is told in a few letters: a number, a word or a short tuple of numbers."""
    if isinstance(attribute, tuple):
        return len(attribute) <= 4 and all(isinstance(item, int) for item in attribute)
    return isinstance(attribute, bool | int | float | str)


def called(kind: str) -> str:
    """Return what a kind of value is called, without an example."""
    return style.TITLES[kind].partition(",")[0]


def so_many(count: int, what: str) -> str:
    """Return how many there are of something."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """List operations in their order, or where they are many, how often there is each."""
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    return ", ".join(f"{count} × {name}" for name, count in Counter(names).most_common(MOST_NAMED))
