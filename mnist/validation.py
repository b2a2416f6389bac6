"""Training images held out to choose by, so that the test images choose nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mnist.data import CLASSES, Split
from mnist.errors import UserError


def hold_out(split: Split, share: float, seed: int) -> tuple[Split, Split]:
    """Divide the images of a split, each class by the same share: return what is left, and what is held out.

    The seed decides which; both keep the order in which they were.

    Raises:
        UserError: nothing would be left, or nothing held out.
    """
    held = np.zeros(len(split), bool)
    rng = np.random.default_rng([seed, 0])  # the orders of the epochs are drawn with 1, 2, …
    for label in range(CLASSES):
        rows = np.flatnonzero(split.labels == label)
        held[rng.permutation(rows)[: round(share * len(rows))]] = True
    if held.all() or not held.any():
        raise UserError(f"--validation {share}: of {len(split):,} images it holds out {held.sum():,}; choose another")
    return Split(split.images[~held], split.labels[~held]), Split(split.images[held], split.labels[held])


def best_epoch(history: Sequence[Mapping[str, float]]) -> int:
    """Return the epoch of the highest accuracy on the validation images; among equals that of the lowest loss."""
    best = max(history, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))
    return int(best["epoch"])
