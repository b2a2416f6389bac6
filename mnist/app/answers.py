"""What the page and its programming interface answer: pictures and runs by their names in, plain numbers out."""

from __future__ import annotations

import base64
import binascii
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist import images, runs, settings
from mnist.data import CLASSES
from mnist.errors import UserError
from mnist.images import MOST_BYTES, ImageError
from mnist.ink import BlankError
from mnist.insight import Stage, evidence, stages
from mnist.preparation import prepare
from mnist.run_folder import CONFIG, MODEL
from mnist.runs import Trained

MOST_CHARACTERS = 4 * (MOST_BYTES // 3 + 1) + 100
"""Of a picture in base64."""


class RefusedError(ValueError):
    """What was asked cannot be answered, told in a sentence."""


@dataclass(frozen=True)
class Answer:
    """An image (28, 28) uint8 as it was prepared, and the probabilities (10,) that a network gives to the classes."""

    trained: Trained
    image: np.ndarray
    probabilities: np.ndarray

    @property
    def best(self) -> int:
        """The most probable class."""
        return int(self.probabilities.argmax())

    def chosen(self, digit: object) -> int:
        """Return a class by its number, which may be text; where there is none of that number, the most probable."""
        return int(str(digit)) if str(digit) in map(str, range(CLASSES)) else self.best

    def stages(self) -> list[Stage]:
        """Return what each stage of the network makes of the image."""
        return stages(self.trained.model, self.image)

    def evidence(self, digit: int) -> np.ndarray:
        """Return which pixels speak for a class, and which against: (28, 28)."""
        return evidence(self.trained.model, self.image, digit)


class Runs:
    """The runs in a folder, by their names, and their networks, each read when it is first asked for."""

    def __init__(self, parent: Path) -> None:
        self.parent = parent

    def names(self) -> list[str]:
        """Return the names of the runs that can be used, the latest first."""
        return [folder.name for folder in runs.folders(self.parent) if not _fault(folder, _changed(folder))]

    def faults(self) -> list[str]:
        """Say of each of the other runs why it cannot be used."""
        return list(filter(None, (_fault(folder, _changed(folder)) for folder in runs.folders(self.parent))))

    def choices(self) -> list[tuple[str, str]]:
        """Return what to call each run on the page, and its name."""
        return [(self._called(name), name) for name in self.names()]

    def _called(self, name: str) -> str:
        try:
            return f"{name}, {runs.architecture(settings.read(self.parent / name / CONFIG))}"
        except UserError:
            return name

    def trained(self, name: str | None) -> Trained:
        """Return the network of a run, or of the latest. Raises RefusedError if there is none of that name."""
        names = self.names()
        if not names:
            raise RefusedError("There is no trained network any more. Train one: python -m mnist.train")
        if name and name not in names:
            raise RefusedError(f"There is no run of that name. There are: {', '.join(names)}.")
        folder = self.parent / (name or names[0])
        try:
            return _load(folder, _changed(folder))
        except UserError as error:
            raise RefusedError(f"That run cannot be used: {error}") from error


def _changed(folder: Path) -> tuple[int, ...]:
    """Return when each file of a run that is read here was last written, so that it is read again after that."""
    return tuple(file.stat().st_mtime_ns for file in (folder / MODEL, folder / CONFIG) if file.is_file())


@functools.lru_cache(maxsize=8)
def _load(folder: Path, changed: tuple[int, ...]) -> Trained:
    """Return the network of a run as it was written at some time."""
    return runs.load(folder)


@functools.lru_cache(maxsize=1000)
def _fault(folder: Path, changed: tuple[int, ...]) -> str | None:
    """Say why a run as it was written at some time cannot be used; None if it can be."""
    try:
        runs.load(folder)
    except UserError as error:
        return str(error)
    return None


def answer(trained: Trained, picture: object) -> Answer:
    """Let a network look at a picture in base64, which may be a data URL.

    Raises:
        RefusedError: it is none that can be read, or there is nothing on it.
    """
    try:
        image = prepare(images.decode(_content(picture)))
    except BlankError as error:
        raise RefusedError("There is nothing to see on this picture.") from error
    except ImageError as error:
        raise RefusedError(f"This file {error}.") from error
    return Answer(trained, image, trained.probabilities(image[None])[0])


def _content(picture: object) -> bytes:
    if not isinstance(picture, str):
        raise ImageError("is not given as text in base64")
    if len(picture) > MOST_CHARACTERS:
        raise ImageError(f"is too large: more than {MOST_BYTES // 2**20} MiB")
    head, comma, rest = picture.partition(",")
    try:
        return base64.b64decode("".join((rest if comma else head).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError("is not given in base64") from error
