"""All that a run needs to go on after its last whole epoch, in one file.

It is a safetensors file: the arrays of the network as `model.…` and those of the optimizer as `optimizer.…`, and in its
metadata the rest as JSON, with a SHA-256 of it all, so that a file in which one bit has changed is not gone on with.
The order of the images follows from seed and epoch, the learning rate from the step, and the settings of the optimizer
from the configuration: there is no other state.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import nets
from mnist import data, gradients
from mnist.building import make_network, make_optimizer
from mnist.config import TrainConfig
from mnist.data import idx
from mnist.errors import UserError
from mnist.fields import from_json
from nets import arrays, checkpoint
from nets.files import in_short

VERSION = 2

Row = Mapping[str, float]
"""An epoch in the history: a number for each column."""


def columns(model: nets.Module) -> list[str]:
    """Return the columns of the history of a network: what any has, and the norm of each layer's gradient."""
    shared = ["epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "l2_penalty", "seconds"]
    return [*shared, *gradients.columns(model)]


@dataclass(frozen=True)
class DataStamp:
    """What tells one data set from another."""

    name: str
    train_size: int
    test_size: int
    sha256: str

    @classmethod
    def of(cls, digits: data.Dataset) -> DataStamp:
        """Return the stamp of a data set; its hash is over the hashes of its four arrays."""
        arrays = (array for split in (digits.train, digits.test) for array in (split.images, split.labels))
        sha256 = hashlib.sha256("".join(map(idx.sha256, arrays)).encode()).hexdigest()
        return cls(digits.name, len(digits.train), len(digits.test), sha256)

    def __str__(self) -> str:
        """Say so much of it as tells a reader which it is."""
        return f"{self.name} with {self.train_size} and {self.test_size} images, SHA-256 {self.sha256[:12]}…"


@dataclass
class State:
    """A run between two epochs. A deep copy of it is a run of its own, that goes on in the same way."""

    config: TrainConfig
    data: DataStamp
    model: nets.MLP
    optimizer: nets.Optimizer
    history: list[Row]
    seconds: float
    """How long the epochs of the history took, all in all."""


def begin(config: TrainConfig, stamp: DataStamp) -> State:
    """Return the state of a run before its first epoch. Raises UserError if the network is larger than the memory."""
    model = make_network(config)
    return State(config, stamp, model, make_optimizer(config, model), history=[], seconds=0.0)


def save(state: State, path: Path) -> None:
    """Write a state to a file, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    tensors = {f"model.{name}": array for name, array in state.model.state_dict().items()}
    for number, memory in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": np.asarray(value) for name, value in memory.items()}
    content = {
        "version": VERSION,
        "config": state.config.as_json(),
        "data": dataclasses.asdict(state.data),
        "history": state.history,
        "seconds": state.seconds,
    }
    text = json.dumps(content, allow_nan=False)
    arrays.write(path, tensors, {"state": text, "sha256": _sha256(text, tensors)})


def load(path: Path) -> State:
    """Read a state from a file that `save` has written.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file, or not as it was written.
    """
    try:
        tensors, metadata = arrays.read(path)
        text = metadata.get("state", "")
        if metadata.get("sha256") != _sha256(text, tensors):
            raise ValueError("it is not as it was written")
        return _decode(json.loads(text), tensors)
    except (ArithmeticError, KeyError, RecursionError, TypeError, UserError, ValueError) as error:
        raise ValueError(f"{path} is not the state of a run: {in_short(error)}") from error


def _sha256(text: str, tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(tensors.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _decode(content: Any, tensors: Mapping[str, np.ndarray]) -> State:
    """Make a state of what a file holds. What is claimed is believed only if it is there."""
    if content["version"] != VERSION:
        raise ValueError(f"its version is {content['version']!r:.20}, not {VERSION}")
    parts: dict[str, dict[str, np.ndarray]] = {"model": {}, "optimizer": {}}
    for path, array in tensors.items():
        kind, _, name = path.partition(".")
        parts[kind][name] = array
    memory: dict[int, dict[str, np.ndarray]] = {}
    for path, array in parts["optimizer"].items():
        number, _, name = path.partition(".")
        memory.setdefault(int(number), {})[name] = array

    config = from_json(TrainConfig, content["config"])
    architecture = {"type": "MLP", "layer_dims": list(config.layers), "activation": config.activation}
    model = checkpoint.build(architecture, parts["model"])
    optimizer = make_optimizer(config, model)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": memory})

    history: list[Row] = [{name: row[name] for name in columns(model)} for row in content["history"]]
    for epoch, row in enumerate(history, 1):
        if row["epoch"] != epoch or not all(map(math.isfinite, row.values())):
            raise ValueError(f"its history has no sound epoch {epoch}")
    if len(history) > config.epochs:
        raise ValueError(f"its history has {len(history)} of {config.epochs} epochs")
    seconds = content["seconds"]
    if not 0 <= seconds < math.inf:
        raise ValueError(f"it took {seconds!r:.20} seconds")
    return State(config, from_json(DataStamp, content["data"]), model, optimizer, history, seconds)
