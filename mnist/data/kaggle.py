"""Kaggle's CSV of MNIST: a label and 784 pixels a row, with a header or without.

In the file that its competition wants labels for there is none, and its header begins with a pixel.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from mnist.data.dataset import CLASSES, MOST_ITEMS, PIXELS, Split
from mnist.errors import UserError

_COLUMNS = 1 + PIXELS
_HEADERS = ("label", "pixel")
_LONGEST_LINE = 1 << 14
"""Three times the longest row: a file that is one endless line is not read whole to be refused."""
_BLOCK = 2000
"""Rows parsed at a time: only their text is in memory, 4 MB of the 110 MB of MNIST."""
_BYTES = {str(value) for value in range(256)}


def read(path: Path) -> Split:
    """Read a CSV file of images and their labels.

    Raises UserError, with the number of the line, if a line is blank, has not 785 columns, or holds
    anything but whole numbers from 0 to 255, and if a label is over 9, or there are no rows.
    """
    table, first = _read(path, _COLUMNS)
    labels = table[:, 0].copy()
    wrong = np.flatnonzero(labels >= CLASSES)
    if wrong.size:
        row = wrong[0]
        raise UserError(
            f"{path}, line {first + row}: the label {labels[row]} is not one of 0 to 9; "
            "correct it or fetch the file again"
        )
    return Split(np.ascontiguousarray(table[:, 1:]), labels)


def read_images(path: Path) -> NDArray[np.uint8]:
    """Read a CSV file of images without labels: uint8 of shape (n, 784). Raises UserError as `read` does."""
    return _read(path, PIXELS)[0]


def has_labels(path: Path) -> bool:
    """Whether the first line of a CSV file has another number of columns than an image has pixels."""
    with _open(path) as file:
        return file.readline(_LONGEST_LINE).count(",") + 1 != PIXELS


def _read(path: Path, columns: int) -> tuple[NDArray[np.uint8], int]:
    """Return the rows of a file, (n, columns), and the number of the line of the first."""
    with _open(path) as file:
        first = _skip_header(file)
        return read_table(file, path, first, columns), first


@contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            yield file
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error}): fetch it again") from error


def read_table(file: TextIO, path: Path, first: int, columns: int = _COLUMNS) -> NDArray[np.uint8]:
    """Parse the rest of `file`, from its line number `first` on, as rows of so many bytes.

    Returns uint8 of shape (n, columns), n ≥ 1. Raises UserError as `read` does.
    """
    lines = iter(partial(file.readline, _LONGEST_LINE), "")
    blocks: list[NDArray[np.uint8]] = []
    rows = 0
    while block := list(islice(lines, _BLOCK)):
        blocks.append(_parse(block, path, first + rows, columns))
        rows += len(block)
        if rows > MOST_ITEMS:
            raise UserError(f"{path} holds more than {MOST_ITEMS:,} rows: give it fewer")
    if not rows:
        raise UserError(f"{path} holds no rows: fetch it again")
    return np.concatenate(blocks)


def _skip_header(file: TextIO) -> int:
    """Skip the header if there is one, and return the number of the first line after it."""
    if file.readline(_LONGEST_LINE).startswith(_HEADERS):
        return 2
    file.seek(0)
    return 1


def _parse(lines: list[str], path: Path, first: int, columns: int) -> NDArray[np.uint8]:
    """Parse some lines; of lines that cannot be parsed, find the first by halving."""
    try:
        # NumPy warns of what is to be an error here: a block of blank lines and, before 2.4, "nan".
        with warnings.catch_warnings(action="error"):
            rows = np.loadtxt(lines, np.uint8, delimiter=",", comments=None, ndmin=2)
        if rows.shape == (len(lines), columns):  # fewer rows where loadtxt passed over a blank line
            return rows
    except (ValueError, Warning):
        pass
    if len(lines) == 1:
        raise UserError(f"{path}, line {first}: {_fault(lines[0], columns)}; correct it or fetch the file again")
    half = len(lines) // 2
    parts = (lines[:half], first), (lines[half:], first + half)
    return np.concatenate([_parse(part, path, number, columns) for part, number in parts])


def _fault(line: str, columns: int) -> str:
    """Say what is wrong with a line that cannot be parsed."""
    if not line.strip():
        return "the line is blank"
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != columns:
        label = "a label and " if columns == _COLUMNS else ""
        return f"{len(fields)} columns instead of {columns}, {label}{PIXELS} pixels"
    column = next(column for column, field in enumerate(fields) if field not in _BYTES)
    return f"{fields[column][:20]!r} in column {column + 1} is not a whole number from 0 to 255"
