"""What each element-wise operation does to one number, as text for a loop."""

from __future__ import annotations

import numpy as np

from autodiff.graph import Operation, Value

TEXT = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "power": "np.power({0}, {1})",
    "erf": "erf({0})",
    "exp": "exp({0})",
    "expm1": "np.expm1({0})",
    "log": "np.log({0})",
    "log1p": "np.log1p({0})",
    "sqrt": "np.sqrt({0})",
    "sin": "np.sin({0})",
    "cos": "np.cos({0})",
    "tanh": "tanh({0})",
    "abs": "np.abs({0})",
    "sign": "np.sign({0})",
    "sigmoid": "sigmoid({0})",
    "softplus": "softplus({0})",
    "relu": "{zero} if {0} <= {zero} else {0}",
    "relu_backward": "{0} if {1} > {zero} else {zero}",
    "maximum": "np.maximum({0}, {1})",
    "minimum": "np.minimum({0}, {1})",
    "where": "{1} if {0} else {2}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "logical_and": "({0} != 0) and ({1} != 0)",
    "logical_or": "({0} != 0) or ({1} != 0)",
    "logical_not": "{0} == 0",
    "astype": "{0}",
    "alias": "{0}",
}

COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
LOGICAL = {"logical_and", "logical_or", "logical_not"}
AS_THEY_ARE = {"where": (0,), "astype": (0,)}
"""Operands that are not cast to the type in which the operation computes."""


def is_elementwise(operation: Operation) -> bool:
    """Whether a loop can do an operation element by element, in a type that it knows."""
    if is_weak(operation.output):
        return True
    known = operation.primitive.name in TEXT and operation.output.dtype in (np.float32, np.float64, bool)
    return known and all(v.dtype.kind in "iub" or v.dtype in (np.float32, np.float64) for v in operation.inputs)


def is_choice(operation: Operation) -> bool:
    """Whether an operation gives one operand or another."""
    return " if " in TEXT[operation.primitive.name]


def text(operation: Operation, operands: list[str]) -> str:
    """Write an operation on numbers that are given as texts; the result is of the output's type."""
    name, out = operation.primitive.name, operation.output
    if name == "astype" and out.dtype == bool:
        return f"{_whole(operands[0])} != 0"
    dtype = _computes_in(operation)
    kept = range(len(operands)) if name in LOGICAL else AS_THEY_ARE.get(name, ())
    cast = [
        operand if i in kept or _is_of(value, dtype) or is_weak(operation.output) else f"np.{dtype.name}({operand})"
        for i, (operand, value) in enumerate(zip(operands, operation.inputs, strict=True))
    ]
    expression = TEXT[name].format(*(_whole(c) for c in cast), zero=f"np.{dtype.name}(0)")
    return f"np.{out.dtype.name}({expression})" if out.dtype != dtype and out.dtype.kind == "f" else expression


def literal(value: Value, dtype: np.dtype | None = None) -> str:
    """Write a constant number."""
    number = value.data.item() if isinstance(value.data, np.generic | np.ndarray) else value.data
    if isinstance(number, float) and not np.isfinite(number):
        return "np.nan" if number != number else "np.inf" if number > 0 else "-np.inf"
    return repr(number)


def is_weak(value: Value) -> bool:
    """Whether a value is a plain Python number, which takes the type of what it meets."""
    return isinstance(value.data, int | float) and not isinstance(value.data, np.generic)


def _computes_in(operation: Operation) -> np.dtype:
    """Return the type that the operands are cast to before the operation; plain numbers are Python's floats."""
    if is_weak(operation.output):
        return np.dtype(np.float64)
    if operation.primitive.name in COMPARISONS:
        return np.result_type(*(v.data if is_weak(v) else v.dtype for v in operation.inputs))
    return operation.output.dtype


def _is_of(value: Value, dtype: np.dtype) -> bool:
    return value.dtype == dtype and not is_weak(value)


def _whole(operand: str) -> str:
    """Put an operand in parentheses unless it is one word, a call or an element."""
    is_one = operand[0] not in "(-" and " " not in operand.split("(")[0].split("[")[0]
    return operand if is_one else f"({operand})"
