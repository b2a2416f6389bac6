"""A network as the steps that it takes in use: one layer after the other, and the shapes between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

import autodiff as ad
from nets.architecture import KINDS
from nets.layers import MLP, Linear, Sequential, Unflatten
from nets.module import Module
from nets.normalisation import BatchNorm1d


class Step(NamedTuple):
    """A layer, its name in the network, and the shapes that one example has before and after it."""

    name: str
    layer: Module
    before: tuple[int, ...]
    after: tuple[int, ...]


def steps(model: Module, input_shape: tuple[int, ...] | None = None) -> list[Step]:
    """Return the steps of a network for examples of a shape; by default of the one that its first layer tells.

    Raises:
        TypeError: there is a module in it that is not one of `nets`.
        ValueError: the network does not take examples of that shape, or no shape is given and its first layer takes
            several; or a layer mixes examples.
    """
    layers = list(_layers("", model))
    if not layers:
        raise ValueError("it has no layers")
    shape = _first_shape(layers[0][1]) if input_shape is None else tuple(input_shape)
    examples = 2  # one could not be told from an axis of length 1
    x = ad.Tensor(np.zeros((examples, *shape), dtype_of(model)))
    found: list[Step] = []
    training = model.training
    model.eval()
    try:
        with ad.no_grad(), np.errstate(all="ignore"):  # the shapes are wanted, not the numbers
            for name, layer in layers:
                before, x = x.shape[1:], layer(x)
                if x.shape[:1] != (examples,):
                    raise ValueError(f"{name}, {layer!r}, mixes examples, {examples} of {before}; each must be alone")
                found.append(Step(name, layer, before, x.shape[1:]))
    finally:
        model.train(training)
    return found


def dtype_of(model: Module) -> np.dtype:
    """Return the floating-point type of a network's arrays, float32 if it has none."""
    return next((parameter.dtype for parameter in model.parameters()), np.dtype(np.float32))


def _layers(name: str, module: Module) -> Iterator[tuple[str, Module]]:
    """Yield the layers that compute something, with their names."""
    if KINDS.get(type(module).__name__) is not type(module):
        raise TypeError(f"{name or 'it'} is a {type(module).__name__}, which other libraries do not know of")
    if type(module) not in (Sequential, MLP):
        yield name, module
        return
    for child, layer in module.named_children():
        yield from _layers(f"{name}.{child}".lstrip("."), layer)


def _first_shape(layer: Module) -> tuple[int, ...]:
    """Return the shape of an example for a network whose first layer takes no other."""
    match layer:
        case Linear(in_features=width) | BatchNorm1d(num_features=width):
            return (width,)
        case Unflatten(dim=1, unflattened_size=lengths):
            return (math.prod(lengths),)
        case _:
            raise ValueError(
                f"its first layer, {layer!r}, takes examples of several shapes: give input_shape, that of one, such as "
                "(1, 28, 28) for images (channels, height, width)"
            )
