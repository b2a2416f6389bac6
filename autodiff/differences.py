"""Finite differences of a graph: move one number of one value, do again what came after it, and see how L moves.

They know no rule and no backward pass, so they can bear witness against every cotangent in a graph, the inner ones
included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from autodiff.graph import Graph, Operation, Value
from autodiff.tape import Array

_STEP = 1e-4
"""How far to move: small enough to keep off most kinks; the error of the fourth-order difference is its power of 4."""
_BUDGET = 3e8
"""What may be spent: so many numbers computed again, which takes a second or less."""
_PER_OPERATION = 2_000
"""What it costs to begin an operation, in numbers that could have been computed in that time."""


def finite_differences(graph: Graph, most: int = 24) -> dict[Value, np.ma.MaskedArray]:
    """Return ∂L/∂v for the values v that have a cotangent, in float64; L is the graph's first output, a scalar of
    the forward pass; there are none of another.

    At most so many numbers of a value are moved, evenly chosen, and fewer in a large graph; the others are masked.
    Where one of each value is still too much to do, it is done for the leaves alone, or not at all.
    """
    if not graph.outputs or not _is_loss(graph.outputs[0]):
        return {}
    replay = _Replay(graph)
    wanted = [v for v in replay.reached if v.cotangent is not None and v.dtype.kind == "f"]
    for candidates in (wanted, [v for v in wanted if v.operation is None]):
        affordable = int(_BUDGET / (4 * replay.cost * max(len(candidates), 1)))
        if affordable > 0:
            with np.errstate(all="ignore"):  # what is no number before stays none
                return {value: _differences(replay, value, min(most, affordable)) for value in candidates}
    return {}


def _is_loss(output: Value) -> bool:
    """Whether the cotangents of a graph may be those of its output: a gradient is none of what it was derived from."""
    return output.shape == () and (output.operation is None or output.operation.during == "forward")


def _differences(replay: _Replay, value: Value, most: int) -> np.ma.MaskedArray:
    """Return the central differences of fourth order at some of a value's numbers."""
    here = np.asarray(replay.numbers[value.id], np.float64)
    found = np.ma.MaskedArray(np.zeros(here.shape), mask=True)
    after = replay.after(value)
    for position in np.unique(np.linspace(0, here.size - 1, min(most, here.size)).round().astype(int)):
        direction = np.zeros(here.size)
        direction[position] = _STEP
        step = direction.reshape(here.shape)
        near, far = (
            replay.output(value, here + k * step, after) - replay.output(value, here - k * step, after) for k in (1, 2)
        )
        found[np.unravel_index(position, here.shape)] = (8 * near - far) / (12 * _STEP)
    return found


class _Replay:
    """The forward pass of a graph, in float64, to be done again from any value on."""

    def __init__(self, graph: Graph) -> None:
        self.output_value = graph.outputs[0]
        self.operations = graph.in_pass("forward")
        self.reached = list({v.id: v for o in self.operations for v in (*o.inputs, o.output)}.values())
        self.numbers: dict[int, Array] = {v.id: _widened(v.data) for v in self.reached if v.operation is None}
        for value in (v for o in self.operations for v in o.inputs):
            if value.operation is not None and value.operation.during != "forward":
                self.numbers[value.id] = _widened(value.data)
        with np.errstate(all="ignore"):
            self._repeat(self.operations, self.numbers)

    @property
    def cost(self) -> int:
        """How many numbers are computed with each time, and what it takes to begin."""
        return _PER_OPERATION * len(self.operations) + sum(math.prod(value.shape) for value in self.reached) + 1

    def after(self, value: Value) -> list[Operation]:
        """Return the operations that depend on a value, in order."""
        moved = {value.id}
        found = []
        for operation in self.operations:
            if any(operand.id in moved for operand in operation.inputs):
                moved.add(operation.output.id)
                found.append(operation)
        return found

    def output(self, value: Value, array: Array, after: Sequence[Operation]) -> float:
        """Return L as it is when a value has other numbers."""
        moved = self.numbers | {value.id: array}
        self._repeat(after, moved)
        return float(moved[self.output_value.id])

    @staticmethod
    def _repeat(operations: Sequence[Operation], numbers: dict[int, Array]) -> None:
        for operation in operations:
            operands = [numbers[operand.id] for operand in operation.inputs]
            numbers[operation.output.id] = operation.primitive.kernel(*operands, **operation.attributes)


def _widened(array: Array) -> Array:
    """Return floating-point arrays in float64, and anything else as it is."""
    return array.astype(np.float64) if isinstance(array, np.ndarray) and array.dtype.kind == "f" else array
