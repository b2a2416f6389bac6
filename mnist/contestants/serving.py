"""A contestant in a process of its own, which trains when it is asked to and otherwise sleeps."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, ClassVar, Protocol

from mnist.contestants import ENTRIES, threads
from mnist.contestants.devices import CPU

if TYPE_CHECKING:  # NumPy counts its threads when it is imported, so that has to wait
    import numpy as np

    from mnist.contestants.problem import Problem

CHECKED_STEPS = 4
"""Steps whose numbers are compared. After more of them, two roundings on either side of a relu's kink are far apart."""
BATCHES = 8
SETTLING_SECONDS = 0.2
"""Threads of another process may still be looking out for work: NumPy's do for 0.1 s, and some of OpenMP for 0.2."""


@dataclass(frozen=True)
class Start:
    """The first steps: how long it took until the first was taken, the loss before each, and what came of them all."""

    seconds: float
    losses: list[float]
    parameters: list[np.ndarray]


@dataclass(frozen=True)
class Failure:
    """What a library raised."""

    message: str


class Served(Protocol):
    """What answers requests, for a contestant on a device; each of its public methods is one."""

    uses_gpus: ClassVar[bool]

    def __init__(self, name: str, device: str) -> None: ...


def serve(connection: Connection, kind: type[Served], name: str, device: str, number_of_threads: int) -> None:
    """Answer requests, each the name of a method with its arguments, until None comes."""
    with open(os.devnull, "w") as nowhere:  # libraries have much to say when they start
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # what it would say now nobody hears
    threads.use(number_of_threads, kind.uses_gpus)
    server = kind(name, device)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while request := connection.recv():
            method, *arguments = request
            try:
                reply = getattr(server, method)(*arguments)
            except Exception as error:
                reply = Failure(f"{type(error).__name__}: {error}")
            connection.send(reply)


class Server:
    """A contestant and its batches, whose steps are timed."""

    uses_gpus: ClassVar[bool] = False

    def __init__(self, name: str, device: str = CPU) -> None:
        self._entry = ENTRIES[name]

    def prepare(self) -> bool:
        """Import the library, and have it do once what it does but once in a process."""
        from mnist.contestants.problem import Problem

        self.start(Problem((3, 2, 2), "sgd", 2))
        return True

    def start(self, problem: Problem) -> Start:
        """Begin anew with a problem, and take the steps whose numbers are compared."""
        x, y = problem.batches(BATCHES)
        begin = time.perf_counter()
        self._contestant = contestant = self._entry.enter(problem)
        batches = [contestant.prepared(x[i : i + 1], y[i : i + 1]) for i in range(CHECKED_STEPS)]
        losses = [contestant.train(batches[0], 1)]
        seconds = time.perf_counter() - begin
        losses += [contestant.train(batch, 1) for batch in batches[1:]]
        parameters = contestant.parameters()
        self._batches = contestant.prepared(x, y)
        self._steps = 1
        return Start(seconds, losses, parameters)

    def turn(self, seconds: float) -> list[float]:
        """Train for so long, after some steps to settle, and return how long a step took, again and again."""
        self._settle()
        times: list[float] = []
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            times.append(self._time(self._steps))
        return times

    def _settle(self) -> None:
        """Train until others have fallen asleep, and until it is known how many steps to take at a time."""
        end = time.perf_counter() + SETTLING_SECONDS
        known = False
        while not known or time.perf_counter() < end:
            step = self._time(self._steps)
            known = step * self._steps > self._contestant.seconds_at_a_time / 2
            self._steps = max(1, round(self._contestant.seconds_at_a_time / step))

    def _time(self, steps: int) -> float:
        begin = time.perf_counter()
        self._contestant.train(self._batches, steps)
        return (time.perf_counter() - begin) / steps
