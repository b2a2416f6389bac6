"""A folder of data: which of its files are taken, and whether they go together."""

import dataclasses
from pathlib import Path

import numpy as np

from mnist.data import idx, kaggle
from mnist.data.dataset import CLASSES, PIXELS, SIDE, Dataset, Split
from mnist.data.sources import File, Source
from mnist.errors import UserError

_EACH = 10
"""Where the images to test on have no labels, one in so many of each class is taken from the others for it."""


def load(folder: Path, source: Source) -> Dataset:
    """Load what a folder holds in the form of `source`: four IDX files, or else two CSV files.

    The data set is named as `source` is if it is those very bytes, and "custom" if it is not. Of Kaggle's competition,
    whose own test images have no labels, those to test on are every tenth of each class of the others.

    Raises UserError if the folder cannot be read or holds no such files, if some of them are
    missing, and if one is not well-formed.
    """
    names = _names(folder, source)
    found = [_spelling(file, names) for file in source.files]
    if any(found):
        _refuse_gaps(folder, {file.name: name for file, name in zip(source.files, found, strict=True)})
        return load_idx([folder / name for name in found if name], source)
    tables = [(source.train_csv, source.test_csv), *filter(None, [source.competition_csv])]
    for pair in tables:
        if names.intersection(pair):
            _refuse_gaps(folder, {name: name in names for name in pair})
            train_csv, test_csv = (folder / name for name in pair)
            return _load_csv(train_csv, test_csv, source)
    raise UserError(
        f"{folder}, named by --data-dir or ${source.variable}, holds no data: put "
        f"{', '.join(file.name for file in source.files)} there, each gzipped or not, "
        f"or {' or '.join(map(' and '.join, tables))}"
    )


def load_idx(paths: list[Path], source: Source) -> Dataset:
    """Load the four IDX files, in the order of `source.files`; named and refused as in `load`."""
    train_images, train_labels, test_images, test_labels = paths
    return _identify(_read_split(train_images, train_labels), _read_split(test_images, test_labels), source)


def _load_csv(train_path: Path, test_path: Path, source: Source) -> Dataset:
    train = kaggle.read(train_path)
    if kaggle.has_labels(test_path):
        return _identify(train, kaggle.read(test_path), source)
    unlabelled = kaggle.read_images(test_path)
    aside = np.zeros(len(train), bool)
    for label in range(CLASSES):
        aside[np.flatnonzero(train.labels == label)[_EACH - 1 :: _EACH]] = True
    if not aside.any():
        raise UserError(f"{train_path} holds less than {_EACH} images of every class: too few to test on some of them")
    left, taken = (Split(train.images[rows], train.labels[rows]) for rows in (~aside, aside))
    return dataclasses.replace(_identify(left, taken, source), unlabelled=unlabelled)


def _identify(train: Split, test: Split, source: Source) -> Dataset:
    name = source.name if source.matches(train, test) else "custom"
    if source.transposed:
        train, test = train.transposed(), test.transposed()
    return Dataset(name, train, test)


def _read_split(images_path: Path, labels_path: Path) -> Split:
    images, labels = idx.read(images_path, (SIDE, SIDE)), idx.read(labels_path, ())
    if len(images) != len(labels):
        raise UserError(
            f"{images_path} holds {len(images):,} images and {labels_path} {len(labels):,} labels: "
            "give it files that belong together"
        )
    if labels.max() >= CLASSES:
        row = int((labels >= CLASSES).argmax())
        raise UserError(
            f"{labels_path}: label {row + 1:,} is {labels[row]}, not one of 0 to 9; fetch it again"
        )
    return Split(images.reshape(-1, PIXELS), labels)


def _names(folder: Path, source: Source) -> set[str]:
    try:
        return {path.name for path in folder.iterdir() if path.is_file()}
    except OSError as error:
        raise UserError(
            f"{folder} cannot be read as a folder of data ({error.strerror}): "
            f"name another by --data-dir or ${source.variable}"
        ) from error


def _spelling(file: File, names: set[str]) -> str | None:
    return next((spelling for spelling in file.spellings if spelling in names), None)


def _refuse_gaps(folder: Path, files: dict[str, object]) -> None:
    missing = [name for name, there in files.items() if not there]
    if missing:
        raise UserError(f"{folder} lacks {' and '.join(missing)}: put the missing file there too")
