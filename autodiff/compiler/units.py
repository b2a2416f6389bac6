"""Units: what an emitted function is made of, and which operations each kind of unit can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.compiler.scalars import is_elementwise
from autodiff.compiler.views import Index, is_tiling, is_view
from autodiff.graph import Operation

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_OF_THE_COMPILER = ("partial_products", "partial_gradients", "convolution", "images")
"""Products that only its passes write."""
REDUCTIONS = ("sum", "max", "min", "sum_to")
WORK_OF_AN_ELEMENT = 30
"""What an element-wise operation costs, in multiplications of a matrix product."""


@dataclass(eq=False)
class Loop:
    """Element-wise operations and reductions over the elements of one space.

    Threads take parts of its `axis`; where it is None, one thread does it all.
    """

    space: tuple[int, ...]
    axis: int | None
    operations: list[Operation] = field(default_factory=list)


@dataclass(eq=False)
class Product:
    """A matrix product. Threads take parts of its rows, or of the axis that is summed over if it is split there."""

    operation: Operation


@dataclass(eq=False)
class Call:
    """An operation that is left to its own kernel."""

    operation: Operation


Unit = Loop | Product | Call


def operations_of(unit: Unit) -> list[Operation]:
    """Return the operations that a unit does, in order."""
    return unit.operations if isinstance(unit, Loop) else [unit.operation]


def work_of(operation: Operation) -> int:
    """Return how much there is to compute, in multiplications of a matrix product."""
    name, (a, *_), out = operation.primitive.name, operation.inputs or (operation.output,), operation.output
    if name == "partial_gradients":  # each number of dZ meets each row of the columns
        return prod(operation.inputs[1].shape) * out.shape[1]
    if name == "images":
        return prod(operation.inputs[1].shape) * a.shape[0]
    if is_product(operation):
        return prod(out.shape) * a.shape[-1]
    return prod(space_of(operation)) * WORK_OF_AN_ELEMENT


def names(space: tuple[int, ...]) -> Index:
    """Return the names of a loop's counters."""
    return tuple(f"i{axis}" for axis in range(len(space)))


def space_of(operation: Operation) -> tuple[int, ...]:
    """Return the shape that the loop of an operation goes over."""
    return operation.output.shape if is_in_place(operation) else operation.inputs[0].shape


def axis_of(operation: Operation) -> int | None:
    """Return the axis of an operation's space along which the rows of its result lie; None if it has no rows."""
    shape = operation.output.shape
    if not shape or shape[0] == 1:
        return None
    if not is_reduction(operation):
        return 0
    return next(axis for axis in range(len(space_of(operation))) if axis not in reduced_axes(operation))


def is_in_place(operation: Operation) -> bool:
    """Whether the result of an operation is at the element where a loop stands: no reduction, nor windows to lay."""
    return not is_reduction(operation) and not is_tiling(operation)


def is_reduction(operation: Operation) -> bool:
    """Whether an operation is a reduction that a loop can do."""
    (a, *_), out = operation.inputs or (operation.output,), operation.output
    return operation.primitive.name in REDUCTIONS and a.dtype == out.dtype and out.dtype in FLOATS


def reduced_axes(operation: Operation) -> tuple[int, ...]:
    """Return the axes that a reduction sums up, in order."""
    ndim = len(operation.inputs[0].shape)
    if operation.primitive.name == "sum_to":
        shape = operation.attributes["shape"]
        added = ndim - len(shape)
        stretched = (added + i for i, n in enumerate(shape) if n == 1 and operation.inputs[0].shape[added + i] != 1)
        return (*range(added), *stretched)
    axis = operation.attributes["axis"]
    return tuple(range(ndim)) if axis is None else tuple(sorted(normalize_axis_tuple(axis, ndim)))


def is_product(operation: Operation) -> bool:
    """Whether an operation is a product of two matrices, or of stacks with windows, of a type that the kernels know."""
    if operation.primitive.name in _OF_THE_COMPILER:
        return True
    values = (*operation.inputs, operation.output)
    if operation.primitive.name != "matmul":
        return False
    alike = len({v.dtype for v in values}) == 1 and values[0].dtype in FLOATS
    return alike and all(len(v.shape) == 2 and 0 not in v.shape for v in values)


def is_partial(operation: Operation) -> bool:
    """Whether an operation is a product split along the axis that is summed over: its parts are still to be added."""
    return operation.primitive.name in ("partial_products", "partial_gradients")


def is_loop(operation: Operation) -> bool:
    """Whether an operation can be done in a loop."""
    if any(0 in value.shape for value in (operation.output, *operation.inputs)):
        return False
    known = operation.output.dtype in (*FLOATS, bool)
    return is_elementwise(operation) or is_reduction(operation) or (is_view(operation) and known)
