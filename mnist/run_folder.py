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

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.json."""
        self._write_text("config.json", json.dumps(config, indent=2) + "\n")

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write metrics.json."""
        self._write_text("metrics.json", json.dumps(metrics, indent=2) + "\n")

    def write_history(self, rows: Sequence[Row]) -> None:
        """Write history.csv, a row an epoch."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self._write_text("history.csv", text.getvalue())

    def write_model(self, model: nets.MLP) -> None:
        """Write model.safetensors."""
        with _telling_of(self.path):
            checkpoint.save(model, self.path / "model.safetensors")

    def write_curves(self, rows: Sequence[Row]) -> None:
        """Write curves.png."""
        from viz.curves import draw_curves  # it imports matplotlib, which takes half a second

        with _telling_of(self.path), replacing(self.path / "curves.png") as draft:
            draw_curves(rows, draft)

    def _write_text(self, name: str, text: str) -> None:
        with _telling_of(self.path), replacing(self.path / name) as draft:
            draft.write_text(text)


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

