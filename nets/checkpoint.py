"""A trained network in a file: its arrays as safetensors, its architecture in their metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from nets import arrays
from nets.architecture import construct, describe
from nets.files import in_short
from nets.layers import MLP
from nets.module import Module

Kind = TypeVar("Kind", bound=Module)


def save(model: Module, path: Path) -> None:
    """Write a network to a file, whole or not at all.

    Raises:
        OSError: the file cannot be written.
        TypeError: there is a module in it that is not one of `nets`.
    """
    arrays.write(path, model.state_dict(), {"architecture": json.dumps(describe(model))})


@overload
def load(path: Path) -> MLP: ...


@overload
def load(path: Path, kind: type[Kind]) -> Kind: ...


def load(path: Path, kind: type[Module] = MLP) -> Module:
    """Read a network of a kind, `MLP` or `Sequential`, or of any, `Module`, from a file that `save` has written.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file.
    """
    try:
        state, metadata = arrays.read(path)
        return build(json.loads(metadata.get("architecture", "null")), state, kind)
    except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a network saved by nets.checkpoint: {in_short(error)}") from error


@overload
def build(architecture: Any, state: Mapping[str, np.ndarray]) -> MLP: ...


@overload
def build(architecture: Any, state: Mapping[str, np.ndarray], kind: type[Kind]) -> Kind: ...


def build(architecture: Any, state: Mapping[str, np.ndarray], kind: type[Module] = MLP) -> Module:
    """Make a network of an architecture, as JSON has it, and give it its arrays.

    What is claimed is believed only if it is there.

    Raises:
        ValueError, KeyError, TypeError, ArithmeticError: there is no such network, it is of another kind, or its
            arrays are others.
    """
    if not isinstance(architecture, dict):
        raise ValueError("its metadata name no architecture")
    dtypes = {array.dtype for array in state.values() if array.dtype != np.uint64}  # that of a generator's state
    if len(dtypes) > 1 or any(dtype.kind != "f" for dtype in dtypes):
        raise ValueError(f"its tensors are {', '.join(map(str, dtypes))}, not of one floating-point type")
    model = construct(architecture, state, dtypes.pop() if dtypes else np.float32)
    if not isinstance(model, kind):
        raise ValueError(f"it is a {type(model).__name__}, not a network of the kind {kind.__name__}")
    for name, own in model.state_dict().items():
        if name in state and state[name].dtype != own.dtype:
            raise ValueError(f"its {name} is of {state[name].dtype}, not of {own.dtype}")
    model.load_state_dict(state)
    return model
