"""Random numbers as a function of a counter: no state is hidden, so a compiled function draws what any other does."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff import kernels
from autodiff.ops.shapes import Shape
from autodiff.tape import Array, primitive


@primitive("uniform", None)
def uniform(state: Array, shape: Shape, dtype: Any = np.float32) -> Array:
    """Numbers drawn evenly from 0 to below 1: an array that `state`, a seed and a count, determines.

    Args:
        state: two integers of uint64. The same state gives the same numbers; for others, count on.
        shape: of the result.
        dtype: float32, with 24 random bits in each number, or float64, with 53.

    The numbers are those of the generator SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number
    Generators, 2014), started anew for each state: its output i depends on i alone, not on those before.
    """
    return kernels.uniform(state, shape, np.dtype(dtype))
