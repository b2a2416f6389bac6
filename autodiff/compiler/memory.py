"""Memory: where in one arena each buffer lies. Buffers that are never needed at the same time share their place."""

from __future__ import annotations

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
    places: dict[int, Place] = {}
    taken: list[tuple[int, Place]] = []  # until when, and where
    end = 0
    for value in sorted(values, key=lambda value: lives[value.id][0]):
        first, last = lives[value.id]
        size = -(-prod(value.shape) * value.dtype.itemsize // ALIGNMENT) * ALIGNMENT
        if share:
            taken = [(until, place) for until, place in taken if until >= first]
        place = Place(_gap((place for _, place in taken), size) if share else end, size)
        end = max(end, place.end)
        places[value.id] = place
        taken.append((last, place))
    return places


def _note(moment: Moment, lives: dict[int, list[int]]) -> None:
    out = moment.operation.output
    if out.id in lives:
        lives[out.id] = [moment.number, moment.number]
    for value, _ in moment.reads:
        if value.id in lives:
            lives[value.id][1] = moment.number


def _gap(taken: Iterable[Place], size: int) -> int:
    """Return the first place between those taken where so many bytes fit."""
    at = 0
    for place in sorted(taken, key=lambda place: place.start):
        if place.start - at >= size:
            return at
        at = max(at, place.end)
    return at
