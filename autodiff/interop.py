"""Which of the engine's operations stands for which of NumPy's functions, when one of those meets a Tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import ops, tape
from autodiff.tape import Array, Variable, shape_of

UFUNCS: dict[np.ufunc, Callable[..., Array]] = {
    getattr(np, name): getattr(ops, name)
    for name in (
        "abs", "add", "cos", "divide", "equal", "exp", "expm1", "greater", "greater_equal", "less", "less_equal", "log",
        "log1p", "logical_and", "logical_not", "logical_or", "matmul", "maximum", "minimum", "multiply", "negative",
        "not_equal", "power", "sign", "sin", "sqrt", "square", "subtract", "tanh",
    )
}


def _clip(a: Array, a_min: Array = None, a_max: Array = None, *, min: Array = None, max: Array = None) -> Array:
    """As `np.clip`, which has two names for each bound."""
    return ops.clip(a, a_min if min is None else min, a_max if max is None else max)


def _dot(a: Array, b: Array) -> Array:
    """As `np.dot` for up to two axes."""
    if len(shape_of(a)) > 2 or len(shape_of(b)) > 2:
        return unrecorded(np.dot, (a, b), {})
    return ops.multiply(a, b) if 0 in (len(shape_of(a)), len(shape_of(b))) else ops.matmul(a, b)


FUNCTIONS: dict[Callable[..., Any], Callable[..., Array]] = {
    getattr(np, name): getattr(ops, name)
    for name in (
        "argmax", "argmin", "astype", "broadcast_to", "concat", "cumsum", "expand_dims", "matrix_transpose",
        "max", "mean", "min", "pad", "permute_dims", "prod", "ravel", "reshape", "squeeze", "stack", "std", "sum",
        "swapaxes", "take_along_axis", "var", "where",
    )
} | {np.clip: _clip, np.dot: _dot, np.shape: shape_of, np.ndim: lambda a: len(shape_of(a)), np.size: lambda a: a.size}


WRITERS = {np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask}
"""NumPy's functions that write to their first argument."""


def unrecorded(function: Callable[..., Any], args: Any, kwargs: Any, name: str | None = None) -> Any:
    """Call a NumPy function that the engine does not record, on the arrays of tensors that need no gradient.

    Raises:
        TypeError: one of the tensors requires a gradient, which would be lost.
    """
    name = name or function.__name__
    return function(*plain(args, name), **plain(kwargs, name))


def plain(value: Any, reader: str) -> Any:
    """Replace the tensors in nested lists, tuples and dicts by their arrays, for `reader`, which records nothing.

    Raises:
        TypeError: one of the tensors requires a gradient.
    """
    if isinstance(value, Variable):
        if value.tracked:
            raise TypeError(
                f"{reader}: what it does to a tensor is not recorded, and the gradient would be lost. Use an operation "
                "of autodiff, or t.detach() if no gradient should flow."
            )
        if reader != "Tensor" and (watcher := tape.watcher()):  # a Tensor of a Tensor stands for the same values
            watcher.read(value, reader)
        return value._data
    if isinstance(value, list | tuple):
        return type(value)([plain(item, reader) for item in value])
    if isinstance(value, dict):
        return {key: plain(item, reader) for key, item in value.items()}
    return value
