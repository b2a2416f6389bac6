"""The shapes that the explorer's drawing is made of, and how large they are."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from autodiff.explain.labels import Labels
from autodiff.graph import Value
from viz.explorer.numbers import View

CHARACTER = 6.75
"""The width of a character of a label, 11 px and monospaced, in pixels."""
LONGEST_LABEL = 28
PILL = 20.0
"""The height of the pill with the name of an operation."""
PORT = 40.0
"""How far from the middle of a card its first arrow comes and goes."""
_HEADER, _PADDING, _NARROWEST = 18.0, 6.0, 96.0

Point = tuple[float, float]


@dataclass
class Box:
    """The frame of an array."""

    role: Literal["value", "gradient"]
    label: str
    shape: str
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0


@dataclass
class Node:
    """A value: its box, that of its cotangent if it has one, and the pill with the name of what made it."""

    value: Value
    boxes: list[Box]
    pill: str = ""
    middle: float = 0.0
    y: float = 0.0

    @property
    def pill_width(self) -> float:
        """How wide the pill is: an arrow comes in at each end, or one in the middle where no cotangent goes out."""
        room = 2 * PORT + 16 if len(self.boxes) > 1 else 0
        return max(room, text_width(self.pill) + 20) if self.pill else 0

    @property
    def pill_middle(self) -> float:
        """Where the middle of the pill is, from the middle of the card."""
        return 0 if len(self.boxes) > 1 else -PORT


@dataclass
class Edge:
    """An arrow: along the points from a value to what was made from it, or from cotangent to cotangent back."""

    during: Literal["forward", "backward"]
    source: Value
    target: Value
    points: list[Point]


@dataclass
class Layer:
    """The frame around the operations of a module."""

    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass
class Drawing:
    """All that is drawn, and how large it is."""

    nodes: list[Node]
    edges: list[Edge]
    layers: list[Layer]
    width: float
    height: float


def node_of(value: Value, labels: Labels, views: Mapping[int, View]) -> Node:
    """Return a value's node, its boxes as large as what they hold."""
    boxes = [_box("value", labels.of[value.id], value, views)]
    if value.cotangent is not None:
        own, shared = labels.gradient[value.id], labels.of[value.cotangent.id]
        boxes.append(_box("gradient", own if own == shared else f"{own} = {shared}", value.cotangent, views))
    pill = value.operation.primitive.name.lstrip("_") if value.operation else ""
    return Node(value, boxes, shortened(pill))


def _box(role: Literal["value", "gradient"], label: str, value: Value, views: Mapping[int, View]) -> Box:
    view, label, shape = views[value.id], shortened(label), write_shape(value.shape)
    width = max(_NARROWEST, view.width, text_width(f"{label}  {shape}")) + 2 * _PADDING
    return Box(role, label, shape, width, _HEADER + view.height + 2 * _PADDING)


def write_shape(shape: tuple[int, ...]) -> str:
    """Write a shape as `2×4`; that of a number is `1`."""
    return "×".join(map(str, shape)) or "1"


def text_width(text: str) -> float:
    """Return how wide a label is drawn; wide characters count twice, combining ones not at all."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    combining = sum(unicodedata.combining(character) > 0 for character in text)
    return (len(text) + wide - combining) * CHARACTER


def shortened(text: str) -> str:
    """Return a label without line breaks and not too long; the end of a name tells as much as its beginning."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 9]}…{text[-8:]}"
