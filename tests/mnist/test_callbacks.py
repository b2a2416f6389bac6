"""Callbacks hear of each turning point of a training, in order, and may end it."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mnist import Callback, TrainConfig, fit, training
from mnist.callbacks import EarlyStopping, ProgressBar, describe
from mnist.engines import load_engine
from mnist.recipes import AS_THEY_ARE

pytestmark = pytest.mark.usefixtures("undrawn")


def config(out, **settings):
    given = {"layers": (784, 10), "epochs": 3, "batch_size": 1000, "dataset": "mnist-5k", "engine": "manual"}
    return TrainConfig(**{**given, **AS_THEY_ARE, "out": out, **settings})


class Diary(Callback):
    """Write down all that is heard."""

    def __init__(self):
        self.pages = []

    def on_train_begin(self):
        self.pages.append("begin")

    def on_epoch_begin(self, epoch):
        self.pages.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs):
        assert logs["loss"] > 0
        self.pages.append(batch)

    def on_epoch_end(self, epoch, logs):
        assert logs == self.run.history[epoch - 1]
        self.pages.append(f"end of {epoch}")

    def on_train_end(self):
        self.pages.append("end")


def test_a_callback_hears_of_everything_in_order(tmp_path):
    diary = Diary()
    result = fit(config(tmp_path, epochs=2), announce=lambda line: None, callbacks=[diary])
    epochs = [[f"epoch {epoch}", 1, 2, 3, 4, f"end of {epoch}"] for epoch in (1, 2)]
    assert diary.pages == ["begin", *epochs[0], *epochs[1], "end"]
    assert diary.steps == 4
    assert diary.model is diary.run.model
    np.testing.assert_array_equal(diary.model[0].weight.data, result.model[0].weight.data)


def test_a_callback_may_stop_the_training_after_an_epoch(tmp_path):
    class Enough(Callback):
        def on_train_batch_end(self, batch, logs):
            self.stop_training = self.run.history != []

    enough = Enough()
    for name in ("first", "again"):  # what it said of one run it does not say of the next
        result = fit(config(tmp_path / name, epochs=9), announce=lambda line: None, callbacks=[enough])
        assert len(result.history) == 2
        assert not result.interrupted


def test_a_callback_hears_of_the_end_of_a_run_that_is_interrupted(tmp_path, monkeypatch):
    class Impatient(Diary):
        def on_train_batch_end(self, batch, logs):
            if self.run.history:
                raise KeyboardInterrupt

    diary = Impatient()
    result = fit(config(tmp_path), announce=lambda line: None, callbacks=[diary])
    assert result.interrupted
    assert diary.pages == ["begin", "epoch 1", "end of 1", "epoch 2", "end"]


def test_the_files_are_there_before_a_callback_hears_of_the_epoch(tmp_path):
    class Reader(Callback):
        def on_epoch_end(self, epoch, logs):
            assert len((tmp_path / "history.csv").read_text().splitlines()) == 1 + epoch

    fit(config(tmp_path), announce=lambda line: None, callbacks=[Reader()])


def test_training_stops_once_patience_is_over_and_keeps_the_best_network(tmp_path, monkeypatch):
    """From the third epoch on the gradients point the wrong way."""
    real, count = load_engine("manual"), iter(range(10**9))

    def engine(model, x, y):
        loss = real(model, x, y)
        if next(count) >= 8:
            for parameter in model.parameters():
                parameter.grad.data *= -1
        return loss

    monkeypatch.setattr(training, "load_engine", lambda name: engine)
    given = {"epochs": 20, "validation": 0.1, "patience": 3, "schedule": "constant", "optimizer": "sgd"}
    result = fit(config(tmp_path, **given), announce=lambda line: None)
    accuracies = [row["validation_accuracy"] for row in result.history]
    best = int(np.argmax(accuracies)) + 1
    assert best in (2, 3)
    assert len(result.history) == best + 3
    assert result.test.accuracy == result.history[best - 1]["test_accuracy"]


def test_early_stopping_counts_from_the_best_epoch():
    history = [
        {"epoch": epoch, "validation_accuracy": accuracy, "validation_loss": 1.0}
        for epoch, accuracy in enumerate((0.5, 0.9, 0.7, 0.8), 1)
    ]
    for patience, stops in ((1, True), (2, True), (3, False)):
        stopping = EarlyStopping(patience)
        stopping.run = SimpleNamespace(history=history)
        stopping.on_train_begin()
        assert stopping.stop_training is stops


def test_a_bar_on_a_terminal_counts_the_steps_of_an_epoch(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = ProgressBar()
    bar.run, bar.steps = SimpleNamespace(config=TrainConfig(epochs=7)), 4
    bar.on_epoch_begin(2)
    for batch in (1, 2, 3):
        bar.on_train_batch_end(batch, {"loss": 1.0})
    bar._bar.refresh()
    bar.on_train_end()
    assert "epoch 2/7:  75%" in capsys.readouterr().err


def test_the_line_of_an_epoch_says_what_is_in_its_row_and_no_more():
    row = {"epoch": 3, "train_loss": 0.5, "train_accuracy": 0.75, "test_loss": 1.0, "test_accuracy": 0.5}
    row |= {"l2_penalty": 0.0, "seconds": 1.25}
    line = describe(row, TrainConfig(epochs=10))
    assert line == "epoch  3/10   train loss 0.5000  accuracy 75.00%   test loss 1.0000  accuracy 50.00%   1.2 s"
    held = {"epoch": 3, "validation_loss": math.pi, "validation_accuracy": 1.0, "l2_penalty": 0.25, "seconds": 1.25}
    line = describe(held, TrainConfig(epochs=10))
    assert line == "epoch  3/10   validation loss 3.1416  accuracy 100.00%   l2 0.2500   1.2 s"
