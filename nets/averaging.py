"""The average of the weights along the way of training, which often does better than those of its last step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

import autodiff as ad
from nets.module import Buffer, Parameter


class ExponentialMovingAverage:
    """An average of each parameter, θ̄ ← decay·θ̄ + (1 − decay)·θ at each `update()`; it starts at θ.

    (Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992, gave every step the same weight.)

    Args:
        parameters: the parameters, in an order that is always the same.
        decay: the share of the old, from 0 to below 1; about the last 1 / (1 − decay) steps count.

    Raises:
        ValueError: decay is out of its range.
    """

    def __init__(self, parameters: Iterable[Parameter], decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ExponentialMovingAverage: decay must be from 0 to below 1, not {decay}")
        self.decay = decay
        self.parameters = list(parameters)
        self.averages = [Buffer(parameter.data) for parameter in self.parameters]

    def update(self) -> None:
        """Take in the parameters as they are: call it after each step."""
        with ad.no_grad():
            for average, parameter in zip(self.averages, self.parameters, strict=True):
                average.data = ad.add(ad.multiply(average, self.decay), ad.multiply(parameter, 1 - self.decay))

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Let the parameters be their averages within a `with`: to evaluate or to save the network."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for average, parameter in zip(self.averages, self.parameters, strict=True):
            numbers = parameter.data.copy()
            parameter.data[...] = average.data
            parameter.data = parameter.data  # which says that it has changed
            average.data = numbers

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of the averages, by the number of the parameter."""
        return {str(number): average.data.copy() for number, average in enumerate(self.averages)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over, as a copy, what `state_dict` gave. On an error nothing is changed.

        Raises:
            ValueError: it is not of as many parameters of these shapes.
        """
        expected = {str(number): average.shape for number, average in enumerate(self.averages)}
        found = {name: np.shape(array) for name, array in state.items()}
        if expected != found:
            raise ValueError(f"ExponentialMovingAverage: the averages have shapes {expected}, not {found}")
        arrays = [np.array(state[name], average.dtype) for name, average in zip(expected, self.averages, strict=True)]
        for average, array in zip(self.averages, arrays, strict=True):
            average.data = array
