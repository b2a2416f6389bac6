"""The network, the optimizer and the averages that a configuration asks for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

import nets
from mnist.config import MOMENTUM, TrainConfig
from mnist.data import CLASSES
from mnist.data.dataset import SIDE
from mnist.errors import UserError
from nets.activations import ACTIVATIONS
from nets.architecture import describe


def make_network(config: TrainConfig) -> nets.Sequential:
    """Return the network of a configuration, as it is before training.

    Raises:
        UserError: it is larger than the memory.
    """
    rng = np.random.default_rng(config.seed)
    if config.network != "mlp":
        return nets.Sequential(*{"lenet": _lenet, "cnn": _cnn}[config.network](config, rng))
    try:
        mlp = nets.MLP(config.layers, config.activation, init=config.init, rng=rng)
    except MemoryError as error:
        raise UserError(f"--layers {' '.join(map(str, config.layers))}: {error}; choose smaller ones") from error
    return nets.Sequential(*_with_dropout(mlp, config.dropout, rng)) if config.dropout else mlp


def architecture(config: TrainConfig) -> dict[str, Any]:
    """Return what the network of a configuration is made of, as `describe` does, but before there is room for it."""
    if config.network != "mlp":
        return describe(make_network(config))
    if not config.dropout:
        return {"type": "MLP", "layer_dims": list(config.layers), "activation": config.activation}
    activation = ACTIVATIONS[config.activation].__name__
    hidden: list[dict[str, Any]] = [{"type": activation}, {"type": "Dropout", "p": config.dropout}]
    layers: list[dict[str, Any]] = []
    for fan_in, fan_out in pairwise(config.layers):
        layers += [{"type": "Linear", "in_features": fan_in, "out_features": fan_out, "bias": True}, *hidden]
    return {"type": "Sequential", "layers": layers[: -len(hidden)]}


def _with_dropout(mlp: nets.MLP, p: float, rng: np.random.Generator) -> Iterator[nets.Module]:
    """Yield the layers of an MLP, and after each activation one that leaves out a part of it."""
    for layer in mlp:
        yield layer
        if not isinstance(layer, nets.Linear):
            yield nets.Dropout(p, rng=rng)


def _lenet(config: TrainConfig, rng: np.random.Generator) -> Iterator[nets.Module]:
    """Yield the layers of LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998), pooled by maxima, as it is built today."""
    activation = ACTIVATIONS[config.activation]
    yield nets.Unflatten(1, (1, SIDE, SIDE))
    for channels, padding in (((1, 6), 2), ((6, 16), 0)):
        yield from (nets.Conv2d(*channels, 5, padding=padding, rng=rng), activation(), nets.MaxPool2d(2))
    yield nets.Flatten()
    for widths in ((400, 120), (120, 84)):
        yield from (nets.Linear(*widths, init=config.init, rng=rng), activation())
        if config.dropout:
            yield nets.Dropout(config.dropout, rng=rng)
    yield nets.Linear(84, CLASSES, init=config.init, rng=rng)


def _cnn(config: TrainConfig, rng: np.random.Generator) -> Iterator[nets.Module]:
    """Yield four convolutions, each normalised, and a linear layer.

    Two of them halve the images by their stride (after Springenberg, Dosovitskiy, Brox and Riedmiller, Striving for
    Simplicity: The All Convolutional Net, 2015), the first at once, where there is nothing to see on a single pixel.
    """
    activation = ACTIVATIONS[config.activation]
    yield nets.Unflatten(1, (1, SIDE, SIDE))
    for channels, kernel, stride in (((1, 32), 5, 2), ((32, 32), 3, 1), ((32, 64), 3, 2), ((64, 64), 3, 1)):
        convolution = nets.Conv2d(*channels, kernel, stride, kernel // 2, bias=False, rng=rng)
        yield from (convolution, nets.BatchNorm2d(channels[1]), activation())
    yield nets.Flatten()
    if config.dropout:
        yield nets.Dropout(config.dropout, rng=rng)
    yield nets.Linear(64 * 7 * 7, CLASSES, init=config.init, rng=rng)


def make_optimizer(config: TrainConfig, model: nets.Module) -> nets.Optimizer:
    """Return the optimizer of a configuration, which decays weights but not biases."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    lr = config.learning_rate
    if config.optimizer == "adam":
        return nets.Adam(groups, lr)
    if config.optimizer == "adamw":
        return nets.AdamW(groups, lr)
    return nets.SGD(groups, lr, momentum=MOMENTUM if config.optimizer == "momentum" else 0.0)


def make_averages(config: TrainConfig, model: nets.Module) -> nets.ExponentialMovingAverage | None:
    """Return the averages that a configuration asks for, of the weights and of running statistics, or None."""
    if not config.ema:
        return None
    statistics = (buffer for _, buffer in model.named_buffers() if buffer.dtype.kind == "f")
    return nets.ExponentialMovingAverage([*model.parameters(), *statistics], config.ema)
