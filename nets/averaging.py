"""The average of a network along the way of its training, which often does better than that of its last step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

import autodiff as ad
from autodiff import Tensor
from nets.module import Buffer


class ExponentialMovingAverage:
    """An average of each tensor, θ̄ ← decay·θ̄ + (1 − decay)·θ at each `update()`; it starts at θ.

    To the averages of a network's parameters belong those of its batch norms' running statistics, which are buffers:
    averaged weights make of a batch other numbers than those of the last step.

    (Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992, gave every step the same weight.)

    Args:
        tensors: parameters and buffers, in an order that is always the same.
        decay: the share of the old, from 0 to below 1; about the last 1 / (1 − decay) steps count.

    Raises:
        ValueError: decay is out of its range.
        TypeError: a tensor is of integers, such as the state of a generator, of which there is no average.
    """

    def __init__(self, tensors: Iterable[Tensor], decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ExponentialMovingAverage: decay must be from 0 to below 1, not {decay}")
        self.decay = decay
        self.tensors = list(tensors)
        for tensor in self.tensors:
            if tensor.dtype.kind != "f":
                raise TypeError(f"ExponentialMovingAverage: there is no average of a tensor of {tensor.dtype}")
        self.averages = [Buffer(tensor.data) for tensor in self.tensors]

    def update(self) -> None:
        """Take in the tensors as they are: call it after each step."""
        with ad.no_grad():
            for average, tensor in zip(self.averages, self.tensors, strict=True):
                average.data = ad.add(ad.multiply(average, self.decay), ad.multiply(tensor, 1 - self.decay))

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Let the tensors be their averages within a `with`: to evaluate or to save the network."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for average, tensor in zip(self.averages, self.tensors, strict=True):
            numbers = tensor.data.copy()
            tensor.data[...] = average.data
            tensor.data = tensor.data  # which says that it has changed
            average.data = numbers

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of the averages, by the number of the tensor."""
        return {str(number): average.data.copy() for number, average in enumerate(self.averages)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over, as a copy, what `state_dict` gave. On an error nothing is changed.

        Raises:
            ValueError: it is not of as many tensors of these shapes.
        """
        expected = {str(number): average.shape for number, average in enumerate(self.averages)}
        found = {name: np.shape(array) for name, array in state.items()}
        if expected != found:
            raise ValueError(f"ExponentialMovingAverage: the averages have shapes {expected}, not {found}")
        arrays = [np.array(state[name], average.dtype) for name, average in zip(expected, self.averages, strict=True)]
        for average, array in zip(self.averages, arrays, strict=True):
            average.data = array
