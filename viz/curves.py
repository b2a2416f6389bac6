"""Loss and accuracy, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from viz.figures import new_figure

FEW = 40
"""Up to so many epochs each has a dot of its own; more would run together."""


def draw_curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the loss and the accuracy on training and test data, side by side.

    Args:
        history: for each epoch the values of `epoch`, `train_loss`, `test_loss`, and `train_accuracy` and
            `test_accuracy` from 0 to 1.
    """
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    dot = "o" if len(epochs) <= FEW else ""
    for axes, quantity in ((left, "loss"), (right, "accuracy")):
        for split, line in (("train", "--"), ("test", "-")):
            axes.plot(epochs, [row[f"{split}_{quantity}"] for row in history], dot + line, markersize=4, label=split)
        axes.set(xlabel="epoch", ylabel=quantity, title=f"{quantity.capitalize()} by epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    left.set_ylim(bottom=0)
    right.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    return figure
