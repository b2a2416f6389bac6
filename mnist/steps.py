"""A training step: the loss of a batch, its gradients, and the network moved by them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import autodiff as ad
import nets
from mnist.engines import Engine
from mnist.state import State

Step = Callable[[Any, Any], float]
"""Takes a batch x (m, 784) and its labels y (m,), moves the network, and returns the loss before."""


class Steps(NamedTuple):
    """Two ways to take a step: one leaves the gradients in `.grad`, to be measured; one, compiled perhaps, is quick."""

    measured: Step
    quick: Step


_EACH, _EACH_COMPILED = 32, 256
"""Of so many steps the gradients of one are measured; where the others are compiled, that one takes thrice the time."""


def is_measured(number: int, steps: int, jit: bool) -> bool:
    """Whether the gradients are measured at a step of an epoch: at its last, and at every so many before it.

    So they are looked at often enough for a steady mean, and seldom enough to take less than a hundredth of the time.
    """
    return (steps - number) % (_EACH_COMPILED if jit else _EACH) == 0


def make_steps(run: State, engine: Engine) -> Steps:
    """Return what moves the network of a run by a batch, and gives the loss before."""
    model, optimizer, smoothing = run.model, run.optimizer, run.config.label_smoothing
    loss_and_gradients = partial(engine, label_smoothing=smoothing) if smoothing else engine

    def step(x: Any, y: Any) -> float:
        optimizer.zero_grad()
        loss = loss_and_gradients(model, x, y)
        if math.isfinite(loss):
            _move(run)
        return loss

    @ad.jit
    def compiled_step(x: Any, y: Any) -> ad.Tensor:
        loss = nets.cross_entropy(model(x), y, smoothing)
        optimizer.zero_grad()
        loss.backward()
        _move(run)
        return loss

    return Steps(step, (lambda x, y: float(compiled_step(x, y).item())) if run.config.jit else step)


def _move(run: State) -> None:
    """Move the network by the gradients that are there."""
    if run.config.clip:
        nets.clip_grad_norm_(run.model.parameters(), run.config.clip)
    run.optimizer.step()
    if run.averages:
        run.averages.update()
