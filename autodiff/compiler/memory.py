"""Memory: where in one arena each buffer lies. Buffers that are never needed at the same time share their place."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from autodiff.compiler.planning import Moment, Plan
from autodiff.graph import Value

ALIGNMENT = 64
"""Bytes to which every buffer is aligned: a cache line, and the longest vector."""


@dataclass(frozen=True)
class Place:
    """Bytes of the arena, from `start` on."""

    start: int
    size: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.start + self.size


def arranged(plan: Plan, values: Iterable[Value], share: bool = True) -> dict[int, Place]:
    """Return a place for each value, none overlapping another's that is needed at the same moment.

    A buffer is needed from the moment in which it is written to the last in which it is read.
    """
    lives = {value.id: [0, 0] for value in values}
    for moment in plan.moments():
        _note(moment, lives)
    arena = _Arena()
    places: dict[int, Place] = {}
    for value in sorted(values, key=lambda value: lives[value.id][0]):
        first, last = lives[value.id]
        if share:
            arena.release(before=first)
        places[value.id] = arena.take(-(-prod(value.shape) * value.dtype.itemsize // ALIGNMENT) * ALIGNMENT, last)
    return places


def _note(moment: Moment, lives: dict[int, list[int]]) -> None:
    out = moment.operation.output
    if out.id in lives:
        lives[out.id] = [moment.number, moment.number]
    for value, _ in moment.reads:
        if value.id in lives:
            lives[value.id][1] = moment.number


class _Arena:
    """Memory that is taken until some moment, and the gaps between, in the order of their addresses."""

    def __init__(self) -> None:
        self._taken: list[tuple[int, int, int]] = []
        """A heap of (until when, start, end)."""
        self._gaps: list[tuple[int, int]] = []
        self._end = 0

    def take(self, size: int, until: int) -> Place:
        """Take the first gap that is large enough, or room at the end."""
        for i, (start, end) in enumerate(self._gaps):
            if end - start >= size:
                self._gaps[i : i + 1] = [(start + size, end)] if end - start > size else []
                break
        else:
            start, self._end = self._end, self._end + size
        heapq.heappush(self._taken, (until, start, start + size))
        return Place(start, size)

    def release(self, before: int) -> None:
        """Give up what was taken until a moment before this one."""
        while self._taken and self._taken[0][0] < before:
            _, start, end = heapq.heappop(self._taken)
            i = bisect.bisect(self._gaps, (start, end))
            if i < len(self._gaps) and self._gaps[i][0] == end:
                end = self._gaps.pop(i)[1]
            if i and self._gaps[i - 1][1] == start:
                start = self._gaps.pop(i - 1)[0]
                i -= 1
            self._gaps.insert(i, (start, end))
