"""The folder of a run: its configuration, history, metrics, network and curves, each file written whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
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
        try:
            self.path = path or _next_free(DEFAULT_PARENT)
            self.path.mkdir(parents=True, exist_ok=True)
            with replacing(self.path / "config.json") as draft:
                draft.write_text("{}\n")
        except OSError as error:
            raise _unwritable(path or DEFAULT_PARENT, error) from error

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.json."""
        self._write_text("config.json", json.dumps(config, indent=2) + "\n")

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write metrics.json."""
        self._write_text("metrics.json", json.dumps(metrics, indent=2) + "\n")

    def write_history(self, rows: Sequence[Row]) -> None:
        """Write history.csv, a row an epoch."""
        try:
            with replacing(self.path / "history.csv") as draft, draft.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def write_model(self, model: nets.MLP) -> None:
        """Write model.safetensors."""
        try:
            checkpoint.save(model, self.path / "model.safetensors")
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def write_curves(self, rows: Sequence[Row]) -> None:
        """Write curves.png."""
        from viz.curves import draw_curves  # it imports matplotlib, which takes half a second

        try:
            with replacing(self.path / "curves.png") as draft:
                draw_curves(rows, draft)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _write_text(self, name: str, text: str) -> None:
        try:
            with replacing(self.path / name) as draft:
                draft.write_text(text)
        except OSError as error:
            raise _unwritable(self.path, error) from error


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


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"--out {path}: cannot be written to ({error.strerror or error}); name another folder")
