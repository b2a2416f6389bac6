"""What is done at the turning points of a training, by whoever wants to: named as Keras names it.

A callback is handed to `mnist.fit`. The history itself is none, nor are the files that a run goes on from: they are
written before any callback hears of the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tqdm import tqdm

import nets
from mnist.config import TrainConfig
from mnist.state import State
from mnist.validation import best_epoch

Announce = Callable[[str], None]


class Callback:
    """Override what you need. Epochs are counted from 1, as the history counts them, and batches too.

    `run` is the run so far: its `config`, `model`, `optimizer` and `history`; `steps` is the number of batches of an
    epoch. Set `stop_training`, and this epoch is the last.
    """

    run: State
    steps: int
    stop_training: bool = False

    @property
    def model(self) -> nets.Sequential:
        """The network as it is being trained."""
        return self.run.model

    def on_train_begin(self) -> None:
        """Be called before the first epoch, of a run that goes on too."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Be called before an epoch."""

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float]) -> None:
        """Be called after each step; `logs` has the `loss` of its batch."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Be called after an epoch; `logs` is its row of the history."""

    def on_train_end(self) -> None:
        """Be called once after the last epoch, also of a run that was interrupted."""


class EarlyStopping(Callback):
    """Stop once so many epochs have passed without a better one on the validation images."""

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_train_begin(self) -> None:
        """Look at the history of a run that goes on: it may have been at its end."""
        self._look()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        """See how long ago the best epoch was."""
        self._look()

    def _look(self) -> None:
        history = self.run.history
        self.stop_training = bool(history) and len(history) - best_epoch(history) >= self.patience


class ProgressBar(Callback):
    """Show on a terminal how far an epoch is."""

    _bar: tqdm | None = None

    def on_epoch_begin(self, epoch: int) -> None:
        """Begin a bar."""
        name = f"epoch {epoch}/{self.run.config.epochs}"
        self._bar = tqdm(total=self.steps, desc=name, unit="batch", leave=False, disable=None, mininterval=0.2)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float]) -> None:
        """Go a step further."""
        assert self._bar is not None
        self._bar.update()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Wipe the bar away."""
        self.on_train_end()

    def on_train_end(self) -> None:
        """Wipe away a bar that was left."""
        if self._bar is not None:
            self._bar.close()


class Announcer(Callback):
    """Say of each epoch, in a line, how it went."""

    def __init__(self, announce: Announce) -> None:
        self.announce = announce

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Say how it went."""
        self.announce(describe(logs, self.run.config))


def describe(row: Mapping[str, float], config: TrainConfig) -> str:
    """Write an epoch as a line."""
    parts = [f"epoch {row['epoch']:>{len(str(config.epochs))}}/{config.epochs}"]
    splits = [name.removesuffix("_loss") for name in row if name.endswith("_loss")]
    parts += [f"{split} loss {row[f'{split}_loss']:.4f}  accuracy {row[f'{split}_accuracy']:.2%}" for split in splits]
    if row["l2_penalty"]:
        parts.append(f"l2 {row['l2_penalty']:.4f}")
    return "   ".join([*parts, f"{row['seconds']:.1f} s"])
