"""Exceptions that teach: each names the operation, its shapes and dtypes, and what to do instead."""

from __future__ import annotations

from typing import Any

import numpy as np

_ADVICE = {
    "broadcast": "Shapes are matched from the right, and each pair of axes must be equal or have a 1: "
    "reshape an operand, or give it an axis with expand_dims.",
    "matmul": "The last axis of the first must be as long as the last but one of the second: "
    "transpose an operand with .mT, or swap the two.",
}


class GradientError(RuntimeError):
    """A gradient was asked for that the tape cannot give."""


def describe(value: Any) -> str:
    """Write an operand as its dtype and shape, `float32(64, 784)`, or a plain number as itself."""
    if isinstance(value, np.ndarray | np.generic):
        return f"{value.dtype}{value.shape}"
    return f"{value!r:.40}"


def explain(error: Exception, name: str, operands: tuple[Any, ...], attributes: dict[str, Any]) -> Exception:
    """Tell an exception of a kernel in terms of the operation: the same kind, or the same with a note."""
    given = [describe(operand) for operand in operands] + [f"{k}={v!r:.60}" for k, v in attributes.items()]
    call = f"{name}({', '.join(given)})"
    for kind in (TypeError, ValueError, IndexError):
        if isinstance(error, kind):
            return kind(f"{call}: {str(error).rstrip('.')}. {_advice(name, error)}".rstrip())
    error.add_note(f"raised in {call}")
    return error


def _advice(name: str, error: Exception) -> str:
    if name == "matmul" and ("inner lengths" in str(error) or "core dimension" in str(error)):
        return _ADVICE["matmul"]
    return _ADVICE["broadcast"] if "broadcast" in str(error) else ""
