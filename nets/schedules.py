"""How the learning rate changes in the course of training: the share of it that is used at each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

ScheduleName = Literal["constant", "cosine"]


def constant(step: int, steps: int) -> float:
    """Return 1 at each of the steps, 0 … steps − 1."""
    return 1.0


def cosine(step: int, steps: int) -> float:
    """Return ½·(1 + cos(π·step / steps)): from 1, slowly at first and at the end, to 0.

    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, equation 5, without restarts.
    """
    return 0.5 * (1 + math.cos(math.pi * step / steps))


SCHEDULES: dict[ScheduleName, Callable[[int, int], float]] = {"constant": constant, "cosine": cosine}
