"""A training step: the loss of a batch, its gradients, and the network moved by them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import autodiff as ad
import nets
from mnist import gradients
from mnist.engines import Engine
from mnist.gradients import Norms
from mnist.state import State

Step = Callable[[Any, Any, bool], tuple[float, Norms]]
"""Takes a batch x (m, 784), its labels y (m,), and whether to measure; moves the network, and returns the loss before.

With it comes how large the gradients were before they were clipped, if they are measured.
"""


_EACH, _EACH_COMPILED = 32, 256
"""Of so many steps the gradients of one are measured; where the others are compiled, that one takes thrice the time."""


def is_measured(number: int, steps: int, jit: bool) -> bool:
    """Whether the gradients are measured at a step of an epoch: at its last, and at every so many before it.

    So they are looked at often enough for a steady mean, and seldom enough to take less than a hundredth of the time.
    """
    return (steps - number) % (_EACH_COMPILED if jit else _EACH) == 0


def make_step(run: State, engine: Engine) -> Step:
    """Return what moves the network of a run by a batch; it is compiled, if that is asked for, but to measure."""
    model, optimizer, smoothing = run.model, run.optimizer, run.config.label_smoothing
    loss_and_gradients = partial(engine, label_smoothing=smoothing) if smoothing else engine

    def step(x: Any, y: Any, measured: bool) -> tuple[float, Norms]:
        optimizer.zero_grad()
        loss = loss_and_gradients(model, x, y)
        norms = gradients.norms(model) if measured else {}
        if math.isfinite(loss):
            _move(run)
        return loss, norms

    @ad.jit
    def compiled(x: Any, y: Any) -> ad.Tensor:
        loss = nets.cross_entropy(model(x), y, smoothing)
        optimizer.zero_grad()
        loss.backward()
        _move(run)
        return loss

    def quick_step(x: Any, y: Any, measured: bool) -> tuple[float, Norms]:
        return step(x, y, measured) if measured else (float(compiled(x, y).item()), {})

    return quick_step if run.config.jit else step


def _move(run: State) -> None:
    """Move the network by the gradients that are there."""
    if run.config.clip:
        nets.clip_grad_norm_(run.model.parameters(), run.config.clip)
    run.optimizer.step()
    if run.averages:
        run.averages.update()
