"""The grid in which the explorer's drawing stands: a row and a lane for each operation, before anything has a size.

The forward pass runs down. A cell is an operation or an input; its parameters and constants stand beside it, each
beside the first operation that uses it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from autodiff.graph import Graph, Value


@dataclass(eq=False)
class Cell:
    """A place in the grid: an input, or the result of an operation with the leaves that stand beside it."""

    value: Value
    operands: tuple[Value, ...] = ()
    leaves: list[Value] = field(default_factory=list)
    row: int = 0
    lane: int = 0

    @property
    def scope(self) -> str:
        """The path of the module that computed it."""
        return self.value.operation.scope if self.value.operation else ""


@dataclass
class Band:
    """Cells below each other, in one lane and with nothing between them, that one module has computed."""

    scope: str
    lane: int
    first: int
    last: int


class Grid:
    """The cells of a graph's forward pass, by rows and lanes.

    `home[id]` is the cell in which a value stands, as the cell's own value or beside it.
    """

    def __init__(self, graph: Graph) -> None:
        operations = graph.in_pass("forward")
        self.cells = [Cell(value) for value in graph.of_kind("input")]
        self.cells += [Cell(operation.output, operation.inputs) for operation in operations]
        self.home = {cell.value.id: cell for cell in self.cells}
        for cell in self.cells:
            for value in cell.operands:
                if value.operation is None and value.id not in self.home:
                    cell.leaves.append(value)
                    self.home[value.id] = cell
        self._assign_rows()
        self.rows = self._rows()
        self.lanes = 0
        for row in self.rows:
            self._assign_lanes(row)

    def operands(self, cell: Cell) -> Iterator[tuple[Value, Cell]]:
        """Yield the operands of a cell and the cells where they stand, but for those that are not drawn."""
        return ((value, self.home[value.id]) for value in cell.operands if value.id in self.home)

    def columns(self) -> list[list[Cell]]:
        """Return the cells of each lane from top to bottom."""
        columns: list[list[Cell]] = [[] for _ in range(self.lanes)]
        for row in self.rows:
            for cell in row:
                columns[cell.lane].append(cell)
        return columns

    def bands(self) -> Iterator[Band]:
        """Yield the bands of the modules, lane by lane."""
        for lane, column in enumerate(self.columns()):
            band: Band | None = None
            for cell in column:
                if band and band.scope == cell.scope:
                    band.last = cell.row
                    continue
                if band:
                    yield band
                band = Band(cell.scope, lane, cell.row, cell.row) if cell.scope else None
            if band:
                yield band

    def neighbours(self) -> set[tuple[int, int]]:
        """Return the cells, by the ids of their values, between which there is nothing in their lane."""
        return {(upper.value.id, lower.value.id) for column in self.columns() for upper, lower in pairwise(column)}

    def _above(self, cell: Cell) -> Iterable[Cell]:
        return (home for _, home in self.operands(cell) if home is not cell)

    def _assign_rows(self) -> None:
        """Put each cell as high as its operands let it, and then as low as its users let it, if it has any."""
        for cell in self.cells:
            cell.row = max((home.row + 1 for home in self._above(cell)), default=0)
        lowest: dict[int, int] = {}
        for cell in reversed(self.cells):
            cell.row = lowest.get(cell.value.id, cell.row)
            for home in self._above(cell):
                lowest[home.value.id] = min(lowest.get(home.value.id, cell.row), cell.row - 1)

    def _rows(self) -> list[list[Cell]]:
        """Return the cells of each row, without rows that are empty."""
        rows: dict[int, list[Cell]] = defaultdict(list)
        for cell in self.cells:
            rows[cell.row].append(cell)
        ordered = [rows[number] for number in sorted(rows)]
        for number, row in enumerate(ordered):
            for cell in row:
                cell.row = number
        return ordered

    def _assign_lanes(self, row: list[Cell]) -> None:
        """Give each cell of a row the lane of its first operand, or the next one that is free."""
        wishes = {cell.value.id: next((home.lane for home in self._above(cell)), None) for cell in row}
        row.sort(key=lambda cell: (wishes[cell.value.id] is None, wishes[cell.value.id] or 0))
        free = 0
        for cell in row:
            cell.lane = max(wishes[cell.value.id] or 0, free)
            free = cell.lane + 1
        self.lanes = max(self.lanes, free)
