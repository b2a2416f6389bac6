"""`python -m mnist.benchmark`: what a training step costs, here and written by hand in NumPy, side by side."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping

import numpy as np

import autodiff as ad
import nets
from mnist.cli import parse, run
from mnist.data import CLASSES, PIXELS
from mnist.engines import by_autodiff
from mnist.errors import UserError

Step = Callable[[np.ndarray, np.ndarray], float]
"""Takes a batch x (m, 784) and labels y (m,), moves the parameters, and returns the loss before."""

LEARNING_RATE = 0.01
STEPS_AT_A_TIME = 500
SETTLING_SECONDS = 0.3


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """Time a step of SGD, float32: forward, backward and update, each contestant in turn, again and again."""

    layers: tuple[int, ...] = (PIXELS, 128, 64, CLASSES)
    """Widths of the layers."""
    batch_size: int = 64
    """How many images to take a step on."""
    rounds: int = 10
    """How many times each contestant gets its turn of 500 steps."""

    def __post_init__(self) -> None:
        """Raise UserError where a value makes no sense."""
        if len(self.layers) < 2 or min(self.layers, default=0) < 1:
            raise UserError(f"--layers {' '.join(map(str, self.layers))}: needs two widths or more, as 784 10")
        for flag in ("batch_size", "rounds"):
            if getattr(self, flag) < 1:
                raise UserError(f"--{flag.replace('_', '-')} {getattr(self, flag)}: must be 1 or more")


def engine_step(layers: tuple[int, ...]) -> Step:
    """Return the step of this engine."""
    model = nets.MLP(layers, rng=np.random.default_rng(0))
    optimizer = nets.SGD(model.parameters(), LEARNING_RATE)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        optimizer.zero_grad()
        loss = by_autodiff(model, x, y)
        optimizer.step()
        return loss

    return step


def compiled_step(layers: tuple[int, ...]) -> Step:
    """Return the same step, compiled."""
    model = nets.MLP(layers, rng=np.random.default_rng(0))
    optimizer = nets.SGD(model.parameters(), LEARNING_RATE)

    @ad.jit
    def step(x: np.ndarray, y: np.ndarray) -> ad.Tensor:
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return lambda x, y: float(step(x, y).item())


def numpy_step(layers: tuple[int, ...]) -> Step:
    """Return the same step as one writes it in NumPy who wants it fast and has no engine."""
    model = nets.MLP(layers, rng=np.random.default_rng(0))
    parameters = [parameter.data for parameter in model.parameters()]
    W, b = parameters[::2], parameters[1::2]

    def step(x: np.ndarray, y: np.ndarray) -> float:
        rows = np.arange(len(x))
        A = [x]
        for W_l, b_l in zip(W[:-1], b[:-1], strict=True):
            A.append(np.maximum(A[-1] @ W_l + b_l, 0))
        logits = A[-1] @ W[-1] + b[-1]
        P = np.exp(logits - logits.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        loss = -np.log(P[rows, y]).mean()

        dZ = P
        dZ[rows, y] -= 1
        dZ /= len(x)
        for l in reversed(range(len(W))):  # noqa: E741
            dW, db = A[l].T @ dZ, dZ.sum(axis=0)
            if l > 0:
                dZ = dZ @ W[l].T * (A[l] > 0)
            W[l] -= LEARNING_RATE * dW
            b[l] -= LEARNING_RATE * db
        return float(loss)

    return step


def measure(contestants: Mapping[str, Step], x: np.ndarray, y: np.ndarray, rounds: int) -> dict[str, np.ndarray]:
    """Return for each contestant the seconds that each of its steps took; taking turns, they all meet the same noise.

    The threads of a BLAS keep a core busy for some time after a product, in expectation of the next. Each turn
    therefore begins with steps that are not counted, in which the threads of the one before fall asleep.

    Raises:
        ArithmeticError: the contestants do not compute the same losses.
    """
    for _ in range(3):  # compile, and fill the caches
        losses = [step(x, y) for step in contestants.values()]
        if not np.allclose(losses, losses[0], rtol=1e-4):
            raise ArithmeticError(f"the losses differ: {dict(zip(contestants, losses, strict=True))}")
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, step in contestants.items():
            settled = time.perf_counter() + SETTLING_SECONDS
            while time.perf_counter() < settled:
                step(x, y)
            for _ in range(STEPS_AT_A_TIME):
                start = time.perf_counter()
                step(x, y)
                seconds[name].append(time.perf_counter() - start)
    return {name: np.array(times) for name, times in seconds.items()}


def main() -> int:
    """Measure and print; return the exit status."""
    config = parse(BenchmarkConfig, "python -m mnist.benchmark")
    rng = np.random.default_rng(0)
    x = rng.random((config.batch_size, config.layers[0]), dtype=np.float32)
    y = rng.integers(0, config.layers[-1], config.batch_size)
    steps = {
        "NumPy by hand": numpy_step(config.layers),
        "this engine, eager": engine_step(config.layers),
        "this engine, compiled": compiled_step(config.layers),
    }
    seconds = measure(steps, x, y, config.rounds)

    print(f"a step of SGD, {'-'.join(map(str, config.layers))}, batch {config.batch_size}, float32, in microseconds")
    print(f"{'':24}{'median':>8}{'quartiles':>16}{'ratio':>8}")
    baseline = np.median(seconds["NumPy by hand"])
    for name, times in seconds.items():
        low, median, high = np.percentile(times, [25, 50, 75]) * 1e6
        print(f"{name:24}{median:8.0f}{f'{low:.0f} to {high:.0f}':>16}{np.median(times) / baseline:8.2f}")
    return 0


if __name__ == "__main__":
    run(main)
