"""Comparisons and searches: functions that are flat wherever they are smooth, so none has a gradient."""

from __future__ import annotations

import numpy as np

from autodiff.tape import Array, primitive


@primitive("equal", None, None)
def equal(a: Array, b: Array) -> Array:
    """a = b, element by element, as booleans."""
    return np.equal(a, b)


@primitive("not_equal", None, None)
def not_equal(a: Array, b: Array) -> Array:
    """a ≠ b, element by element, as booleans."""
    return np.not_equal(a, b)


@primitive("less", None, None)
def less(a: Array, b: Array) -> Array:
    """a < b, element by element, as booleans."""
    return np.less(a, b)


@primitive("less_equal", None, None)
def less_equal(a: Array, b: Array) -> Array:
    """a ≤ b, element by element, as booleans."""
    return np.less_equal(a, b)


@primitive("greater", None, None)
def greater(a: Array, b: Array) -> Array:
    """a > b, element by element, as booleans."""
    return np.greater(a, b)


@primitive("greater_equal", None, None)
def greater_equal(a: Array, b: Array) -> Array:
    """a ≥ b, element by element, as booleans."""
    return np.greater_equal(a, b)


@primitive("logical_and", None, None)
def logical_and(a: Array, b: Array) -> Array:
    """Whether both are true, element by element."""
    return np.logical_and(a, b)


@primitive("logical_or", None, None)
def logical_or(a: Array, b: Array) -> Array:
    """Whether one or the other is true, element by element."""
    return np.logical_or(a, b)


@primitive("logical_not", None)
def logical_not(a: Array) -> Array:
    """Whether it is false, element by element."""
    return np.logical_not(a)


@primitive("argmax", None)
def argmax(a: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index of the (first) largest element along an axis, or in the flattened array."""
    return np.argmax(a, axis=axis, keepdims=keepdims)


@primitive("argmin", None)
def argmin(a: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index of the (first) smallest element along an axis, or in the flattened array."""
    return np.argmin(a, axis=axis, keepdims=keepdims)
