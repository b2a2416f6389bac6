"""The flags of `python -m mnist.benchmark`, and the problems that they name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, get_args

from mnist.contestants import ENTRIES, threads
from mnist.contestants.architecture import NetworkName
from mnist.contestants.problem import OptimizerName, Problem
from mnist.data import CLASSES, PIXELS, Name
from mnist.errors import UserError

ContestantName = Literal[
    "numpy", "eager", "compiled", "tf-eager", "tf-function", "tf-xla", "keras", "torch", "torch-compile", "jax"
]
Sweep = Literal["batch", "width", "depth"]

NETWORKS: tuple[tuple[NetworkName, tuple[int, ...], OptimizerName], ...] = (
    ("mlp", (PIXELS, 10, CLASSES), "sgd"),
    ("mlp", (PIXELS, 128, 64, CLASSES), "sgd"),
    ("mlp", (PIXELS, 512, 256, CLASSES), "adam"),
    ("lenet", (PIXELS, CLASSES), "sgd"),
)
USUAL = (PIXELS, 128, 64, CLASSES)
"""What is timed of an mlp if nothing says what, ..."""
RACED = (PIXELS, 512, 256, CLASSES)
"""... and what is trained to an accuracy."""
SIZES: dict[Sweep, tuple[int, ...]] = {
    "batch": (16, 64, 256, 1024, 4096),
    "width": (32, 64, 128, 256, 512, 1024, 2048),
    "depth": (3, 10, 30, 100, 300, 1000),
}
NARROW = 32
"""The width of the layers of which there are many."""


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """Time a training step, forward, backward and update, in float32: this engine, NumPy by hand and other libraries.

    Without flags: three perceptrons and LeNet at batch 64, with every library that is installed.
    """

    network: NetworkName = "mlp"
    """lenet is timed alone; its derivation by hand in NumPy takes no part."""
    layers: tuple[int, ...] | None = None
    """Widths of the layers of one mlp, such as 784 128 64 10, instead of all."""
    optimizer: OptimizerName | None = None
    """What moves it; by default sgd, and adam with --to-accuracy."""
    batch_size: int = 64
    """How many images to take a step on."""
    contestants: tuple[ContestantName, ...] = get_args(ContestantName)
    """Who takes part."""
    threads: int = threads.available()
    """How many threads each library computes on; by default one for each core."""
    rounds: int = 5
    """How many turns each contestant has, of 0.2 s each; with --to-accuracy, how many runs, the first of which is
    with empty caches."""
    sweep: Sweep | None = None
    """Vary the batch size, the width of two hidden layers, or the number of layers, each 32 wide."""
    sizes: tuple[int, ...] | None = None
    """The values of the sweep, instead of the usual ones."""
    to_accuracy: float | None = None
    """Time from the start of a process to this test accuracy in percent, as 97.43; 784-512-256-10 unless --layers."""
    patience: float = 120.0
    """Seconds that a contestant may take for its first step, or to the accuracy."""
    seed: int = 0
    """Decides the first weights and the order of the images."""
    dataset: Name = "mnist"
    """What --to-accuracy trains on; mnist-5k are the 5,000 digits that need no download."""
    data_dir: Path | None = None
    """Folder of IDX files or Kaggle's CSV; $MNIST_DATA_DIR, the cache and the network are looked at otherwise."""
    json: Path | None = None
    """File for all figures, as JSON."""
    plot: Path | None = None
    """File for a picture of the sweep, a PNG."""

    def __post_init__(self) -> None:
        """Raise UserError where a value makes no sense."""
        if self.layers is not None and (len(self.layers) < 2 or min(self.layers) < 1):
            raise UserError(f"--layers {_spaced(self.layers)}: needs two widths or more, each 1 or more, as 784 10")
        if self.sizes is not None and (not self.sizes or min(self.sizes) < 1):
            raise UserError(f"--sizes {_spaced(self.sizes)}: needs values of 1 or more")
        for flag, least in (("batch_size", 1), ("rounds", 1), ("seed", 0)):
            if getattr(self, flag) < least:
                raise UserError(f"--{flag.replace('_', '-')} {getattr(self, flag)}: must be {least} or more")
        if not 1 <= self.threads <= threads.available():
            raise UserError(f"--threads {self.threads}: must be from 1 to the {threads.available()} cores there are")
        if not self.patience > 0:
            raise UserError(f"--patience {self.patience:g}: must be more than 0 seconds")
        if not self.contestants:
            raise UserError(f"--contestants: name one or more of {', '.join(ENTRIES)}")
        for flag in ("json", "plot"):
            if (path := getattr(self, flag)) and not path.parent.is_dir():
                raise UserError(f"--{flag} {path}: there is no folder {path.parent}")
        self._check_together()

    def _check_together(self) -> None:
        """Raise UserError where two flags do not go together."""
        if self.sweep and self.to_accuracy is not None:
            raise UserError("--to-accuracy: is of one network; leave out --sweep")
        for flag in ("sizes", "plot"):
            if getattr(self, flag) and not self.sweep:
                raise UserError(f"--{flag} is for --sweep; say which")
        if self.network != "mlp" and self.layers:
            raise UserError(f"--network {self.network}: has layers of its own; leave out --layers")
        if self.sweep in ("width", "depth") and self.network != "mlp":
            raise UserError(f"--sweep {self.sweep}: makes the networks; leave out --network")
        if self.sweep in ("width", "depth") and self.layers:
            raise UserError(f"--sweep {self.sweep}: makes the networks; leave out --layers")
        if self.to_accuracy is not None:
            if not 0 < self.to_accuracy < 100:
                raise UserError(f"--to-accuracy {self.to_accuracy:g}: must be a percentage, as 97.43")
            if self.layers and (self.layers[0], self.layers[-1]) != (PIXELS, CLASSES):
                raise UserError(f"--layers {_spaced(self.layers)}: must run from {PIXELS} pixels to {CLASSES} classes")

    @property
    def problems(self) -> list[Problem]:
        """What steps are timed of."""
        if self.sweep:
            return [self._problem_of(size) for size in self.swept]
        if self.layers or self.optimizer or self.network != "mlp":
            return [self._problem(self._layers(USUAL), self.optimizer or "sgd")]
        return [Problem(layers, how, self.batch_size, self.seed, network) for network, layers, how in NETWORKS]

    @property
    def raced(self) -> Problem:
        """What is trained to an accuracy."""
        return self._problem(self._layers(RACED), self.optimizer or "adam")

    @property
    def swept(self) -> tuple[int, ...]:
        """The values of the sweep."""
        return self.sizes or SIZES[self.sweep] if self.sweep else ()

    def _problem(self, layers: tuple[int, ...], optimizer: OptimizerName, batch_size: int | None = None) -> Problem:
        return Problem(layers, optimizer, batch_size or self.batch_size, self.seed, self.network)

    def _layers(self, usual: tuple[int, ...]) -> tuple[int, ...]:
        """Return the widths that are asked for, or the usual ones."""
        return self.layers or (usual if self.network == "mlp" else (PIXELS, CLASSES))

    def _problem_of(self, size: int) -> Problem:
        """Return the problem of one value of the sweep."""
        optimizer = self.optimizer or "sgd"
        if self.sweep == "batch":
            return self._problem(self._layers(USUAL), optimizer, size)
        hidden = (size, size) if self.sweep == "width" else (NARROW,) * (size - 1)
        return self._problem((PIXELS, *hidden, CLASSES), optimizer)


def _spaced(widths: tuple[int, ...]) -> str:
    return " ".join(map(str, widths))
