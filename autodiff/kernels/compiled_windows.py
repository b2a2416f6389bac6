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
from autodiff.kernels.simd_rows import add_shifted_rows, copy_rows
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
    out = np.empty(shape, g.dtype)
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
def lay_windows_on_image(columns: Any, image: Any, down: int, across: int) -> None:
    """Write the sum of windows, as `take_windows_of_image` writes them, each where it lies, to an image.

    Where windows are one step apart a row of the image is written once, as the sum of all rows of windows that lie on
    it. To add one after the other to memory would be to wait for each: half of what is read has just been written.
    """
    channels, a, b, rows, n = columns.shape
    if down == across == 1 and columns.strides[4] == columns.itemsize and image.strides[2] == image.itemsize:
        height, width = image.shape[1:]
        source, target = np.int64(columns.ctypes.data), np.int64(image.ctypes.data)
        step = columns.strides[1] - columns.strides[3]  # a row of the image is further down in windows further up
        for c in range(channels):
            for y in range(height):
                first, last = max(0, y - rows + 1), min(a, y + 1)
                start = source + c * columns.strides[0] + y * columns.strides[3] + first * step
                place = target + c * image.strides[0] + y * image.strides[1]
                add_shifted_rows(image, start, step, last - first, columns.strides[2], b, n, place, width)
    else:
        image[...] = 0
        for c in range(channels):
            for i in range(a):
                for j in range(b):
                    for y in range(rows):
                        for x in range(n):
                            image[c, y * down + i, x * across + j] += columns[c, i, j, y, x]


def _add_loop(g: Any, out: Any, down: int, across: int) -> None:
    for m in range(g.shape[0]):
        lay_windows_on_image(g[m], out[m, :, :, :, 0, 0], down, across)


def _add_loop_by_team(g: Any, out: Any, down: int, across: int) -> None:
    for m in prange(g.shape[0]):
        lay_windows_on_image(g[m], out[m, :, :, :, 0, 0], down, across)


_add = Specialised(_add_loop, inputs=1, limits=2, ndim=6, layout="A")
_add_by_team = Specialised(_add_loop_by_team, inputs=1, limits=2, ndim=6, layout="A", parallel=True)
