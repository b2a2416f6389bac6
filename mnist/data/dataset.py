"""What a data set is in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

CLASSES = 10
SIDE = 28
PIXELS = SIDE * SIDE

MOST_ITEMS = 1_000_000
"""The most items a file may hold: EMNIST, the largest data set of this form, has 814,255."""


@dataclass(frozen=True)
class Split:
    """Images and their labels, row by row.

    `images` is uint8 of shape (n, 784), 0 the background and 255 the ink; `labels` is uint8 of
    shape (n,), each below 10.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return n, the number of images."""
        return len(self.labels)

    def transposed(self) -> "Split":
        """Return the images with their columns for rows."""
        upright = self.images.reshape(-1, SIDE, SIDE).swapaxes(1, 2)
        return Split(np.ascontiguousarray(upright).reshape(-1, PIXELS), self.labels)

    def batch(
        self, rows: NDArray[np.integer] | slice, dtype: DTypeLike = np.float32
    ) -> tuple[NDArray[np.floating], NDArray[np.intp]]:
        """Take some rows, the pixels scaled to [0, 1].

        The images stay bytes in memory, a quarter of the room that float32 would need: a batch is
        scaled as it is taken. Returns x, of `dtype` and shape (m, 784), and y, intp of shape (m,).
        """
        return np.divide(self.images[rows], 255, dtype=dtype), self.labels[rows].astype(np.intp)


@dataclass(frozen=True)
class Dataset:
    """A split to train on and a split to test on.

    `name` is what the metrics record: that of the known data set whose bytes these are, "mnist-5k"
    for its 5,000 embedded digits, or "custom" for other images of the same form. `unlabelled` are
    the images whose labels Kaggle's competition asks for, uint8 (n, 784), where they are there.
    """

    name: str
    train: Split
    test: Split
    unlabelled: NDArray[np.uint8] | None = None
