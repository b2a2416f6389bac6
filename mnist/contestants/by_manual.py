"""By hand, as it is derived: the formulas of `nets/manual.py` as they stand there, and an update."""

from __future__ import annotations

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mnist.contestants.problem import BETA1, BETA2, EPSILON, Problem, StepByStep


def _alone(package: str, name: str) -> Any:
    """Load a file of a package without the package: it knows nothing of the engine, which would come along."""
    place = find_spec(package)
    assert place is not None
    assert place.submodule_search_locations is not None
    spec = spec_from_file_location(f"{package}.{name}", Path(place.submodule_search_locations[0], f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


manual = _alone("nets", "manual")


class ByHand(StepByStep):
    """The derivation by hand, in float32."""

    dtype: ClassVar[type[np.floating]] = np.float32

    def __init__(self, problem: Problem) -> None:
        self._θ = [first.astype(self.dtype) for first in problem.parameters()]
        update = SGD if problem.optimizer == "sgd" else Adam
        self._update: SGD | Adam = update(self._θ, problem.learning_rate)

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        """Take a step on a batch, and return the loss before it."""
        loss, gradients = self._loss_and_gradients(x, y)
        self._update(gradients)
        return loss

    def _loss_and_gradients(self, x: np.ndarray, y: np.ndarray) -> tuple[float, list[np.ndarray]]:
        loss, dW, db = manual.loss_and_gradients(self._θ[::2], self._θ[1::2], x.astype(self.dtype), y)
        return loss, [g for pair in zip(dW, db, strict=True) for g in pair]

    def gradients(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """Return the derivatives of the loss by W_1, b_1, …."""
        return self._loss_and_gradients(x, y)[1]

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return [θ.copy() for θ in self._θ]

    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        Z, _ = manual.forward(self._θ[::2], self._θ[1::2], x.astype(self.dtype))
        return np.asarray(Z[-1].argmax(axis=1))


class Wide(ByHand):
    """The same in float64, from the same first weights: what the others are held against."""

    dtype = np.float64


class SGD:
    """θ ← θ − lr·g."""

    def __init__(self, parameters: list[np.ndarray], learning_rate: float) -> None:
        self._parameters = parameters
        self._learning_rate = learning_rate

    def __call__(self, gradients: list[np.ndarray]) -> None:
        """Move the parameters."""
        for θ, g in zip(self._parameters, gradients, strict=True):
            θ -= self._learning_rate * g


class Adam:
    """Kingma and Ba, 2015, algorithm 1."""

    def __init__(self, parameters: list[np.ndarray], learning_rate: float) -> None:
        self._parameters = parameters
        self._learning_rate = learning_rate
        self._m, self._v = ([np.zeros_like(θ) for θ in parameters] for _ in range(2))
        self._t = 0

    def __call__(self, gradients: list[np.ndarray]) -> None:
        """Move the parameters."""
        self._t += 1
        for θ, g, m, v in zip(self._parameters, gradients, self._m, self._v, strict=True):
            m += (1 - BETA1) * (g - m)
            v += (1 - BETA2) * (g * g - v)
            m_hat, v_hat = m / (1 - BETA1**self._t), v / (1 - BETA2**self._t)
            θ -= self._learning_rate * m_hat / (np.sqrt(v_hat) + EPSILON)
