"""What a training run is made of: the flags of `python -m mnist.train`, and the argument of `mnist.fit`."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, Literal

from mnist.augmentation import Augmentation
from mnist.data import CLASSES, PIXELS, Name
from mnist.data.dataset import SIDE
from mnist.errors import UserError
from mnist.fields import typed
from nets.initializers import Init
from nets.layers import Activation
from nets.schedules import ScheduleName

NetworkName = Literal["mlp", "lenet", "cnn"]
OptimizerName = Literal["sgd", "momentum", "adam", "adamw"]
EngineName = Literal["autodiff", "manual", "tensorflow"]

LEARNING_RATES: dict[OptimizerName, float] = {"sgd": 0.1, "momentum": 0.05, "adam": 1e-3, "adamw": 1e-3}
MOMENTUM = 0.9
ADAMW_DECAY = 0.01


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Train a network on MNIST, and write it, its history and pictures of both to a folder."""

    network: NetworkName = "mlp"
    """mlp has the layers below; lenet and cnn are convolutional networks."""
    layers: tuple[int, ...] = (784, 128, 64, 10)
    """Widths of the layers of an mlp, from 784 pixels to 10 classes."""
    epochs: int = 18
    """How many times to go through the training images."""
    batch_size: int = 64
    """How many images to take a step on."""
    optimizer: OptimizerName = "momentum"
    """momentum is SGD with momentum 0.9."""
    lr: float | None = None
    """Learning rate, the highest there is; by default 0.1 for sgd, 0.05 for momentum, 0.001 for adam and adamw."""
    schedule: ScheduleName = "one-cycle"
    """The course of the learning rate: cosine lets it fall to 0 by the end, one-cycle lets it climb before."""
    clip: float | None = None
    """The most that the norm of all gradients together may be at a step; a larger one is scaled down to it."""
    l2: float | None = None
    """λ of the penalty λ/2·‖W‖² on the weights, 0 by default; for adamw its decoupled decay, 0.01 by default."""
    label_smoothing: float = 0.0
    """ε: labels of probability 1 − ε, and ε divided evenly among all, to train on."""
    dropout: float = 0.0
    """Probability of each hidden unit of a linear layer, or of a cnn's last, to be left out of a step."""
    ema: float = 0.0
    """Decay of an exponential moving average of the weights, such as 0.999, which then is the network; 0 for none."""
    init: Init = "he"
    """How the weights of linear layers start; those of convolutions always do so by he."""
    activation: Activation = "relu"
    """The function between the layers."""
    seed: int = 0
    """Decides all that is drawn at random, from the first weights to the last distortion: equal seed, equal result."""
    validation: float = 0.0
    """Share of the training images of each class to hold out: the network of the epoch best at them is kept."""
    shift: int = 1
    """The most pixels that a training image is shifted by, another way each time, down or across."""
    rotate: float = 8.0
    """The most degrees that it is turned by."""
    scale: float = 0.1
    """The largest share of its size that it is grown or shrunk by."""
    elastic: float = 0.0
    """How strongly it is bent: α of Simard, Steinkraus and Platt (2003), who took 34."""
    workers: int = 1
    """Threads that do so in the background; the result is the same for any number."""
    patience: int | None = None
    """Stop after so many epochs without a better one on the validation images; by default never."""
    dataset: Name = "mnist"
    """mnist-5k are the 5,000 digits that need no download."""
    data_dir: Path | None = None
    """Folder of IDX files or Kaggle's CSV; $MNIST_DATA_DIR, the cache and the network are looked at otherwise."""
    engine: EngineName = "autodiff"
    """Who computes the gradients: this engine, the derivation by hand, or tf.GradientTape."""
    jit: bool = False
    """Compile the training step: some seconds at the start, the first time, for steps in half of the time."""
    anomaly: bool = False
    """Stop at the first NaN or infinity and say in which operation it arose; a few times as slow."""
    out: Path | None = None
    """Folder for the results; by default the next free one of runs/001, runs/002, …"""
    resume: Path | None = None
    """Folder of a run to go on with, after its last whole epoch and with its own flags: no others, but --data-dir."""

    def __post_init__(self) -> None:
        """Raise UserError where a value makes no sense."""
        try:
            for name, value in typed(self).items():
                object.__setattr__(self, name, value)
        except ValueError as error:
            raise UserError(str(error)) from error
        if self.resume:
            others = [f for f in dataclasses.fields(self) if f.name not in ("resume", "data_dir")]
            if changed := [f.name for f in others if getattr(self, f.name) != f.default]:
                flags = " ".join(map(_flag, changed))
                raise UserError(f"--resume {self.resume}: the run goes on with its own flags; leave out {flags}")
        if len(self.layers) < 2 or self.layers[0] != PIXELS or self.layers[-1] != CLASSES or min(self.layers) < 1:
            widths = " ".join(map(str, self.layers))
            raise UserError(f"--layers {widths}: must run from {PIXELS} pixels to {CLASSES} classes")
        for flag, least in (("epochs", 1), ("batch_size", 1), ("seed", 0), ("shift", 0), ("workers", 1)):
            if getattr(self, flag) < least:
                raise UserError(f"{_flag(flag)} {getattr(self, flag)}: must be {least} or more")
        self._check_ranges()
        self._check_combinations()

    def _check_ranges(self) -> None:
        """Raise UserError where a number is out of its range."""
        if not 0 < self.learning_rate < math.inf:
            raise UserError(f"--lr {self.lr}: must be a number above 0")
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"--l2 {self.l2}: must be a number of 0 or more")
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise UserError(f"--clip {self.clip}: must be a number above 0")
        for flag, most in (("rotate", 180), ("elastic", 1000)):
            if not 0 <= getattr(self, flag) <= most:
                raise UserError(f"--{flag} {getattr(self, flag)}: must be a number from 0 to {most}")
        if self.shift > SIDE:
            raise UserError(f"--shift {self.shift}: must be {SIDE} or less, the side of an image")
        for flag in ("label_smoothing", "dropout", "ema", "validation", "scale"):
            if not 0 <= getattr(self, flag) < 1:
                raise UserError(f"{_flag(flag)} {getattr(self, flag)}: must be a number from 0 to below 1")
        if self.patience is not None and self.patience < 1:
            raise UserError(f"--patience {self.patience}: must be 1 or more")

    def _check_combinations(self) -> None:
        """Raise UserError where one setting excludes another."""
        if self.network != "mlp":
            if self.engine != "autodiff":
                raise UserError(f"--network {self.network}: is for this engine alone; leave out --engine {self.engine}")
            if self.layers != TrainConfig.layers:
                raise UserError(f"--layers: are of an mlp; leave them out, or --network {self.network}")
        for flag in ("anomaly", "jit", "label_smoothing", "dropout"):
            if getattr(self, flag) and self.engine != "autodiff":
                raise UserError(f"{_flag(flag)}: is for this engine alone; leave out --engine {self.engine}")
        if self.anomaly and self.jit:
            raise UserError("--anomaly: cannot look into a compiled step; leave out --jit")
        if self.patience and not self.validation:
            raise UserError(f"--patience {self.patience}: needs images to validate on; add --validation 0.1")

    @property
    def learning_rate(self) -> float:
        """The learning rate given, or the optimizer's default."""
        return LEARNING_RATES[self.optimizer] if self.lr is None else self.lr

    @property
    def weight_decay(self) -> float:
        """The λ given, or the optimizer's default."""
        return (ADAMW_DECAY if self.optimizer == "adamw" else 0.0) if self.l2 is None else self.l2

    @property
    def augmentation(self) -> Augmentation:
        """How far the training images may be changed."""
        return Augmentation(self.shift, self.rotate, self.scale, self.elastic)

    def as_json(self) -> dict[str, Any]:
        """Return the fields, with the defaults of this optimizer filled in, as JSON has them."""
        fields = dataclasses.asdict(self) | {"lr": self.learning_rate, "l2": self.weight_decay}
        return {name: str(value) if isinstance(value, Path) else value for name, value in fields.items()}


def _flag(name: str) -> str:
    """Return the flag of a field."""
    return f"--{name.replace('_', '-')}"
