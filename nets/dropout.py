"""Dropout: while training, numbers left out at random, so that none can rely on another being there."""

from __future__ import annotations

from typing import Any

import numpy as np

import autodiff as ad
from autodiff import Tensor
from autodiff.tape import shape_of
from nets.module import Buffer, Module


class Dropout(Module):
    """In training, each number is 0 with probability p, and divided by 1 − p otherwise; in use, nothing is done.

    So the mean stays what it is (Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, 2014).

    Args:
        p: the probability of being left out, from 0 to 1.
        rng: the generator that the seed is drawn from.

    Each call leaves out others. Which ones follows from the seed and the number of calls so far, both of which are in
    `state`, a buffer: the same compiled as not, and a run that goes on from a saved state goes on as if never stopped.

    Raises:
        ValueError: p is no probability.
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be a probability, from 0 to 1, not {p}")
        self.p = p
        self.state = Buffer(np.array([rng.integers(2**64, dtype=np.uint64), 0], np.uint64), name="state")

    def extra_repr(self) -> str:
        """Give p."""
        return f"{self.p}"

    def forward(self, x: Any) -> Tensor:
        """Leave out a part of x, if this is training."""
        if not self.training or self.p == 0:
            return x
        kept = ad.greater_equal(ad.uniform(self.state, shape_of(x), x.dtype), self.p)
        self.state.data = ad.add(self.state, _NEXT)
        return ad.where(kept, ad.multiply(x, 1 / (1 - self.p) if self.p < 1 else 0.0), 0.0)


_NEXT = np.array([0, 1], np.uint64)
"""What is added to a seed and a count at each call."""
