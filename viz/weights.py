"""What each unit of the first layer looks for: its weights, as a picture of the pixels that they meet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from viz.figures import DIVERGING, DPI, PALE

_GAP, _LABELLED = 3, 9
"""Pixels between pictures, and above those that have a label."""
_MOST_COLUMNS = 16
_SHEET, _MARGIN, _ABOVE, _BELOW = 950, 8, 44, 112
"""Pixels of the picture: about so many for the sheet across, and on its sides."""


def draw_weights(pictures: np.ndarray, of: int, labels: Sequence[str] = ()) -> Figure:
    """Draw weights as pictures on one scale, the same to both sides of zero, which is white.

    The scale ends where 0.2 % of the weights are larger; these have the colour of its end. What is no number is grey.

    Args:
        pictures: (n, h, w) weights; a picture for each unit.
        of: how many units there are, of which these are the first.
        labels: what to write above each, if anything.
    """
    n, height, width = pictures.shape
    columns = min(_MOST_COLUMNS, max(5, math.ceil(math.sqrt(2 * n))))
    above = _LABELLED if labels else _GAP
    corners = [(above + i // columns * (height + above), _GAP + i % columns * (width + _GAP)) for i in range(n)]
    mosaic = np.full((corners[-1][0] + height + _GAP, columns * (width + _GAP) + _GAP), np.nan)
    for (top, left), picture in zip(corners, pictures, strict=True):
        mosaic[top : top + height, left : left + width] = picture
    sizes = np.abs(np.nan_to_num(pictures, posinf=0, neginf=0))
    most = float(np.quantile(sizes, 0.998) or sizes.max() or 1)

    figure, axes, below = _sheet(mosaic.shape[1], mosaic.shape[0])
    drawn = axes.imshow(mosaic, cmap=DIVERGING.with_extremes(bad=PALE), vmin=-most, vmax=most, interpolation="nearest")
    for (top, left), label in zip(corners, labels, strict=bool(labels)):
        axes.text(left + width / 2, top - above / 2, label, ha="center", va="center", fontsize=12)
    which = "" if n == of else f": the first {n:,} of {of:,}"
    axes.set_title(f"What each unit of the first layer looks for{which}", fontsize=13, pad=10)
    beyond = "both" if sizes.max() > most else "neither"
    bar = figure.colorbar(drawn, below, orientation="horizontal", extend=beyond)
    bar.set_label("weight of a pixel: ink on blue speaks against the unit, on orange for it", fontsize=11)
    return figure


def _sheet(width: int, height: int) -> tuple[Figure, Axes, Axes]:
    """Return a figure with room for so many numbers, each a square of whole pixels, and below for their scale."""
    each = round(_SHEET / width)
    across, down = each * width + 2 * _MARGIN, _ABOVE + each * height + _BELOW
    figure = Figure(figsize=(across / DPI, down / DPI), dpi=DPI)
    axes = figure.add_axes((_MARGIN / across, _BELOW / down, each * width / across, each * height / down))
    axes.axis("off")
    return figure, axes, figure.add_axes((0.1, 0.65 * _BELOW / down, 0.8, 0.17 * _BELOW / down))
