"""The same numbers in another arrangement: each rule arranges the cotangent back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.errors import tell
from autodiff.tape import Array, primitive, shape_of

Shape = tuple[int, ...]
Axes = int | tuple[int, ...] | None


@primitive("reshape", lambda g, out, a, shape: reshape(g, shape=a.shape))
def reshape(a: Array, shape: int | Shape) -> Array:
    """a in another shape, in row-major order; one −1 stands for what is left."""
    return np.asarray(a).reshape(shape)


@primitive("permute_dims", lambda g, out, a, axes: permute_dims(g, axes=_inverse(axes, out.ndim)))
def permute_dims(a: Array, axes: Sequence[int] | None = None) -> Array:
    """a with its axes in the order given, reversed by default."""
    return np.transpose(a, axes)


def axes_of(operation: str, a: Array, axis: Axes, ndim: int) -> Shape:
    """Return `axis` as a tuple of non-negative axes of an array of `ndim` axes; None stands for all.

    Raises:
        ValueError: there is no such axis, told in terms of the operation on `a`.
    """
    if axis is None:
        return tuple(range(ndim))
    try:
        return normalize_axis_tuple(axis, ndim)
    except ValueError as error:
        raise tell(error, operation, (a,), {"axis": axis}) from error


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
    a = np.asarray(a)
    repeated = np.empty(shape, a.dtype)  # np.broadcast_to saves the memory, but takes ten times as long to say so
    if a.ndim > repeated.ndim:
        raise ValueError(f"shape {a.shape} does not broadcast to {repeated.shape}, which has fewer axes")
    repeated[...] = a
    return repeated


@primitive("sum_to", lambda g, out, a, shape: broadcast_to(g, shape=a.shape))
def sum_to(a: Array, shape: Shape) -> Array:
    """a summed over the axes that broadcasting from `shape` would make: the adjoint of `broadcast_to`."""
    added = a.ndim - len(shape)
    total = np.add.reduce(a, axis=tuple(range(added))) if added > 0 else a
    if total.shape == shape:
        return total
    stretched = tuple(i for i, n in enumerate(shape) if n == 1)
    if total.ndim == len(shape):
        total = np.add.reduce(total, axis=stretched, keepdims=True)
    if total.shape != tuple(shape):
        raise ValueError(f"shape {tuple(shape)} does not broadcast to {a.shape}, so this cannot be summed back to it")
    return total


def swapaxes(a: Array, axis1: int, axis2: int) -> Array:
    """a with two axes exchanged."""
    order = list(range(len(shape_of(a))))
    (i,), (j,) = (axes_of("swapaxes", a, axis, len(order)) for axis in (axis1, axis2))
    order[i], order[j] = order[j], order[i]
    return permute_dims(a, tuple(order))


def expand_dims(a: Array, axis: int | tuple[int, ...]) -> Array:
    """a with new axes of length 1 at the places that `axis` names in the result."""
    shape = shape_of(a)
    count = len(axis) if isinstance(axis, tuple) else 1
    new = axes_of("expand_dims", a, axis, len(shape) + count)
    lengths = iter(shape)
    return reshape(a, tuple(1 if i in new else next(lengths) for i in range(len(shape) + count)))


def squeeze(a: Array, axis: Axes = None) -> Array:
    """a without its axes of length 1, or without those named; ValueError where one of these is longer."""
    shape = shape_of(a)
    gone = axes_of("squeeze", a, axis, len(shape))
    if axis is None:
        gone = tuple(i for i in gone if shape[i] == 1)
    if any(shape[i] != 1 for i in gone):
        raise ValueError(f"squeeze: axis {axis} of shape {shape} is not of length 1")
    return reshape(a, tuple(n for i, n in enumerate(shape) if i not in gone))


def ravel(a: Array) -> Array:
    """a as one axis, in row-major order."""
    return reshape(a, -1)


def flatten(a: Array, start_axis: int = 0) -> Array:
    """a with all axes from `start_axis` on made one: `flatten(x, 1)` keeps the batch."""
    shape = shape_of(a)
    if start_axis:
        (start_axis,) = axes_of("flatten", a, start_axis, len(shape))
    return reshape(a, (*shape[:start_axis], math.prod(shape[start_axis:])))
