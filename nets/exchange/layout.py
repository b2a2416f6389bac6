"""How an array lies elsewhere: its numbers are the same, its axes may stand in another order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nets.exchange.steps import dtype_of
from nets.files import in_short
from nets.module import Module


@dataclass(frozen=True)
class Layout:
    """Where an array of a network lies elsewhere.

    Args:
        name: what the network calls it: `layers.0.weight`.
        shape: the one that it has in the network.
        axes: which of its axes stand where: `transpose(axes)` makes theirs of it.
        split: the shape in which it is transposed, if each of its axes stands for several; theirs is as ours then.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    split: tuple[int, ...] | None = None

    @classmethod
    def same(cls, name: str, shape: tuple[int, ...]) -> Layout:
        """Return the layout of an array that lies there as it does here."""
        return cls(name, shape, tuple(range(len(shape))))

    @property
    def _seen(self) -> tuple[int, ...]:
        return self.split or self.shape

    @property
    def _turned(self) -> tuple[int, ...]:
        return tuple(self._seen[axis] for axis in self.axes)

    @property
    def there(self) -> tuple[int, ...]:
        """The shape that it has there."""
        return self.shape if self.split else self._turned

    def away(self, array: np.ndarray) -> np.ndarray:
        """Return an array of the network as it lies there."""
        return np.ascontiguousarray(array.reshape(self._seen).transpose(self.axes)).reshape(self.there)

    def home(self, array: np.ndarray) -> np.ndarray:
        """Return an array from there as it lies in the network: the inverse of `away`."""
        return array.reshape(self._turned).transpose(np.argsort(self.axes)).reshape(self.shape)


def fill(model: Module, found: Mapping[Layout, tuple[str, Any]]) -> None:
    """Give a network arrays from elsewhere, each with the name that it has there. On an error nothing is changed.

    Raises:
        ValueError: an array has another shape, or numbers that those of the network cannot equal exactly.
    """
    dtype = dtype_of(model)
    arrays = {layout.name: layout.home(_fitting(layout, *named, dtype)) for layout, named in found.items()}
    model.load_state_dict({**model.state_dict(), **arrays})


def _fitting(layout: Layout, name: str, array: Any, dtype: np.dtype) -> np.ndarray:
    """Return an array of a shape and of numbers that fit; one that lies in a file is not read before that is known."""
    if not isinstance(getattr(array, "dtype", None), np.dtype):
        try:
            array = np.asarray(array)
        except (RuntimeError, TypeError, ValueError) as error:  # PyTorch's, of memory on a GPU, say
            raise ValueError(f"{name}, for {layout.name}: {in_short(error)}") from error
    if array.shape != layout.there:
        raise ValueError(
            f"{name} has shape {array.shape}, but {layout.name}, {layout.shape} here, has {layout.there} there"
        )
    if array.dtype.kind != "f" or not np.can_cast(array.dtype, dtype):
        raise ValueError(
            f"{name} is of {array.dtype}, and {layout.name} of {dtype}, which cannot hold the same numbers: convert "
            "them, or make the network with another dtype"
        )
    return np.asarray(array)
