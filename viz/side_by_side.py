"""Several trainings laid over one another: their losses, how far these are apart, and their accuracies.

Each is a picture of its own, so that a page can set them beside or below one another, and each can be drawn for a
light page or a dark one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from viz.figures import count_epochs, dotted, new_figure

Curves = Mapping[str, Sequence[float] | np.ndarray]
"""A number for each step, or each epoch, by the name of the training."""

_MOST_POINTS = 400
_COLOURS = {
    False: ("#1A1A1A", "#0072B2", "#D55E00", "#009E73", "#AA4499", "#B8860B", "#56B4E9"),
    True: ("#F0F0F0", "#56B4E9", "#FF8C42", "#2FD3A0", "#E58CC8", "#F0C94A", "#8FA8FF"),
}
"""After the palette of Okabe and Ito, as `viz/figures.py` is: darker on white, lighter on black."""
_LINES = ("-", "--", "-.", ":")
_DARK: dict[Any, str] = {
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "legend.facecolor"), "#1E242C"),
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"), "#E9ECF0"),
    "grid.color": "#8A94A0",
}


def draw_losses(losses: Curves, dark: bool = False) -> Figure:
    """Draw the loss at each step; where there are many, the mean over as many as make a point."""

    def draw(axes: Axes) -> None:
        for (name, values), width in zip(losses.items(), _widths(len(losses)), strict=True):
            axes.plot(*_in_points(values, np.mean), label=name, linewidth=width)
        axes.set(xlabel="step", ylabel="loss", title="Loss on the batch of each step", yscale="log")

    return _drawn(draw, dark)


def draw_differences(differences: Curves, dark: bool = False) -> Figure:
    """Draw how far losses are from one at each step; where there are many, the largest of as many as make a point.

    A training has its colour from `draw_losses`, if the one that the others are held against is the first there.
    """

    def draw(axes: Axes) -> None:
        for name, values in differences.items():
            steps, points = _in_points(values, np.max)
            axes.plot(steps, np.where(points > 0, points, np.nan), label=name, linewidth=1.2)
        axes.set(xlabel="step", ylabel="|difference|", title="Difference of the loss", yscale="log")

    return _drawn(draw, dark, before=1)


def draw_accuracies(accuracies: Curves, dark: bool = False) -> Figure:
    """Draw the accuracy, from 0 to 1, after each epoch."""

    def draw(axes: Axes) -> None:
        epochs = range(1, 1 + max(len(values) for values in accuracies.values()))
        for (name, values), width in zip(accuracies.items(), _widths(len(accuracies)), strict=True):
            axes.plot(epochs[: len(values)], values, dotted("-", epochs), label=name, linewidth=width)
        count_epochs(axes, epochs)
        axes.set(ylabel="accuracy", title="Test accuracy after each epoch")
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))

    return _drawn(draw, dark)


def draw_marks(names: Sequence[str], marks: Mapping[str, Sequence[float | None]], dark: bool = False) -> Figure:
    """Draw several kinds of percentages, a line for each name, from the top down; what is None is left out."""

    def draw(axes: Axes) -> None:
        places = np.arange(len(names))[::-1]
        for (kind, values), marker, size in zip(marks.items(), "|ox+", (16, 9, 6, 9), strict=False):
            known = [(value, place) for value, place in zip(values, places, strict=True) if value is not None]
            axes.plot(*np.array(known).T, marker, label=kind, markersize=size, markeredgewidth=2)
        for name, place in zip(names, places, strict=True):
            axes.annotate(name, (0.01, place + 0.3), xycoords=("axes fraction", "data"), fontsize=8)
        axes.xaxis.set_major_formatter(PercentFormatter())
        axes.set(xlabel="accuracy", ylim=(-0.5, len(names) - 0.2), yticks=[])

    return _drawn(draw, dark, height=1.2 + 0.55 * len(names))


def _drawn(draw: Callable[[Axes], None], dark: bool, height: float = 4.6, before: int = 0) -> Figure:
    """Return a figure with what is drawn, without the colours of so many before it, and a legend below it."""
    with mpl.rc_context(_DARK if dark else {}):
        figure = new_figure(4.7, height)
        axes = figure.subplots()
        axes.set_prop_cycle((cycler(linestyle=_LINES) * cycler(color=_COLOURS[dark]))[before:])
        draw(axes)
        axes.grid(alpha=0.3)
        figure.legend(loc="outside lower center", ncols=2 if len(axes.lines) > 3 else 3, fontsize=8, frameon=False)
    return figure


def _widths(count: int) -> Iterator[float]:
    """Yield widths of lines, each a point thinner than the one before: where they coincide, all are seen."""
    yield from np.linspace(1 + count, 1, count).tolist()


def _in_points(values: Sequence[float] | np.ndarray, of: Callable[..., float]) -> tuple[np.ndarray, np.ndarray]:
    """Return steps, counted from 1, and what a function makes of the values up to each from the one before."""
    parts = np.array_split(np.asarray(values, float), min(len(values), _MOST_POINTS))
    return np.cumsum([len(part) for part in parts]), np.array([of(part) for part in parts])
