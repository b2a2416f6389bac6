"""What a network is made of, as plain data: enough to make it again, and nothing that would be executed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nets.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, Tanh
from nets.convolution import Conv2d
from nets.dropout import Dropout
from nets.layers import MLP, Flatten, Linear, Sequential, Unflatten
from nets.module import Module
from nets.normalisation import BatchNorm1d, BatchNorm2d, LayerNorm
from nets.pooling import AvgPool2d, MaxPool2d

KINDS: dict[str, type[Module]] = {
    kind.__name__: kind
    for kind in (
        AvgPool2d, BatchNorm1d, BatchNorm2d, Conv2d, Dropout, ELU, Flatten, GELU, LayerNorm, LeakyReLU, Linear, MLP,
        MaxPool2d, ReLU, Sequential, Sigmoid, Tanh, Unflatten,
    )
}  # fmt: skip
"""The modules that can be described, by their names."""


def describe(module: Module) -> dict[str, Any]:
    """Return the class and the settings of a module as JSON has them; of a `Sequential`, those of its layers too.

    A setting is a parameter of the class's constructor, and an attribute of the module.

    Raises:
        TypeError: it is a module of a class of one's own, of which nobody else knows.
    """
    name = type(module).__name__
    if KINDS.get(name) is not type(module):
        raise TypeError(f"{name} is not one of the modules of nets, {', '.join(KINDS)}: save its state_dict() instead")
    if type(module) is Sequential:
        return {"type": name, "layers": [describe(layer) for layer in module]}
    return {"type": name, **{setting: _plain(module, setting) for setting in _settings(type(module))}}


def _settings(kind: type[Module]) -> list[str]:
    """Return the parameters of a constructor, but for those that say how numbers start."""
    return [name for name in inspect.signature(kind).parameters if name not in ("rng", "dtype", "init")]


def _plain(module: Module, setting: str) -> Any:
    """Return a setting as JSON has it: a list for a tuple; and whether there is one, for a bias."""
    value = getattr(module, setting)
    if setting == "bias":
        return value is not None
    return list(value) if isinstance(value, tuple) else value


def construct(architecture: Any, state: Mapping[str, np.ndarray], dtype: DTypeLike) -> Module:
    """Make a module from its description, for the arrays of a state, which are still to be loaded.

    What is claimed is believed only if it is there: no layer takes more memory than its arrays in the state.

    Raises:
        ValueError, KeyError, TypeError, ArithmeticError: there is no such module, or the state is another's.
    """
    return _construct(architecture, state, "", {"rng": np.random.default_rng(0), "dtype": dtype})


def _construct(architecture: Any, state: Mapping[str, np.ndarray], path: str, given: dict[str, Any]) -> Module:
    settings = dict(architecture)
    kind = KINDS[settings.pop("type")]
    if kind is Sequential:
        layers = enumerate(settings["layers"])
        return Sequential(*(_construct(layer, state, f"{path}layers.{i}.", given) for i, layer in layers))
    if settings.keys() != set(_settings(kind)):
        raise ValueError(f"the settings of {kind.__name__} are {_settings(kind)}, not {list(settings)}")
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    if kind is MLP:
        _check_widths(settings["layer_dims"], state, path)
    for name, shape in _large(kind, settings).items():
        if state[f"{path}{name}"].shape != shape:
            raise ValueError(f"{path}{name} has shape {state[f'{path}{name}'].shape}, not {shape}")
    wanted = inspect.signature(kind).parameters
    return kind(**settings, **{name: value for name, value in given.items() if name in wanted})


def _check_widths(widths: tuple[int, ...], state: Mapping[str, np.ndarray], path: str) -> None:
    """Raise unless the arrays at a path are those of an MLP of these widths."""
    shapes: dict[str, tuple[int, ...]] = {f"layers.{2 * i}.weight": pair for i, pair in enumerate(pairwise(widths))}
    shapes |= {f"layers.{2 * i}.bias": (width,) for i, width in enumerate(widths[1:])}
    found = {name.removeprefix(path): array.shape for name, array in state.items() if name.startswith(path)}
    if shapes != found:
        raise ValueError(f"its tensors are not those of an MLP of widths {list(widths)}")


def _large(kind: type[Module], settings: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of what takes the most memory in a layer of these settings, by its name."""
    if kind is Linear:
        return {"weight": (settings["in_features"], settings["out_features"])}
    if kind is Conv2d:
        channels = settings["in_channels"] // settings["groups"]
        return {"weight": (settings["out_channels"], channels, *settings["kernel_size"])}
    if kind in (BatchNorm1d, BatchNorm2d):
        return {"running_mean": (settings["num_features"],)}
    return {"weight": settings["normalized_shape"]} if settings.get("elementwise_affine") else {}
