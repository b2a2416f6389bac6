"""PyTorch: a step with `backward()` and an optimizer, eager and through `torch.compile`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from mnist.contestants.architecture import Convolution, Flatten, Images, Layer, Linear, MaxPool, ReLU
from mnist.contestants.problem import BETA1, BETA2, EPSILON, Problem, StepByStep


class Eager(StepByStep):
    """Each operation is done as it is met, and written on a tape."""

    def __init__(self, problem: Problem) -> None:
        self._model = nn.Sequential(*map(_layer, problem.architecture))
        self._model.to(memory_format=torch.channels_last)  # which is the quicker for convolutions
        with torch.no_grad():
            for parameter, first in zip(self._model.parameters(), problem.parameters(), strict=True):
                parameter.copy_(torch.from_numpy(_turned(first)))
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

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return [_turned(parameter.detach().numpy()).copy() for parameter in self._model.parameters()]

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


def _layer(layer: Layer) -> nn.Module:
    match layer:
        case Linear():
            return nn.Linear(layer.inputs, layer.outputs)
        case ReLU():
            return nn.ReLU()
        case Images():
            return nn.Unflatten(1, layer.shape)
        case Convolution():
            return nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, padding=layer.padding)
        case MaxPool():
            return nn.MaxPool2d(layer.size)
        case Flatten():
            return nn.Flatten()


def _turned(parameter: np.ndarray) -> np.ndarray:
    """Return a weight or bias as PyTorch keeps it, and back: a Linear's weight is (n_l, n_{l−1})."""
    return parameter.T if parameter.ndim == 2 else parameter
