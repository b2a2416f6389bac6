"""The contestants learn in turn, an epoch at a time, and what they tell of it is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import nets
from mnist.agreement import BOUNDS, relative_error
from mnist.benchmark.worker import ContestantError, Worker, workers
from mnist.compare.config import REFERENCE, CompareConfig
from mnist.compare.progress import Progress
from mnist.contestants import ENTRIES
from mnist.contestants.devices import CPU
from mnist.contestants.digits import put
from mnist.contestants.learning import Epoch, Learner
from mnist.contestants.problem import Problem
from mnist.data import Dataset, Split
from mnist.errors import UserError
from mnist.witnesses import clear_of_kinks

MOST_IMAGES = 1000
"""The most on which gradients are compared: a larger batch has images near a kink, and without them is no batch."""
BOUND = BOUNDS["float32"]


@dataclass
class Course:
    """What came of a contestant on a device.

    `lines` are of code, and `gradient_error` is the largest of its first gradients, relative to those of the
    reference. `failure` says why it did not come to the end.
    """

    name: str
    device: str
    lines: int = 0
    gradient_error: float = np.nan
    epochs: list[Epoch] = field(default_factory=list)
    failure: str | None = None

    @property
    def title(self) -> str:
        """Its name for people, with the device where there could be another."""
        entry = ENTRIES[self.name]
        return f"{entry.title}, {self.device}" if entry.library == "tensorflow" else entry.title

    @property
    def losses(self) -> np.ndarray:
        """The loss before each step of all epochs."""
        return np.concatenate([epoch.losses for epoch in self.epochs])

    @property
    def accuracies(self) -> list[float]:
        """The test accuracy after each epoch."""
        return [epoch.accuracy for epoch in self.epochs]

    @property
    def seconds(self) -> float:
        """The median over the epochs."""
        return median(epoch.seconds for epoch in self.epochs)

    @property
    def memory(self) -> int | None:
        """The most bytes that its process had, where the system tells."""
        return self.epochs[-1].memory

    @property
    def agrees(self) -> bool:
        """Whether its gradients are those of the reference."""
        return self.gradient_error <= BOUND


@dataclass(frozen=True)
class Comparison:
    """What came of all: the reference first, then those who came to the end, and those who did not."""

    config: CompareConfig
    digits: Dataset
    images: int
    courses: Sequence[Course]
    failed: Sequence[Course]

    @property
    def reference(self) -> Course:
        """The derivation by hand, in float64."""
        return self.courses[0]

    def loss_differences(self, course: Course) -> np.ndarray:
        """Return |loss − loss of the reference|, step by step."""
        return np.asarray(np.abs(course.losses - self.reference.losses))

    @property
    def others(self) -> Sequence[Course]:
        """Those who are held against the reference."""
        return self.courses[1:]

    @property
    def disagreeing(self) -> list[Course]:
        """Those whose gradients are not what they are by hand."""
        return [course for course in self.others if not course.agrees]

    @property
    def holds(self) -> bool:
        """Whether there is somebody to compare, and nobody disagrees."""
        return bool(self.others) and not self.disagreeing


def compare(config: CompareConfig, digits: Dataset, progress: Progress) -> Comparison:
    """Have all who are entered learn the digits.

    They take turns, so that all meet the same noise; in the other times their processes sleep.

    Raises:
        UserError: the digits fill no batch, there is none on which gradients could be compared, or the reference fails.
    """
    problem = config.problem
    x, y = first_batch(problem, digits.train)
    names = [REFERENCE, *config.entered]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        put(Path(folder), digits.train, digits.test)
        crew = _Crew(names, config, stack)
        progress.waits_for("first gradients")
        crew.take_down_gradients(problem, x, y)
        crew.ask_all("begin", problem, Path(folder))
        for number in range(1, config.epochs + 1):
            for key in list(crew.workers):
                course = crew.courses[key]
                progress.waits_for(course.title)
                if (epoch := crew.ask(key, "epoch", number)) is None:
                    continue
                course.epochs.append(epoch)
                progress.passed(_line(course, config))
                if not np.isfinite(epoch.losses).all():
                    crew.dismiss(key, f"its loss became no number in epoch {number}; lower --lr, {problem.lr:g}")
    finished = [course for course in crew.courses.values() if not course.failure]
    failed = [course for course in crew.courses.values() if course.failure]
    return Comparison(config, digits, len(y), finished, failed)


def first_batch(problem: Problem, train: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return x (m, 784) and y (m,), the first images of the first epoch that are clear of relu's kink.

    Raises:
        UserError: there are fewer images than a batch has, all are within rounding of a kink, or the network is larger
            than the memory.
    """
    rows = problem.rows(len(train), epoch=1)
    if not len(rows):
        raise UserError(f"--batch-size {problem.batch_size}: there are only {len(train):,} images to train on")
    most = min(problem.batch_size, MOST_IMAGES)
    x, y = train.batch(rows.ravel()[: 2 * most])
    clear = clear_of_kinks(_network(problem), x)
    if not clear.any():
        raise UserError("--layers: on each image the input of a relu is within rounding of 0; give fewer layers")
    return x[clear][:most], y[clear][:most].astype(np.int64)


