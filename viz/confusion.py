"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from viz.figures import DPI, GREY, PALE, SEQUENTIAL, SILVER

_TICKS = (0, 0.001, 0.01, 0.1, 0.5, 1)
_DARK = 0.25
"""From this share on white is easier to read than black."""
_SIDE, _LEFT, _BELOW, _LETTER = 5.88, 0.72, 1.37, 0.09
"""Inches: so wide and high is the matrix, so far from the left and from below, further by each letter of a name."""


def draw_confusion(counts: np.ndarray, names: Sequence[str] = ()) -> Figure:
    """Draw a confusion matrix: the counts as numbers, and the share of each in its row as a shade.

    The shade grows with the cube root of the share, so that one image among a thousand is seen too.

    Args:
        counts: (k, k) integers, `counts[i, j]` images of class i that were taken for class j.
        names: what the classes are called; by default their numbers.
    """
    names = names or [str(number) for number in range(len(counts))]
    totals = counts.sum(axis=1)
    shares = np.divide(counts, totals[:, None], out=np.zeros(counts.shape), where=totals[:, None] > 0)
    room = _LETTER * (max(map(len, names)) - 1)
    width, height = 8 + room, 7.6 + room
    across = ((_LEFT + room) / width, _SIDE / width)
    figure = Figure(figsize=(width, height), dpi=DPI)
    axes = figure.add_axes((across[0], (_BELOW + room) / height, across[1], _SIDE / height))
    shades = axes.imshow(shares, cmap=SEQUENTIAL, norm=PowerNorm(1 / 3, vmin=0, vmax=1))
    for (i, j), count in np.ndenumerate(counts):
        colour = SILVER if count == 0 else "black" if shares[i, j] < _DARK else "white"
        axes.text(j, i, f"{count:,}", ha="center", va="center", color=colour, fontsize=11)

    classes = range(len(counts))
    right = int(np.trace(counts))
    told = f"{right:,} of {counts.sum():,} images are right"
    axes.set_title(f"Which classes are taken for which: {told}", fontsize=13, pad=12)
    axes.set_xlabel("the network says", fontsize=12)
    axes.set_ylabel("the image is", fontsize=12)
    axes.set_xticks(classes, names)
    axes.set_yticks(classes, names)
    if room:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(labelsize=12, length=0)
    axes.set_xticks(np.arange(0.5, len(counts) - 1), minor=True)
    axes.set_yticks(np.arange(0.5, len(counts) - 1), minor=True)
    axes.grid(which="minor", color=PALE, linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    margin = axes.secondary_yaxis("right")
    margin.set_yticks(classes, [f"{shares[c, c]:.1%}" if totals[c] else "no images" for c in classes])
    margin.tick_params(length=0, labelsize=11, labelcolor=GREY)
    margin.set_ylabel("of these right", fontsize=11, color=GREY)
    below = figure.add_axes((across[0], 0.53 / height, across[1], 0.15 / height))
    bar = figure.colorbar(shades, below, orientation="horizontal")
    bar.set_ticks(_TICKS, labels=[f"{tick:g}%" for tick in 100 * np.array(_TICKS)])
    bar.ax.minorticks_off()
    bar.set_label("share of the class's images", fontsize=11)
    return figure
