"""Whether a network is right as often as it thinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from viz.figures import BLUE, GREY, ORANGE, PALE, new_figure


class Bar(NamedTuple):
    """Images to whose guess a probability from `low` to `high` was given: how many, and the share that is right."""

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


def draw_reliability(bars: Sequence[Bar], error: float) -> Figure:
    """Draw a reliability diagram: accuracy by confidence, against the line on which both are equal; and how many.

    Args:
        bars: those that have images.
        error: the expected calibration error, from 0 to 1.
    """
    figure = new_figure(6.4, 7)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    lefts, widths = [bar.low for bar in bars], [bar.high - bar.low for bar in bars]
    shares, sure = [bar.accuracy for bar in bars], [bar.confidence for bar in bars]
    drawn = {"align": "edge", "edgecolor": "white"}
    above.bar(lefts, shares, widths, color=BLUE, label="share that is right", **drawn)
    above.plot(sure, shares, "o", color=ORANGE, label="mean of each")
    above.plot([0, 1], [0, 1], "--", color=GREY, label="calibrated")
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    above.set_title(f"How often it is right when it is so sure: expected calibration error {error:.2%}", fontsize=11)
    above.legend(loc="upper left")
    below.bar(lefts, [bar.images for bar in bars], widths, color=BLUE, **drawn)
    below.set(yscale="log", xlabel="probability that the network gives to what it says", ylabel="images")
    for axes in (above, below):
        axes.grid(color=PALE)
        axes.set_axisbelow(True)
    above.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    below.xaxis.set_major_formatter(PercentFormatter(xmax=1))
    return figure
