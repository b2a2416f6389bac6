"""Functions called in forked processes, a few at a time, each within its time."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any


@dataclass(frozen=True)
class Gone:
    """What is left of a process that never answered."""

    how: str


def in_forks(work: Sequence[Callable[[], Any]], jobs: int, limits: Sequence[float]) -> Iterator[tuple[int, Any]]:
    """Call each function in a process of its own; yield its number and what it gives, as they come.

    A process that dies, or takes longer than its limit in seconds, gives a `Gone`.

    Raises:
        RuntimeError: a function raised an exception, which is shown.
    """
    forks = multiprocessing.get_context("fork")
    waiting = list(enumerate(work))[::-1]
    running: dict[Connection, tuple[int, Any, float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, function = waiting.pop()
                ours, theirs = forks.Pipe(duplex=False)
                process = forks.Process(target=_answer, args=(theirs, function), daemon=True)
                process.start()
                theirs.close()
                running[ours] = number, process, time.monotonic() + limits[number]
            soonest = min(deadline for _, _, deadline in running.values())
            answered = wait(running, None if soonest == float("inf") else max(0.0, soonest - time.monotonic()))
            late = [ours for ours, (_, _, deadline) in running.items() if deadline <= time.monotonic()]
            for ours in {*answered, *late}:
                number, process, _ = running.pop(ours)
                result = _received(ours) if ours in answered else Gone("it hung")
                process.kill()
                process.join()
                ours.close()
                yield number, result
    finally:
        for _, process, _ in running.values():
            process.kill()


def _answer(theirs: Connection, function: Callable[[], Any]) -> None:
    """Send what a function gives, and its exception if it raises one; what it prints is lost."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        theirs.send((function(), None))
    except BaseException:
        theirs.send((None, traceback.format_exc()))


def _received(ours: Connection) -> Any:
    try:
        result, failure = ours.recv()
    except EOFError:
        return Gone("its process died")
    if failure:
        raise RuntimeError(f"in a forked process:\n{failure}")
    return result
