"""The network, the optimizer and the averages that a configuration asks for."""

from __future__ import annotations

import numpy as np

import nets
from mnist.config import MOMENTUM, TrainConfig
from mnist.errors import UserError


def make_network(config: TrainConfig) -> nets.MLP:
    """Return the network of a configuration, as it is before training.

    Raises:
        UserError: it is larger than the memory.
    """
    try:
        return nets.MLP(config.layers, config.activation, init=config.init, rng=np.random.default_rng(config.seed))
    except MemoryError as error:
        raise UserError(f"--layers {' '.join(map(str, config.layers))}: {error}; choose smaller ones") from error


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
    """Return the averages of the weights that a configuration asks for, or None."""
    return nets.ExponentialMovingAverage(model.parameters(), config.ema) if config.ema else None
