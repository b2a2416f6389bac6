"""What is trained: a network, on batches, from weights that are the same for all contestants."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from mnist.contestants.architecture import LENET, Architecture, Convolution, Linear, NetworkName, perceptron, shapes

OptimizerName = Literal["sgd", "adam"]
InitName = Literal["he", "xavier"]

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
    init: InitName = "he"
    lr: float | None = None

    def __str__(self) -> str:
        name = {"sgd": "SGD", "adam": "Adam"}[self.optimizer]
        if self.network != "mlp":
            return f"{self.network}, {name}, batch {self.batch_size}"
        runs = [(width, len(list(equal))) for width, equal in groupby(self.layers)]
        widths = [f"{width}×{n}" if n > 3 else "-".join([str(width)] * n) for width, n in runs]
        return f"{'-'.join(widths)}, {name}, batch {self.batch_size}"

    @property
    def learning_rate(self) -> float:
        """The learning rate given, or the optimizer's default."""
        return LEARNING_RATES[self.optimizer] if self.lr is None else self.lr

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
        """Return the first W_1, b_1, … W_L, b_L, each W_l drawn as `init` says, each b_l 0.

        `architecture.py` gives their shapes. They are drawn as `nets/initializers.py` does, which is written once more,
        for to import that would be to import the engine.
        """
        rng = np.random.default_rng(self.seed)
        parameters = []
        for layer in self.architecture:
            if isinstance(layer, Linear | Convolution):
                if self.init == "he":
                    W = rng.standard_normal(layer.weight) * np.sqrt(2 / layer.fan_in)
                else:
                    bound = np.sqrt(6 / (layer.fan_in + layer.outputs))
                    W = rng.uniform(-bound, bound, layer.weight)
                parameters += [W.astype(np.float32), np.zeros(layer.outputs, np.float32)]
        return parameters

    def batches(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return x (count, m, n_0), float32 from 0 to 1, and labels y (count, m), int64, drawn at random."""
        rng = np.random.default_rng([self.seed, 1])
        x = rng.random((count, self.batch_size, self.layers[0]), dtype=np.float32)
        return x, rng.integers(0, self.layers[-1], (count, self.batch_size))

    def rows(self, size: int, epoch: int) -> np.ndarray:
        """Return the rows (count, m) of the batches of an epoch on so many images, as seed and epoch decide.

        Images that fill no batch are left out, others in each epoch: a batch of another size would be compiled anew.
        """
        order = np.random.default_rng([self.seed, epoch]).permutation(size)
        return order[: size - size % self.batch_size].reshape(-1, self.batch_size)


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

    def learn(self, images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> list[float]:
        """Take a step on each of the batches of an epoch, and return the loss before each.

        Args:
            images: (n, n_0) bytes, which are scaled to [0, 1] as they are taken.
            labels: (n,) int64.
            rows: (count, m), a batch a row.
        """

    def gradients(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """Return the derivatives of the loss of a batch by W_1, b_1, … W_L, b_L, and move nothing."""

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

    def learn(self, images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> list[float]:
        """Take a step on each batch, and read the losses at the end, as some libraries run ahead of Python."""
        losses = []
        for batch in rows:
            x = np.divide(images[batch], 255, dtype=np.float32)
            ((x, y),) = self.prepared(x[np.newaxis], labels[batch][np.newaxis])
            losses.append(self.step(x, y))
        return [float(loss) for loss in losses]

    def step(self, x: Any, y: Any) -> Any:
        """Take a step on a batch, and return the loss before it."""
        raise NotImplementedError
