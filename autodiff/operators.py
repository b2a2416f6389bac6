"""What is typed between tensors, and after a dot: Python's operators and an ndarray's methods, each an operation."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, SupportsIndex

import numpy as np

from autodiff import ops, tape
from autodiff.errors import describe
from autodiff.interop import plain
from autodiff.recording import is_recording
from autodiff.tape import Array, Variable, tick, unwrap

NOT_IN_PLACE = (
    "a Tensor cannot be changed in place, since the tape may need its old numbers. Build a new one, with "
    "ad.where(mask, new, t), or change the array before it becomes a Tensor."
)


def _in_place(sign: str, write: Callable[[Any, Any], Any], operation: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method of `x += y` and the like.

    Of a result it makes a new one, x = x + y. A leaf that requires a gradient would thereby be lost to the name x,
    so that is refused; within `no_grad` its numbers are changed in place, as one who writes an optimizer means it.
    """

    def method(self: Any, other: Array) -> Any:
        if self.node is not None or not self.tracked:
            return operation(self, other)
        if is_recording():
            raise TypeError(
                f"x {sign} y on a leaf, {describe(self)}: x would then name the result, and not the leaf that gets the "
                f"gradient. Give the result a name of its own, z = x {sign[:-1]} y; or, to change the leaf's numbers, "
                f"write it within ad.no_grad()."
            )
        if (watcher := tape.watcher()) and watcher.traces:
            self.data = ops.astype(operation(self.detach(), other), self.dtype)
            return self
        write(self._data, unwrap(other))
        self._changed[0] = tick()
        return self

    return method


class Operators(Variable):
    """A variable with operators and methods."""

    __slots__ = ()

    def __neg__(self) -> Any:
        return ops.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return ops.abs(self)

    def __add__(self, other: Array) -> Any:
        return ops.add(self, other)

    def __radd__(self, other: Array) -> Any:
        return ops.add(other, self)

    def __sub__(self, other: Array) -> Any:
        return ops.subtract(self, other)

    def __rsub__(self, other: Array) -> Any:
        return ops.subtract(other, self)

    def __mul__(self, other: Array) -> Any:
        return ops.multiply(self, other)

    def __rmul__(self, other: Array) -> Any:
        return ops.multiply(other, self)

    def __truediv__(self, other: Array) -> Any:
        return ops.divide(self, other)

    def __rtruediv__(self, other: Array) -> Any:
        return ops.divide(other, self)

    def __pow__(self, other: Array) -> Any:
        return ops.power(self, other)

    def __rpow__(self, other: Array) -> Any:
        return ops.power(other, self)

    def __matmul__(self, other: Array) -> Any:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Array) -> Any:
        return ops.matmul(other, self)

    __iadd__ = _in_place("+=", operator.iadd, ops.add)
    __isub__ = _in_place("-=", operator.isub, ops.subtract)
    __imul__ = _in_place("*=", operator.imul, ops.multiply)
    __itruediv__ = _in_place("/=", operator.itruediv, ops.divide)
    __ipow__ = _in_place("**=", operator.ipow, ops.power)
    __imatmul__ = _in_place("@=", operator.imatmul, ops.matmul)

    def __eq__(self, other: object) -> Any:
        return ops.equal(self, other)

    def __ne__(self, other: object) -> Any:
        return ops.not_equal(self, other)

    def __lt__(self, other: Array) -> Any:
        return ops.less(self, other)

    def __le__(self, other: Array) -> Any:
        return ops.less_equal(self, other)

    def __gt__(self, other: Array) -> Any:
        return ops.greater(self, other)

    def __ge__(self, other: Array) -> Any:
        return ops.greater_equal(self, other)

    def __and__(self, other: Array) -> Any:
        return ops.logical_and(self, other) if _are_masks(self, other) else NotImplemented

    __rand__ = __and__

    def __or__(self, other: Array) -> Any:
        return ops.logical_or(self, other) if _are_masks(self, other) else NotImplemented

    __ror__ = __or__

    def __invert__(self) -> Any:
        if not _are_masks(self):
            raise TypeError(f"~{describe(self._data)}: only a mask of booleans can be inverted")
        return ops.logical_not(self)

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Any:
        return ops.getitem(self, plain(index, "an index"))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(f"t[…] = … on {describe(self._data)}: {NOT_IN_PLACE}")

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    # ── the methods that an ndarray has ─────────────────────────────────────────────────────────────────

    argmax = ops.argmax
    argmin = ops.argmin
    astype = ops.astype
    clip = ops.clip
    cumsum = ops.cumsum
    flatten = ops.flatten
    max = ops.max
    mean = ops.mean
    min = ops.min
    prod = ops.prod
    ravel = ops.ravel
    squeeze = ops.squeeze
    std = ops.std
    sum = ops.sum
    swapaxes = ops.swapaxes
    var = ops.var

    @property
    def T(self) -> Any:
        """The tensor with its axes reversed."""
        return ops.permute_dims(self)

    @property
    def mT(self) -> Any:
        """The tensor with its last two axes exchanged."""
        return ops.matrix_transpose(self)

    def reshape(self, *shape: Any) -> Any:
        """Return it in another shape, given as integers or as one tuple."""
        return ops.reshape(self, _unpacked(shape))

    def transpose(self, *axes: Any) -> Any:
        """Return it with its axes in the order given, reversed by default."""
        as_one = len(axes) == 1 and not isinstance(axes[0], SupportsIndex)
        return ops.permute_dims(self, axes[0] if as_one else axes or None)

    def copy(self) -> Any:
        """Return a copy, recorded."""
        return ops.astype(self, self._data.dtype)


def _are_masks(*values: Array) -> bool:
    """Whether all are booleans."""
    return all(np.asarray(unwrap(value)).dtype == bool for value in values)


def _unpacked(arguments: tuple[Any, ...]) -> Any:
    """Read `f(1, 2)` and `f((1, 2))` alike."""
    return arguments[0] if len(arguments) == 1 else arguments
