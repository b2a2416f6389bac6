"""The networks that have been trained here, and what one of them thinks of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import nets
from autodiff import no_grad
from mnist import settings
from mnist.config import TrainConfig
from mnist.data import CLASSES, PIXELS, Split
from mnist.data.sources import classes_of
from mnist.errors import UserError
from mnist.evaluation import probabilities
from mnist.run_folder import CONFIG, DEFAULT_PARENT, MODEL, load_network


@dataclass(frozen=True)
class Trained:
    """The network of a run, and the settings that it was trained with."""

    folder: Path
    model: nets.Sequential
    config: TrainConfig

    @property
    def name(self) -> str:
        """The folder, and in short what the network is."""
        return f"{self.folder}, {architecture(self.config)}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the ten classes are called."""
        return classes_of(self.config.dataset)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return the probability of each class: (n, 10) float32.

        Args:
            images: (n, 28, 28) or (n, 784) uint8, 0 the background and 255 the ink.
        """
        flat = images.reshape(len(images), PIXELS)
        return np.asarray(probabilities(self.model, Split(flat, np.zeros(len(flat), np.uint8))))


def architecture(config: TrainConfig) -> str:
    """Say in short what network a configuration asks for: lenet, or 784-128-64-10."""
    return "-".join(map(str, config.layers)) if config.network == "mlp" else config.network


def folders(parent: Path = DEFAULT_PARENT) -> list[Path]:
    """Return the folders of all runs that hold a network, the latest first."""
    networks = sorted(parent.glob(f"*/{MODEL}"), key=lambda path: (path.stat().st_mtime, path), reverse=True)
    return [path.parent for path in networks]


def latest(parent: Path = DEFAULT_PARENT) -> Path:
    """Return the folder of the latest run. Raises UserError if there is none."""
    if found := folders(parent):
        return found[0]
    raise UserError(f"{parent}: holds no trained network; train one: python -m mnist.train")


def load(folder: Path) -> Trained:
    """Return the network of a run, ready for use.

    Raises:
        UserError: there is none, or it is none for images of 28×28 pixels and ten classes.
    """
    model = load_network(folder)
    model.eval()
    try:
        with no_grad():
            fits = model(np.zeros((1, PIXELS), np.float32)).shape == (1, CLASSES)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise UserError(f"{folder / MODEL}: is not a network from {PIXELS} pixels to {CLASSES} classes")
    return Trained(folder, model, settings.read(folder / CONFIG))
