"""What emitted code calls: the matrix product, in parts, and functions of one number."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numba import njit

from autodiff.kernels.compiled_matmul import product
from autodiff.kernels.specialised import compiled

__all__ = ["compiled", "compiled_for_team", "place", "product", "rows_of", "sigmoid", "softplus"]

compiled_for_team = partial(compiled, parallel=True)
"""`compiled`, of a function whose `prange` is shared among threads."""


@njit(inline="always")
def place(index: int, n: int, out_of_range: Any) -> int:
    """Return an index from 0 to n − 1, a negative one counted from the end; one out of range is noted."""
    if index < 0:
        index += n
    if index < 0 or index >= n:
        out_of_range[0] = 1
        return 0
    return index


@compiled
def rows_of(part: int, parts: int, rows: int, multiple: int) -> tuple[int, int]:
    """Return where a part of the rows begins and ends; all but the last end at a multiple."""
    each = -(-rows // (parts * multiple)) * multiple
    return min(part * each, rows), min((part + 1) * each, rows)


@compiled
def sigmoid(a: float) -> float:
    """1 / (1 + e⁻ᵃ), without overflow."""
    decay = np.exp(-np.abs(a))
    one = type(a)(1)
    return (one if a >= 0 else decay) / (one + decay)


@compiled
def softplus(a: float) -> float:
    """log(1 + eᵃ), without overflow."""
    return np.maximum(a, type(a)(0)) + np.log1p(np.exp(-np.abs(a)))
