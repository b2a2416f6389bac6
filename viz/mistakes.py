"""Images that were taken for what they are not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from viz.figures import BLUE, ORANGE, new_figure

_COLUMNS = 5
_WIDTH, _ABOVE, _EACH = 8.0, 0.9, 2.05
"""Inches: of the picture, of its title, and of a row."""


class Shown(NamedTuple):
    """An image (h, w), 0 the background and 255 the ink, its label and guess, and the probability given to each."""

    image: np.ndarray
    label: int
    guess: int
    p_label: float
    p_guess: float


def draw_mistakes(shown: Sequence[Shown], mistakes: int, images: int) -> Figure:
    """Draw images in rows of five, below each what it is and what it was taken for.

    Args:
        shown: the images, in their order.
        mistakes: how many images were taken for what they are not; these are some of them.
        images: how many there are altogether.
    """
    rows = math.ceil(len(shown) / _COLUMNS)
    figure = new_figure(_WIDTH, _ABOVE + _EACH * max(rows, 1))
    if not shown:
        figure.text(0.5, 0.5, f"No mistakes:\nall {images:,} test images are right.", ha="center", va="center", size=18)
        return figure
    which = "All" if len(shown) == mistakes else f"The {len(shown)} worst of"
    figure.suptitle(f"{which} {mistakes:,} mistakes on {images:,} test images, the worst first", fontsize=13)
    for axes, each in zip(figure.subplots(rows, _COLUMNS, squeeze=False).flat, _padded(shown, rows), strict=True):
        axes.axis("off")
        if each:
            _draw(axes, each)
    return figure


def _padded(shown: Sequence[Shown], rows: int) -> list[Shown | None]:
    return [*shown, *[None] * (rows * _COLUMNS - len(shown))]


def _draw(axes: Axes, each: Shown) -> None:
    axes.imshow(each.image, cmap="gray_r", vmin=0, vmax=255)
    said = f"is {each.label}: {_percent(each.p_label)}"
    instead = f"read as {each.guess}: {_percent(each.p_guess)}"
    for height, text, colour in ((-0.09, said, BLUE), (-0.24, instead, ORANGE)):
        axes.text(0.5, height, text, color=colour, size=11, ha="center", va="center", transform=axes.transAxes)


def _percent(p: float) -> str:
    """Write a probability, and neither 0 nor 1 for what is not quite."""
    return "< 0.1%" if p < 0.001 else "> 99.9%" if p > 0.999 else f"{p:.1%}"
