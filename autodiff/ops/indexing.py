"""Picking elements, and the adjoint of picking: adding cotangents back to where they were picked from."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autodiff.tape import Array, primitive


@primitive("getitem", lambda g, out, a, index: scatter(g, index=index, shape=a.shape))
def getitem(a: Array, index: Any) -> Array:
    """a[index], with any index that NumPy takes."""
    return a[index]


@primitive("scatter", lambda h, out, g, index, shape: getitem(h, index=index))
def scatter(g: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of a shape, to whose [index] g is added: an element picked twice is added to twice."""
    total = np.zeros(shape, g.dtype)
    if _may_repeat(index):
        np.add.at(total, index, g)
    else:
        total[index] = g
    return total


def _may_repeat(index: Any) -> bool:
    """Whether an index can pick an element twice: only arrays of integers can."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, np.ndarray | list | tuple) and np.asarray(part).dtype != bool for part in parts)


@primitive("take_along_axis",
           lambda g, out, a, indices, axis: add_along_axis(g, indices, axis=axis, shape=a.shape),
           None)
def take_along_axis(a: Array, indices: Array, axis: int = -1) -> Array:
    """Pick along an axis by an array of indices of the same number of axes, as `np.take_along_axis` does."""
    return a[_places(indices, axis, a.shape)]


@primitive("add_along_axis",
           lambda h, out, g, indices, axis, shape: take_along_axis(h, indices, axis=axis),
           None)
def add_along_axis(g: Array, indices: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """Zeros of a shape, to which g is added where `take_along_axis` would pick: its adjoint."""
    total = np.zeros(shape, g.dtype)
    places = _places(indices, axis, shape)
    axis %= total.ndim
    if g.shape == (*shape[:axis], 1, *shape[axis + 1 :]):  # one of each line: none can be picked twice
        total[places] = g
    else:
        np.add.at(total, places, g)
    return total


def _places(indices: Array, axis: int, shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Return the index that picks along an axis: the indices there, and every position along the other axes."""
    ndim = len(shape)
    if np.ndim(indices) != ndim:
        raise ValueError(f"indices of {np.ndim(indices)} axes do not fit an array of {ndim}")
    if not -ndim <= axis < ndim:
        raise ValueError(f"there is no axis {axis} in {ndim}")
    everywhere = _positions(shape)
    axis %= ndim
    return (*everywhere[:axis], indices, *everywhere[axis + 1 :])


@functools.lru_cache(64)
def _positions(shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Return the positions along each axis, in arrays that broadcast to the shape."""
    return tuple(np.arange(n).reshape(-1, *(1,) * (len(shape) - i - 1)) for i, n in enumerate(shape))


@primitive("one_hot", None)
def one_hot(indices: Array, n: int, dtype: Any = np.float32) -> Array:
    """A new last axis of length n, with 1 at the index and 0 elsewhere; all 0 for an index out of range."""
    return np.equal(np.expand_dims(indices, -1), np.arange(n)).astype(dtype)
