"""Where everything stands in the explorer's drawing, found in Python: no Graphviz, and nothing left to the page.

An operation is a card: its value on the left half, the value's cotangent on the right half. Its parameters stand to the
left of the card, and their cotangents, as in a mirror, to the right. So the left half of the drawing is the forward
pass, which runs down, and the right half the backward pass, which runs up along the same ways.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from autodiff.explain.labels import Labels
from autodiff.graph import Graph
from viz.explorer.grid import Cell, Grid
from viz.explorer.numbers import View
from viz.explorer.routes import Route, Tracks, corridors_of, routes_of
from viz.explorer.shapes import PILL, PORT, Drawing, Edge, Layer, Node, Point, node_of, shortened, text_width

_TRACK = 8.0
_BETWEEN_PORTS = 14.0
_BESIDE, _BETWEEN_LANES, _MARGIN = 40.0, 28.0, 14.0
_CHANNEL, _BAND_LABEL, _BAND_PADDING = 34.0, 24.0, 10.0

Side = Literal[-1, 1]
"""Forward, on the left; backward, on the right."""


def lay_out(graph: Graph, labels: Labels, views: Mapping[int, View]) -> Drawing:
    """Return the drawing of a graph's forward pass, with the cotangents that its values have."""
    return _Layout(graph, labels, views).drawing()


@dataclass
class _Lane:
    """A column of cards: how wide its parts are at the most, and where they are."""

    leaf: float = 0.0
    value: float = 0.0
    gradient: float = 0.0
    mirror: float = 0.0
    label: float = 0.0
    left: float = 0.0
    middle: float = 0.0
    right: float = 0.0


