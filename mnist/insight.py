"""What happens to an image in a network: what each stage makes of it, and which pixels speak for an answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import autodiff as ad
import nets
from mnist.data import PIXELS
from mnist.data.dataset import SIDE


@dataclass(frozen=True)
class Stage:
    """Layers that work together, a convolution and its activation say, and the numbers that leave the last of them.

    `numbers` has the shape (units,), or (channels, h, w) where there still are pictures.
    """

    name: str
    numbers: np.ndarray


def stages(model: nets.Sequential, image: np.ndarray) -> list[Stage]:
    """Follow an image (28, 28), uint8, through a network that is ready for use; the last stage gives the logits."""
    found: list[Stage] = []
    names: list[str] = []
    x: Any = _as_input(model, image)
    for layer in _flat(model):
        if isinstance(layer, nets.Linear | nets.Conv2d | nets.MaxPool2d | nets.AvgPool2d):
            names = []
            found.append(Stage("", np.empty(0)))
        with ad.no_grad():
            x = layer(x)
        if isinstance(layer, nets.Flatten | nets.Unflatten | nets.Dropout) or not found:
            continue
        names.append(_name(layer))
        found[-1] = Stage(", ".join(names), x.data[0])
    return found


def evidence(model: nets.Sequential, image: np.ndarray, digit: int) -> np.ndarray:
    """Return the gradient of the logit of a digit with respect to the pixels of an image, (28, 28) float32.

    Where it is positive, more ink would speak for the digit, and where it is negative, against it.
    """
    logit = ad.grad(lambda x: model(x)[0, digit])
    return np.asarray(logit(_as_input(model, image)).data.reshape(SIDE, SIDE))


def _as_input(model: nets.Sequential, image: np.ndarray) -> np.ndarray:
    dtype = next(model.parameters()).dtype
    return np.asarray(np.divide(image.reshape(1, PIXELS), 255, dtype=dtype))


def _flat(model: nets.Module) -> Iterator[nets.Module]:
    """Yield the layers of a network in their order, those of networks within it too."""
    for layer in model if isinstance(model, nets.Sequential) else [model]:
        yield from [layer] if layer is model or not isinstance(layer, nets.Sequential) else _flat(layer)


def _name(layer: nets.Module) -> str:
    """Name a layer for a reader."""
    kind = type(layer).__name__
    if isinstance(layer, nets.Linear):
        return f"{kind} {layer.extra_repr()}"
    if isinstance(layer, nets.Conv2d):
        return f"{kind} {layer.in_channels} → {layer.out_channels}"
    return kind
