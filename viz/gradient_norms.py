"""How large the gradients are, layer by layer and epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from viz.figures import GREY, count_epochs, dotted, new_figure

_FIRST, _EACH = 0.02, 0.03
"""Where the triangles of the first layer that has any stand, and how far above it those of the next, in heights."""


def draw_gradient_norms(epochs: Sequence[float], norms: Mapping[str, Sequence[float]]) -> Figure:
    """Draw a line for each layer on a logarithmic scale.

    A norm of 0, for which such a scale has no place, is a triangle near the lower edge; one not finite is a gap.

    Args:
        epochs: the epochs.
        norms: for each layer, from the input on, the norm in each of these epochs.
    """
    figure = new_figure(8, 4.6)
    axes = figure.subplots()
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(norms)))
    height = _FIRST
    for (layer, values), colour in zip(norms.items(), colours, strict=True):
        shown = np.where(np.isfinite(values) & np.greater(values, 0), values, np.nan)
        axes.plot(epochs, shown, dotted("-", epochs), color=colour, markersize=5, linewidth=1.8, label=layer)
        if zeros := [epoch for epoch, value in zip(epochs, values, strict=True) if value == 0]:
            axes.plot(zeros, [height] * len(zeros), "v", color=colour, transform=axes.get_xaxis_transform())
            height += _EACH
    if height > _FIRST:
        axes.plot([], [], "v", color=GREY, label="exactly 0")
    axes.set_yscale("log")
    _give_room(axes, height - _FIRST)
    count_epochs(axes, epochs)
    axes.set_title("How large the gradient of each layer is", fontsize=13)
    axes.set_ylabel("norm of the gradient, mean over the epoch")
    axes.grid(alpha=0.3)
    figure.legend(title="layer", loc="outside right upper")
    return figure


def _give_room(axes: Axes, below: float) -> None:
    """Let the scale show a power of ten at least, leave that share of its height free, and write numbers in full."""
    low, high = np.log10(axes.get_ylim())
    middle, reach = (low + high) / 2, max(high - low, 1) / 2
    low, high = middle - reach, middle + reach
    low -= (high - low) * below / (1 - below)
    axes.set_ylim(10**low, 10**high)
    in_full = FuncFormatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(in_full)
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.yaxis.set_minor_formatter(in_full if high - low < 3 else NullFormatter())
