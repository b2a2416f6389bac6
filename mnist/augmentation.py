"""Images shifted, turned, scaled and bent a little, each time in another way, so that a network sees each but once.

The elastic distortion is that of Simard, Steinkraus and Platt (Best Practices for Convolutional Neural Networks Applied
to Visual Document Analysis, 2003): every pixel is fetched from a place displaced at random, and neighbours alike, for
the displacements are noise smoothed by a Gaussian. What becomes of an image depends on seed, epoch and its row alone.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numba as nb
import numpy as np

from mnist.data import PIXELS, Split
from mnist.data.dataset import SIDE

Batch = tuple[np.ndarray, np.ndarray]
"""x, float32 (m, 784), and its labels y, intp (m,)."""

_SIGMA = 4.0
"""The width of the Gaussian in pixels, as in the paper."""
_BLOCK = 1024
"""About so many images are distorted at a time: enough that a thread seldom has to ask for the interpreter."""


@dataclass(frozen=True)
class Augmentation:
    """How far an image may be changed.

    `shift` is in whole pixels, `rotate` in degrees, `scale` a share of the size, each in both directions and evenly
    distributed; `elastic` is the paper's α, in pixels: the noise lies between −1 and 1 before it is smoothed.
    """

    shift: int = 0
    rotate: float = 0.0
    scale: float = 0.0
    elastic: float = 0.0

    def __bool__(self) -> bool:
        """Whether anything is changed."""
        return any((self.shift, self.rotate, self.scale, self.elastic))

    def distort(self, images: np.ndarray, rows: np.ndarray, seed: int, epoch: int) -> np.ndarray:
        """Return some images (rows of uint8 (n, 784)) as they are in an epoch, from 0 to 1: float32 (m, 784)."""
        (key,) = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
        fields = np.zeros((len(rows) if self.elastic else 1, 2, SIDE, SIDE), np.float32)
        if self.elastic:
            _fill_with_noise(rows, key, fields.reshape(len(rows), -1))
            smoothing = _smoothing(_SIGMA)
            fields = np.float32(self.elastic) * (smoothing @ fields @ smoothing)
        out = np.empty((len(rows), PIXELS), np.float32)
        _distort(images, rows, key, self.shift, math.radians(self.rotate), self.scale, fields, out)
        return out


def augmented(
    split: Split, batches: Sequence[np.ndarray], how: Augmentation, seed: int, epoch: int, threads: int
) -> contextlib.closing[Generator[Batch, None, None]]:
    """Return the batches of an epoch, distorted by threads in the background while the ones before are in use.

    It is a context manager, which waits at its end for what the threads still do.
    """
    return contextlib.closing(_augmented(split, batches, how, seed, epoch, threads))


def _augmented(
    split: Split, batches: Sequence[np.ndarray], how: Augmentation, seed: int, epoch: int, threads: int
) -> Generator[Batch, None, None]:
    together = max(1, _BLOCK // len(batches[0]))
    blocks = [batches[start : start + together] for start in range(0, len(batches), together)]
    waiting: deque[Future[np.ndarray]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for number, block in enumerate(blocks):
                while len(waiting) <= threads and number + len(waiting) < len(blocks):
                    rows = np.concatenate(blocks[number + len(waiting)])
                    waiting.append(pool.submit(how.distort, split.images, rows, seed, epoch))
                x = waiting.popleft().result()
                for rows in block:
                    yield x[: len(rows)], split.labels[rows].astype(np.intp)
                    x = x[len(rows) :]
        finally:
            for future in waiting:
                future.cancel()


def _smoothing(sigma: float) -> np.ndarray:
    """Return the matrix (28, 28) that smooths a column of pixels, with 0 beyond its ends, and from the right a row."""
    apart = np.subtract.outer(np.arange(SIDE), np.arange(SIDE))
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = np.where(abs(apart) <= reach, np.exp(-0.5 * (apart / sigma) ** 2), 0) / weights.sum()
    return np.asarray(kernel, np.float32)


_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(4)
_DRAWS = np.uint64(4 + 2 * PIXELS)
"""Numbers that an image needs: two for the shift, for angle and size one each, and then the noise, two a pixel."""


@nb.njit(nogil=True, cache=True)
def _random(state: np.uint64) -> np.float32:
    """Return a number from −1 to below 1: what SplitMix64 makes of a state (Steele, Lea and Flood, 2014)."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float32(np.int64(z >> np.uint64(40))) * np.float32(2.0**-23) - np.float32(1)


@nb.njit(nogil=True, cache=True)
def _fill_with_noise(rows, key, noise):  # type: ignore[no-untyped-def]
    """Fill (m, 2·784) with the noise of each image."""
    for m in range(len(rows)):
        state = key + (np.uint64(rows[m]) * _DRAWS + _FIRST) * _GAMMA
        for n in range(noise.shape[1]):
            noise[m, n] = _random(state + np.uint64(n + 1) * _GAMMA)


@nb.njit(nogil=True, cache=True)
def _distort(images, rows, key, shift, angle, scale, fields, out):  # type: ignore[no-untyped-def]
    """Distort images one by one: each pixel is interpolated between the four around the place where it comes from.

    `fields` (m, 2, 28, 28) are displacements down and to the right; if there is but one, it is for all images.
    """
    one, centre = np.float32(1), np.float32((SIDE - 1) / 2)
    padded = np.zeros((SIDE + 3, SIDE + 3), np.float32)
    for m in range(len(rows)):
        state = key + np.uint64(rows[m]) * _DRAWS * _GAMMA
        steps = np.float32(2 * shift + 1) / np.float32(2)
        di = np.floor((_random(state + _GAMMA) + one) * steps) - np.float32(shift)
        dj = np.floor((_random(state + np.uint64(2) * _GAMMA) + one) * steps) - np.float32(shift)
        turn = np.float32(angle) * _random(state + np.uint64(3) * _GAMMA)
        size = one + np.float32(scale) * _random(state + np.uint64(4) * _GAMMA)
        cos, sin = np.float32(np.cos(turn)) / size, np.float32(np.sin(turn)) / size
        field = fields[m if len(fields) > 1 else 0]
        for i in range(SIDE):
            for j in range(SIDE):
                padded[i + 1, j + 1] = np.float32(images[rows[m], SIDE * i + j]) / np.float32(255)
        for i in range(SIDE):
            for j in range(SIDE):
                y, x = np.float32(i) - centre - di, np.float32(j) - centre - dj
                r = cos * y - sin * x + centre + field[0, i, j]
                c = sin * y + cos * x + centre + field[1, i, j]
                r = min(max(r, -one), np.float32(SIDE)) + one
                c = min(max(c, -one), np.float32(SIDE)) + one
                k, l = int(r), int(c)  # noqa: E741
                v, w = r - np.float32(k), c - np.float32(l)
                above = padded[k, l] * (one - w) + padded[k, l + 1] * w
                below = padded[k + 1, l] * (one - w) + padded[k + 1, l + 1] * w
                out[m, SIDE * i + j] = above * (one - v) + below * v
