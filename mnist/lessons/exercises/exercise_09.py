"""Cross-entropy and its gradient, for logits of any size."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand, parts

_SMALL = (np.array([[2.0, 1.0, -1.0, 0.5], [0.0, 0.3, 0.1, -2.0], [1.0, 1.0, 1.0, 1.0]]), np.array([1, 0, 3]))
_LARGE = (np.array([[1000.0, 0.0, -1000.0], [-1000.0, 5.0, 4.0]]), np.array([2, 1]))


def _judge(answer: Any) -> None:
    for logits, labels in (_SMALL, _LARGE):
        before = logits.copy()
        loss, gradient = parts(answer(logits, labels), 2, "two things, the loss and the gradient")
        demand(np.array_equal(logits, before), "it has changed the logits: z -= … writes into them; write z = z - …")
        large = logits is _LARGE[0]
        loss = an_array(loss, (), "the loss (one number, the mean over the rows)")
        gradient = an_array(gradient, logits.shape, "the gradient")
        losses, due = _by_hand(logits, labels)
        if large:
            demand(
                np.isfinite(gradient).all(),
                "right for small logits, but at ±1000 the gradient is NaN: exp overflows. Subtract each row's largest "
                "logit first",
            )
            demand(
                np.isfinite(loss),
                f"right for small logits, but at ±1000 the loss is {loss}: the softmax of −1000 is 0, and its log −∞. "
                "Compute z − log Σ exp z directly, without taking the log of a softmax",
            )
        demand(not close(loss, losses.sum()), "the loss is the sum over the rows, not their mean")
        demand(not close(loss, -losses.mean()), "the loss has the wrong sign: −log of a probability is not below 0")
        demand(close(loss, losses.mean()), f"the loss of {logits.tolist()} is {loss:.6g}, not {losses.mean():.6g}")
        demand(not close(gradient, due * len(labels)), "the gradient is A − Y, but the loss is a mean: divide by m too")
        demand(not close(gradient, -due), "the gradient has the wrong sign, Y − A: it would lead uphill")
        demand(
            close(gradient.sum(axis=1), 0),
            "each row of the gradient should add up to 0, and does not: softmax goes along the rows, axis=1",
        )
        demand(close(gradient, due), f"for logits {logits.tolist()} the gradient is not (A − Y) / m")


def _by_hand(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(len(labels))
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    gradient = np.exp(log_p)
    gradient[rows, labels] -= 1
    return -log_p[rows, labels], gradient / len(labels)


exercise = Exercise(
    _judge,
    hints=(
        "First z = logits - logits.max(axis=1, keepdims=True); then log p = z − log of the row's sum of exp(z).",
        "The loss of row i is −log_p[i, labels[i]]; with rows = np.arange(m), that is -log_p[rows, labels].",
        "A = np.exp(log_p); take 1 away at [rows, labels]; return -log_p[rows, labels].mean(), A / m",
    ),
    moral="These five lines are the head of nearly every classifier there is.",
)
