"""Scheduling: in which order the operations are done, and where threads have to wait for one another.

A *stage* is a run of loops and matrix products of which every row needs, of what the stage itself makes, only the same
row. Threads can take a part of the rows each, and meet at its end. A training step comes out as three stages: the
first layer's product, by rows of its weights; the layers and their cotangents, by rows of the batch; the gradients and
the update, by rows of the parameters.

An operation is done as late as it can be without one more stage: near to what reads its result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from autodiff.compiler.access import Access
from autodiff.compiler.scalars import is_weak
from autodiff.compiler.units import (
    Call,
    Loop,
    Product,
    Unit,
    axis_of,
    is_in_place,
    is_loop,
    is_product,
    names,
    operations_of,
    space_of,
    work_of,
)
from autodiff.graph import Operation, Value

PARALLEL_FROM = 300_000
"""Multiplications, or as much other work, from which a stage is shared among threads, ..."""
AWAKE_FROM = 2_000_000
"""... and how many there must be in all: from then on it pays to wake the threads."""
LONGEST_LOOP = 200
"""Operations in one loop: more would cost the compiler more time than they save memory traffic."""


@dataclass(eq=False)
class Stage:
    """Units done one after the other; if it is shared, by several threads, each with a part of each unit."""

    is_shared: bool
    units: list[Loop | Product] = field(default_factory=list)

    @property
    def work(self) -> int:
        """How much there is to compute, in multiplications of a matrix product."""
        return sum(work_of(operation) for unit in self.units for operation in operations_of(unit))


Step = Stage | Call


def units_of(step: Step) -> list[Unit]:
    """Return what is done in a step, in order."""
    return list(step.units) if isinstance(step, Stage) else [step]


def schedule(access: Access) -> list[Step]:
    """Return the steps in which all operations are done."""
    numbers = [op for op in access.operations if is_weak(op.output)]  # they depend on nothing else
    others = [op for op in access.operations if not is_weak(op.output)]
    steps: list[Step] = [Stage(False, list(_fused(numbers, access, False)))] if numbers else []
    wakes = sum(map(work_of, filter(_is_unit, others))) >= AWAKE_FROM
    for level in _levels(others, access):
        steps += (Call(op) for op in level if not _is_unit(op))
        together = [op for op in level if _is_unit(op)]
        is_shared = wakes and sum(map(work_of, together)) >= PARALLEL_FROM
        last = steps[-1] if steps else None
        if not is_shared and isinstance(last, Stage) and not last.is_shared:
            together = [*(op for unit in last.units for op in operations_of(unit)), *together]
            steps.pop()
        if together:
            steps.append(Stage(is_shared, list(_fused(together, access, is_shared))))
    return steps


def _is_unit(operation: Operation) -> bool:
    return is_product(operation) or is_loop(operation)


def _levels(operations: list[Operation], access: Access) -> Iterator[list[Operation]]:
    """Yield the operations by levels: what reads results of its own level reads them row by row."""
    earliest: dict[int, int] = {}
    for operation in operations:
        earliest[operation.output.id] = max(
            (earliest[v.id] + wait for v, wait in _waits(operation, access) if v.id in earliest), default=0
        )
    last = max(earliest.values(), default=0)
    latest = dict.fromkeys(earliest, last)
    levels: dict[int, list[Operation]] = defaultdict(list)
    for operation in reversed(operations):
        level = latest[operation.output.id]
        levels[level].append(operation)
        for value, wait in _waits(operation, access):
            if value.id in latest:
                latest[value.id] = min(latest[value.id], level - wait)
    for level in range(last + 1):
        yield _by_result(levels[level][::-1], access)


def _waits(operation: Operation, access: Access) -> Iterator[tuple[Value, int]]:
    """Yield what an operation reads, and by how many levels later it must be than what made that."""
    for value, index in access.reads(operation):
        made_by = value.operation
        is_near = made_by and _is_unit(operation) and _is_unit(made_by) and access.is_aligned(operation, value, index)
        yield value, 0 if is_near else 1


def _by_result(operations: list[Operation], access: Access) -> list[Operation]:
    """Put each operation right behind those it reads, so that what is computed is still in the cache."""
    makers = {op.output.id: op for op in operations}
    read = {v.id for op in operations for v, _ in access.reads(op) if v.id in makers}
    ordered: dict[int, Operation] = {}
    stack = [op for op in reversed(operations) if op.output.id not in read]
    while stack:
        operation = stack[-1]
        waiting = [makers[v.id] for v, _ in access.reads(operation) if v.id in makers and v.id not in ordered]
        if waiting:  # what can share a loop with it comes last
            stack += sorted(waiting, key=lambda other: is_product(other) or space_of(other) != space_of(operation))
        else:
            ordered.setdefault(stack.pop().output.id, operation)
    return list(ordered.values())


def _fused(operations: Iterable[Operation], access: Access, is_shared: bool) -> Iterator[Loop | Product]:
    """Yield products, and loops that each go on as long as their operations meet at the same element."""
    loop: Loop | None = None
    for operation in operations:
        if is_product(operation):
            if loop:
                yield loop
            loop = None
            yield Product(operation)
            continue
        axis = axis_of(operation) if is_shared else None
        if loop and not _fits(operation, axis, loop, access):
            yield loop
            loop = None
        loop = loop or Loop(space_of(operation), axis)
        loop.operations.append(operation)
    if loop:
        yield loop


def _fits(operation: Operation, axis: int | None, loop: Loop, access: Access) -> bool:
    """Whether an operation can join a loop: it reads what the loop makes at the element where the loop stands."""
    if space_of(operation) != loop.space or axis != loop.axis or len(loop.operations) == LONGEST_LOOP:
        return False
    made = {op.output.id: op for op in loop.operations}
    return all(
        value.id not in made or (index == names(loop.space) and is_in_place(made[value.id]))
        for value, index in access.reads(operation)
    )
