"""What a rule of rewriting is given and gives, and what it may ask of operations and values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from autodiff.graph import Operation, Value
from autodiff.tape import Array


class Builder(Protocol):
    """What builds operations, simplified, and looks into those that are built."""

    def __call__(self, name: str, *inputs: Value, **attributes: Any) -> Value:
        """Return the result of one of the engine's primitives, or a value that equals it."""

    def look(self, value: Value, *names: str) -> Operation | None:
        """Return what made a value, if it is one of these primitives and the value is no symbol; see `simplify.py`."""

    def number(self, number: Array) -> Value:
        """Return a constant."""

    def opposite(self, number: Value) -> Value:
        """Return a constant of the opposite sign."""


Rule = Callable[[Operation, Builder], Value | None]

ELEMENTWISE = frozenset(
    {"add", "subtract", "multiply", "divide", "negative", "power", "where", "maximum", "minimum", "relu_backward"}
)
"""Operations that compute each element from the elements that stand at its place in the operands."""

LINEAR = {
    "add_along_axis": (0,), "broadcast_to": (0,), "getitem": (0,), "matmul": (0, 1), "matrix_transpose": (0,),
    "permute_dims": (0,), "relu_backward": (0,), "reshape": (0,), "scatter": (0,), "sum": (0,), "sum_to": (0,),
    "take_along_axis": (0,),
}  # fmt: skip
"""Operations that are linear, and the operands in which they are."""


def is_number(value: Value) -> bool:
    """Whether a value is a constant number without a name."""
    return is_constant(value) and value.name is None


def is_constant(value: Value) -> bool:
    """Whether a value is a constant number."""
    return value.kind == "constant" and value.shape == ()
