"""What a network is made of, as data: each contestant builds its layers from this, in its own library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Literal

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Linear:
    """x·W + b, with W (inputs, outputs)."""

    inputs: int
    outputs: int

    @property
    def weight(self) -> Shape:
        """The shape of W."""
        return self.inputs, self.outputs

    @property
    def fan_in(self) -> int:
        """How many products an output is the sum of."""
        return self.inputs


@dataclass(frozen=True)
class ReLU:
    """max(0, x), element by element."""


@dataclass(frozen=True)
class Images:
    """Rows of pixels made images of channels, height and width."""

    shape: Shape


@dataclass(frozen=True)
class Convolution:
    """A convolution by W (outputs, inputs, kernel, kernel), not turned around, plus b; zeros are put around images."""

    inputs: int
    outputs: int
    kernel: int
    padding: int = 0

    @property
    def weight(self) -> Shape:
        """The shape of W."""
        return self.outputs, self.inputs, self.kernel, self.kernel

    @property
    def fan_in(self) -> int:
        """How many products an output is the sum of."""
        return prod(self.weight[1:])


@dataclass(frozen=True)
class MaxPool:
    """The largest number of each square, side by side."""

    size: int


@dataclass(frozen=True)
class Flatten:
    """Images made rows: one channel after the other, each row by row."""


Layer = Linear | ReLU | Images | Convolution | MaxPool | Flatten
Architecture = tuple[Layer, ...]
NetworkName = Literal["mlp", "lenet"]

LENET: Architecture = (
    Images((1, 28, 28)),
    Convolution(1, 6, kernel=5, padding=2), ReLU(), MaxPool(2),
    Convolution(6, 16, kernel=5), ReLU(), MaxPool(2),
    Flatten(),
    Linear(400, 120), ReLU(), Linear(120, 84), ReLU(), Linear(84, 10),
)  # fmt: skip
"""LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998), pooled by maxima, as it is built today."""


def perceptron(widths: Shape) -> Architecture:
    """Return linear layers of these widths with relu between them."""
    layers = [layer for pair in pairwise(widths) for layer in (Linear(*pair), ReLU())]
    return tuple(layers[:-1])


def shapes(architecture: Architecture, inputs: int) -> Iterator[tuple[Layer, Shape, Shape]]:
    """Yield each layer with the shape of one example before and after it, for rows of so many inputs."""
    shape: Shape = (inputs,)
    for layer in architecture:
        before, shape = shape, _after(layer, shape)
        yield layer, before, shape


def _after(layer: Layer, shape: Shape) -> Shape:
    match layer:
        case Linear():
            return (layer.outputs,)
        case Images():
            return layer.shape
        case Convolution():
            return (layer.outputs, *(n + 2 * layer.padding - layer.kernel + 1 for n in shape[1:]))
        case MaxPool():
            return (shape[0], *(n // layer.size for n in shape[1:]))
        case Flatten():
            return (prod(shape),)
        case ReLU():
            return shape
