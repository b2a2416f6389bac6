"""Our own engine, eager and compiled: the step as one writes it in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

import autodiff as ad
import nets
from mnist.contestants.architecture import Convolution, Flatten, Images, Layer, Linear, MaxPool, ReLU
from mnist.contestants.problem import BETA1, BETA2, EPSILON, Problem, StepByStep


class Eager(StepByStep):
    """Each operation is done as it is met, and written on a tape."""

    def __init__(self, problem: Problem) -> None:
        rng = np.random.default_rng(0)
        self.model = nets.Sequential(*(_layer(layer, rng) for layer in problem.architecture))
        for parameter, first in zip(self.model.parameters(), problem.parameters(), strict=True):
            parameter.data = first
        self.optimizer: nets.Optimizer = (
            nets.SGD(self.model.parameters(), problem.learning_rate)
            if problem.optimizer == "sgd"
            else nets.Adam(self.model.parameters(), problem.learning_rate, (BETA1, BETA2), EPSILON)
        )

    def step(self, x: Any, y: Any) -> Any:
        """Take a step on a batch, and return the loss before it."""
        loss = nets.cross_entropy(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.data

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return [parameter.data.copy() for parameter in self.model.parameters()]

    @ad.no_grad()
    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        return np.asarray(self.model(x).data.argmax(axis=1))


class Compiled(Eager):
    """The same step, made into one function."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        model, optimizer = self.model, self.optimizer

        @ad.jit
        def step(x: Any, y: Any) -> ad.Tensor:
            loss = nets.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        self._compiled = step

    def step(self, x: Any, y: Any) -> Any:
        """Take a step on a batch, and return the loss before it."""
        return self._compiled(x, y).data


def _layer(layer: Layer, rng: np.random.Generator) -> nets.Module:
    match layer:
        case Linear():
            return nets.Linear(layer.inputs, layer.outputs, rng=rng)
        case ReLU():
            return nets.ReLU()
        case Images():
            return nets.Unflatten(1, layer.shape)
        case Convolution():
            return nets.Conv2d(layer.inputs, layer.outputs, layer.kernel, padding=layer.padding, rng=rng)
        case MaxPool():
            return nets.MaxPool2d(layer.size)
        case Flatten():
            return nets.Flatten()
