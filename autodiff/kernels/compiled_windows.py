"""Windows of images compiled: to take them, and to add them back, for two axes that they slide over.

Both go through the windows place by place within them: what lies there in all windows of an image are rows of numbers
that lie side by side in the image too, if the windows are one step apart across. They are moved by vectors then.
"""

import math
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from autodiff.kernels import vectorized
from autodiff.kernels.simd import add_rows, copy_rows
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
    given = g.transpose(0, 1, 4, 5, 2, 3), out.reshape(*shape, 1, 1), *stride
    if g.size < PARALLEL_FROM or not team.share(math.prod(g.shape) * LATE, _add_by_team[g.dtype], *given):
        _add[g.dtype](*given)
    return out


@compiled
def take_windows_of_image(image: Any, columns: Any, down: int, across: int) -> None:
    """Write the windows of an image (channels, height, width) to columns (channels, a, b, places down, places across).

    A window is of the lengths a and b, and the next one `down` or `across` from it. Rows of both lie in one piece.
    """
    channels, a, b, rows, n = columns.shape
    source, target = np.int64(image.ctypes.data), np.int64(columns.ctypes.data)
    step, target_step = down * image.strides[1], columns.strides[3]
    for c in range(channels):
        for i in range(a):
            for j in range(b):
                if across == 1:
                    start = source + c * image.strides[0] + i * image.strides[1] + j * image.strides[2]
                    copy_rows(image, start, step, target, target_step, rows, n)
                    target += rows * target_step
                else:
                    for y in range(rows):
                        for x in range(n):
                            columns[c, i, j, y, x] = image[c, y * down + i, x * across + j]


@compiled
def add_windows_to_image(columns: Any, image: Any, down: int, across: int) -> None:
    """Add windows, as `take_windows_of_image` writes them, to where they lie in an image."""
    channels, a, b, rows, n = columns.shape
    target = np.int64(image.ctypes.data)
    for c in range(channels):
        for i in range(a):
            for j in range(b):
                if across == 1 and columns.strides[4] == columns.itemsize:
                    source = np.int64(columns[c, i, j].ctypes.data)
                    start = target + c * image.strides[0] + i * image.strides[1] + j * image.strides[2]
                    add_rows(image, source, columns.strides[3], start, down * image.strides[1], rows, n)
                else:
                    for y in range(rows):
                        for x in range(n):
                            image[c, y * down + i, x * across + j] += columns[c, i, j, y, x]


def _add_loop(g: Any, out: Any, down: int, across: int) -> None:
    for m in range(g.shape[0]):
        add_windows_to_image(g[m], out[m, :, :, :, 0, 0], down, across)


def _add_loop_by_team(g: Any, out: Any, down: int, across: int) -> None:
    for m in prange(g.shape[0]):
        add_windows_to_image(g[m], out[m, :, :, :, 0, 0], down, across)


_add = Specialised(_add_loop, inputs=1, limits=2, ndim=6, layout="A")
_add_by_team = Specialised(_add_loop_by_team, inputs=1, limits=2, ndim=6, layout="A", parallel=True)
