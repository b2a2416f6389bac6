"""What the first steps should come to, in float64 by the derivation by hand, and how far others are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist.benchmark.by_hand import loss_and_gradients
from mnist.contestants.problem import BETA1, BETA2, EPSILON, Problem
from mnist.contestants.serving import BATCHES, CHECKED_STEPS, Start

TOLERANCE = 5e-3
"""What the first steps may be off: by float32 some 1e-5, and by Adam's ε in the other place up to 1e-3."""
_ROUNDING = 1e-4
"""Of the size of the parameters: a step shorter than this is lost in their rounding, by a share of the tolerance."""


@dataclass(frozen=True)
class Truth:
    """The loss before each of the first steps, and the parameters before and after them, in one array each."""

    losses: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @classmethod
    def of(cls, problem: Problem) -> Truth:
        """Take the first steps of a problem."""
        x, y = problem.batches(BATCHES)
        θ = [p.astype(np.float64) for p in problem.parameters()]
        before = _flat(θ)
        m, v = ([np.zeros_like(p) for p in θ] for _ in range(2))
        losses = []
        for t, (images, labels) in enumerate(zip(x[:CHECKED_STEPS], y, strict=False), 1):
            loss, gradients = loss_and_gradients(problem.architecture, θ, images.astype(np.float64), labels)
            losses.append(loss)
            for i, g in enumerate(gradients):
                if problem.optimizer == "adam":
                    m[i] = BETA1 * m[i] + (1 - BETA1) * g
                    v[i] = BETA2 * v[i] + (1 - BETA2) * g**2
                    g = m[i] / (1 - BETA1**t) / (np.sqrt(v[i] / (1 - BETA2**t)) + EPSILON)
                θ[i] -= problem.learning_rate * g
        return cls(np.array(losses), before, _flat(θ))

    def error(self, start: Start) -> float:
        """Return how far off a contestant is: its losses, or its parameters in terms of the way that they went.

        It is infinite where a number is none.
        """
        after = _flat(start.parameters)
        of_losses = np.max(np.abs(np.array(start.losses) - self.losses) / np.abs(self.losses))
        way = np.linalg.norm(self.after - self.before) + _ROUNDING * np.linalg.norm(self.after)
        error = max(float(of_losses), float(np.linalg.norm(after - self.after) / way))
        return error if np.isfinite([of_losses, error]).all() and np.isfinite(after).all() else np.inf


def _flat(parameters: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([p.ravel() for p in parameters])