def _network(problem: Problem) -> nets.MLP:
    """Return the network as all begin with it. Raises UserError if it is larger than the memory."""
    try:
        model = nets.MLP(problem.layers, rng=np.random.default_rng(0))
        for parameter, first in zip(model.parameters(), problem.parameters(), strict=True):
            parameter.data = first
    except MemoryError as error:
        raise UserError(f"--layers {' '.join(map(str, problem.layers))}: {error}; choose smaller ones") from error
    return model


def _line(course: Course, config: CompareConfig) -> str:
    """Write the last epoch of a contestant as a line."""
    epoch, number = course.epochs[-1], len(course.epochs)
    loss = f"loss {np.mean(epoch.losses):.4f}"
    return f"{course.title:32} epoch {number}/{config.epochs}   {loss}   {epoch.accuracy:7.2%}   {epoch.seconds:6.2f} s"


class _Crew:
    """The contestants' processes, by name and device, and what is known of each; whoever fails has none any more."""

    def __init__(self, names: Sequence[str], config: CompareConfig, stack: ExitStack) -> None:
        self._patience = config.patience
        self.workers: dict[tuple[str, str], Worker] = {}
        self.courses: dict[tuple[str, str], Course] = {}
        self._enter(stack.enter_context(workers(names, config.threads, Learner)), CPU)
        more: dict[str, list[str]] = {}
        for (name, _), devices in self.ask_all("devices").items():
            for device in devices:
                if device != CPU:
                    more.setdefault(device, []).append(name)
        for device, on_it in more.items():
            self._enter(stack.enter_context(workers(on_it, config.threads, Learner, device)), device)

    def _enter(self, started: Mapping[str, Worker], device: str) -> None:
        for name, worker in started.items():
            self.workers[name, device] = worker
            self.courses[name, device] = Course(name, device)

    def ask(self, key: tuple[str, str], method: str, *arguments: Any) -> Any:
        """Ask one, and wait for the answer; there is none from whoever fails."""
        self.workers[key].send(method, *arguments)
        return self._answer(key)

    def ask_all(self, method: str, *arguments: Any) -> dict[tuple[str, str], Any]:
        """Ask all at the same time, and return the answers of those who do not fail."""
        for worker in self.workers.values():
            worker.send(method, *arguments)
        answers = {key: self._answer(key) for key in list(self.workers)}
        return {key: answer for key, answer in answers.items() if key in self.workers}

    def _answer(self, key: tuple[str, str]) -> Any:
        try:
            return self.workers[key].receive(self._patience)
        except ContestantError as error:
            self.dismiss(key, str(error))
            return None

    def dismiss(self, key: tuple[str, str], why: str) -> None:
        """Go on without a contestant. Raises UserError if it is the one that the others are held against."""
        if key[0] == REFERENCE:
            raise UserError(f"{ENTRIES[REFERENCE].title}, which the others are held against: {why}")
        self.courses[key].failure = why
        del self.workers[key]

    def take_down_gradients(self, problem: Problem, x: np.ndarray, y: np.ndarray) -> None:
        """Ask all for the lines that they take, and for the gradients of a batch, and compare those."""
        for key, lines in self.ask_all("lines", problem).items():
            self.courses[key].lines = lines
        small = replace(problem, batch_size=len(y))
        found = self.ask_all("gradients", small, x, y)
        true = found[REFERENCE, CPU]
        for key, gradients in found.items():
            errors = [relative_error(g.astype(np.float64), t) for g, t in zip(gradients, true, strict=True)]
            self.courses[key].gradient_error = max(errors)
