"""A network as a Keras model, in a .keras file."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from nets.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, Tanh
from nets.convolution import Conv2d
from nets.dropout import Dropout
from nets.exchange.keras_layouts import Part, parts
from nets.exchange.steps import dtype_of
from nets.files import replacing
from nets.layers import Flatten, Linear, Unflatten
from nets.module import Module
from nets.normalisation import BatchNorm, LayerNorm
from nets.pooling import AvgPool2d, MaxPool2d

_OUR_ORDER, _KERAS_ORDER = (3, 1, 2), (2, 3, 1)
"""The axes of images, counted from 1 as Keras' Permute does, as they are put into the one order and the other."""


def save_keras(model: Module, path: Path, input_shape: tuple[int, ...] | None = None) -> None:
    """Write a network to a .keras file, which `keras.saving.load_model` reads, to use it or to train it further.

    It takes what the network takes, rows as they are and images (m, height, width, channels), as Keras has them.

    Args:
        model: a network of the layers of `nets`.
        path: the file.
        input_shape: the shape of one example here, where the first layer takes several: (channels, height, width).

    Raises:
        ImportError: Keras is not installed.
        OSError: the file cannot be written.
        TypeError, ValueError: the network cannot be written, see `steps`.
    """
    import keras

    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "model.keras"  # Keras minds how the name ends
        _model(keras, model, parts(model, input_shape)).save(whole)
        content = whole.read_bytes()
    with replacing(path) as draft:
        draft.write_bytes(content)


def _model(keras: Any, model: Module, found: list[Part]) -> Any:
    """Make the model, with its weights."""
    state, dtype = model.state_dict(), str(dtype_of(model))
    before = found[0].step.before
    x = inputs = keras.Input((*before[1:], before[0]) if len(before) == 3 else before, dtype=dtype)

    def make(kind: str, *settings: Any, **named: Any) -> Any:
        return getattr(keras.layers, kind)(*settings, **named, dtype=dtype)

    for part in found:
        for layer in _layers(keras, part, make):
            x = layer(x)
            if getattr(layer, "weights", None):
                layer.set_weights([layout.away(state[layout.name]) for layout in part.layouts])
    return keras.Model(inputs, x)


def _layers(keras: Any, part: Part, make: Callable[..., Any]) -> Iterator[Any]:
    """Yield the layers of Keras that make one of ours, in the order in which the value goes through them."""
    layer, before, images = part.step.layer, part.step.before, len(part.step.before) == 3
    match layer:
        case Linear():
            if images:  # it is their last axis that it is for, and Dense takes Keras' last
                yield make("Permute", _OUR_ORDER)
            yield make("Dense", layer.out_features, use_bias=layer.bias is not None)
            if images:
                yield make("Permute", _KERAS_ORDER)
        case Conv2d(kernel_size=kernel, stride=stride, padding=padding):
            same = stride == (1, 1) and all(n == 2 * p + 1 for n, p in zip(kernel, padding, strict=True))
            if not same and padding != (0, 0):
                yield make("ZeroPadding2D", padding)
            settings = {"strides": stride, "groups": layer.groups, "use_bias": layer.bias is not None}
            yield make("Conv2D", layer.out_channels, kernel, padding="same" if same else "valid", **settings)
        case BatchNorm(affine=affine):
            settings = {"momentum": 1 - layer.momentum, "epsilon": layer.eps, "center": affine, "scale": affine}
            yield make("BatchNormalization", -1 if images else 1, **settings)
        case LayerNorm(normalized_shape=shape):
            axes = [0, 3, 1, 2] if images else list(range(len(before) + 1))
            settings = {"epsilon": layer.eps, "scale": layer.weight is not None, "center": layer.bias is not None}
            yield make("LayerNormalization", axes[-len(shape) :], **settings)
        case MaxPool2d(padding=(down, across)):
            if (down, across) != (0, 0):
                width = ((0, 0), (down, down), (across, across), (0, 0))
                yield partial(keras.ops.pad, pad_width=width, constant_values=-math.inf)
            yield make("MaxPooling2D", layer.kernel_size, layer.stride)
        case AvgPool2d(padding=padding):
            if padding != (0, 0):
                yield make("ZeroPadding2D", padding)
            yield make("AveragePooling2D", layer.kernel_size, layer.stride)
        case Flatten() | Unflatten():
            yield from _reshaping(make, part)
        case Dropout(p=p):
            yield make("Dropout", p)
        case ReLU():
            yield make("ReLU")
        case LeakyReLU(negative_slope=slope):
            yield make("LeakyReLU", slope)
        case ELU(alpha=alpha):
            yield make("ELU", alpha)
        case GELU(approximate="tanh"):
            yield partial(keras.ops.gelu, approximate=True)
        case Tanh() | Sigmoid() | GELU():
            yield make("Activation", type(layer).__name__.lower())


def _reshaping(make: Callable[..., Any], part: Part) -> Iterator[Any]:
    """Yield what makes other axes of the numbers, in our order, or rows of images, in the order that is wanted."""
    before, after = part.step.before, part.step.after
    if len(before) == 3 and len(after) == 1 and part.channels == before[0]:
        yield make("Flatten")
        return
    if len(before) == 3:
        yield make("Permute", _OUR_ORDER)
    if len(after) == 3 and after[0] == 1:
        yield make("Reshape", (*after[1:], 1))
        return
    yield make("Reshape", after)
    if len(after) == 3:
        yield make("Permute", _KERAS_ORDER)
