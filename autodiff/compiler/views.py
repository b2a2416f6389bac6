"""Views: operations that only say where a number stands. They cost nothing: a loop reads through them.

`resolve` answers, for an element of a value, which element of which stored value it is; the index of an axis is the
text of an expression.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from autodiff.graph import Operation, Value

Index = tuple[str, ...]
Load = Callable[[Value, Index], str]
"""Returns the text of an element of a value."""


def is_view(operation: Operation) -> bool:
    """Whether a loop can read through an operation."""
    name = operation.primitive.name
    if name == "getitem":
        return _is_basic(operation.attributes["index"])
    if name == "add_along_axis":
        shape = operation.output.shape
        axis = operation.attributes["axis"] % len(shape)
        return operation.inputs[0].shape == (*shape[:axis], 1, *shape[axis + 1 :])
    return name in _READERS


def read(operation: Operation, index: Index, load: Load) -> str:
    """Write the element of a view in terms of its operands' elements."""
    return _READERS[operation.primitive.name](operation, index, load)


def broadcast(index: Index, shape: tuple[int, ...], to: tuple[int, ...]) -> Index:
    """Return the index in an array of `shape` of the element that broadcasts to `index` in `to`."""
    own = index[len(index) - len(shape) :]
    padded = to[len(to) - len(shape) :]
    return tuple("0" if n == 1 and m != 1 else i for i, n, m in zip(own, shape, padded, strict=True))


def _broadcast_to(operation: Operation, index: Index, load: Load) -> str:
    (a,) = operation.inputs
    return load(a, broadcast(index, a.shape, operation.output.shape))


def _permute(operation: Operation, index: Index, load: Load) -> str:
    (a,) = operation.inputs
    ndim = len(a.shape)
    if operation.primitive.name == "matrix_transpose":
        axes: tuple[int, ...] = (*range(ndim - 2), ndim - 1, ndim - 2)
    else:
        axes = tuple(i % ndim for i in operation.attributes["axes"] or range(ndim - 1, -1, -1))
    return load(a, tuple(index[axes.index(axis)] for axis in range(ndim)))


def _reshape(operation: Operation, index: Index, load: Load) -> str:
    (a,), out = operation.inputs, operation.output
    if [n for n in a.shape if n != 1] == [n for n in out.shape if n != 1]:
        places = iter(i for i, n in zip(index, out.shape, strict=True) if n != 1)
        return load(a, tuple("0" if n == 1 else next(places) for n in a.shape))
    position = " + ".join(f"{_signed(i)} * {prod(out.shape[axis + 1 :])}" for axis, i in enumerate(index)) or "0"
    return load(a, tuple(f"({position}) // {prod(a.shape[axis + 1 :])} % {n}" for axis, n in enumerate(a.shape)))


def _getitem(operation: Operation, index: Index, load: Load) -> str:
    (a,) = operation.inputs
    places = list(index)
    own: list[str] = []
    for part in _spelled_out(operation.attributes["index"], len(a.shape)):
        n = a.shape[len(own)] if part is not None else 1
        if part is None:
            places.pop(0)
        elif isinstance(part, slice):
            start, _, step = part.indices(n)
            i = places.pop(0)
            own.append(i if (start, step) == (0, 1) else f"{start} + {step} * {_signed(i)}")
        else:
            own.append(str(int(part) % n))
    return load(a, tuple(own))


def _take_along_axis(operation: Operation, index: Index, load: Load) -> str:
    a, indices = operation.inputs
    axis = operation.attributes["axis"] % len(a.shape)
    chosen = load(indices, broadcast(index, indices.shape, operation.output.shape))
    own = list(broadcast(index, a.shape, operation.output.shape))
    own[axis] = f"place({chosen}, {a.shape[axis]}, out_of_range)"
    return load(a, tuple(own))


def _add_along_axis(operation: Operation, index: Index, load: Load) -> str:
    g, indices = operation.inputs
    axis = operation.attributes["axis"] % len(index)
    line = tuple("0" if i == axis else place for i, place in enumerate(index))
    n = operation.output.shape[axis]
    dtype = operation.output.dtype.name
    chosen = load(indices, broadcast(line, indices.shape, g.shape))
    return f"({load(g, line)} if {index[axis]} == place({chosen}, {n}, out_of_range) else np.{dtype}(0))"


def _one_hot(operation: Operation, index: Index, load: Load) -> str:
    dtype = np.dtype(operation.attributes["dtype"]).name
    return f"np.{dtype}({load(operation.inputs[0], index[:-1])} == {index[-1]})"


_READERS: dict[str, Callable[[Operation, Index, Load], str]] = {
    "broadcast_to": _broadcast_to,
    "permute_dims": _permute,
    "matrix_transpose": _permute,
    "reshape": _reshape,
    "getitem": _getitem,
    "take_along_axis": _take_along_axis,
    "add_along_axis": _add_along_axis,
    "one_hot": _one_hot,
}


def _signed(i: str) -> str:
    """Write an index so that it can be computed with: a counter may be of a type without a sign."""
    return i if i.isdecimal() else f"np.int64({i})"


def _is_basic(index: Any) -> bool:
    """Whether an index is made of integers, slices, None and an ellipsis."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or (isinstance(part, int | np.integer | slice) and not isinstance(part, bool))
        for part in parts
    )


def _spelled_out(index: Any, ndim: int) -> list[Any]:
    """Return an index with an entry for each axis of the array, and None for each new one."""
    parts = list(index) if isinstance(index, tuple) else [index]
    given = sum(part is not None and part is not Ellipsis for part in parts)
    rest: list[Any] = [slice(None)] * (ndim - given)
    if Ellipsis in parts:
        place = parts.index(Ellipsis)
        return parts[:place] + rest + parts[place + 1 :]
    return parts + rest
