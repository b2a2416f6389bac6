"""How large the gradient of each layer is: where it vanishes or explodes on its way down, this shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

import nets
from nets import Parameter

_PREFIX = "gradient_norm."

Norms = dict[str, float]
"""For each layer, by the name of its column in the history, √(Σ g²) over the gradients g of its weights and biases."""


def columns(model: nets.Module) -> list[str]:
    """Return the name of each layer's column: `gradient_norm.layers.0` is of the parameters `layers.0.…`."""
    return list(_layers(model))


def norms(model: nets.Module) -> Norms:
    """Return how large the gradients in `.grad` are; a parameter without one adds nothing."""
    return {column: math.sqrt(sum(map(_square, layer))) for column, layer in _layers(model).items()}


def mean(samples: Sequence[Norms]) -> Norms:
    """Return the mean for each layer."""
    return {column: sum(sample[column] for sample in samples) / len(samples) for column in samples[0]}


def _layers(model: nets.Module) -> dict[str, list[Parameter]]:
    layers: dict[str, list[Parameter]] = {}
    for path, parameter in model.named_parameters():
        layers.setdefault(_PREFIX + path.rpartition(".")[0], []).append(parameter)
    return layers


def _square(parameter: Parameter) -> float:
    """Return Σ g², in float64, where the square of no float32 overflows."""
    return 0.0 if parameter.grad is None else float(np.sum(np.square(parameter.grad.data, dtype=np.float64)))
