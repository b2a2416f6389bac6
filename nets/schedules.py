"""How the learning rate changes in the course of training: the share of it that is used at each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

ScheduleName = Literal["constant", "step", "cosine", "warm-up", "one-cycle"]

Schedule = Callable[[int, int], float]
"""Given the number of a step, 0 … steps − 1, and that of all steps, returns the share of the learning rate."""


def constant(step: int, steps: int) -> float:
    """Return 1 at each of the steps, 0 … steps − 1."""
    return 1.0


def cosine(step: int, steps: int) -> float:
    """Return ½·(1 + cos(π·step / steps)): from 1, slowly at first and at the end, to 0.

    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, equation 5, without restarts.
    """
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def step_decay(step: int, steps: int, falls: int = 2, gamma: float = 0.1) -> float:
    """Return 1, times gamma after each of so many falls, which divide the steps evenly."""
    return gamma ** (step * (falls + 1) // steps)


def warm_up(step: int, steps: int, share: float = 0.1, then: Schedule = cosine) -> float:
    """Climb from 0 to 1 in even steps during a share of the steps, and go on as another schedule.

    Goyal et al., Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour, 2017, section 2.2.
    """
    first = max(1, round(share * steps))
    return (step + 1) / first if step < first else then(step - first, max(steps - first, 1))


def one_cycle(step: int, steps: int, share: float = 0.3, start: float = 1 / 25, end: float = 4e-6) -> float:
    """Climb from `start` to 1 during a share of the steps, then fall to `end` at the last, along half cosines.

    Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2019; with
    the settings of PyTorch's OneCycleLR.
    """
    peak, last = share * steps - 1, steps - 1
    if step <= peak:
        return _between(start, 1.0, step / peak if peak else 1.0)
    return _between(1.0, end, (step - peak) / (last - peak))


def _between(start: float, end: float, way: float) -> float:
    """Return what lies at a share of the way from start to end along half a cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * way))


SCHEDULES: dict[ScheduleName, Schedule] = {
    "constant": constant,
    "step": step_decay,
    "cosine": cosine,
    "warm-up": warm_up,
    "one-cycle": one_cycle,
}
