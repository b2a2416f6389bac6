"""A trained network in a file: its weights as safetensors, its architecture in their metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from nets import arrays
from nets.files import in_short
from nets.layers import MLP


def save(model: MLP, path: Path) -> None:
    """Write a network to a file, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    architecture = {"type": "MLP", "layer_dims": model.layer_dims, "activation": model.activation}
    arrays.write(path, model.state_dict(), {"architecture": json.dumps(architecture)})


def load(path: Path) -> MLP:
    """Read a network from a file that `save` has written.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file.
    """
    try:
        state, metadata = arrays.read(path)
        return build(json.loads(metadata.get("architecture", "null")), state)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is not a network saved by nets.checkpoint: {in_short(error)}") from error


def build(architecture: Any, state: Mapping[str, np.ndarray]) -> MLP:
    """Make a network of an architecture, as JSON has it, and give it its weights.

    What is claimed is believed only if it is there.

    Raises:
        ValueError, KeyError, TypeError: there is no such network, or its weights are others.
    """
    if not isinstance(architecture, dict) or architecture.get("type") != "MLP":
        raise ValueError("its metadata name no architecture")
    widths = architecture["layer_dims"]
    shapes = {f"layers.{2 * i}.weight": list(pair) for i, pair in enumerate(pairwise(widths))}
    shapes |= {f"layers.{2 * i}.bias": [width] for i, width in enumerate(widths[1:])}
    dtypes = {array.dtype for array in state.values()}
    if shapes != {name: list(array.shape) for name, array in state.items()} or len(dtypes) != 1:
        raise ValueError(f"its tensors are not those of an MLP of widths {widths}")
    (dtype,) = dtypes
    if dtype.kind != "f":
        raise ValueError(f"its tensors are {dtype}, not floating-point")
    model = MLP(widths, architecture["activation"], rng=np.random.default_rng(0), dtype=dtype)
    model.load_state_dict(state)
    return model
