"""What the pictures of a run share: their colours, and how a figure becomes a file."""

from __future__ import annotations

from pathlib import Path

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

DPI = 120

BLUE, ORANGE, GREY, PALE = "#0072B2", "#C04F00", "#555555", "#D9D9D9"
"""After the palette of Okabe and Ito, as `viz/style.py` is; the orange is darker, so that it can be read as text."""

DIVERGING = LinearSegmentedColormap.from_list("diverging", ["#003B5C", BLUE, "#FFFFFF", "#D55E00", "#6B2700"])
"""Blue below 0, white at 0, orange above."""

SEQUENTIAL = LinearSegmentedColormap.from_list("sequential", ["#FFFFFF", "#9CCBE8", BLUE, "#003B5C"])
"""White at 0, then ever darker blue."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, which finds room for titles and labels by itself."""
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a PNG file, whose bytes depend on what is drawn, and do not name the version of matplotlib.

    Raises:
        OSError: the file cannot be written.
    """
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
