"""What a picture folds into one node: what a layer does at a time, or so many operations in a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from autodiff.graph import Operation, Value
from viz.reading import Reading

MOST_ARROWS = 8
"""A parameter or constant that more folds take is told in each of them, and has no node of its own."""


@dataclass(eq=False)
class Step:
    """One node of the picture for what is computed: an operation, or several that are folded."""

    id: str
    operations: list[Operation]
    folded: bool = False

    @property
    def scope(self) -> str:
        """The path of the module that did it; empty where none did, or several."""
        scopes = {operation.scope for operation in self.operations}
        return scopes.pop() if len(scopes) == 1 else ""


def unfolded(reading: Reading) -> list[Step]:
    """Return a step for each operation, in order."""
    return [Step(_id(operation), [operation]) for operation in reading.operations]


def by_layer(reading: Reading) -> list[Step]:
    """Return a step for each run of operations of one module, and for each operation outside of modules."""
    steps: list[Step] = []
    for operation in reading.operations:
        if operation.scope and steps and steps[-1].scope == operation.scope:
            steps[-1].operations.append(operation)
        else:
            steps.append(Step(_id(operation), [operation], folded=bool(operation.scope)))
    return steps


def in_blocks(reading: Reading, steps: Sequence[Step], most: int) -> list[Step]:
    """Return steps of equally many operations in a row, as few of them as it takes to draw `most` nodes or fewer."""
    size, blocks = 1, list(steps)
    while size <= len(steps) and count_of(reading, blocks) > most:
        size *= 2
        blocks = [_block(steps[i : i + size]) for i in range(0, len(steps), size)]
    return blocks


def count_of(reading: Reading, steps: Sequence[Step]) -> int:
    """Return how many nodes a picture with these steps has."""
    return len(steps) + len(reading.values) - len(hidden_in(reading, steps))


def hidden_in(reading: Reading, steps: Sequence[Step]) -> set[int]:
    """Return the ids of the values that are hidden within folds: parameters and results that nothing else takes.

    So are numbers that several folds take, and parameters that very many do, whose arrows would be a thicket.
    """
    users: dict[int, set[str]] = defaultdict(set)
    for step in steps:
        for operation in step.operations:
            for value in (*operation.inputs, operation.output):
                users[value.id].add(step.id)
    folds = {step.id for step in steps if step.folded}
    taken = {value.id for operation in reading.operations for value in operation.inputs}
    seen = {value.id for value in reading.outputs}

    def is_hidden(value: Value) -> bool:
        by = users[value.id]
        everywhere = value.operation is None and (_is_number(value) or len(by) > MOST_ARROWS)
        return by <= folds and (len(by) == 1 or everywhere)

    return {v.id for v in reading.values if v.id in taken - seen and v.kind != "input" and is_hidden(v)}


def _block(steps: Sequence[Step]) -> Step:
    operations = [operation for step in steps for operation in step.operations]
    return Step(steps[0].id, operations, folded=True)


def _is_number(value: Value) -> bool:
    return value.kind == "constant" and value.shape == ()


def _id(operation: Operation) -> str:
    return f"o{operation.output.id}"
