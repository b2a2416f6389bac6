"""Where the ink is in a picture: on dark ground or on light, and in uneven light."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

_LEAST_CONTRAST = 0.03
"""Between ground and ink, where 1 lies between black and white: on less, an eye sees a blank page."""
_SURELY = 6.0
"""Ink must stand out from the ground by so many standard deviations of the ground's noise."""
_STEP = 1.5 / 255
"""Levels that are closer are one."""
_DEVIATION = 1.4826
"""What the median of absolute errors is multiplied by to give the standard deviation, where they are normal."""
_SMOOTH = 512
"""The share of a picture's size over which the grain of paper and camera is averaged."""
_SAMPLE = 64
"""The light is measured at about so many places across and down."""
_SPECK = 0.03
"""A blot with less than this share of the ink of the largest is a speck of dust."""


class BlankError(ValueError):
    """There is nothing to see in a picture."""


def find_ink(picture: np.ndarray) -> np.ndarray:
    """Return how much ink there is at each point: float32 (h, w), 0 the ground and 1 the pen's full stroke.

    The ground is what most of the border shows. Where its light is uneven, as on a photograph, a surface of the
    second degree is fitted to it; ink is what is darker than the ground, or else lighter, whichever differs more.

    Args:
        picture: (h, w), from 0, black, to 1, white.

    Raises:
        BlankError: nothing stands out from the ground.
    """
    grey, noise = picture.astype(np.float32), 0.0
    ground: Any = _flat_ground(grey)
    if ground is None:
        grey = ndimage.gaussian_filter(grey, max(grey.shape) / _SMOOTH)
        ground = _lit_ground(grey)
        noise = _DEVIATION * _median(abs(grey - ground), _weights(grey.shape))
    contrast = _contrast(grey, ground)
    full = float(np.quantile(contrast[contrast >= _threshold(contrast)], 0.95))
    if full < max(_LEAST_CONTRAST, _SURELY * noise):
        raise BlankError("there is nothing to see")
    least = 3 * noise
    return _without_specks(np.clip((contrast - least) / (full - least), 0, 1))


def _contrast(grey: np.ndarray, ground: Any) -> np.ndarray:
    """Return how far each point is from the ground, on the side of it where the ink is; darker, as a share of it."""
    darker, lighter = np.maximum(ground - grey, 0), np.maximum(grey - ground, 0)
    if np.square(darker).sum() > np.square(lighter).sum():
        return np.asarray(darker / np.maximum(ground, _LEAST_CONTRAST))
    return np.asarray(lighter)


def _border(shape: tuple[int, int]) -> np.ndarray:
    """Return which points lie on the border: a fiftieth of the picture wide."""
    width = max(1, min(shape) // 50)
    border = np.ones(shape, bool)
    border[width:-width, width:-width] = False
    return border


def _weights(shape: tuple[int, int]) -> np.ndarray:
    """Weigh the points such that the border counts as much as all the rest, where the ink is."""
    border = _border(shape)
    return np.asarray(np.where(border, 1 / border.sum(), 1 / max((~border).sum(), 1)))


def _flat_ground(grey: np.ndarray) -> float | None:
    """Return the level that the ground has everywhere, if it is one: the darkest, the lightest or the border's."""
    weights = _weights(grey.shape)
    levels = [float(np.median(grey[_border(grey.shape)])), float(grey.min()), float(grey.max())]
    shares = [weights[abs(grey - level) <= _STEP].sum() / weights.sum() for level in levels]
    return levels[np.argmax(shares)] if max(shares) >= 0.25 else None


def _lit_ground(grey: np.ndarray) -> np.ndarray:
    """Fit a surface of the second degree to the ground: (h, w).

    It is the one with the least sum of absolute errors, as which ink is an outlier, by iteratively reweighted least
    squares; and then the one with the least sum of squares for what is close to that.
    """
    terms, values, weights = (_sampled(each) for each in (_terms(grey.shape), grey, _weights(grey.shape)))
    surface = np.median(values) * np.eye(terms.shape[1])[0]
    for _ in range(20):
        errors = abs(values - terms @ surface)
        surface = _fit(terms, values, weights / np.maximum(errors, 1e-3))
    errors = abs(values - terms @ surface)
    surface = _fit(terms, values, weights * (errors <= max(3 * _DEVIATION * _median(errors, weights), _STEP)))
    return np.asarray(_terms(grey.shape) @ surface, np.float32)


def _terms(shape: tuple[int, int]) -> np.ndarray:
    """Return 1, x, y, x², xy and y² at each point, x and y from −1 to 1: (h, w, 6)."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, length) for length in shape), indexing="ij")
    return np.stack([np.ones(shape), x, y, x * x, x * y, y * y], axis=-1)


def _sampled(array: np.ndarray) -> np.ndarray:
    """Return rows for the points of a grid."""
    down, across = (max(1, length // _SAMPLE) for length in array.shape[:2])
    sample = array[::down, ::across]
    return np.asarray(sample.reshape(-1, *array.shape[2:]))


def _fit(terms: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the coefficients with the least weighted sum of squared errors."""
    root = np.sqrt(weights)
    return np.asarray(np.linalg.lstsq(terms * root[:, None], values * root, rcond=1e-6)[0])


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted median."""
    order = np.argsort(values, axis=None)
    below = np.cumsum(weights.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(below, below[-1] / 2)])


def _threshold(contrast: np.ndarray) -> float:
    """Return the level that divides the points into two classes that differ most (Otsu, 1979)."""
    counts, edges = np.histogram(contrast, 256)
    middles = (edges[1:] + edges[:-1]) / 2
    below, above = np.cumsum(counts)[:-1], np.cumsum(counts[::-1])[-2::-1]
    sums = np.cumsum(counts * middles)
    apart = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * apart**2)])


def _without_specks(ink: np.ndarray) -> np.ndarray:
    """Return the ink without blots that are small beside the largest; what is faint belongs to the nearest blot."""
    blots, number = ndimage.label(ink > 0.25, np.ones((3, 3)))
    sizes = ndimage.sum_labels(ink, blots, np.arange(number + 1))
    sizes[0] = 0
    stays = sizes >= _SPECK * sizes.max()
    if stays[1:].all():
        return ink
    nearest = ndimage.distance_transform_edt(blots == 0, return_distances=False, return_indices=True)
    return np.asarray(np.where(stays[blots[tuple(nearest)]], ink, 0))
