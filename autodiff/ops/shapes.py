"""The same numbers in another arrangement: each rule arranges the cotangent back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.tape import Array, primitive, shape_of

Shape = tuple[int, ...]
Axes = int | tuple[int, ...] | None


@primitive("reshape", lambda g, out, a, shape: reshape(g, a.shape))
def reshape(a: Array, shape: int | Shape) -> Array:
    """a in another shape, in row-major order; one −1 stands for what is left."""
    return np.reshape(a, shape)


@primitive("permute_dims", lambda g, out, a, axes: permute_dims(g, _inverse(axes, out.ndim)))
def permute_dims(a: Array, axes: Sequence[int] | None = None) -> Array:
    """a with its axes in the order given, reversed by default."""
    return np.transpose(a, axes)


def _inverse(axes: Sequence[int] | None, ndim: int) -> Shape | None:
    """Return the permutation that undoes `axes`."""
    if axes is None:
        return None
    order = [axis % ndim for axis in axes]
    return tuple(order.index(axis) for axis in range(ndim))


@primitive("matrix_transpose", lambda g, out, a: matrix_transpose(g))
def matrix_transpose(a: Array) -> Array:
    """aᵀ: the last two axes exchanged."""
    return a.swapaxes(-1, -2)


@primitive("broadcast_to", lambda g, out, a, shape: g)
def broadcast_to(a: Array, shape: int | Shape) -> Array:
    """a repeated along new axes and along those of length 1; the backward pass sums the cotangent back."""
    repeated = np.empty(shape, a.dtype)  # np.broadcast_to saves the memory, but takes ten times as long to say so
    if a.ndim > repeated.ndim:
        raise ValueError(f"shape {a.shape} does not broadcast to {repeated.shape}, which has fewer axes")
    repeated[...] = a
    return repeated


@primitive("sum_to", lambda g, out, a, shape: broadcast_to(g, a.shape))
def sum_to(a: Array, shape: Shape) -> Array:
    """a summed over the axes that broadcasting from `shape` would make: the adjoint of `broadcast_to`."""
    added = a.ndim - len(shape)
    if added:
        a = np.add.reduce(a, axis=tuple(range(added)))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 != a.shape[i])
    return np.add.reduce(a, axis=stretched, keepdims=True) if stretched else a


def swapaxes(a: Array, axis1: int, axis2: int) -> Array:
    """a with two axes exchanged."""
    order = list(range(len(shape_of(a))))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return permute_dims(a, tuple(order))


def expand_dims(a: Array, axis: int | tuple[int, ...]) -> Array:
    """a with new axes of length 1 at the places that `axis` names in the result."""
    shape = shape_of(a)
    count = len(axis) if isinstance(axis, tuple) else 1
    new = normalize_axis_tuple(axis, len(shape) + count)
    lengths = iter(shape)
    return reshape(a, tuple(1 if i in new else next(lengths) for i in range(len(shape) + count)))


def squeeze(a: Array, axis: Axes = None) -> Array:
    """a without its axes of length 1, or without those named; ValueError where one of these is longer."""
    shape = shape_of(a)
    gone = [i for i, n in enumerate(shape) if n == 1] if axis is None else normalize_axis_tuple(axis, len(shape))
    if any(shape[i] != 1 for i in gone):
        raise ValueError(f"squeeze: axis {axis} of shape {shape} is not of length 1")
    return reshape(a, tuple(n for i, n in enumerate(shape) if i not in gone))


def ravel(a: Array) -> Array:
    """a as one axis, in row-major order."""
    return reshape(a, -1)


def flatten(a: Array, start_axis: int = 0) -> Array:
    """a with all axes from `start_axis` on made one: `flatten(x, 1)` keeps the batch."""
    shape = shape_of(a)
    return reshape(a, (*shape[:start_axis], math.prod(shape[start_axis:])))
