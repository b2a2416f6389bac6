"""The contestants take turns, and how long their steps took is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mnist.benchmark.truth import TOLERANCE, Truth
from mnist.benchmark.worker import ContestantError, Worker
from mnist.contestants import ENTRIES
from mnist.contestants.problem import Problem
from mnist.contestants.serving import Start

TURN_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class Timing:
    """How long a contestant takes, in seconds: for a step, in the median and the quartiles, and for the first one.

    The first includes what comes before it: building the network, and tracing and compiling the step. `error` is how
    far off its first steps are from the right ones.
    """

    low: float
    median: float
    high: float
    first_step: float
    error: float

    @classmethod
    def of(cls, times: list[float], first_step: float, error: float) -> Timing:
        """Take the quartiles of many times."""
        low, median, high = map(float, np.percentile(times, [25, 50, 75]))
        return cls(low, median, high, first_step, error)

    @property
    def agrees(self) -> bool:
        """Whether it computes the right numbers."""
        return self.error <= TOLERANCE


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What a step of a problem costs each contestant, and who has no time: why it failed, or that it takes no part."""

    problem: Problem
    timings: dict[str, Timing]
    failures: dict[str, str]
    left_out: Sequence[str] = ()
    """Those who do not know the network."""

    def ratio(self, name: str, to: str) -> float | None:
        """Return the ratio of two medians; None where one is missing, or of other numbers."""
        one, other = self.timings.get(name), self.timings.get(to)
        return one.median / other.median if one and other and one.agrees and other.agrees else None

    def ranking(self) -> list[str]:
        """Return who has a time, the quickest first, and those who do not agree last."""
        return sorted(self.timings, key=lambda name: (not self.timings[name].agrees, self.timings[name].median))

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON has it, in which an error that is no number is null."""
        timings = {
            name: dataclasses.asdict(timing)
            | {
                "error": timing.error if np.isfinite(timing.error) else None,
                "agrees": timing.agrees,
                "to_numpy": self.ratio(name, "numpy"),
                "to_compiled": self.ratio(name, "compiled"),
            }
            for name, timing in self.timings.items()
        }
        problem = dataclasses.asdict(self.problem) | {"multiplications": self.problem.multiplications}
        return {
            "problem": problem,
            "seconds": timings,
            "failures": self.failures,
            "left_out": list(self.left_out),
        }


def measure(workers: Mapping[str, Worker], problem: Problem, rounds: int, patience: float) -> Measurement:
    """Have all contestants who know a problem's network begin with it, one after the other, and then take turns.

    Taking turns, they all meet the same noise. In the other times their processes sleep. A turn begins with steps
    that are not counted, in which the threads of the one before fall asleep; a time is of as many steps as take some
    milliseconds, so that a library may run ahead of Python, and neither the clock nor reading a loss counts.
    """
    truth = Truth.of(problem)
    starts: dict[str, Start] = {}
    failures: dict[str, str] = {}
    able = {name: worker for name, worker in workers.items() if ENTRIES[name].knows(problem)}
    for name, worker in able.items():
        try:
            starts[name] = worker.ask(patience, "start", problem)
        except ContestantError as error:
            failures[name] = str(error)
    times: dict[str, list[float]] = {name: [] for name in starts}
    for _ in range(rounds):
        for name in [name for name in starts if name not in failures]:
            try:
                times[name] += workers[name].ask(patience, "turn", TURN_SECONDS)
            except ContestantError as error:
                failures[name] = str(error)
    timings = {
        name: Timing.of(times[name], start.seconds, truth.error(start))
        for name, start in starts.items()
        if name not in failures
    }
    return Measurement(problem, timings, failures, [name for name in workers if name not in able])
