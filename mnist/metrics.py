"""What can be said of a network from what it thinks of labelled images, as the field says it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
_Z = 1.959963984540054
"""The normal distribution has so much of itself within ± this."""

BINS = 15


class ClassScores(NamedTuple):
    """Of a class: how many images it has, and three shares, each None where it would be of nothing.

    Precision is the share of what was taken for the class that is of it, recall the share of its images that were
    taken for it, and F1 the harmonic mean of the two.
    """

    images: int
    precision: float | None
    recall: float | None
    f1: float | None


class Confused(NamedTuple):
    """How many images of a class were taken for another."""

    label: int
    guess: int
    images: int


class Bin(NamedTuple):
    """The images to whose guess a network gave a probability above `low` and up to `high`.

    `confidence` is the mean of these probabilities, `accuracy` the share of these images that are right; both are
    None where there are none.
    """

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


def wilson_interval(right: int, images: int) -> tuple[float, float]:
    """Return the bounds of the accuracy that so many right images of so many speak for, with a confidence of 95 %.

    (Wilson, Probable inference, the law of succession, and statistical inference, 1927.)
    """
    share, z2 = right / images, _Z**2
    centre = share + z2 / (2 * images)
    half = _Z * math.sqrt(share * (1 - share) / images + z2 / (4 * images**2))
    low, high = ((centre + sign * half) / (1 + z2 / images) for sign in (-1, 1))
    return (0.0 if right == 0 else low), (1.0 if right == images else high)


def class_scores(confusion: np.ndarray) -> list[ClassScores]:
    """Return the scores of each class, from `confusion[i, j]` images of class i that were taken for class j."""
    counts = (np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0))
    return [
        ClassScores(images, _share(right, taken), _share(right, images), _share(2 * right, images + taken))
        for right, images, taken in zip(*(count.tolist() for count in counts), strict=True)
    ]


def most_confused(confusion: np.ndarray, most: int) -> list[Confused]:
    """Return the pairs of classes that are confused most often, the worst first, and none that never are."""
    pairs = [Confused(i, j, int(n)) for (i, j), n in np.ndenumerate(confusion) if i != j and n]
    return sorted(pairs, key=lambda pair: (-pair.images, pair.label, pair.guess))[:most]


def reliability(probabilities: np.ndarray, labels: np.ndarray) -> list[Bin]:
    """Sort images into bins by the probability of their guess: for a calibrated network it is the share of right ones.

    Args:
        probabilities: (n, k), that of each class for each image.
        labels: (n,) integers.
    """
    confidences, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = []
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        here = (confidences > low) & (confidences <= high) if number < BINS - 1 else confidences > low
        n = int(here.sum())
        shares = (float(confidences[here].mean()), float(right[here].mean())) if n else (None, None)
        bins.append(Bin(low, high, n, *shares))
    return bins


def calibration_error(bins: list[Bin]) -> float:
    """Return the expected calibration error: by how much confidence and accuracy differ, in the mean over the images.

    (Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, 2017, equation 3.)
    """
    apart = 0.0
    for bin in bins:
        if bin.accuracy is not None and bin.confidence is not None:
            apart += bin.images * abs(bin.accuracy - bin.confidence)
    return apart / sum(bin.images for bin in bins)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
