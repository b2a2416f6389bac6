"""Picking elements, and the adjoint of picking: adding cotangents back to where they were picked from."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.tape import Array, primitive


@primitive("getitem", lambda g, out, a, index: scatter(g, index, a.shape))
def getitem(a: Array, index: Any) -> Array:
    """a[index], with any index that NumPy takes."""
    return a[index]


@primitive("scatter", lambda h, out, g, index, shape: getitem(h, index))
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
    return any(isinstance(part, np.ndarray | list) and np.asarray(part).dtype != bool for part in parts)


@primitive("take_along_axis",
           lambda g, out, a, indices, axis: add_along_axis(g, indices, axis, a.shape),
           None)
def take_along_axis(a: Array, indices: Array, axis: int = -1) -> Array:
    """Pick along an axis by an array of indices of the same number of axes, as `np.take_along_axis` does."""
    return np.take_along_axis(a, indices, axis)


@primitive("add_along_axis",
           lambda h, out, g, indices, axis, shape: take_along_axis(h, indices, axis),
           None)
def add_along_axis(g: Array, indices: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """Zeros of a shape, to which g is added where `take_along_axis` would pick: its adjoint."""
    total = np.zeros(shape, g.dtype)
    axis %= total.ndim
    if g.shape == (*shape[:axis], 1, *shape[axis + 1 :]):  # one of each line: none can be picked twice
        np.put_along_axis(total, indices, g, axis)
        return total
    places = list(np.ogrid[tuple(slice(n) if n > 1 else slice(1) for n in g.shape)])
    for i, n in enumerate(shape):
        if n == 1:
            places[i] = np.zeros_like(places[i])
    places[axis] = indices
    np.add.at(total, tuple(places), g)
    return total


@primitive("one_hot", None)
def one_hot(indices: Array, n: int, dtype: Any = np.float32) -> Array:
    """A new last axis of length n, with 1 at the index and 0 elsewhere; all 0 for an index out of range."""
    return np.equal(np.expand_dims(indices, -1), np.arange(n)).astype(dtype)
