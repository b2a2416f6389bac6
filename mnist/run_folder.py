"""The folder of a run: its configuration, history, metrics, network and curves, each file written whole."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nets
from mnist.errors import UserError
from nets import checkpoint
from nets.files import replacing

DEFAULT_PARENT = Path("runs")

COLUMNS = ("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "l2_penalty", "seconds")

Row = Mapping[str, float]
"""An epoch in the history: a number for each column."""


class RunFolder:
    """Where a run leaves its results.

    Args:
        path: the folder, made if it is not there; None for the next free one of runs/001, runs/002, …

    Raises:
        UserError: it cannot be made or written to.
    """

    def __init__(self, path: Path | None) -> None:
        with _telling_of(path or DEFAULT_PARENT):
            self.path = path or _next_free(DEFAULT_PARENT)
            self.path.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.path).close()  # better to fail now than after an epoch

    def write_epoch(self, config: Mapping[str, Any], model: nets.MLP, history: Sequence[Row]) -> None:
        """Write model.safetensors, config.json and history.csv: what there is of the run so far.

        What an earlier run has left here is gone from then on, and not before.
        """
        with _telling_of(self.path):
            checkpoint.save(model, self.path / "model.safetensors")
            for name in ("metrics.json", "curves.png"):
                (self.path / name).unlink(missing_ok=True)
        self._write_text("config.json", _as_json(config))
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        self._write_text("history.csv", text.getvalue())

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write metrics.json."""
        self._write_text("metrics.json", _as_json(metrics))

    def write_curves(self, rows: Sequence[Row]) -> None:
        """Write curves.png."""
        from viz.curves import draw_curves  # it imports matplotlib, which takes half a second

        with _telling_of(self.path), replacing(self.path / "curves.png") as draft:
            draw_curves(rows, draft)

    def _write_text(self, name: str, text: str) -> None:
        with _telling_of(self.path), replacing(self.path / name) as draft:
            draft.write_text(text)


def _as_json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


@contextlib.contextmanager
def _telling_of(path: Path) -> Iterator[None]:
    """Turn the errors of writing to a folder into one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"--out {path}: cannot be written to ({reason}); name another folder") from error


def _next_free(parent: Path) -> Path:
    """Make and return the first of parent/001, parent/002, … that is not there, though others may look too."""
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = parent / f"{number:03}"
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path

