"""What the pictures of a run share: colours, the axis of epochs, and how a figure becomes a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

DPI = 120
_FEW = 40

BLUE, ORANGE = "#0072B2", "#B84A00"
"""After the palette of Okabe and Ito, as `viz/style.py` is; the orange is darker, so that it can be read as text."""

GREY, SILVER, PALE = "#555555", "#A6A6A6", "#DCDCDC"

DIVERGING = LinearSegmentedColormap.from_list("diverging", ["#003B5C", BLUE, "#FFFFFF", "#D55E00", "#6B2700"], N=257)
"""Blue below 0, white at 0, for which it needs a colour in the very middle, orange above."""

SEQUENTIAL = LinearSegmentedColormap.from_list("sequential", ["#FFFFFF", "#9CCBE8", BLUE, "#003B5C"])
"""White at 0, then ever darker blue."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, which finds room for titles and labels by itself."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def count_epochs(axes: Axes, epochs: Sequence[float]) -> None:
    """Let the x-axis run from the first epoch to the last, though that be the first, and number them."""
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")


def dotted(line: str, epochs: Sequence[float]) -> str:
    """Return the style of a line with a dot at each epoch, unless there are so many that they would run together."""
    return f"o{line}" if len(epochs) <= _FEW else line


def save(figure: Figure, path: Path | BinaryIO) -> None:
    """Write a figure to a PNG file, whose bytes depend on what is drawn, and do not name the version of matplotlib.

    Raises:
        OSError: the file cannot be written.
    """
    figure.savefig(path, format="png", metadata={"Software": None})
