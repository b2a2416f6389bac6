"""The pictures of a run: which there are, and what is drawn in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

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


def of_training(
    history: Sequence[Row], model: nets.Sequential, class_names: Sequence[str]
) -> Iterator[tuple[str, Figure]]:
    """Draw the course of a training and what the first layer has become; yield each picture after its name."""
    from viz.curves import draw_curves  # it imports matplotlib, which takes half a second
    from viz.gradient_norms import draw_gradient_norms
    from viz.weights import draw_weights

    yield CURVES, draw_curves(history)
    epochs = [row["epoch"] for row in history]
    norms = ([row[column] for row in history] for column in gradients.columns(model))
    yield GRADIENT_NORMS, draw_gradient_norms(epochs, dict(zip(_layers(model), norms, strict=True)))
    shown = _first_weights(model)
    labels = class_names if len(list(model.parameters())) == 2 else []
    yield WEIGHTS, draw_weights(shown[:_MOST_UNITS], len(shown), labels)


def of_evaluation(
    evaluation: Evaluation, model: nets.Module, split: Split, class_names: Sequence[str]
) -> Iterator[tuple[str, Figure]]:
    """Draw what a network makes of the images of a split; yield each picture after its name."""
    from viz.confusion import draw_confusion
    from viz.mistakes import Shown, draw_mistakes

    yield CONFUSION, draw_confusion(evaluation.confusion, class_names)
    shown = [
        Shown(split.images[m.row].reshape(SIDE, SIDE), m.label, m.guess, m.p_label, m.p_guess)
        for m in worst_mistakes(model, split, _MOST_MISTAKES)
    ]
    yield MISTAKES, draw_mistakes(shown, evaluation.mistakes, len(split), class_names)


def of_calibration(bins: Sequence[Bin], error: float) -> Iterator[tuple[str, Figure]]:
    """Draw whether a network is right as often as it thinks; yield the picture after its name."""
    from viz.reliability import Bar, draw_reliability

    yield RELIABILITY, draw_reliability([Bar(*bin) for bin in bins if bin.images], error)  # type: ignore[arg-type]


def _first_weights(model: nets.Sequential) -> np.ndarray:
    """Return what each unit of the first layer with weights multiplies pixels by: (n, 28, 28), or (n, h, w)."""
    first = next(layer for layer in model if isinstance(layer, nets.Linear | nets.Conv2d))
    W = first.weight.data
    return W[:, 0] if isinstance(first, nets.Conv2d) else W.T.reshape(-1, SIDE, SIDE)


def _layers(model: nets.Sequential) -> list[str]:
    """Name the layers that have parameters for a reader, from the input on."""
    layers = [layer for layer in model if list(layer.parameters())]
    return [f"{number}: {_name(layer)}" for number, layer in enumerate(layers, 1)]


def _name(layer: nets.Module) -> str:
    if isinstance(layer, nets.Conv2d):
        height, width = layer.kernel_size
        return f"{layer.in_channels} → {layer.out_channels}, {height}×{width}"
    return layer.extra_repr() if isinstance(layer, nets.Linear) else type(layer).__name__
