"""What a network is trained to make small."""

from __future__ import annotations

from typing import Any

import numpy as np

import autodiff as ad
from autodiff import Tensor
from autodiff.tape import shape_of, unwrap


def cross_entropy(logits: Any, labels: Any, label_smoothing: float = 0.0) -> Tensor:
    """Return the mean over the batch of −log softmax(logits)[label], a scalar.

    With a label_smoothing ε the label has the probability 1 − ε, and ε is divided evenly among all n, it included
    (Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, Rethinking the Inception Architecture, 2016, section 7).

    Args:
        logits: (m, n) scores, of any size: the softmax neither overflows nor loses digits.
        labels: (m,) integers from 0 to n − 1, or (m, n) probabilities (one-hot rows, say).
        label_smoothing: ε, from 0 to 1.

    Raises:
        ValueError: the shapes do not fit, a label is out of range, or ε is.
        TypeError: labels of shape (m,) that are no integers.
    """
    if not isinstance(labels, Tensor):
        labels = np.asarray(labels)
    shape, found = shape_of(logits), labels.shape
    if len(shape) != 2 or found not in (shape, shape[:1]) or 0 in shape:
        raise ValueError(f"cross_entropy: logits (m, n) need labels (m,) or (m, n), but got {shape} and {found}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be from 0 to 1, not {label_smoothing}")
    log_probabilities = ad.log_softmax(logits)
    if found == shape:
        loss = ad.sum(log_probabilities * ad.astype(labels, log_probabilities.dtype)) / -shape[0]
    else:
        _check_labels(unwrap(labels), shape[1])
        loss = ad.sum(ad.take_along_axis(log_probabilities, labels[:, None], 1)) / -shape[0]
    if not label_smoothing:
        return loss
    evenly = ad.sum(log_probabilities) / -(shape[0] * shape[1])
    return (1 - label_smoothing) * loss + label_smoothing * evenly


def _check_labels(labels: np.ndarray, n: int) -> None:
    """Raise unless the labels are integers from 0 to n − 1."""
    if labels.dtype.kind not in "iu":
        raise TypeError(f"cross_entropy: labels must be integers, not {labels.dtype}; labels.astype(int) makes them so")
    if labels.astype(np.uintp, copy=False).max() >= n:  # a negative one is very large when read as unsigned
        raise ValueError(
            f"cross_entropy: labels must be from 0 to {n - 1}, since there are {n} logits, but they run from "
            f"{labels.min()} to {labels.max()}"
        )
