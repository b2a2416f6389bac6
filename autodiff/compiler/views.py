"""Views: operations that only say where a number stands. They cost nothing: a loop reads through them.

`read` answers, for an element of a view, which element of what it is a view of that is; the index of an axis is the
text of an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    return name in _READERS and not (name == "add_windows" and _overlap(operation))


def is_free(operation: Operation) -> bool:
    """Whether NumPy gives a view too: the operation's own kernel copies nothing, or only where it must."""
    return operation.primitive.name in _FREE and is_view(operation)


def is_tiling(operation: Operation) -> bool:
    """Whether an operation lays windows side by side, so that they cover rows of images and nothing else."""
    if operation.primitive.name != "add_windows":
        return False
    (g,), shape, steps = operation.inputs, operation.output.shape, _steps(operation)
    first = len(shape) - len(steps)
    window, places = g.shape[len(shape) :], g.shape[first : len(shape)]
    covered = tuple(step * n for step, n in zip(steps, places, strict=True))
    return first > 0 and tuple(window) == steps and covered == shape[first:] and 0 not in shape


def laid(operation: Operation, index: Index) -> Index:
    """Return where the element of a window at an index lies, for windows side by side."""
    ndim, steps = len(operation.output.shape), _steps(operation)
    first = ndim - len(steps)
    places = zip(index[first:ndim], steps, index[ndim:], strict=True)
    return (*index[:first], *(f"{_signed(i)} * {step} + {_signed(offset)}" for i, step, offset in places))


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
    own = ["0"] * len(a.shape)
    for axes, others in _groups(a.shape, out.shape):
        place = _flat(tuple(index[i] for i in others), tuple(out.shape[i] for i in others))
        for n, axis in enumerate(axes):
            after = prod(a.shape[i] for i in axes[n + 1 :])
            own[axis] = _quotient(place, after)
            if n:
                own[axis] = _remainder(own[axis], a.shape[axis])
    return load(a, tuple(own))


def _groups(shape: tuple[int, ...], other: tuple[int, ...]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the axes of two shapes that stand for the same numbers, as few at a time as can be; none is of length 1."""
    axes = [i for i, n in enumerate(shape) if n != 1]
    others = [i for i, n in enumerate(other) if n != 1]
    while axes:
        mine, theirs = [axes.pop(0)], [others.pop(0)]
        while (more := prod(shape[i] for i in mine) - prod(other[i] for i in theirs)) != 0:
            (mine if more < 0 else theirs).append((axes if more < 0 else others).pop(0))
        yield mine, theirs


def _flat(index: Index, shape: tuple[int, ...]) -> str:
    """Write the place in row-major order of an element of an array of a shape."""
    if len(index) == 1:
        return index[0]
    terms = [f"{_signed(i)} * {prod(shape[axis + 1 :])}" for axis, i in enumerate(index[:-1])]
    return f"({' + '.join([*terms, *map(_signed, index[-1:])]) or '0'})"


def _pad(operation: Operation, index: Index, load: Load) -> str:
    (a,) = operation.inputs
    before = np.broadcast_to(operation.attributes["pad_width"], (len(a.shape), 2))[:, 0].tolist()
    own = tuple(i if start == 0 else f"{_signed(i)} - {start}" for i, start in zip(index, before, strict=True))
    padded = [(i, n) for i, n, m in zip(own, a.shape, operation.output.shape, strict=True) if n != m]
    return _where([f"0 <= {i} < {n}" for i, n in padded], load(a, own), operation)


def _where(conditions: list[str], element: str, operation: Operation) -> str:
    """Write an element where the conditions hold, and 0 elsewhere."""
    zero = f"np.{operation.output.dtype.name}(0)"
    return f"({element} if {' and '.join(conditions)} else {zero})" if conditions else element


def _sliding_windows(operation: Operation, index: Index, load: Load) -> str:
    (a,) = operation.inputs
    first = 2 * len(a.shape) - len(index)
    slid = (
        f"{_signed(place)} * {step} + {_signed(offset)}"
        for place, step, offset in zip(index[first:], _steps(operation), index[len(a.shape) :], strict=False)
    )
    return load(a, (*index[:first], *slid))


def _add_windows(operation: Operation, index: Index, load: Load) -> str:
    """Read back through windows of which no two overlap."""
    (g,), shape = operation.inputs, operation.output.shape
    first = 2 * len(shape) - len(g.shape)
    places, offsets, conditions = [], [], []
    for axis, step in zip(range(first, len(shape)), _steps(operation), strict=True):
        i, count, length = index[axis], g.shape[axis], g.shape[axis + len(shape) - first]
        places.append(_quotient(i, step))
        offsets.append(_remainder(i, step))
        conditions += [f"{places[-1]} < {count}"] if count * step < shape[axis] else []
        conditions += [f"{offsets[-1]} < {length}"] if length < step else []
    return _where(conditions, load(g, (*index[:first], *places, *offsets)), operation)


def _overlap(operation: Operation) -> bool:
    """Whether windows that are added up have elements in common."""
    window = operation.inputs[0].shape[len(operation.output.shape) :]
    return any(n > step for n, step in zip(window, _steps(operation), strict=True))


def _steps(operation: Operation) -> tuple[int, ...]:
    """Return the stride of windows on each axis that they slide over."""
    stride = operation.attributes["stride"]
    axes = abs(len(operation.output.shape) - len(operation.inputs[0].shape))
    return (stride,) * axes if isinstance(stride, int) else tuple(stride)


def _uniform(operation: Operation, index: Index, load: Load) -> str:
    (state,), out = operation.inputs, operation.output
    seed, count = load(state, ("0",)), load(state, ("1",))
    digits = np.finfo(out.dtype).nmant + 1
    return f"np.{out.dtype.name}(uniform_at({seed}, {count}, {_flat(index, out.shape)}, {digits}))"


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
    "pad": _pad,
    "sliding_windows": _sliding_windows,
    "add_windows": _add_windows,
    "uniform": _uniform,
}


_FREE = {"permute_dims", "matrix_transpose", "reshape", "getitem", "sliding_windows"}


def _signed(i: str) -> str:
    """Write an index so that it can be computed with: a counter may be of a type without a sign."""
    return i if i.isdecimal() else f"np.int64({i})"


def _quotient(i: str, n: int) -> str:
    """Write an index divided by n: without a sign, which would be provided for at each element."""
    return i if n == 1 else f"np.uint64({i}) // np.uint64({n})"


def _remainder(i: str, n: int) -> str:
    """Write what is left of an index divided by n."""
    return "0" if n == 1 else f"np.uint64({i}) % np.uint64({n})"


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
