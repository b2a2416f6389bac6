"""How the arrays of a network lie in Keras.

A `Linear` is a `Dense` with the same weights. Where images are (channels, height, width) here they are (height, width,
channels) there: a `Conv2d` keeps its weights as (kernel height, kernel width, in_channels / groups, out_channels). A
`Flatten` therefore makes rows of another order; the `Linear` that takes them has the rows of its weights in that order,
and so has what stands in between, as in a network that was made in Keras from the beginning.
"""

from __future__ import annotations

from typing import NamedTuple

from nets.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, Tanh
from nets.convolution import Conv2d
from nets.dropout import Dropout
from nets.exchange.layout import Layout
from nets.exchange.steps import Step, steps
from nets.layers import Flatten, Linear
from nets.module import Module
from nets.normalisation import BatchNorm1d, LayerNorm

_NUMBER_BY_NUMBER = (ReLU, Tanh, Sigmoid, LeakyReLU, ELU, GELU, Dropout, BatchNorm1d, LayerNorm)
"""What does to the numbers of a row the same in any order."""


class Part(NamedTuple):
    """A step, how the arrays of its layer lie in Keras, in Keras' order, and in which order the numbers of a row are.

    `channels` is 1 where they are in ours; where they are in Keras', it is how many channels the images had that they
    come from. Of a `Flatten` it tells of what comes out, of others of what goes in.
    """

    step: Step
    layouts: list[Layout]
    channels: int


def parts(model: Module, input_shape: tuple[int, ...] | None) -> list[Part]:
    """Return the parts of a network. Raises TypeError and ValueError as `steps` does."""
    walk, found, channels = steps(model, input_shape), [], 1
    for place, step in enumerate(walk, 1):
        if isinstance(step.layer, Flatten) and len(step.before) == 3 and _meets_linear(walk[place:]):
            channels = step.before[0]
        found.append(Part(step, _layouts(step, channels), channels))
        if isinstance(step.layer, Linear):
            channels = 1
    return found


def _meets_linear(following: list[Step]) -> bool:
    """Whether rows come to a linear layer before anything that minds the order of their numbers."""
    first = next((step for step in following if not isinstance(step.layer, _NUMBER_BY_NUMBER)), None)
    return first is not None and isinstance(first.layer, Linear) and len(first.before) == 1


_IN_KERAS_ORDER = ("weight", "bias", "running_mean", "running_var")
"""What Keras calls kernel and bias, or gamma, beta, moving_mean and moving_variance."""


def _layouts(step: Step, channels: int) -> list[Layout]:
    """Return the layouts of a layer's arrays."""
    tensors = {name: getattr(step.layer, name, None) for name in _IN_KERAS_ORDER}
    return [
        _layout(step, f"{step.name}.{name}".lstrip("."), tensor.shape, channels)
        for name, tensor in tensors.items()
        if tensor is not None
    ]


def _layout(step: Step, name: str, shape: tuple[int, ...], channels: int) -> Layout:
    match step.layer, shape:
        case Conv2d(), (_, _, _, _):
            return Layout(name, shape, (2, 3, 1, 0))
        case LayerNorm(), (_, _, _) if len(step.before) == 3:
            return Layout(name, shape, (1, 2, 0))
        case (Linear(), (n, _)) | (BatchNorm1d() | LayerNorm(), (n,)) if channels > 1:
            rest = shape[1:]
            return Layout(name, shape, (1, 0, *range(2, 2 + len(rest))), (channels, n // channels, *rest))
    return Layout.same(name, shape)
