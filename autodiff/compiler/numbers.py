"""A plain number that a trace follows: a learning rate, a count of steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import tape
from autodiff.tape import bind, registry


class Number(float):
    """A Python number whose arithmetic with other numbers is written down; arrays take it for the number it is."""

    def __neg__(self) -> Any:
        return _followed("negative", self)

    def __bool__(self) -> bool:
        tape.watcher().decide(self, bool)  # type: ignore[union-attr]
        return float(self) != 0

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Let NumPy see a plain number, for a subclass of float would widen float32."""
        return getattr(ufunc, method)(*(float(x) if isinstance(x, Number) else x for x in inputs), **kwargs)

    __hash__ = float.__hash__


def _method(primitive: str, swapped: bool = False) -> Callable[..., Any]:
    def method(self: Number, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        return _followed(primitive, other, self) if swapped else _followed(primitive, self, other)

    return method


def _comparison(name: str) -> Callable[..., Any]:
    compare = getattr(float, name)

    def method(self: Number, other: Any) -> Any:
        tape.watcher().decide(self, float)  # type: ignore[union-attr]
        return compare(self, other)

    return method


for _name, _primitive in (
    ("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "divide"), ("pow", "power")
):  # fmt: skip
    setattr(Number, f"__{_name}__", _method(_primitive))
    setattr(Number, f"__r{_name}__", _method(_primitive, swapped=True))
for _name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"):
    setattr(Number, _name, _comparison(_name))


def _followed(primitive: str, *numbers: float) -> Any:
    """Do an operation on numbers by the one door, and return a number that the trace knows."""
    plain = tuple(number if isinstance(number, Number) else float(number) for number in numbers)
    result = bind(registry[primitive], plain, {})
    return tape.watcher().same(Number(result), result)  # type: ignore[union-attr]
