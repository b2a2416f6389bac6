"""Where the weights of a layer start: wide enough that signals live, narrow enough that they do not explode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

Init = Literal["he", "xavier"]


def he(fan_in: int, fan_out: int, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Draw (fan_in, fan_out) weights from N(0, 2 / fan_in), which keeps the variance through relu.

    He, Zhang, Ren and Sun, Delving Deep into Rectifiers, 2015, equation 10.
    """
    return (rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)).astype(dtype)


def xavier(fan_in: int, fan_out: int, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Draw (fan_in, fan_out) weights evenly from ±√(6 / (fan_in + fan_out)), for tanh and sigmoid.

    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010, equation 16.
    """
    bound = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype)


INITIALIZERS: dict[Init, Callable[..., np.ndarray]] = {"he": he, "xavier": xavier}
