"""NumPy by hand: the formulas of `nets/manual.py`, computed into memory that is there from the start."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mnist.contestants.problem import BETA1, BETA2, EPSILON, Problem, StepByStep


class ByHand(StepByStep):
    """A training step that allocates next to nothing.

    All parameters lie in one array, as do their gradients, so that the optimizer needs only a few calls.
    """

    def __init__(self, problem: Problem) -> None:
        first = problem.parameters()
        self._θ, self._g = (np.concatenate([p.ravel() for p in first]) for _ in range(2))
        parameters, gradients = _parts(self._θ, first), _parts(self._g, first)
        self._W, self._b = parameters[::2], parameters[1::2]
        self._dW, self._db = gradients[::2], gradients[1::2]
        m = problem.batch_size
        self._A = [np.empty((m, n), np.float32) for n in problem.layers[1:]]
        self._dZ = [np.empty_like(A) for A in self._A]
        self._open = [np.empty(A.shape, bool) for A in self._A]
        self._rows = np.arange(m)
        update = SGD if problem.optimizer == "sgd" else Adam
        self._update: SGD | Adam = update(self._θ, problem.learning_rate)

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        """Take a step on a batch, and return the loss before it."""
        loss = self._differentiate(x, y)
        self._update(self._θ, self._g)
        return loss

    def _differentiate(self, x: np.ndarray, y: np.ndarray) -> float:
        """Put the gradients where they belong, and return the loss."""
        inputs = [x, *self._A[:-1]]
        for A, W, b, Z in zip(inputs, self._W, self._b, self._A, strict=True):
            np.matmul(A, W, out=Z)
            Z += b
            if Z is not self._A[-1]:
                np.maximum(Z, 0, out=Z)

        Z, dZ = self._A[-1], self._dZ[-1]
        Z -= Z.max(axis=1, keepdims=True)
        np.exp(Z, out=dZ)
        total = dZ.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - Z[self._rows, y]).mean()
        dZ /= total
        dZ[self._rows, y] -= 1
        dZ /= len(x)

        for l in reversed(range(len(self._W))):  # noqa: E741
            np.matmul(inputs[l].T, self._dZ[l], out=self._dW[l])
            np.sum(self._dZ[l], axis=0, out=self._db[l])
            if l > 0:
                np.matmul(self._dZ[l], self._W[l].T, out=self._dZ[l - 1])
                np.greater(inputs[l], 0, out=self._open[l - 1])
                self._dZ[l - 1] *= self._open[l - 1]
        return float(loss)

    def gradients(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """Return the derivatives of the loss by W_1, b_1, …."""
        self._differentiate(x, y)
        return [g.copy() for pair in zip(self._dW, self._db, strict=True) for g in pair]

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return [p.copy() for pair in zip(self._W, self._b, strict=True) for p in pair]

    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        for W, b in zip(self._W[:-1], self._b[:-1], strict=True):
            x = np.maximum(x @ W + b, 0)
        return np.asarray(np.argmax(x @ self._W[-1] + self._b[-1], axis=1))


class SGD:
    """θ ← θ − lr·g, which uses up g."""

    def __init__(self, θ: np.ndarray, learning_rate: float) -> None:
        self._learning_rate = learning_rate

    def __call__(self, θ: np.ndarray, g: np.ndarray) -> None:
        """Move θ."""
        g *= self._learning_rate
        θ -= g


class Adam:
    """Kingma and Ba, 2015, algorithm 1, in the order of the end of their section 2, which uses up g.

    It goes through the parameters in pieces, each of which stays in the cache from the first line to the last.
    """

    PIECE: ClassVar[int] = 1 << 15

    def __init__(self, θ: np.ndarray, learning_rate: float) -> None:
        self._learning_rate = learning_rate
        self._m, self._v = np.zeros_like(θ), np.zeros_like(θ)
        self._free = np.empty_like(θ[: self.PIECE])
        self._t = 0

    def __call__(self, θ: np.ndarray, g: np.ndarray) -> None:
        """Move θ."""
        self._t += 1
        for start in range(0, len(θ), self.PIECE):
            piece = slice(start, start + self.PIECE)
            self._move(θ[piece], g[piece], self._m[piece], self._v[piece])

    def _move(self, θ: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray) -> None:
        free = self._free[: len(θ)]
        m *= BETA1
        np.multiply(g, 1 - BETA1, out=free)
        m += free
        v *= BETA2
        g *= g
        g *= 1 - BETA2
        v += g
        np.sqrt(v, out=free)
        correction = np.sqrt(1 - BETA2**self._t)
        free += EPSILON * correction
        np.divide(m, free, out=free)
        free *= self._learning_rate * correction / (1 - BETA1**self._t)
        θ -= free


def _parts(flat: np.ndarray, like: list[np.ndarray]) -> list[np.ndarray]:
    """Return views of a long array, one after the other, with the shapes of others."""
    ends = np.cumsum([p.size for p in like])
    return [flat[end - p.size : end].reshape(p.shape) for p, end in zip(like, ends, strict=True)]
