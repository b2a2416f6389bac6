"""PyTorch: a step with `backward()` and an optimizer, eager and through `torch.compile`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from mnist.contestants.problem import BETA1, BETA2, EPSILON, Problem, StepByStep


class Eager(StepByStep):
    """Each operation is done as it is met, and written on a tape."""

    def __init__(self, problem: Problem) -> None:
        layers = [layer for a, b in pairwise(problem.layers) for layer in (nn.Linear(a, b), nn.ReLU())]
        self._model = nn.Sequential(*layers[:-1])
        with torch.no_grad():
            for parameter, first in zip(self._model.parameters(), problem.parameters(), strict=True):
                parameter.copy_(torch.from_numpy(first.T))  # a Linear keeps its weight as (n_l, n_{l−1})
        self._optimizer = (
            torch.optim.SGD(self._model.parameters(), problem.learning_rate, fused=True)
            if problem.optimizer == "sgd"
            else torch.optim.Adam(self._model.parameters(), problem.learning_rate, (BETA1, BETA2), EPSILON, fused=True)
        )

    def prepared(self, x: np.ndarray, y: np.ndarray) -> list[tuple[Any, Any]]:
        """Return the batches as tensors."""
        return list(zip(torch.from_numpy(x), torch.from_numpy(y), strict=True))

    def step(self, x: Any, y: Any) -> Any:
        """Take a step on a batch, and return the loss before it."""
        loss = self._loss(x, y)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss.detach()

    def _loss(self, x: Any, y: Any) -> Any:
        return nn.functional.cross_entropy(self._model(x), y)

    def gradients(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """Return the derivatives of the loss by W_1, b_1, …."""
        self._optimizer.zero_grad()
        self._loss(torch.from_numpy(x), torch.from_numpy(y)).backward()
        return [parameter.grad.numpy().T.copy() for parameter in self._model.parameters()]

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return [parameter.detach().numpy().T.copy() for parameter in self._model.parameters()]

    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        with torch.inference_mode():
            return np.asarray(self._model(torch.from_numpy(x)).argmax(dim=1))


class Compiled(Eager):
    """Network and loss are compiled, forth and back; the optimizer is one fused kernel as it is."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._compiled = torch.compile(super()._loss)

    def _loss(self, x: Any, y: Any) -> Any:
        return self._compiled(x, y)
