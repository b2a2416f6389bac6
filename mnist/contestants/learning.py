"""A contestant that learns the digits, epoch by epoch, and tells all that a comparison asks for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mnist.contestants import ENTRIES, counting, devices, digits, memory

if TYPE_CHECKING:  # NumPy counts its threads when it is imported, so that has to wait
    import numpy as np

    from mnist.contestants.problem import Problem


@dataclass(frozen=True)
class Epoch:
    """How an epoch went: its seconds, the loss before each step, the test accuracy after it, and the peak memory.

    The memory, in bytes, is the most that the process has taken until then; None where the system does not tell.
    """

    seconds: float
    losses: list[float]
    accuracy: float
    memory: int | None


class Learner:
    """Answers the requests of a comparison; each of its public methods is one."""

    uses_gpus: ClassVar[bool] = True

    def __init__(self, name: str, device: str) -> None:
        self._entry = ENTRIES[name]
        self._device = device

    def devices(self) -> list[str]:
        """Return the devices that this contestant could compute on."""
        return devices.seen_by(self._entry.library)

    def lines(self, problem: Problem) -> int:
        """Return how many lines its user has to write."""
        return counting.lines(self._entry.load(), problem.optimizer)

    def gradients(self, problem: Problem, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """Return the gradients of a problem's first parameters on a batch x (m, n_0), y (m,)."""
        with devices.on(self._entry.library, self._device):
            return self._entry.enter(problem).gradients(x, y)

    def begin(self, problem: Problem, folder: Path) -> None:
        """Begin to learn the digits in a folder."""
        self._problem = problem
        self._images, self._labels, self._test_x, self._test_labels = digits.get(folder)
        with devices.on(self._entry.library, self._device):
            self._contestant = self._entry.enter(problem)

    def epoch(self, number: int) -> Epoch:
        """Learn for an epoch, and take a test."""
        import numpy as np

        rows = self._problem.rows(len(self._labels), number)
        with devices.on(self._entry.library, self._device):
            start = time.perf_counter()
            losses = self._contestant.learn(self._images, self._labels, rows)
            seconds = time.perf_counter() - start
            accuracy = float(np.mean(self._contestant.classes(self._test_x) == self._test_labels))
        return Epoch(seconds, losses, accuracy, memory.peak())
