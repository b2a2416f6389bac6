"""Layers, each a few operations on the tape, and networks made of them."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

import autodiff as ad
from autodiff import Tensor
from autodiff.tape import shape_of
from nets.activations import ACTIVATIONS, Activation
from nets.initializers import INITIALIZERS, Init
from nets.module import Module, Parameter

__all__ = ["MLP", "Activation", "Flatten", "Linear", "Sequential", "Unflatten"]

class Linear(Module):
    """y = x @ W + b, with x (m, in_features), W (in_features, out_features) and b (out_features,).

    Args:
        in_features: the length of a row of x.
        out_features: the length of a row of y.
        bias: whether there is a b; it starts at 0.
        init: how the weights start.
        rng: the generator that they are drawn from.
        dtype: of the parameters.
    """

    symbol = "Z"

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        init: Init = "he",
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if init not in INITIALIZERS:
            raise ValueError(f"Linear: init must be one of {', '.join(INITIALIZERS)}, not {init!r}")
        if in_features < 1 or out_features < 1:
            raise ValueError(f"Linear: needs at least one feature in and out, not {in_features} and {out_features}")
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(INITIALIZERS[init](in_features, out_features, rng, dtype), name="W")
        self.bias = Parameter(np.zeros(out_features, dtype), name="b") if bias else None

    def extra_repr(self) -> str:
        """Give the number of features in and out."""
        return " → ".join(map(str, self.weight.shape))

    def forward(self, x: Any) -> Tensor:
        """Compute x @ W + b."""
        product = x @ self.weight
        return product if self.bias is None else product + self.bias


class Sequential(Module):
    """Modules one after the other. They can be counted, indexed and iterated over."""

    def __init__(self, *layers: Module) -> None:
        self.layers = list(layers)

    def forward(self, x: Any) -> Tensor:
        """Pass x through each module in turn."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]


class Flatten(Module):
    """All axes from `start_dim` on made one: images (m, c, h, w) become rows (m, c·h·w)."""

    def __init__(self, start_dim: int = 1) -> None:
        self.start_dim = operator.index(start_dim)

    def forward(self, x: Any) -> Tensor:
        """Make rows of x."""
        return ad.flatten(x, self.start_dim)


class Unflatten(Module):
    """An axis made several: rows (m, c·h·w) become images (m, c, h, w).

    Args:
        dim: which axis.
        unflattened_size: the lengths that it is divided into.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim, self.unflattened_size = operator.index(dim), tuple(map(operator.index, unflattened_size))

    def extra_repr(self) -> str:
        """Give the axis and the lengths."""
        return f"{self.dim}, {self.unflattened_size}"

    def forward(self, x: Any) -> Tensor:
        """Make several axes of one."""
        shape = shape_of(x)
        dim = self.dim % len(shape)
        return ad.reshape(x, (*shape[:dim], *self.unflattened_size, *shape[dim + 1 :]))


class MLP(Sequential):
    """A multilayer perceptron: linear layers of the widths given, with an activation after each but the last.

    Args:
        layer_dims: the widths, from the input to the logits: [784, 128, 64, 10].
        activation: the function between the layers.
        init: how the weights start; he suits relu, xavier tanh and sigmoid.
        rng: the generator that they are drawn from.
        dtype: of the parameters.

    Raises:
        ValueError: fewer than two widths, one below 1, or an activation or init that does not exist.
    """

    def __init__(
        self,
        layer_dims: Sequence[int],
        activation: Activation = "relu",
        *,
        init: Init = "he",
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if len(layer_dims) < 2:
            raise ValueError(f"MLP: needs the widths of input and output at least, not {list(layer_dims)}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"MLP: activation must be one of {', '.join(ACTIVATIONS)}, not {activation!r}")
        self.layer_dims = tuple(layer_dims)
        self.activation: Activation = activation
        layers: list[Module] = []
        for fan_in, fan_out in pairwise(layer_dims):
            layers += [Linear(fan_in, fan_out, init=init, rng=rng, dtype=dtype), ACTIVATIONS[activation]()]
        super().__init__(*layers[:-1])

    def extra_repr(self) -> str:
        """Give the widths."""
        return " → ".join(str(width) for width in self.layer_dims)
