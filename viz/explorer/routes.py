"""How the arrows of the drawing go where no box can be: each by channels between rows and corridors beside lanes.

In a channel and in a corridor there is a track for each source, as many as needed, so that no two arrows of different
sources run on top of each other. Tracks are assigned by sorting and sweeping once, which takes n·log n.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Literal

from autodiff.graph import Value
from viz.explorer.grid import Cell, Grid

MOST_PORTS = 3
"""How many arrows come to a card at places of their own; further ones share the last."""


@dataclass(eq=False)
class Route:
    """The way from an operand to the operation that uses it; the cotangent's way back is its mirror image."""

    kind: Literal["beside", "straight", "channel", "corridor"]
    """From a leaf beside the card; down a lane; through the channel below; or along the lane to another channel."""
    value: Value
    home: Cell
    """Where the operand stands."""
    target: Cell
    port: int = 0

    @property
    def from_card(self) -> bool:
        """Whether the operand is a card of its own, not a leaf beside one."""
        return self.home.value is self.value


class Tracks:
    """Parallel tracks for stretches of a line: those of one key share a track, and no others overlap on one."""

    def __init__(self) -> None:
        self._stretches: dict[Hashable, tuple[float, float]] = {}
        self.of: dict[Hashable, int] = {}
        self.count = 0

    def add(self, key: Hashable, start: float, end: float) -> None:
        """Ask for a stretch."""
        low, high = min(start, end), max(start, end)
        if key in self._stretches:
            low, high = min(low, self._stretches[key][0]), max(high, self._stretches[key][1])
        self._stretches[key] = low, high

    def assign(self) -> None:
        """Give each key the first track that is free."""
        busy: list[tuple[float, int]] = []
        free: list[int] = []
        for key, (low, high) in sorted(self._stretches.items(), key=lambda item: item[1]):
            while busy and busy[0][0] < low:
                heapq.heappush(free, heapq.heappop(busy)[1])
            if free:
                track = heapq.heappop(free)
            else:
                track, self.count = self.count, self.count + 1
            self.of[key] = track
            heapq.heappush(busy, (high, track))


def routes_of(grid: Grid) -> Iterator[Route]:
    """Yield the route from each operand to each operation."""
    neighbours = grid.neighbours()
    for cell in grid.cells:
        port = 0
        for value, home in grid.operands(cell):
            if home is cell:
                yield Route("beside", value, home, cell)
                continue
            route = Route("corridor", value, home, cell, port)
            if route.from_card and port == 0 and (value.id, cell.value.id) in neighbours:
                route.kind = "straight"
            elif route.from_card and cell.row == home.row + 1:
                route.kind = "channel"
            yield route
            port = min(port + 1, MOST_PORTS - 1)


def corridors_of(routes: list[Route]) -> dict[int, Tracks]:
    """Return the tracks that are needed along each lane; they are the same on its left and on its right."""
    corridors: dict[int, Tracks] = defaultdict(Tracks)
    for route in routes:
        if route.kind == "corridor":
            corridors[route.home.lane].add(route.value.id, route.home.row, route.target.row)
    for tracks in corridors.values():
        tracks.assign()
    return corridors
