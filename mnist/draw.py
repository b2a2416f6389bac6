"""`python -m mnist.draw`: a picture of a training step of a network, forward, backward and update."""

from __future__ import annotations

import dataclasses
import errno
import os
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

import viz
from mnist import data, presets
from mnist.cli import parse, run
from mnist.data import CLASSES, PIXELS, Name
from mnist.data.dataset import SIDE
from mnist.errors import UserError
from mnist.presets import Scene
from viz.draw import Depth, Passes
from viz.picture import DrawingError, renderer, renderers

Preset = Literal["toy", "mnist"]
Format = Literal["html", "svg", "png", "pdf", "dot"]

LAYERS: dict[Preset, tuple[int, ...]] = {"toy": (3, 4, 2), "mnist": (PIXELS, 128, 64, CLASSES)}
BATCH_SIZES: dict[Preset, int] = {"toy": 2, "mnist": 4}

MOST_EXAMPLES = 10_000
MOST_PARAMETERS = 100_000_000

_HYPHEN = "\N{NON-BREAKING HYPHEN}"


@dataclasses.dataclass(frozen=True)
class DrawConfig:
    """Draw a training step of a multilayer perceptron: its forward pass, its backward pass and the update."""

    preset: Preset = "mnist"
    """toy is small enough to read every number, and to change it; mnist has real digits."""
    format: Format | None = None
    """html is a page that walks through the step, in one file that needs no network; the others are pictures. By
    default what --out ends in, or else a page and an svg."""
    passes: Annotated[Passes, tyro.conf.arg(name="pass")] = "both"
    """What a picture shows: the forward pass, the backward pass, or both."""
    depth: Depth | None = None
    """Whether a picture shows each op or each layer; by default each op, if there are not too many."""
    layers: tuple[int, ...] | None = None
    """Widths of the layers; by default 3 4 2 for toy, 784 128 64 10 for mnist."""
    weights: Path | None = None
    """A model.safetensors of mnist.train to draw; otherwise a network is trained on the spot."""
    batch_size: int | None = None
    """How many examples the step is on; by default 2 for toy, 4 for mnist."""
    seed: int = 0
    """Decides the weights."""
    dataset: Name = "mnist"
    """mnist-5k are the 5,000 digits that need no download."""
    data_dir: Path | None = None
    """Folder of IDX files or Kaggle's CSV; $MNIST_DATA_DIR, the cache and the network are looked at otherwise."""
    out: Path | None = None
    """File to write; by default the name of the preset with the ending of the format."""

    def __post_init__(self) -> None:
        """Raise UserError where a value makes no sense."""
        widths = self.widths
        given = f"--layers {' '.join(map(str, widths))}"
        if len(widths) < 2 or min(widths) < 1:
            raise UserError(f"{given}: needs two widths or more, each 1 or more")
        if self.preset == "mnist" and (widths[0] != PIXELS or widths[-1] != CLASSES):
            raise UserError(f"{given}: must run from {PIXELS} pixels to {CLASSES} classes")
        if self.out and self.out.suffix[1:] not in ([self.format] if self.format else get_args(Format)):
            raise UserError(f"--out {self.out}: must end in .{self.format or ', .'.join(get_args(Format))}")
        if sum(before * after for before, after in pairwise(widths)) > MOST_PARAMETERS:
            raise UserError(f"{given}: has more than {MOST_PARAMETERS:,} weights; give narrower layers")
        if not 1 <= self.examples <= MOST_EXAMPLES:
            raise UserError(f"--batch-size {self.batch_size}: must be from 1 to {MOST_EXAMPLES}")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: must be 0 or more")
        if self.weights and (self.preset == "toy" or self.layers):
            raise UserError("--weights: a saved network has its own layers; leave out --layers and --preset toy")

    @property
    def widths(self) -> tuple[int, ...]:
        """The layers given, or the preset's."""
        return LAYERS[self.preset] if self.layers is None else self.layers

    @property
    def examples(self) -> int:
        """The batch size given, or the preset's."""
        return BATCH_SIZES[self.preset] if self.batch_size is None else self.batch_size

    @property
    def paths(self) -> list[Path]:
        """The files that are written."""
        if self.out:
            return [self.out]
        formats = [self.format] if self.format else ["html", "svg" if renderers() else "dot"]
        return [Path(f"{self.preset}.{format}") for format in formats]


def scene_of(config: DrawConfig) -> Scene:
    """Return the step that is drawn: of the toy, of a saved network, or of one trained on the spot."""
    if config.preset == "toy":
        return presets.toy(config.widths, config.examples, config.seed)
    digits = data.load(config.dataset, config.data_dir, announce=lambda line: print(line, flush=True))
    if config.weights:
        model = presets.load(config.weights)
        if (model.layer_dims[0], model.layer_dims[-1]) != (PIXELS, CLASSES):
            raise UserError(f"--weights {config.weights}: its layers are {model.layer_dims}, not {PIXELS} to {CLASSES}")
    else:
        model = presets.train(config.widths, digits, config.seed)
    return presets.trained(model, digits, config.examples)


def page_of(config: DrawConfig, scene: Scene) -> viz.Page:
    """Return the page that walks through a scene."""
    title = f"A training step of the network {_HYPHEN.join(map(str, scene.model.layer_dims))}"
    said = presets.witnesses(scene)
    notes = [] if "TensorFlow" in said else ["TensorFlow was not installed where this page was made."]
    pictures = (SIDE, SIDE) if config.preset == "mnist" else None
    return viz.explore(scene.graph, title=title, witnesses=said, pictures=pictures, notes=notes)


def refuse(path: Path) -> None:
    """Raise UserError if a file can surely not be written, which is better told before the work than after it."""
    try:
        if path.suffix not in (".html", ".dot"):
            renderer(path.suffix[1:])
        if not path.parent.is_dir():
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    except (DrawingError, OSError) as error:
        raise _refusal(path, error) from error


def save(drawing: viz.Page | viz.Picture, path: Path) -> None:
    """Write a page or a picture to a file, and say which."""
    try:
        drawing.save(path)
    except (DrawingError, OSError) as error:
        raise _refusal(path, error) from error
    print(path)


def _refusal(path: Path, error: DrawingError | OSError) -> UserError:
    if isinstance(error, DrawingError):
        return UserError(f"--format {path.suffix[1:]}: {error}")
    return UserError(f"--out {path}: cannot be written ({error.strerror or error}); name another file")


def main() -> int:
    """Draw as the flags say, and return the exit status."""
    config = parse(DrawConfig, "python -m mnist.draw")
    for path in config.paths:
        refuse(path)
    scene = scene_of(config)
    for path in config.paths:
        is_page = path.suffix == ".html"
        save(page_of(config, scene) if is_page else viz.draw(scene.graph, config.passes, config.depth), path)
    return 0


if __name__ == "__main__":
    run(main)
