"""What is trained: a network, on batches, from weights that are the same for all contestants."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from mnist.contestants.architecture import LENET, Architecture, Convolution, Linear, NetworkName, perceptron, shapes

OptimizerName = Literal["sgd", "adam"]

LEARNING_RATES: dict[OptimizerName, float] = {"sgd": 0.01, "adam": 1e-3}
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's settings, which are those that its authors propose."""
EPSILON_HAT = EPSILON * (1 - BETA2) ** 0.5
"""For those who add ε to √v before the bias is taken out of v: on the first step this comes to the same."""


@dataclass(frozen=True)
class Problem:
    """A network, its mean cross-entropy, and an optimizer; all in float32.

    Attributes:
        layers: the widths of a perceptron with relu between its layers; of another network, its inputs and outputs.
        optimizer: what moves it.
        batch_size: on how many examples a step is taken.
        seed: decides the first weights and the batches.
        network: its name; mlp is the perceptron.
    """

    layers: tuple[int, ...]
    optimizer: OptimizerName
    batch_size: int
    seed: int = 0
    network: NetworkName = "mlp"

    def __str__(self) -> str:
        name = {"sgd": "SGD", "adam": "Adam"}[self.optimizer]
        if self.network != "mlp":
            return f"{self.network}, {name}, batch {self.batch_size}"
        runs = [(width, len(list(equal))) for width, equal in groupby(self.layers)]
        widths = [f"{width}×{n}" if n > 3 else "-".join([str(width)] * n) for width, n in runs]
        return f"{'-'.join(widths)}, {name}, batch {self.batch_size}"

    @property
    def learning_rate(self) -> float:
        """The learning rate."""
        return LEARNING_RATES[self.optimizer]

    @property
    def architecture(self) -> Architecture:
        """What the network is made of."""
        return perceptron(self.layers) if self.network == "mlp" else LENET

    @property
    def multiplications(self) -> int:
        """How many a step takes: a weight meets an example on the way forth, in dW and, but for the first, in dA.

        That of a convolution does so at every place.
        """
        times = [
            prod(layer.weight) * prod(after[1:])
            for layer, _, after in shapes(self.architecture, self.layers[0])
            if isinstance(layer, Linear | Convolution)
        ]
        return self.batch_size * (3 * sum(times) - times[0])

    def parameters(self) -> list[np.ndarray]:
        """Return the first W_1, b_1, … W_L, b_L, each W_l drawn from N(0, 2 / fan_in), each b_l 0.

        `architecture.py` gives their shapes. He, Zhang, Ren and Sun, Delving Deep into Rectifiers, 2015, equation 10.
        """
        rng = np.random.default_rng(self.seed)
        parameters = []
        for layer in self.architecture:
            if isinstance(layer, Linear | Convolution):
                W = rng.standard_normal(layer.weight) * np.sqrt(2 / layer.fan_in)
                parameters += [W.astype(np.float32), np.zeros(layer.outputs, np.float32)]
        return parameters

    def batches(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return x (count, m, n_0), float32 from 0 to 1, and labels y (count, m), int64, drawn at random."""
        rng = np.random.default_rng([self.seed, 1])
        x = rng.random((count, self.batch_size, self.layers[0]), dtype=np.float32)
        return x, rng.integers(0, self.layers[-1], (count, self.batch_size))


class Contestant(Protocol):
    """A network in training."""

    seconds_at_a_time: ClassVar[float]
    """How long it should train at a time, for what begins and ends a call of `train` not to count."""

    def __init__(self, problem: Problem) -> None: ...

    def prepared(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Return batches x (count, m, n_0) and labels y (count, m) in the form in which the library likes them best."""

    def train(self, batches: Any, steps: int) -> float:
        """Take steps on prepared batches, one after the other and then from the first again, and wait for the last.

        Returns the loss on the last batch before its step; or the mean over all where the library tells no other.
        """

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … W_L, b_L as they are now."""

    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return for each row of x (n, n_0) the class that the network takes it for."""


class StepByStep:
    """What all contestants share but those who take many steps at a call: batches in a list, and a loop over them."""

    seconds_at_a_time: ClassVar[float] = 0.005

    def prepared(self, x: np.ndarray, y: np.ndarray) -> list[tuple[Any, Any]]:
        """Return the batches, one by one."""
        return list(zip(x, y, strict=True))

    def train(self, batches: list[tuple[Any, Any]], steps: int) -> float:
        """Take steps, and wait for the last."""
        loss: Any = np.nan
        for i in range(steps):
            loss = self.step(*batches[i % len(batches)])
        return float(loss)

    def step(self, x: Any, y: Any) -> Any:
        """Take a step on a batch, and return the loss before it."""
        raise NotImplementedError
