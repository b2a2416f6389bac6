"""The digits as contestants find them: four arrays in a folder, which a process need not know how to look for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # NumPy counts its threads when it is imported, so that has to wait
    import numpy as np

    from mnist.data import Split

_PARTS = ("train", "test")


def put(folder: Path, train: Split, test: Split) -> None:
    """Write the images to train on and those to test on to a folder."""
    import numpy as np

    for part, split in zip(_PARTS, (train, test), strict=True):
        np.save(folder / f"{part}_images.npy", split.images)
        np.save(folder / f"{part}_labels.npy", split.labels)


def get(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read images (n, 784) uint8 and labels (n,) int64 to train on; and x (k, 784) float32 and labels to test on."""
    import numpy as np

    images, labels, test_images, test_labels = (
        np.load(folder / f"{part}_{what}.npy") for part in _PARTS for what in ("images", "labels")
    )
    return images, labels.astype(np.int64), np.divide(test_images, 255, dtype=np.float32), test_labels.astype(np.int64)
