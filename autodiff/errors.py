"""Exceptions that teach: each names the operation, its shapes and dtypes, the line that called it, and a way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.source import caller, describe_place

_ADVICE = {
    "broadcast": "Shapes are matched from the right, and each pair of axes must be equal or have a 1: "
    "reshape an operand, or give it an axis with expand_dims.",
    "matmul": "The last axis of the first must be as long as the last but one of the second: "
    "transpose an operand with .mT, or swap the two.",
}

RETOLD = (TypeError, ValueError, IndexError, FloatingPointError)
"""The kinds of exception that are told again, by another one of the same kind; others get a note."""


class GradientError(RuntimeError):
    """A gradient was asked for that the tape cannot give."""


def describe(value: Any) -> str:
    """Write an operand as its name (if any), dtype and shape, `W float32(784, 128)`, or a plain number as itself."""
    name = getattr(value, "name", None)
    array = getattr(value, "_data", value)
    if isinstance(array, np.ndarray | np.generic):
        return f"{name} {array.dtype}{array.shape}" if name else f"{array.dtype}{array.shape}"
    return f"{array!r:.40}"


def describe_call(name: str, operands: Sequence[Any], attributes: dict[str, Any]) -> str:
    """Write an operation with its operands and attributes: `sum(float32(2, 3), axis=2)`."""
    given = [describe(operand) for operand in operands] + [f"{k}={v!r:.60}" for k, v in attributes.items()]
    return f"{name}({', '.join(given)})"


def describe_operation(name: str, operands: Sequence[Any], attributes: dict[str, Any]) -> str:
    """Write an operation that is just being done, and where it was called."""
    return f"{describe_call(name, operands, attributes)} at {describe_place(caller())}"


def tell(error: Exception, name: str, operands: Sequence[Any], attributes: dict[str, Any]) -> Exception:
    """Tell an exception of a kernel, one of those in `RETOLD`, in terms of the operation."""
    return retell(error, describe_operation(name, operands, attributes), _advice(name, error))


def retell(error: Exception, circumstances: str, advice: str = "") -> Exception:
    """Tell an exception, one of those in `RETOLD`, together with its circumstances: a new one of the same kind."""
    kind = next(kind for kind in RETOLD if isinstance(error, kind))
    return kind(f"{circumstances}: {str(error).rstrip('.')}. {advice}".rstrip())


def _advice(name: str, error: Exception) -> str:
    if name == "matmul" and ("inner lengths" in str(error) or "core dimension" in str(error)):
        return _ADVICE["matmul"]
    return _ADVICE["broadcast"] if "broadcast" in str(error) else ""
