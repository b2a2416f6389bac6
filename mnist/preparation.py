"""A picture of a digit made into an image as MNIST's own were made.

NIST's images, of two levels, were made to fit into a box of 20×20 pixels, their aspect ratio kept and their edges
anti-aliased, which is where MNIST's grey levels come from; and the box was moved within 28×28 pixels such that its
centre of mass lies in the middle (LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document
Recognition, 1998, section III.A). The images themselves tell the rest: their longer side is 20 pixels, and their centre
of mass less than half a pixel from row 14 and column 14; so they were moved by whole pixels. An image of MNIST goes
through this nearly as it is.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image
from scipy import ndimage

from mnist.data.dataset import SIDE
from mnist.ink import find_ink

_BOX = 20
_CENTRE = SIDE // 2
"""The row, and the column, in which the centre of mass lies."""
_EDGE = 0.25
"""Where there is as much ink, a digit begins."""
_PEN = 1.6
"""The least width of a stroke in pixels of the box: of MNIST's, nineteen in twenty are thicker."""
_AROUND = _BOX
"""Pixels kept around the box, for ink too faint to be its edge and for the way to the centre."""


def prepare(picture: np.ndarray) -> np.ndarray:
    """Return an image (28, 28) uint8, 0 the background and 255 the ink, of a picture (h, w) from 0, black, to 1, white.

    Raises:
        BlankError: there is nothing to see.
    """
    return centred(boxed(thickened(find_ink(picture))))


def thickened(ink: np.ndarray) -> np.ndarray:
    """Make strokes thicker that are much thinner than those of the pens for MNIST, and would fade when made small."""
    (top, bottom), (left, right) = _edges(ink)
    size, width = max(bottom - top, right - left), _stroke_width(ink)
    if width >= _PEN * size / _BOX:
        return ink
    reach = (_PEN * size - _BOX * width) / (2 * (_BOX - _PEN))  # (width + 2·reach) / (size + 2·reach) = _PEN / _BOX
    around = math.ceil(reach) + 1
    padded = np.pad(ink, around)
    away = ndimage.distance_transform_edt(padded <= 0.5)
    return np.asarray(np.maximum(padded, np.clip(reach + 1 - away, 0, 1)))


def boxed(ink: np.ndarray) -> np.ndarray:
    """Fit ink into a box of 20×20, and 20 pixels on each side of it: float32 (60 or less, 60 or less)."""
    edges = _edges(ink)
    scale = _BOX / max(high - low for low, high in edges)
    sizes = [max(1, round((high - low) * scale)) for low, high in edges]
    margins = [_AROUND * (high - low) / size for (low, high), size in zip(edges, sizes, strict=True)]
    pads = [math.ceil(margin) for margin in margins]
    padded = np.pad(ink, [(pad, pad) for pad in pads])
    (top, bottom), (left, right) = (
        (low + pad - margin, high + pad + margin) for (low, high), pad, margin in zip(edges, pads, margins, strict=True)
    )
    height, width = (size + 2 * _AROUND for size in sizes)
    small = Image.fromarray(padded.astype(np.float32)).resize(
        (width, height), Image.Resampling.BOX, (left, top, right, bottom)
    )
    return np.asarray(small)


def centred(box: np.ndarray) -> np.ndarray:
    """Move ink by whole pixels so that its centre of mass lies in the middle pixel of 28×28: uint8."""
    rows, columns = (np.arange(length) for length in box.shape)
    total = box.sum()
    row, column = box.sum(axis=1) @ rows / total, box.sum(axis=0) @ columns / total
    top, left = (math.floor(centre + 0.5) + SIDE - _CENTRE for centre in (row, column))
    field = np.pad(box, SIDE)[top : top + SIDE, left : left + SIDE]
    return np.asarray(np.rint(255 * field / field.max()), np.uint8)


def _edges(ink: np.ndarray) -> list[tuple[int, int]]:
    """Return where the ink begins and ends, down and across."""
    found = (np.flatnonzero((ink > _EDGE).any(axis=axis)) for axis in (1, 0))
    return [(int(places[0]), int(places[-1]) + 1) for places in found]


def _stroke_width(ink: np.ndarray) -> float:
    """Return the mean width of the strokes: a stroke's area is its length, which is half of its outline, by its width.

    The outline is measured as the sum of the slopes, for across an edge ink rises from 0 to 1.
    """
    down, across = np.gradient(np.pad(ink, 2))
    return float(2 * ink.sum() / np.hypot(down, across).sum())
