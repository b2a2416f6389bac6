"""The folder of a run: its state, network, configuration, history, metrics and pictures, each file written whole."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nets
from mnist import pictures, settings, state
from mnist.errors import UserError
from mnist.state import State, columns
from nets import checkpoint
from nets.files import discard_drafts, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFAULT_PARENT = Path("runs")

STATE, MODEL, CONFIG, HISTORY = "state.safetensors", "model.safetensors", "config.toml", "history.csv"
METRICS = "metrics.json"
MADE_AT_THE_END = (METRICS, *pictures.NAMES)


class RunFolder:
    """Where a run leaves its results.

    Args:
        path: the folder, made if it is not there; None for the next free one of runs/001, runs/002, …

    Raises:
        UserError: it cannot be made or written to.
    """

    def __init__(self, path: Path | None) -> None:
        with _telling_of(path or DEFAULT_PARENT):
            self.path = path or next_free(DEFAULT_PARENT)
            self.path.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.path).close()  # better to fail now than after an epoch
            for name in (STATE, MODEL, CONFIG, HISTORY, *MADE_AT_THE_END):
                discard_drafts(self.path / name)

    @property
    def holds_a_run(self) -> bool:
        """Whether a network is here."""
        return (self.path / MODEL).exists()

    def write_epoch(self, run: State) -> None:
        """Write state.safetensors, and of what it says model.safetensors, config.toml and history.csv.

        A process that is killed in between leaves a state from which all can be written again. What an earlier run
        has left here is gone from then on, and not before.
        """
        with _telling_of(self.path):
            state.save(run, self.path / STATE)
            for name in MADE_AT_THE_END:
                (self.path / name).unlink(missing_ok=True)
            checkpoint.save(run.network(), self.path / MODEL)
        self._write_text(CONFIG, settings.text(run.config))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns(run.config, run.model), lineterminator="\n")
        writer.writeheader()
        writer.writerows(run.history)
        self._write_text(HISTORY, text.getvalue())

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write metrics.json."""
        self._write_text(METRICS, _as_json(metrics))

    def write_pictures(self, drawn: Iterable[tuple[str, Figure]]) -> None:
        """Write pictures, each under its name."""
        write_pictures(self.path, drawn)

    def _write_text(self, name: str, text: str) -> None:
        with _telling_of(self.path), replacing(self.path / name) as draft:
            draft.write_text(text, encoding="utf-8", errors=settings.ERRORS)


def load_network(folder: Path) -> nets.Sequential:
    """Return the network that a run has left in its folder. Raises UserError if there is none."""
    try:
        return checkpoint.load(folder / MODEL, nets.Sequential)
    except FileNotFoundError as error:
        raise UserError(f"{folder}: holds no {MODEL}; name the folder of a run, such as runs/001") from error
    except OSError as error:
        raise UserError(f"{folder / MODEL}: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(str(error)) from error


def write_pictures(folder: Path, drawn: Iterable[tuple[str, Figure]]) -> None:
    """Write pictures to a folder, each under its name. Raises UserError if that cannot be done."""
    from viz import figures  # it imports matplotlib, which takes half a second

    for name, figure in drawn:
        with _telling_of(folder, "mend that"), replacing(folder / name) as draft:
            figures.save(figure, draft)


def _as_json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


@contextlib.contextmanager
def _telling_of(path: Path, remedy: str = "mend that or name another by --out") -> Iterator[None]:
    """Turn the errors of writing to a folder into one line, which says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path} cannot be written to ({reason}); {remedy}") from error


def next_free(parent: Path) -> Path:
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
