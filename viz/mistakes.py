"""Images that were taken for what they are not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from viz.figures import BLUE, ORANGE, PALE, new_figure

_COLUMNS = 5
_WIDTH, _HEIGHT = 40, 44
"""The room of an image and of what is written below it, in pixels of the image."""
_INCH = 25
_LONG = 5
"""Names of so many letters are written small."""


class Shown(NamedTuple):
    """An image (28, 28), 0 the background and 255 the ink, its label and guess, and the probability given to each."""

    image: np.ndarray
    label: int
    guess: int
    p_label: float
    p_guess: float


def draw_mistakes(shown: Sequence[Shown], mistakes: int, images: int, names: Sequence[str] = ()) -> Figure:
    """Draw images in rows of five, below each what it is and what it was taken for.

    Args:
        shown: the images, in their order.
        mistakes: how many images were taken for what they are not; these are some of them.
        images: how many there are altogether.
        names: what the classes are called; by default their numbers.
    """
    rows = math.ceil(len(shown) / _COLUMNS)
    width, height = _COLUMNS * _WIDTH, max(rows, 1) * _HEIGHT
    figure = new_figure(width / _INCH, 0.9 + height / _INCH)
    axes = figure.subplots()
    axes.axis("off")
    for i, each in enumerate(shown):
        _draw(axes, i % _COLUMNS * _WIDTH, i // _COLUMNS * _HEIGHT, each, names)
    axes.set(xlim=(0, width), ylim=(height, 0))
    if shown:
        worst = f"The {len(shown)} worst of {mistakes:,}" if len(shown) < mistakes else f"All {mistakes:,}"
        which = "The only mistake" if mistakes == 1 else f"{worst} mistakes, the worst first,"
        figure.suptitle(f"{which} on {images:,} test images", fontsize=13)
        axes.set_title("what each is and what the network says, with the probability that it gives to both", size=11)
    else:
        text = f"No mistakes:\nall {images:,} test images are right."
        axes.text(width / 2, height / 2, text, ha="center", va="center", fontsize=18)
    return figure


def _draw(axes: Axes, left: float, top: float, each: Shown, names: Sequence[str]) -> None:
    """Draw an image in the middle of its room, in a frame, and write below it."""
    height, width = each.image.shape
    start, middle = left + (_WIDTH - width) / 2, left + _WIDTH / 2
    place = (start, start + width, top + 1 + height, top + 1)
    axes.imshow(each.image, cmap="gray_r", vmin=0, vmax=255, extent=place)
    axes.add_patch(Rectangle((start, top + 1), width, height, fill=False, edgecolor=PALE))
    label, guess = (names[number] if names else str(number) for number in (each.label, each.guess))
    said, instead = f"is {label}: {_percent(each.p_label)}", f"read as {guess}: {_percent(each.p_guess)}"
    size = 11 if max(map(len, (*names, ""))) < _LONG else 8
    for below, text, colour in ((4, said, BLUE), (9, instead, ORANGE)):
        axes.text(middle, top + 1 + height + below, text, color=colour, fontsize=size, ha="center", va="center")


def _percent(p: float) -> str:
    """Write a probability, and neither 0 nor 1 for what is not quite."""
    return "< 0.1%" if p < 0.001 else "> 99.9%" if p > 0.999 else f"{p:.1%}"