class _Layout:
    """The work, phase by phase: what follows is only added, never moved."""

    def __init__(self, graph: Graph, labels: Labels, views: Mapping[int, View]) -> None:
        self.graph = graph
        self.grid = Grid(graph)
        self.nodes = {
            value.id: node_of(value, labels, views) for cell in self.grid.cells for value in (cell.value, *cell.leaves)
        }
        self.bands = list(self.grid.bands())
        self.routes = list(routes_of(self.grid))
        self.corridors = corridors_of(self.routes)
        self.lanes = self._measure_lanes()
        self.width = self._place_lanes()
        self.channels = self._channels()
        self.tops: list[float] = []
        self.bottoms: list[float] = []
        self._place_rows()

    def drawing(self) -> Drawing:
        """Return everything with its coordinates."""
        edges = [edge for route in self.routes for edge in self._edges(route)]
        height = (self.bottoms[-1] if self.bottoms else 0) + 2 * _MARGIN
        return Drawing(list(self.nodes.values()), edges, list(self._layers()), self.width, height)

    # ── lanes: from left to right ───────────────────────────────────────────────────────────────────────

    def _measure_lanes(self) -> list[_Lane]:
        lanes = [_Lane() for _ in range(self.grid.lanes)]
        for cell in self.grid.cells:
            lane = lanes[cell.lane]
            node = self.nodes[cell.value.id]
            value, gradient = _widths(node)
            lane.value = max(lane.value, value, node.pill_width / 2 - node.pill_middle)
            lane.gradient = max(lane.gradient, gradient, node.pill_width / 2 + node.pill_middle)
            for leaf in cell.leaves:
                value, gradient = _widths(self.nodes[leaf.id])
                lane.leaf, lane.mirror = max(lane.leaf, value), max(lane.mirror, gradient)
        for band in self.bands:
            lanes[band.lane].label = max(lanes[band.lane].label, text_width(self._label(band.scope)) + _BAND_PADDING)
        return lanes

    def _place_lanes(self) -> float:
        """Give each lane and each box its x; return the width of it all."""
        x = 0.0
        for number, lane in enumerate(self.lanes):
            corridor = _TRACK * self.corridors[number].count if number in self.corridors else 0
            lane.left = x + corridor + _BETWEEN_LANES
            lane.middle = lane.left + lane.value + (lane.leaf + _BESIDE if lane.leaf else 0)
            lane.right = lane.middle + lane.gradient + (lane.mirror + _BESIDE if lane.mirror else 0)
            lane.right = max(lane.right, lane.left + lane.label)
            x = lane.right + corridor
        for cell in self.grid.cells:
            lane = self.lanes[cell.lane]
            card = self.nodes[cell.value.id]
            card.middle = lane.middle
            for box in card.boxes:
                box.x = lane.middle - box.width if box.role == "value" else lane.middle
            for leaf in cell.leaves:
                for box in self.nodes[leaf.id].boxes:
                    box.x = lane.left + lane.leaf - box.width if box.role == "value" else self._mirror(lane)
        return x + _BETWEEN_LANES

    @staticmethod
    def _mirror(lane: _Lane) -> float:
        return lane.middle + lane.gradient + _BESIDE

    def _x_at_card(self, cell: Cell, side: Side, port: int = 0) -> float:
        return self.lanes[cell.lane].middle + side * (PORT - port * _BETWEEN_PORTS)

    def _x_in_corridor(self, route: Route, side: Side) -> float:
        lane = self.lanes[route.home.lane]
        track = self.corridors[route.home.lane].of[route.value.id]
        away = _MARGIN + track * _TRACK
        return lane.left - away if side < 0 else lane.right + away

    # ── rows: from top to bottom ────────────────────────────────────────────────────────────────────────

    def _channels(self) -> dict[int, Tracks]:
        """Return the tracks that are needed below each row, −1 being above the first."""
        channels: dict[int, Tracks] = defaultdict(Tracks)
        for route in self.routes:
            for side in _sides(route):
                key = route.value.id, side
                start, end = self._x_at_card(route.home, side), self._x_at_card(route.target, side, route.port)
                if route.kind == "channel":
                    channels[route.home.row].add(key, start, end)
                elif route.kind == "corridor":
                    along = self._x_in_corridor(route, side)
                    if route.from_card:
                        channels[route.home.row].add(key, start, along)
                    channels[route.target.row - 1].add(key, along, end)
        for tracks in channels.values():
            tracks.assign()
        return channels

    def _place_rows(self) -> None:
        """Give each row and each box its y."""
        begins = {band.first for band in self.bands}
        ends = {band.last for band in self.bands}
        y = self._room(-1, begins, ends)
        for number, row in enumerate(self.grid.rows):
            self.tops.append(y)
            self.bottoms.append(max(self._place_cell(cell, y) for cell in row))
            y = self.bottoms[-1] + self._room(number, begins, ends)

    def _room(self, row: int, begins: set[int], ends: set[int]) -> float:
        """Return the height of the channel below a row: tracks, and what the frames of layers need."""
        tracks = _TRACK * self.channels[row].count if row in self.channels else 0
        frames = (_BAND_LABEL if row + 1 in begins else 0) + (_BAND_PADDING if row in ends else 0)
        return max(_CHANNEL if row >= 0 else _MARGIN, tracks + frames + _MARGIN)

    def _place_cell(self, cell: Cell, y: float) -> float:
        """Put a card and the leaves beside it at a height; return where they end."""
        card = self.nodes[cell.value.id]
        card.y = y
        for box in card.boxes:
            box.y = y + (PILL if card.pill else 0)
        bottom = max(box.y + box.height for box in card.boxes)
        for leaf in cell.leaves:
            node = self.nodes[leaf.id]
            node.y = y
            for box in node.boxes:
                box.y = y
            y += max(box.height for box in node.boxes) + _TRACK
            bottom = max(bottom, y - _TRACK)
        return bottom

    def _y_in_channel(self, row: int, route: Route, side: Side) -> float:
        bottom = self.bottoms[row] if row >= 0 else 0
        return bottom + _MARGIN + _TRACK * self.channels[row].of[route.value.id, side]

    # ── arrows and frames ───────────────────────────────────────────────────────────────────────────────

    def _edges(self, route: Route) -> Iterator[Edge]:
        """Yield the arrow forward, and its mirror image backward where a cotangent goes that way."""
        yield Edge("forward", route.value, route.target.value, self._points(route, -1))
        if len(_sides(route)) > 1:
            yield Edge("backward", route.target.value, route.value, self._points(route, 1)[::-1])

    def _points(self, route: Route, side: Side) -> list[Point]:
        """Return the way from an operand to the operation, on the left or on the right."""
        end = self._x_at_card(route.target, side, route.port), self.tops[route.target.row]
        if route.kind == "beside":
            return self._points_beside(route, side)
        if not route.from_card:
            x, y = self._edge_of_leaf(route, side)
            start: list[Point] = [(x, y), (self._x_in_corridor(route, side), y)]
        else:
            x = self._x_at_card(route.home, side)
            start = [(x, self._bottom_of_card(route.home, side))]
            if route.kind == "straight":
                return [*start, end]
            below = self._y_in_channel(route.home.row, route, side)
            start.append((x, below))
            if route.kind == "channel":
                return [*start, (end[0], below), end]
            start.append((self._x_in_corridor(route, side), below))
        above = self._y_in_channel(route.target.row - 1, route, side)
        return [*start, (start[-1][0], above), (end[0], above), end]

    def _points_beside(self, route: Route, side: Side) -> list[Point]:
        """Return the way from a leaf to the pill of the card that it stands beside."""
        x, y = self._edge_of_leaf(route, side)
        card = self.nodes[route.target.value.id]
        end = card.middle + card.pill_middle + side * card.pill_width / 2, card.y + PILL / 2
        turn = x - side * _BESIDE / 2
        return [(x, y), end] if y == end[1] else [(x, y), (turn, y), (turn, end[1]), end]

    def _edge_of_leaf(self, route: Route, side: Side) -> Point:
        """Return the middle of a leaf's header, on the edge that looks to the card, or else to the corridor."""
        box = self.nodes[route.value.id].boxes[0 if side < 0 else 1]
        inward = route.kind == "beside"
        at_right_edge = (side < 0) == inward
        return box.x + (box.width if at_right_edge else 0), box.y + PILL / 2

    def _bottom_of_card(self, cell: Cell, side: Side) -> float:
        box = self.nodes[cell.value.id].boxes[0 if side < 0 else 1]
        return box.y + box.height

    def _layers(self) -> Iterator[Layer]:
        for band in self.bands:
            lane = self.lanes[band.lane]
            x, y = lane.left - _BAND_PADDING, self.tops[band.first] - _BAND_LABEL
            width, height = lane.right - lane.left + 2 * _BAND_PADDING, self.bottoms[band.last] + _BAND_PADDING - y
            yield Layer(self._label(band.scope), x, y, width, height)

    def _label(self, scope: str) -> str:
        """Return the path of a module with its class."""
        return f"{shortened(scope)} · {shortened(self.graph.modules.get(scope, 'Module'))}"


def _widths(node: Node) -> tuple[float, float]:
    """Return how wide a value's box is and that of its cotangent, 0 if it has none."""
    return node.boxes[0].width, node.boxes[1].width if len(node.boxes) > 1 else 0


def _sides(route: Route) -> tuple[Side, ...]:
    """Return the sides on which a route is drawn: on the right only where a cotangent goes back along it."""
    goes_back = route.value.cotangent is not None and route.target.value.cotangent is not None
    return (-1, 1) if goes_back else (-1,)
