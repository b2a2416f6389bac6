"""What each unit of the first layer looks for: its weights, as a picture of the pixels that they meet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from viz.figures import DIVERGING, PALE, new_figure

_GAP, _LABELLED = 3, 9
"""Pixels between pictures, and above those that have a label."""
_MOST_COLUMNS = 16


def draw_weights(pictures: np.ndarray, of: int, labels: Sequence[str] = ()) -> Figure:
    """Draw weights as pictures on one scale, the same to both sides of zero, which is white.

    The scale ends where 0.2 % of the weights are larger; these have the colour of its end.

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
    finite = np.abs(pictures[np.isfinite(pictures)])
    most = float(np.quantile(finite, 0.998)) if finite.any() else 1.0

    figure = new_figure(8, 1.4 + 7.6 * mosaic.shape[0] / mosaic.shape[1])
    axes = figure.subplots()
    axes.axis("off")
    drawn = axes.imshow(mosaic, cmap=DIVERGING.with_extremes(bad=PALE), vmin=-most, vmax=most)
    for (top, left), label in zip(corners, labels, strict=bool(labels)):
        axes.text(left + width / 2, top - above / 2, label, ha="center", va="center", fontsize=12)
    which = "" if n == of else f": the first {n:,} of {of:,}"
    axes.set_title(f"What each unit of the first layer looks for{which}", fontsize=13, pad=10)
    beyond = "both" if finite.size and finite.max() > most else "neither"
    bar = figure.colorbar(drawn, orientation="horizontal", shrink=0.8, aspect=40, extend=beyond)
    bar.set_label("weight of a pixel: ink on blue speaks against the unit, on orange for it", fontsize=11)
    return figure
