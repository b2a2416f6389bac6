"""The compiled addition of windows, for images: two axes that windows slide over, and two before them."""

import math
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from autodiff.kernels import vectorized
from autodiff.kernels.specialised import FLOATS, Specialised, compiled
from autodiff.kernels.team import team

PARALLEL_FROM = 50_000
"""Elements of the windows from which more threads pay."""

LATE = 1e-8
"""Seconds for each element after which the team is late: ten times what a single core takes."""


def add_windows(g: NDArray[Any], shape: tuple[int, ...], stride: tuple[int, ...]) -> NDArray[Any]:
    """Add windows (…, places…, window…) to zeros of a shape (…, lengths…), each a stride further than the last."""
    if len(stride) != 2 or len(shape) != 4 or g.dtype not in FLOATS:
        return vectorized.add_windows(g, shape, stride)
    out = np.zeros(shape, g.dtype)
    given = g, out.reshape(*shape, 1, 1), *stride  # of as many axes, which is what `Specialised` asks for
    if g.size < PARALLEL_FROM or not team.share(math.prod(g.shape) * LATE, _add_by_team[g.dtype], *given):
        _add[g.dtype](*given)
    return out


def _add_loop(g: Any, out: Any, down: int, across: int) -> None:
    for n in range(g.shape[0]):
        for c in range(g.shape[1]):
            for i in range(g.shape[2]):
                for j in range(g.shape[3]):
                    for a in range(g.shape[4]):
                        for b in range(g.shape[5]):
                            out[n, c, i * down + a, j * across + b, 0, 0] += g[n, c, i, j, a, b]


_add_images = compiled(_add_loop)


def _add_loop_by_team(g: Any, out: Any, down: int, across: int) -> None:
    for n in prange(g.shape[0]):
        _add_images(g[n : n + 1], out[n : n + 1], down, across)


_add = Specialised(_add_loop, inputs=1, limits=2, ndim=6, layout="A")
_add_by_team = Specialised(_add_loop_by_team, inputs=1, limits=2, ndim=6, layout="A", parallel=True)
