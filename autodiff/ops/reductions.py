"""Many numbers made one along the axes given (all by default): each rule spreads the cotangent out again."""

from __future__ import annotations

import math

import numpy as np

from autodiff.ops.comparisons import equal
from autodiff.ops.elementwise import add, astype, divide, multiply, sqrt, square, subtract
from autodiff.ops.indexing import getitem
from autodiff.ops.joining import concat
from autodiff.ops.shapes import Axes, Shape, axes_of, broadcast_to, permute_dims, reshape
from autodiff.tape import Array, primitive, shape_of


def keep_axes(reduced: Array, a: Array, axis: Axes, keepdims: bool) -> Array:
    """Give a reduction of `a` its lost axes back, with length 1, so that it broadcasts against `a`."""
    if keepdims or reduced.ndim == 0:  # a number broadcasts as it is
        return reduced
    return reshape(reduced, _kept_shape(a.shape, axes_of("reduce", a, axis, a.ndim)))


def _kept_shape(shape: Shape, axes: Shape) -> Shape:
    """Return a shape in which the axes have length 1."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


@primitive("sum", lambda g, out, a, axis, keepdims: broadcast_to(keep_axes(g, a, axis, keepdims), shape=a.shape))
def sum(a: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """The sum of a along the axes."""
    return np.add.reduce(a, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]  # np.sum takes twice as long


def mean(a: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """The arithmetic mean of a along the axes."""
    return divide(sum(a, axis, keepdims=keepdims), _count("mean", a, axis))


def var(a: Array, axis: Axes = None, *, ddof: int = 0, keepdims: bool = False) -> Array:
    """The variance of a along the axes, with n − ddof for divisor."""
    squares = square(subtract(a, mean(a, axis, keepdims=True)))
    count = _count("var", a, axis)
    return divide(sum(squares, axis, keepdims=keepdims), count - ddof if count > ddof else 0)


def std(a: Array, axis: Axes = None, *, ddof: int = 0, keepdims: bool = False) -> Array:
    """The standard deviation of a along the axes, with n − ddof for divisor."""
    return sqrt(var(a, axis, ddof=ddof, keepdims=keepdims))


def _count(operation: str, a: Array, axis: Axes) -> int:
    """Return how many elements are reduced to one."""
    shape = shape_of(a)
    return math.prod(shape[i] for i in axes_of(operation, a, axis, len(shape)))


def _share_among_ties(g: Array, out: Array, a: Array, axis: Axes, keepdims: bool) -> Array:
    """Divide the cotangent evenly among the elements that are the extreme, as TensorFlow does."""
    chosen = astype(equal(a, keep_axes(out, a, axis, keepdims)), a.dtype)
    share = divide(chosen, sum(chosen, axis, keepdims=True))
    return multiply(keep_axes(g, a, axis, keepdims), share)


@primitive("max", _share_among_ties)
def max(a: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """The largest of a along the axes; ties share the gradient evenly."""
    return np.max(a, axis=axis, keepdims=keepdims)


@primitive("min", _share_among_ties)
def min(a: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """The smallest of a along the axes; ties share the gradient evenly."""
    return np.min(a, axis=axis, keepdims=keepdims)


def prod(a: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """The product of a along the axes, as a tree of multiplications.

    The textbook rule g·out/a divides by zero where a factor is 0; the tree's gradient is the product of the
    others at any order, for log₂ n operations on the tape.
    """
    shape = shape_of(a)
    axes = axes_of("prod", a, axis, len(shape))
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    factors = reshape(permute_dims(a, axes + kept), (math.prod(shape[i] for i in axes), *(shape[i] for i in kept)))
    result = _product_of_rows(astype(factors, np.prod(np.empty(0, factors.dtype)).dtype))
    return reshape(result, _kept_shape(shape, axes)) if keepdims else result


def _product_of_rows(rows: Array) -> Array:
    """Multiply the rows of an array together, the first half with the second until one is left."""
    if rows.shape[0] == 0:
        return add(sum(rows, 0), 1)
    while rows.shape[0] > 1:
        half = rows.shape[0] // 2
        pairs = multiply(getitem(rows, slice(half)), getitem(rows, slice(half, 2 * half)))
        rows = pairs if rows.shape[0] == 2 * half else concat([pairs, getitem(rows, slice(2 * half, None))])
    return getitem(rows, 0)


@primitive("cumsum", lambda g, out, a, axis: reshape(_flip(cumsum(_flip(g, axis), axis=axis), axis), shape=a.shape))
def cumsum(a: Array, axis: int | None = None) -> Array:
    """The running sum of a along an axis, or of the flattened array."""
    return np.cumsum(a, axis=axis)


def _flip(a: Array, axis: int | None) -> Array:
    """Return a with an axis reversed; for None, a has one."""
    return getitem(a, (slice(None),) * ((axis or 0) % a.ndim) + (slice(None, None, -1),))
