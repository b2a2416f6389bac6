"""`python -m mnist.predict FILE…`: which digits a trained network sees in images of any kind."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from mnist import data, images, runs
from mnist.cli import parse, run
from mnist.data.dataset import SIDE
from mnist.errors import UserError
from mnist.images import ImageError
from mnist.ink import BlankError
from mnist.preparation import prepare
from mnist.runs import Trained
from viz.letters import in_letters

_BAR = 14
_RUNNERS_UP = 3
_WORTH_TELLING = 0.001


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """Say which digits a trained network sees in images: light on dark or dark on light, of any size, in any format.

    The exit status is 0 if all could be read and 1 if not.
    """

    files: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Images, and folders of images."""
    run: Path | None = None
    """Folder of the run whose network is asked, such as runs/001; by default the latest."""
    sample: int | None = None
    """Ask about so many random test images instead, and compare with their labels."""
    seed: int | None = None
    """Decides which those are; by default they are others each time."""
    data_dir: Path | None = None
    """Folder of the run's data, for --sample, if they are not where they were."""
    show: bool = False
    """Draw each image as the network sees it, and every probability."""
    json: bool = False
    """Print everything as JSON, and nothing else."""

    def __post_init__(self) -> None:
        """Raise UserError where a value makes no sense."""
        if bool(self.files) == (self.sample is not None):
            raise UserError("give images, folders of images, or --sample 10: one or the other")
        if self.sample is not None and self.sample < 1:
            raise UserError(f"--sample {self.sample}: must be 1 or more")
        if self.seed is not None and self.seed < 0:
            raise UserError(f"--seed {self.seed}: must be 0 or more")
        if self.seed is not None and self.sample is None:
            raise UserError("--seed: decides what is sampled; add --sample 10")
        if self.data_dir is not None and self.sample is None:
            raise UserError(f"--data-dir {self.data_dir}: is where samples come from; add --sample 10")


@dataclasses.dataclass(frozen=True)
class Seen:
    """An image by its name, as it was prepared (28, 28), with its probabilities (10,), and its label where it has one.

    Where nothing could be seen, there is an error instead.
    """

    name: str
    image: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    label: int | None = None
    error: str | None = None


def look(trained: Trained, path: Path) -> Seen:
    """Let a network look at the picture in a file."""
    try:
        image = prepare(images.read(path))
    except (BlankError, ImageError) as error:
        return Seen(str(path), error=str(error))
    return Seen(str(path), image, trained.probabilities(image[None])[0])


def in_turn(paths: Sequence[Path]) -> Iterator[Path | Seen]:
    """Yield the files, and for each folder the files in it, by name; or what is wrong with the folder."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        try:
            inside = sorted(each for each in path.iterdir() if not each.is_dir() and not each.name.startswith("."))
        except OSError as error:
            yield Seen(str(path), error=f"cannot be read ({error.strerror})")
            continue
        if not inside:
            yield Seen(str(path), error="holds no images")
        yield from inside


def sampled(trained: Trained, config: PredictConfig, number: int) -> Iterator[Seen]:
    """Yield random test images of the data that a network was trained on."""
    data_dir = config.data_dir or trained.config.data_dir
    test = data.load(trained.config.dataset, data_dir, announce=lambda line: print(line, file=sys.stderr)).test
    if number > len(test):
        raise UserError(f"--sample {number}: there are {len(test):,} test images")
    rows = np.random.default_rng(config.seed).choice(len(test), number, replace=False)
    for row, p in zip(rows, trained.probabilities(test.images[rows]), strict=True):
        yield Seen(f"test image {row}", test.images[row].reshape(SIDE, SIDE), p, int(test.labels[row]))


def as_json(trained: Trained, seen: Iterable[Seen]) -> dict[str, Any]:
    """Return what was seen as JSON has it."""
    return {"run": str(trained.folder), "images": [_entry(each, trained.class_names) for each in seen]}


def _entry(seen: Seen, class_names: Sequence[str]) -> dict[str, Any]:
    if seen.probabilities is None:
        return {"name": seen.name, "error": seen.error}
    best = int(seen.probabilities.argmax())
    label = {} if seen.label is None else {"label": class_names[seen.label]}
    shares = dict(zip(class_names, seen.probabilities.tolist(), strict=True))
    return {"name": seen.name, "seen": class_names[best], **label, "probabilities": shares}


def line(seen: Seen, p: np.ndarray, class_names: Sequence[str], room: int) -> str:
    """Write in one line what was seen, how surely, and what else it might be."""
    order = np.argsort(-p, kind="stable")
    others = [f"{class_names[i]} {percent(p[i])}" for i in order[1 : 1 + _RUNNERS_UP] if p[i] >= _WORTH_TELLING]
    width = max(map(len, class_names))
    told = f"{on_its_line(seen.name):{room}}  {class_names[order[0]]:{width}}  {percent(p[order[0]]):>6}"
    if seen.label is not None:
        told += "  right" if order[0] == seen.label else f"  WRONG, it is {class_names[seen.label]}"
    return f"{told}   then {', '.join(others)}" if others else told


def on_its_line(name: str) -> str:
    """Return the name of a file with ? for all that is not printed, and that a terminal might obey instead."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def percent(p: float) -> str:
    """Write a probability, and neither 0 nor 1 for what is not quite."""
    return "<0.1%" if p < 0.001 else ">99.9%" if p > 0.999 else f"{p:.1%}"


def drawing(image: np.ndarray, p: np.ndarray, class_names: Sequence[str]) -> str:
    """Write an image as the network sees it, and beside it the probability of each class."""
    rows = [row.rstrip() for row in in_letters(image, sys.stdout.encoding)]
    first, width = (SIDE - 2 * len(p)) // 2, max(map(len, class_names))
    for i, (name, share) in enumerate(zip(class_names, p, strict=True)):
        row = first + 2 * i
        rows[row] = f"{rows[row]:{2 * SIDE}}  {name:>{width}} {percent(share):>6} {'#' * round(share * _BAR)}".rstrip()
    return "\n".join(rows)


def tell(trained: Trained, seen: Iterable[Seen], room: int, show: bool) -> int:
    """Print what is seen, and what cannot be, as it comes; return the exit status."""
    status, right, labelled = 0, 0, 0
    for each in seen:
        if each.probabilities is None or each.image is None:
            print(f"{on_its_line(each.name)}: {each.error}", file=sys.stderr, flush=True)
            status = 1
            continue
        print(line(each, each.probabilities, trained.class_names, room), flush=True)
        if show:
            print(f"{drawing(each.image, each.probabilities, trained.class_names)}\n", flush=True)
        if each.label is not None:
            labelled += 1
            right += int(each.probabilities.argmax() == each.label)
    if labelled:
        print(f"{right} of {labelled} right")
    return status


def main() -> int:
    """Look at what the flags say, and return the exit status."""
    config = parse(PredictConfig, "python -m mnist.predict")
    trained = runs.load(config.run or runs.latest())
    if config.sample is not None:
        seen: Iterable[Seen] = list(sampled(trained, config, config.sample))
        names = [each.name for each in seen]
    else:
        found = list(in_turn(config.files))
        names = [str(each) for each in found if isinstance(each, Path)]
        seen = (each if isinstance(each, Seen) else look(trained, each) for each in found)
    if config.json:
        seen = list(seen)
        print(json.dumps(as_json(trained, seen), indent=2))
        return int(any(each.error for each in seen))
    print(f"asked: the network of {trained.name}", file=sys.stderr)
    return tell(trained, seen, max(map(len, names), default=0), config.show)


if __name__ == "__main__":
    run(main)
