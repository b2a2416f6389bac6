"""Random numbers by their place: SplitMix64, as compiled kernels and compiled functions call it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.kernels import vectorized
from autodiff.kernels.loops import GOLDEN, MULTIPLIERS
from autodiff.kernels.specialised import FLOATS, compiled

_GOLDEN, _FIRST, _SECOND = np.uint64(GOLDEN), np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
_30, _27, _31, _64, _1 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(64), np.uint64(1)


@compiled
def mixed(bits: Any) -> Any:
    """Return 64 bits of which each depends on each bit given."""
    bits = (bits ^ (bits >> _30)) * _FIRST
    bits = (bits ^ (bits >> _27)) * _SECOND
    return bits ^ (bits >> _31)


@compiled
def uniform_at(seed: Any, count: Any, place: int, digits: int) -> float:
    """Return the number at a place among those that a seed and a count (of uint64) determine, of so many bits."""
    start = mixed(seed ^ mixed(count))
    bits = mixed(start + (np.uint64(place) + _1) * _GOLDEN) >> (_64 - np.uint64(digits))
    return np.float64(bits) * 2.0 ** -np.float64(digits)


def uniform(state: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Draw numbers from 0 to below 1: the output of SplitMix64, started from a state, a seed and a count."""
    if dtype not in FLOATS:
        return vectorized.uniform(state, shape, dtype)
    out = np.empty(shape, dtype)
    _uniform(state[0], state[1], np.finfo(dtype).nmant + 1, out.reshape(-1))
    return out


@compiled
def _uniform(seed: Any, count: Any, digits: int, out: Any) -> None:
    for place in range(out.size):
        out[place] = uniform_at(seed, count, place, digits)
