"""How well a network does on a split: its loss, its accuracy, and both by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import nets
from autodiff import no_grad
from mnist.data import CLASSES, Split

_CHUNK = 1000
"""Images looked at together: the scaled pixels of all 60,000 would take 190 MB."""


@dataclass(frozen=True)
class Evaluation:
    """The mean cross-entropy over a split, and for each class how many images it has and how many are right."""

    loss: float
    images: np.ndarray
    right: np.ndarray

    @property
    def accuracy(self) -> float:
        """The share of images that are right, from 0 to 1."""
        return float(self.right.sum() / self.images.sum())


@no_grad()
def evaluate(model: nets.Module, split: Split) -> Evaluation:
    """Let a network look at every image of a split."""
    total = 0.0
    right = np.zeros(CLASSES, int)
    for start in range(0, len(split), _CHUNK):
        x, y = split.batch(slice(start, start + _CHUNK))
        logits = model(x)
        total += nets.cross_entropy(logits, y).item() * len(y)
        right += np.bincount(y[logits.data.argmax(axis=1) == y], minlength=CLASSES)
    return Evaluation(total / len(split), np.bincount(split.labels, minlength=CLASSES), right)


def table(evaluation: Evaluation) -> str:
    """Write the accuracy by class as a table."""
    lines = ["digit   images    right   accuracy"]
    for digit, (images, right) in enumerate(zip(evaluation.images, evaluation.right, strict=True)):
        share = f"{right / images:9.2%}" if images else "        –"
        lines.append(f"{digit:5}{images:9,}{right:9,}  {share}")
    lines.append(f"  all{evaluation.images.sum():9,}{evaluation.right.sum():9,}  {evaluation.accuracy:9.2%}")
    return "\n".join(lines)
