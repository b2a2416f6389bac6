"""The plan of a graph: what is done, in which order, and which results need memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from autodiff.compiler.access import Access
from autodiff.compiler.rewriting import needed
from autodiff.compiler.scheduling import Stage, schedule, units_of
from autodiff.compiler.units import Loop, Unit, is_in_place, operations_of
from autodiff.compiler.views import Index
from autodiff.graph import Graph, Operation, Value


class Moment(NamedTuple):
    """An operation's turn: what threads may do at the same time has the same number."""

    number: int
    unit: Unit
    operation: Operation
    reads: list[tuple[Value, Index]]


class Plan:
    """The steps by which a graph is computed, and which of its values are stored."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.access = Access(graph)
        self.steps = schedule(self.access)
        self.stored = self._stored()
        """The ids of the results that need memory: those that are read outside of the loop that makes them."""

    def moments(self) -> Iterator[Moment]:
        """Yield the operations in the order in which they are done."""
        number = 0
        for step in self.steps:
            number += 1
            for unit in units_of(step):
                number += not (isinstance(step, Stage) and step.is_shared)
                for operation in operations_of(unit):
                    yield Moment(number, unit, operation, self.access.reads(operation))

    def _stored(self) -> set[int]:
        stored = {value.id for value in needed(self.graph)}
        for unit in (unit for step in self.steps for unit in units_of(step)):
            operations = operations_of(unit)
            own = {op.output.id for op in operations if is_in_place(op)} if isinstance(unit, Loop) else set()
            stored |= {op.output.id for op in operations if not isinstance(unit, Loop) or not is_in_place(op)}
            stored |= {v.id for op in operations for v, _ in self.access.reads(op) if v.id not in own}
        return stored
