"""The flags of `python -m mnist.compare`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, get_args

from mnist.config import TrainConfig
from mnist.contestants import ENTRIES, threads
from mnist.contestants.problem import InitName, OptimizerName, Problem
from mnist.data import Name
from mnist.errors import UserError

ContestantName = Literal[
    "manual", "numpy", "eager", "compiled", "tf-eager", "tf-function", "tf-xla", "keras", "torch", "torch-compile",
    "jax",
]  # fmt: skip
REFERENCE = "float64"
"""Whom all are held against: the derivation by hand once more, but in float64."""
USUAL: tuple[ContestantName, ...] = ("manual", "eager", "compiled", "tf-eager", "keras", "torch")


@dataclasses.dataclass(frozen=True)
class CompareConfig:
    """Train the same network, from the same weights on the same batches: by hand, by this engine and by others.

    The table that it prints, with curves, is also written as a page and as Markdown. The exit status is 1 if a
    gradient is not what it is by hand.
    """

    suite: Literal["classics"] | None = None
    """classics trains as five well-known projects did, by hand and by engine, and sets the results beside theirs."""
    contestants: tuple[ContestantName, ...] | None = None
    """Who takes part; by default manual, eager, compiled, tf-eager, keras and torch, so far as they are installed."""
    layers: tuple[int, ...] = (784, 128, 64, 10)
    """Widths of the layers, from 784 pixels to 10 classes."""
    epochs: int = 5
    """How many times to go through the training images."""
    batch_size: int = 64
    """How many images to take a step on."""
    optimizer: OptimizerName = "sgd"
    """What moves the network."""
    lr: float | None = None
    """Learning rate; by default 0.1 for sgd, 0.001 for adam."""
    init: InitName = "he"
    """How the weights start."""
    seed: int = 0
    """Decides the first weights and the order of the images."""
    threads: int = threads.available()
    """How many threads each library computes on; by default one for each core."""
    patience: float = 600.0
    """Seconds that a contestant may take for an epoch."""
    dataset: Name = "mnist"
    """mnist-5k are the 5,000 digits that need no download."""
    data_dir: Path | None = None
    """Folder of IDX files or Kaggle's CSV; $MNIST_DATA_DIR, the cache and the network are looked at otherwise."""
    out: Path | None = None
    """Folder for the report, new or empty; by default the next free one of runs/001, runs/002, …"""

    def __post_init__(self) -> None:
        """Raise UserError where a value makes no sense."""
        self._training()
        if not 1 <= self.threads <= threads.available():
            raise UserError(f"--threads {self.threads}: must be from 1 to the {threads.available()} cores there are")
        if not self.patience > 0:
            raise UserError(f"--patience {self.patience:g}: must be more than 0 seconds")
        if self.suite:
            own = ("contestants", "layers", "epochs", "batch_size", "optimizer", "lr", "init")
            defaults = {field.name: field.default for field in dataclasses.fields(self)}
            if said := [f"--{name.replace('_', '-')}" for name in own if getattr(self, name) != defaults[name]]:
                raise UserError(f"--suite {self.suite}: its projects say how they train; leave out {' '.join(said)}")
        if self.contestants is not None:
            self._check_contestants(self.contestants)

    def _check_contestants(self, names: tuple[ContestantName, ...]) -> None:
        """Raise UserError unless somebody is named, nobody twice, and all are installed."""
        if not names:
            raise UserError(f"--contestants: name one or more of {', '.join(get_args(ContestantName))}")
        if len(set(names)) < len(names):
            raise UserError(f"--contestants {' '.join(names)}: name nobody twice")
        for name in names:
            if not ENTRIES[name].is_installed:
                library = ENTRIES[name].library
                raise UserError(f"--contestants {name}: {library} is not installed; pip install -e '.[bench]'")

    def _training(self) -> TrainConfig:
        """Return the training that this is, for `python -m mnist.train`. Raises UserError if it is none."""
        shared = ("layers", "epochs", "batch_size", "optimizer", "lr", "init", "seed", "dataset", "data_dir")
        return TrainConfig(**{name: getattr(self, name) for name in shared})

    @property
    def problem(self) -> Problem:
        """What is trained."""
        lr = self._training().learning_rate
        return Problem(self.layers, self.optimizer, self.batch_size, self.seed, init=self.init, lr=lr)

    @property
    def entered(self) -> list[str]:
        """Those who take part: whoever is named, or the usual ones that are installed."""
        return list(self.contestants or (name for name in USUAL if ENTRIES[name].is_installed))

    @property
    def absent(self) -> list[str]:
        """The usual ones that are not installed."""
        return [] if self.contestants else [name for name in USUAL if not ENTRIES[name].is_installed]
