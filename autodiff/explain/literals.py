"""Values as Python writes them: expressions that give the same value again, to the bit."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np


def literal(value: Any) -> ast.expr:
    """Return an expression, in terms of `np` and of builtins, that gives a value.

    Raises:
        ValueError: there is none.
    """
    if isinstance(value, slice):
        return ast.Call(ast.Name("slice", ast.Load()), [literal(x) for x in (value.start, value.stop, value.step)], [])
    if isinstance(value, tuple):
        return ast.Tuple([literal(x) for x in value], ast.Load())
    if isinstance(value, list):
        return ast.List([literal(x) for x in value], ast.Load())
    return ast.parse(_text(value), mode="eval").body


def as_subscript(index: ast.expr) -> ast.expr:
    """Write the slices of an index with colons, as they are typed between brackets."""
    if isinstance(index, ast.Tuple) and index.elts:
        return ast.Tuple([as_subscript(part) for part in index.elts], ast.Load())
    if isinstance(index, ast.Call) and isinstance(index.func, ast.Name) and index.func.id == "slice":
        bounds = [None if isinstance(x, ast.Constant) and x.value is None else x for x in index.args]
        return ast.Slice(*bounds)
    return index


def frozen(value: Any) -> Any:
    """Return something hashable that tells a value from others, to the bit: a number, or an attribute, say."""
    if isinstance(value, dict):
        return tuple((name, frozen(part)) for name, part in value.items())
    if isinstance(value, tuple | list):
        return type(value), tuple(map(frozen, value))
    if isinstance(value, np.ndarray) and value.shape:
        return id(value)
    if isinstance(value, float | np.generic | np.ndarray):
        return type(value), np.asarray(value).dtype, np.asarray(value).tobytes()
    return type(value), repr(value)


def is_printable(array: np.ndarray) -> bool:
    """Whether an array can be written out: its numbers have a standard form, and its memory their order."""
    is_number = array.dtype.kind in "biuf" and array.dtype.isbuiltin == 1 and array.dtype.char != "g"
    return is_number and array.flags.c_contiguous


def is_uniform(array: np.ndarray) -> bool:
    """Whether all elements of an array are one and the same number."""
    return array.size > 0 and array.tobytes() == array.flat[0].tobytes() * array.size


def _text(value: Any) -> str:
    if value is None or value is Ellipsis or isinstance(value, bool | str | range):
        return "..." if value is Ellipsis else repr(value)
    if type(value) is float and not math.isfinite(value):
        is_odd = _has_odd_nan(np.asarray(value))
        return f"float({_array(np.asarray(value))})" if is_odd else f"float('{_number(value).replace('np.', '')}')"
    if type(value) in (int, float):
        return repr(value)
    if isinstance(value, np.ndarray) and is_printable(value):
        return _array(value)
    if isinstance(value, np.generic) and is_printable(np.asarray(value)):
        return _array(np.asarray(value))
    if isinstance(value, type | np.dtype):
        return _type(value)
    raise ValueError(f"{type(value).__name__} {value!r:.40} has no literal")


def _array(array: np.ndarray) -> str:
    dtype = _type(array.dtype)
    if _has_odd_nan(array):
        return f"{_array(array.view(f'u{array.itemsize}'))}.view({dtype})"
    if array.ndim == 0:
        return f"{dtype}({_number(array.item())})"
    if array.size == 0:
        return f"np.zeros({array.shape}, {dtype})"
    if is_uniform(array):
        return f"np.full({array.shape}, {_number(array.flat[0].item())}, {dtype})"
    return f"np.array({_nested(array)}, {dtype})"


def _nested(array: np.ndarray) -> str:
    parts = map(_nested, array) if array.ndim > 1 else map(_number, array.tolist())
    return f"[{', '.join(parts)}]"


def _number(number: Any) -> str:
    if math.isfinite(number):
        return repr(number)
    sign = "-" if math.copysign(1, number) < 0 else ""
    return f"{sign}np.{'nan' if math.isnan(number) else 'inf'}"


def _has_odd_nan(array: np.ndarray) -> bool:
    """Whether an array has a NaN of other bits than those of ±np.nan."""
    if array.dtype.kind != "f":
        return False
    bits = np.array([np.nan, -np.nan], array.dtype).view(f"u{array.itemsize}")
    return bool((np.isnan(array) & ~np.isin(array.view(f"u{array.itemsize}"), bits)).any())


def _type(value: type | np.dtype[Any]) -> str:
    if isinstance(value, type) and value in (bool, int, float):
        return value.__name__
    dtype = np.dtype(value)
    if dtype.isbuiltin != 1:
        raise ValueError(f"dtype {dtype} has no literal")
    return "np.bool_" if dtype.kind == "b" else f"np.{dtype.type.__name__}"
