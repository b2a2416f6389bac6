"""Loss and accuracy, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from viz.figures import BLUE, GREY, ORANGE, count_epochs, dotted, new_figure


def draw_curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the loss and the accuracy on training and test data, and on validation data if there are, side by side.

    Args:
        history: for each epoch the values of `epoch`, `train_loss`, `test_loss`, and `train_accuracy` and
            `test_accuracy` from 0 to 1; perhaps those of `validation_loss` and `validation_accuracy` too.
    """
    figure = new_figure(9, 3.8)
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    styles = {"train": ("--", BLUE), "validation": (":", GREY), "test": ("-", ORANGE)}
    shown = {split: style for split, style in styles.items() if f"{split}_loss" in history[0]}
    for axes, quantity in ((left, "loss"), (right, "accuracy")):
        for split, (line, colour) in shown.items():
            values = [row[f"{split}_{quantity}"] for row in history]
            axes.plot(epochs, values, dotted(line, epochs), color=colour, markersize=4, label=split)
        axes.set(ylabel=quantity, title=f"{quantity.capitalize()} by epoch")
        count_epochs(axes, epochs)
        axes.grid(alpha=0.3)
        axes.legend()
        axes.margins(y=0.1)
    left.set_ylim(bottom=0)
    right.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    return figure
