"""Arrays put together, and zeros put around them: each rule cuts its own part out of the cotangent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from autodiff.ops.indexing import getitem
from autodiff.ops.shapes import expand_dims, ravel
from autodiff.tape import Array, Rule, primitive, shape_of


def _part(index: int) -> Rule:
    """Return the rule of one of the arrays joined: its own part of the cotangent."""

    def rule(g: Array, out: Array, arrays: tuple[Array, ...], axis: int, bounds: tuple[int, ...]) -> Array:
        part = slice(bounds[index], bounds[index + 1])
        return getitem(g, index=(slice(None),) * (axis % out.ndim) + (part,))

    return rule


@primitive("concat", rule_for=_part)
def _concat(*arrays: Array, axis: int, bounds: tuple[int, ...]) -> Array:
    """The arrays joined along an axis, on which each reaches from one of the bounds to the next."""
    return np.concatenate(arrays, axis)


def concat(arrays: Sequence[Array], axis: int | None = 0) -> Array:
    """The arrays joined end to end along an axis; flattened first where it is None."""
    if axis is None:
        arrays, axis = [ravel(array) for array in arrays], 0
    lengths = [shape[axis] if -len(shape) <= axis < len(shape) else 0 for shape in map(shape_of, arrays)]
    return _concat(*arrays, axis=axis, bounds=tuple(accumulate(lengths, initial=0)))


def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """The arrays, all of one shape, joined along a new axis."""
    return concat([expand_dims(array, axis) for array in arrays], axis)


@primitive("pad", lambda g, out, a, pad_width: getitem(g, index=_inside(a, pad_width)))
def pad(a: Array, pad_width: int | tuple[int, int] | tuple[tuple[int, int], ...]) -> Array:
    """a with zeros around it: a pair (before, after) for each axis, or one pair or number for all."""
    return np.pad(a, pad_width)


def _inside(a: Array, pad_width: int | tuple[int, int] | tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    """Return the index of a within its padded self."""
    before = np.broadcast_to(pad_width, (a.ndim, 2))[:, 0]
    return tuple(slice(start, start + n) for start, n in zip(before.tolist(), a.shape, strict=True))
