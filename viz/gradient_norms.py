"""How large the gradients are, layer by layer and epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from viz.curves import FEW
from viz.figures import new_figure


def draw_gradient_norms(epochs: Sequence[float], norms: Mapping[str, Sequence[float]]) -> Figure:
    """Draw a line for each layer on a logarithmic scale.

    A norm of 0, which such a scale has no place for, is a triangle at the lower edge; one that is no number is a gap.

    Args:
        epochs: the epochs.
        norms: for each layer, from the input on, the norm in each of these epochs.
    """
    figure = new_figure(8, 4.6)
    axes = figure.subplots()
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(norms)))
    for (layer, values), colour in zip(norms.items(), colours, strict=True):
        positive = np.where(np.greater(values, 0), values, np.nan)
        dot = "o" if len(epochs) <= FEW else ""
        axes.plot(epochs, positive, f"{dot}-", color=colour, markersize=5, linewidth=1.8, label=layer)
        zeros = [epoch for epoch, value in zip(epochs, values, strict=True) if value == 0]
        axes.plot(zeros, [0] * len(zeros), "v", color=colour, transform=axes.get_xaxis_transform(), clip_on=False)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("How large the gradient of each layer is", fontsize=13)
    axes.set_xlabel("epoch", fontsize=12)
    axes.set_ylabel("norm of the gradient of the loss", fontsize=12)
    axes.grid(alpha=0.3)
    figure.legend(title="layer", loc="outside right upper", reverse=True)
    return figure
