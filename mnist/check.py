"""`python -m mnist.check`: hear every witness of the gradients of a real network on a real batch."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import nets
from mnist import data
from mnist.agreement import compare
from mnist.building import make_network
from mnist.cli import parse, run
from mnist.config import TrainConfig
from mnist.data import CLASSES, PIXELS, Name
from mnist.engines import Engine, by_autodiff, by_hand, tensorflow_on_each_device
from mnist.errors import UserError
from mnist.report import Report, page
from mnist.training import batches
from mnist.witnesses import DIRECTIONS, clear_of_kinks, differences, doubt, hear, in_dtype
from nets import checkpoint
from nets.layers import Activation


@dataclasses.dataclass(frozen=True)
class CheckConfig:
    """Compare gradients as this engine, the derivation by hand, TensorFlow and differences have them.

    The exit status is 0 if they agree and 1 if they do not.
    """

    layers: tuple[int, ...] | None = None
    """Widths of the layers, from 784 pixels to 10 classes; by default those of --weights, or else 784 128 64 10."""
    activation: Activation | None = None
    """The function between the layers; by default that of --weights, or else relu."""
    weights: Path | None = None
    """A saved network, such as runs/001/model.safetensors, instead of a new one."""
    batch_size: int = 64
    """How many training images to look at."""
    seed: int = 0
    """Decides the first weights, the images, and the directions of the differences."""
    dataset: Name = "mnist"
    """mnist-5k are the 5,000 digits that need no download."""
    data_dir: Path | None = None
    """Folder of IDX files or Kaggle's CSV; $MNIST_DATA_DIR, the cache and the network are looked at otherwise."""
    json: bool = False
    """Print every comparison as JSON, and nothing else."""

    def __post_init__(self) -> None:
        """Raise UserError where a value makes no sense."""
        self.training()

    def training(self) -> TrainConfig:
        """Return the training that begins with the new network, and with the batch, that are to be looked at."""
        own = {"layers", "activation", "batch_size", "seed", "dataset", "data_dir"}
        given = {name: getattr(self, name) for name in own if getattr(self, name) is not None}
        return TrainConfig(**given)


def check(config: CheckConfig, announce: Callable[[str], None] = print) -> Report:
    """Hear every witness, and compare what they say.

    All are given the same numbers, which are float32; in float64 they have more digits for what comes of them.

    Raises:
        UserError: the data or the weights are not to be had, or there is nothing to compare.
    """
    rng = np.random.default_rng(config.seed).spawn(1)[0]
    model = _new_network(config, rng) if config.weights is None else _saved_network(config, config.weights)
    digits = data.load(config.dataset, config.data_dir, announce=announce)
    x, y = digits.train.batch(next(batches(len(digits.train), config.batch_size, config.seed, epoch=1)))
    clear = clear_of_kinks(model, x)
    if not clear.any():
        raise UserError(
            f"--batch-size {config.batch_size}: on each of these images the input of a relu is within rounding of 0; "
            "take more of them, or another --seed"
        )
    x, y = x[clear], y[clear]
    uncertainty = doubt(model, x, y)

    engines = _engines(announce)
    wide, narrow = (
        {name: hear(engine, in_dtype(model, dtype), x.astype(dtype), y) for name, engine in engines.items()}
        for dtype in (np.float64, np.float32)
    )
    measured = differences(model, x, y, rng)
    directions = DIRECTIONS * len(measured.slopes)
    return Report(
        layers=model.layer_dims,
        activation=model.activation,
        weights=f"drawn with seed {config.seed}" if config.weights is None else str(config.weights),
        dataset=digits.name,
        images=len(y),
        left_out=len(clear) - len(y),
        directions=directions,
        unmeasured=directions - sum(map(len, measured.slopes.values())),
        doubt=uncertainty,
        comparisons=compare(wide, narrow, measured, uncertainty),
    )


def _engines(announce: Callable[[str], None]) -> dict[str, Engine]:
    """Return the engines that are to be heard, by the names that they have in the report."""
    engines: dict[str, Engine] = {"engine": by_autodiff, "by hand": by_hand}
    try:
        return engines | {f"TF {device}": engine for device, engine in tensorflow_on_each_device().items()}
    except ImportError:
        announce("TensorFlow is not installed, so the others are heard alone; pip install -e '.[tensorflow]'")
        return engines


def _new_network(config: CheckConfig, rng: np.random.Generator) -> nets.MLP:
    """Return the network with which a training begins, but with biases that are not 0: nothing hides behind a 0."""
    model = make_network(config.training())
    assert isinstance(model, nets.MLP)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data = (0.1 * rng.standard_normal(parameter.shape)).astype(parameter.dtype)
    return model


def _saved_network(config: CheckConfig, path: Path) -> nets.MLP:
    """Return the network in a file, in float32. Raises UserError if it is none, or none as the flags describe."""
    try:
        model = checkpoint.load(path)
    except OSError as error:
        raise UserError(f"--weights {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"--weights: {error}") from error
    if (model.layer_dims[0], model.layer_dims[-1]) != (PIXELS, CLASSES):
        raise UserError(
            f"--weights {path} is a network from {model.layer_dims[0]} numbers to {model.layer_dims[-1]}: "
            f"give one from {PIXELS} pixels to {CLASSES} classes"
        )
    if config.layers not in (None, model.layer_dims):
        raise UserError(f"--layers: {path} has {_spaced(model.layer_dims)}; leave --layers out, or --weights")
    if config.activation not in (None, model.activation):
        raise UserError(f"--activation: {path} has {model.activation}; leave --activation out, or --weights")
    model = in_dtype(model, np.float32)
    if not all(np.isfinite(parameter.data).all() for parameter in model.parameters()):
        raise UserError(f"--weights {path} holds numbers that are not finite in float32; give another network")
    return model


def _spaced(widths: Sequence[int]) -> str:
    return " ".join(map(str, widths))


def main() -> int:
    """Check as the flags say; print what came out, and return the exit status."""
    config = parse(CheckConfig, "python -m mnist.check")
    with np.errstate(all="ignore"):  # what overflows is no number, and no agreement
        report = check(config, announce=lambda line: print(line, file=sys.stderr, flush=True))
    print(json.dumps(report.as_json(), indent=2) if config.json else page(report))
    return 1 if report.broken else 0


if __name__ == "__main__":
    run(main)
