"""All that a run needs to go on after its last whole epoch, in one file.

It is a safetensors file: the arrays of the network as `model.…`, those of the optimizer as `optimizer.…`, the averages
of weights and running statistics as `average.…` and the best network so far as `best.…`, and in its metadata the rest
as JSON, with a SHA-256 of it all, so that a file in which one bit has changed is not gone on with. The order of the
images and what is held out follow from seed and epoch, the learning rate from the step, whether to stop from the
history, and the settings of the optimizer from the configuration: there is no other state.
"""

from __future__ import annotations

import contextlib
import copy
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
from mnist.building import architecture, make_averages, make_network, make_optimizer
from mnist.config import TrainConfig
from mnist.data import idx
from mnist.errors import UserError
from mnist.fields import from_json
from nets import arrays, checkpoint
from nets.files import in_short

VERSION = 3

Row = Mapping[str, float]
"""An epoch in the history: a number for each column."""


def columns(config: TrainConfig, model: nets.Module) -> list[str]:
    """Return the columns of the history of a run: loss and accuracy by split, and the norm of each layer's gradient."""
    splits = ["train", "validation", "test"] if config.validation else ["train", "test"]
    of_splits = [f"{split}_{quantity}" for split in splits for quantity in ("loss", "accuracy")]
    return ["epoch", *of_splits, "l2_penalty", "seconds", *gradients.columns(model)]


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
    model: nets.Sequential
    optimizer: nets.Optimizer
    averages: nets.ExponentialMovingAverage | None
    history: list[Row]
    seconds: float
    """How long the epochs of the history took, all in all."""
    best: dict[str, np.ndarray] | None
    """The arrays of the network after the epoch that did best on the validation images; None without any."""

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """Let the network be the average of itself along the way within a `with`, if there is one."""
        return self.averages.applied() if self.averages else contextlib.nullcontext()

    def network(self) -> nets.Sequential:
        """Return what the run has come to: the best network so far, where there is a way to tell, or else the last."""
        if self.best is None and not self.averages:
            return self.model
        with self.averaged():
            twin = copy.deepcopy(self.model)
        if self.best is not None:
            twin.load_state_dict(self.best)
        return twin


def begin(config: TrainConfig, stamp: DataStamp) -> State:
    """Return the state of a run before its first epoch. Raises UserError if the network is larger than the memory."""
    model = make_network(config)
    optimizer, averages = make_optimizer(config, model), make_averages(config, model)
    return State(config, stamp, model, optimizer, averages, history=[], seconds=0.0, best=None)


def save(state: State, path: Path) -> None:
    """Write a state to a file, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    tensors = {f"model.{name}": array for name, array in state.model.state_dict().items()}
    for number, memory in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": np.asarray(value) for name, value in memory.items()}
    if state.averages:
        tensors |= {f"average.{number}": array for number, array in state.averages.state_dict().items()}
    tensors |= {f"best.{name}": array for name, array in (state.best or {}).items()}
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
    parts: dict[str, dict[str, np.ndarray]] = {"model": {}, "optimizer": {}, "average": {}, "best": {}}
    for path, array in tensors.items():
        kind, _, name = path.partition(".")
        parts[kind][name] = array
    memory: dict[int, dict[str, np.ndarray]] = {}
    for path, array in parts["optimizer"].items():
        number, _, name = path.partition(".")
        memory.setdefault(int(number), {})[name] = array

    config = from_json(TrainConfig, content["config"])
    made_of = architecture(config)
    model = checkpoint.build(made_of, parts["model"], nets.Sequential)
    optimizer = make_optimizer(config, model)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": memory})

    averages = make_averages(config, model)
    if averages:
        averages.load_state_dict(parts["average"])
    elif parts["average"]:
        raise ValueError("it holds averages, and nothing is averaged")

    history = _history(content["history"], config, model)
    best = parts["best"] if config.validation and history else None
    if best is None and parts["best"]:
        raise ValueError("it holds a best network that nothing has chosen")
    if best is not None:
        best = checkpoint.build(made_of, best, nets.Sequential).state_dict()
    seconds = content["seconds"]
    if not 0 <= seconds < math.inf:
        raise ValueError(f"it took {seconds!r:.20} seconds")
    return State(config, from_json(DataStamp, content["data"]), model, optimizer, averages, history, seconds, best)


def _history(rows: Any, config: TrainConfig, model: nets.Module) -> list[Row]:
    """Return a history whose epochs are in order, no more than there may be, and of finite numbers."""
    history: list[Row] = [{name: row[name] for name in columns(config, model)} for row in rows]
    for epoch, row in enumerate(history, 1):
        if row["epoch"] != epoch or not all(map(math.isfinite, row.values())):
            raise ValueError(f"its history has no sound epoch {epoch}")
    if len(history) > config.epochs:
        raise ValueError(f"its history has {len(history)} of {config.epochs} epochs")
    return history
