"""How well a network does on a split: its loss, its accuracy by class, and its mistakes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import nets
from autodiff import Tensor, log_softmax, no_grad, softmax
from mnist.data import CLASSES, Split

Forward = Callable[[Any], Tensor]
"""Takes images (m, 784) and returns their logits (m, 10)."""

_CHUNK = 250
"""Images looked at together: the windows of a convolution take some 200 kB of each."""


@dataclass(frozen=True)
class Evaluation:
    """The mean cross-entropy over a split, and what its images were taken for.

    `confusion[i, j]` is how many images of class i were taken for class j: (10, 10) integers.
    """

    loss: float
    confusion: np.ndarray

    @property
    def images(self) -> np.ndarray:
        """How many images each class has."""
        return np.asarray(self.confusion.sum(axis=1))

    @property
    def right(self) -> np.ndarray:
        """How many images of each class are right."""
        return np.diagonal(self.confusion)

    @property
    def mistakes(self) -> int:
        """How many images are wrong."""
        return int(self.images.sum() - self.right.sum())

    @property
    def accuracy(self) -> float:
        """The share of images that are right, from 0 to 1."""
        return float(self.right.sum() / self.images.sum())


class Mistake(NamedTuple):
    """The row of an image, its label, what it was taken for, and the probability given to each of the two."""

    row: int
    label: int
    guess: int
    p_label: float
    p_guess: float


@no_grad()
def evaluate(model: nets.Module, split: Split, forward: Forward | None = None) -> Evaluation:
    """Let a network look at every image of a split; `forward` is what computes its logits, if it is not itself."""
    total = 0.0
    pairs = np.zeros(CLASSES**2, int)
    for _, logits, y in _chunks(model, split, forward or model):
        total += nets.cross_entropy(logits, y).item() * len(y)
        pairs += np.bincount(CLASSES * y + logits.data.argmax(axis=1), minlength=CLASSES**2)
    return Evaluation(total / len(split), pairs.reshape(CLASSES, CLASSES))


@no_grad()
def probabilities(model: nets.Module, split: Split) -> np.ndarray:
    """Return the probability that a network gives to each class, for every image of a split: (n, 10) float32."""
    return np.concatenate([softmax(logits).data for _, logits, _ in _chunks(model, split, model)])


@no_grad()
def worst_mistakes(model: nets.Module, split: Split, most: int) -> list[Mistake]:
    """Return the mistakes in which a network thought least of the true label, the worst first.

    That is the order of their losses; among equals it is that of the images.
    """
    found: list[tuple[float, Mistake]] = []
    for start, logits, y in _chunks(model, split, model):
        log_p, guesses = log_softmax(logits).data, logits.data.argmax(axis=1)
        for i in np.flatnonzero(guesses != y):
            pair = log_p[i, [y[i], guesses[i]]].tolist()
            found.append((pair[0], Mistake(start + int(i), int(y[i]), int(guesses[i]), *map(math.exp, pair))))
    return [mistake for _, mistake in sorted(found)[:most]]


def _chunks(model: nets.Module, split: Split, forward: Forward) -> Iterator[tuple[int, Tensor, np.ndarray]]:
    """Yield the logits of some images after the others: the row of the first, logits (m, 10), labels (m,)."""
    training = model.training
    model.eval()
    try:
        for start in range(0, len(split), _CHUNK):
            x, y = split.batch(slice(start, start + _CHUNK))
            yield start, forward(x), y
    finally:
        model.train(training)


def table(evaluation: Evaluation, class_names: Sequence[str] = tuple(map(str, range(CLASSES)))) -> str:
    """Write the accuracy by class as a table."""
    width = max(5, *map(len, class_names))
    lines = [f"{'class':>{width}}   images    right   accuracy"]
    for name, images, right in zip(class_names, evaluation.images, evaluation.right, strict=True):
        share = f"{right / images:9.2%}" if images else "        –"
        lines.append(f"{name:>{width}}{images:9,}{right:9,}  {share}")
    images, right = evaluation.images.sum(), evaluation.right.sum()
    lines.append(f"{'all':>{width}}{images:9,}{right:9,}  {evaluation.accuracy:9.2%}")
    return "\n".join(lines)
