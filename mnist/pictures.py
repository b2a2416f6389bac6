"""The pictures of a run: which there are, and what is drawn in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import nets
from mnist import gradients
from mnist.data import Split
from mnist.data.dataset import SIDE
from mnist.evaluation import Evaluation, worst_mistakes
from mnist.metrics import Bin
from mnist.state import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES, GRADIENT_NORMS, WEIGHTS = "curves.png", "gradient_norms.png", "weights.png"
CONFUSION, MISTAKES = "confusion.png", "mistakes.png"
NAMES = (CURVES, GRADIENT_NORMS, CONFUSION, MISTAKES, WEIGHTS)
RELIABILITY = "reliability.png"
OF_EVALUATION = (CONFUSION, MISTAKES, RELIABILITY)

_MOST_MISTAKES = 20
_MOST_UNITS = 128


def of_training(history: Sequence[Row], model: nets.MLP) -> Iterator[tuple[str, Figure]]:
    """Draw the course of a training and what the first layer has become; yield each picture after its name."""
    from viz.curves import draw_curves  # it imports matplotlib, which takes half a second
    from viz.gradient_norms import draw_gradient_norms
    from viz.weights import draw_weights

    yield CURVES, draw_curves(history)
    epochs = [row["epoch"] for row in history]
    norms = ([row[column] for row in history] for column in gradients.columns(model))
    yield GRADIENT_NORMS, draw_gradient_norms(epochs, dict(zip(_layers(model), norms, strict=True)))
    W = model.state_dict()["layers.0.weight"]
    digits = [f"digit {digit}" for digit in range(W.shape[1])] if len(model.layer_dims) == 2 else []
    yield WEIGHTS, draw_weights(W.T[:_MOST_UNITS].reshape(-1, SIDE, SIDE), W.shape[1], digits)


def of_evaluation(evaluation: Evaluation, model: nets.Module, split: Split) -> Iterator[tuple[str, Figure]]:
    """Draw what a network makes of the images of a split; yield each picture after its name."""
    from viz.confusion import draw_confusion
    from viz.mistakes import Shown, draw_mistakes

    yield CONFUSION, draw_confusion(evaluation.confusion)
    shown = [
        Shown(split.images[m.row].reshape(SIDE, SIDE), m.label, m.guess, m.p_label, m.p_guess)
        for m in worst_mistakes(model, split, _MOST_MISTAKES)
    ]
    yield MISTAKES, draw_mistakes(shown, evaluation.mistakes, len(split))


def of_calibration(bins: Sequence[Bin], error: float) -> Iterator[tuple[str, Figure]]:
    """Draw whether a network is right as often as it thinks; yield the picture after its name."""
    from viz.reliability import Bar, draw_reliability

    yield RELIABILITY, draw_reliability([Bar(*bin) for bin in bins if bin.images], error)  # type: ignore[arg-type]


def _layers(model: nets.MLP) -> list[str]:
    """Name the layers for a reader, from the input on."""
    widths = model.layer_dims
    return [f"{i}: {widths[i - 1]} → {widths[i]}" for i in range(1, len(widths))]
