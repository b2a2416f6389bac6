"""How arrays come into the page: sampled where they are large, as base64 of their bytes, and how big they are drawn."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Side = tuple[int, int]
"""The height and width of pictures, in pixels."""

MOST_BYTES = 600_000
"""What the arrays of a graph may take; in base64 they take a third more, and what witnesses say comes on top."""
_LIMITS = (32, 24, 16, 12, 8, 6, 4, 3, 2, 1)
"""How many places of an axis are shown: the most with which the page stays small."""
_MOST_PICTURES = 16
"""How many places are shown of an axis where there are pictures, which are to be seen."""

_MOST_WRITTEN = 8
"""Rows and columns up to which numbers are written out."""
_WRITTEN_CELL = (46, 18)
_WIDTH = 184
"""How wide a heat-map may be, in pixels of the drawing."""
_ACROSS = 4
"""How many pictures stand side by side."""


@dataclass(frozen=True)
class View:
    """How an array is laid out: in rows and columns, with a size for each cell."""

    mode: Literal["written", "cells", "pictures"]
    rows: int
    columns: int
    cell: tuple[float, float]
    """Width and height."""
    axis: int = 0
    """In a mosaic of pictures: the axis along which a picture's pixels lie."""
    side: Side = (0, 0)
    across: int = 1

    @property
    def width(self) -> float:
        """The width of the whole."""
        return self.columns * self.cell[0]

    @property
    def height(self) -> float:
        """The height of the whole."""
        return self.rows * self.cell[1]


class Sampling:
    """Which places of long axes are shown, the same in all arrays.

    Args:
        arrays: those of the graph.
        side: the height and width of pictures; an axis of as many pixels is never sampled.
    """

    def __init__(self, arrays: Iterable[Any], side: Side | None = None) -> None:
        self.side = side
        kinds = [(np.shape(array), _kind(array)) for array in arrays]
        for limit in _LIMITS:
            if side and limit > _MOST_PICTURES:
                continue
            self.limit = limit
            if sum(kind.itemsize * _size(self.sampled(shape)) for shape, kind in kinds) <= MOST_BYTES:
                break
        self.is_needed = any(self.sampled(shape) != shape for shape, _ in kinds)

    @property
    def note(self) -> str:
        """What the reader should know of it."""
        return (
            f"Large arrays are sampled: {self.limit} places are shown of an axis that is longer, evenly spaced; "
            "statistics and differences are of all numbers."
        )

    def places(self, length: int) -> np.ndarray:
        """Return the places of an axis that are shown, evenly spaced."""
        if length <= self.limit or self._is_pixels(length):
            return np.arange(length)
        return np.linspace(0, length - 1, self.limit).round().astype(int)

    def sampled(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return what is left of a shape."""
        return tuple(n if self._is_pixels(n) else min(n, self.limit) for n in shape)

    def encode(self, array: Any) -> dict[str, Any]:
        """Return an array as JSON has it; a large one sampled, with the statistics of all of it."""
        whole = np.asarray(array)
        encoded: dict[str, Any] = {"shape": whole.shape}
        part = whole
        if self.sampled(whole.shape) != whole.shape:
            places = [self.places(length) for length in whole.shape]
            part = whole[np.ix_(*places)]
            encoded |= {"places": [p.tolist() for p in places], "statistics": _statistics(whole)}
        return encoded | _bytes(part)

    def view(self, shape: tuple[int, ...]) -> View:
        """Return how an array of a shape is laid out, once it is sampled."""
        shape = self.sampled(shape)
        columns = shape[-1] if shape else 1
        rows = _size(shape) // columns if columns else 0
        if len(shape) == 2 and self.side and (self._is_pixels(rows) or self._is_pixels(columns)):
            return self._mosaic(rows, columns, self.side)
        if max(rows, columns) <= _MOST_WRITTEN:
            return View("written", rows, columns, _WRITTEN_CELL)
        cell = max(3.0, min(18.0, _WIDTH / max(rows, columns)))
        return View("cells", rows, columns, (cell, cell))

    def _mosaic(self, rows: int, columns: int, side: Side) -> View:
        """Return the view of an array whose rows, or else columns, are pictures; a gap of a pixel divides them."""
        axis = 1 if self._is_pixels(columns) else 0
        count = rows if axis else columns
        across = min(count, _ACROSS)
        down = -(-count // across)
        pixel = min(2.0, _WIDTH / (across * (side[1] + 1)))
        height, width = side
        return View("pictures", down * (height + 1), across * (width + 1), (pixel, pixel), axis, side, across)

    def _is_pixels(self, length: int) -> bool:
        return self.side is not None and length == self.side[0] * self.side[1]


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=int))


def _kind(array: Any) -> np.dtype[Any]:
    """Return the type in which an array comes into the page."""
    return np.dtype("<f4" if np.asarray(array).dtype in (np.float32, np.float16) else "<f8")


def _bytes(array: np.ndarray) -> dict[str, str]:
    """Return the numbers of an array, float32 as such and all others as float64, little-endian."""
    kind = _kind(array)
    return {"type": kind.str[1:], "bytes": base64.b64encode(array.astype(kind).tobytes()).decode()}


def _statistics(array: np.ndarray) -> dict[str, Any]:
    """Return what the page computes itself where it has all numbers, as `statistics` in numbers.js does."""
    numbers = array.astype(np.float64).ravel()
    known = numbers[~np.isnan(numbers)]
    with np.errstate(all="ignore"):
        finite = {
            "least": known.min() if known.size else np.nan,
            "most": known.max() if known.size else np.nan,
            "mean": numbers.mean(),
            "norm": np.hypot.reduce(numbers),
        }
    written = {name: float(x) if np.isfinite(x) else str(float(x)) for name, x in finite.items()}
    return written | {
        "zeros": float(np.mean(numbers == 0)),
        "nan": int(np.isnan(numbers).sum()),
        "infinite": int(np.isinf(numbers).sum()),
        "count": int(numbers.size),
    }
