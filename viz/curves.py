"""Loss and accuracy, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter


def draw_curves(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw the loss and the accuracy on training and test data, side by side, to a PNG file.

    Args:
        history: for each epoch the values of `epoch`, `train_loss`, `test_loss`, and `train_accuracy` and
            `test_accuracy` from 0 to 1.
        path: the file.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for axes, quantity in ((left, "loss"), (right, "accuracy")):
        for split, style in (("train", "o--"), ("test", "o-")):
            axes.plot(epochs, [row[f"{split}_{quantity}"] for row in history], style, markersize=4, label=split)
        axes.set(xlabel="epoch", ylabel=quantity, title=f"{quantity.capitalize()} by epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    left.set_ylim(bottom=0)
    right.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    figure.savefig(path, format="png", dpi=120)
