"""Training: batches, steps and epochs, and what is kept of them."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import autodiff as ad
import nets
from mnist import data, gradients, pictures, state
from mnist.config import TrainConfig
from mnist.engines import Engine, by_autodiff_watched, load_engine
from mnist.errors import DivergenceError, UserError, signal_of
from mnist.evaluation import Evaluation, evaluate
from mnist.run_folder import STATE, RunFolder
from mnist.state import DataStamp, Row, State
from nets.schedules import SCHEDULES

Announce = Callable[[str], None]

Step = Callable[[Any, Any], float]
"""Takes a batch x (m, 784) and its labels y (m,), moves the network, and returns the mean cross-entropy before."""


class Steps(NamedTuple):
    """Two ways to take a step: one leaves the gradients in `.grad`, to be measured; one, compiled perhaps, is quick."""

    measured: Step
    quick: Step


_EACH, _EACH_COMPILED = 32, 256
"""Of so many steps the gradients of one are measured; where the others are compiled, that one takes thrice the time."""


@dataclass(frozen=True)
class Result:
    """What came out of a run: the network as it was after the last epoch of the history, and how well it does.

    `signal` is what ended the run before its last epoch: SIGINT, which is Ctrl-C, or SIGTERM.
    """

    config: TrainConfig
    model: nets.MLP
    history: list[Row]
    test: Evaluation
    folder: Path
    signal: Signals | None

    @property
    def interrupted(self) -> bool:
        """Whether the run was ended before its last epoch."""
        return self.signal is not None


def fit(config: TrainConfig, announce: Announce = print) -> Result:
    """Train a network as the configuration says, or go on with a run, and write what comes out of it into its folder.

    `announce` is handed each line that the user should read. Ctrl-C ends the training early, and what there is
    of whole epochs by then is written and returned.

    Raises:
        UserError: the data or the folder are not to be had, or a package is missing; or the run cannot be gone on with.
        DivergenceError: the loss became infinite or no number.
        KeyboardInterrupt: it came before the first epoch's end, and the folder holds the network of an earlier run.
    """
    found = _find(config.resume, config.data_dir) if config.resume else None
    config = found.config if found else config
    engine = by_autodiff_watched if config.anomaly else load_engine(config.engine)
    digits = data.load(config.dataset, config.data_dir, announce=announce)
    stamp = DataStamp.of(digits)
    if found and found.data != stamp:
        raise UserError(f"--resume {config.out}: it needs {found.data}, not {stamp}; name its data by --data-dir")
    folder = RunFolder(config.out)
    run = found or state.begin(config, stamp)
    announce(repr(run.model))
    if found:
        folder.write_epoch(run)
        announce(f"{folder.path}: {len(run.history)} of {config.epochs} epochs were finished")

    run, signal = _train(run, engine, digits, folder, announce)
    test = evaluate(run.model, digits.test)
    folder.write_metrics(
        {
            "test_accuracy": test.accuracy,
            "test_loss": test.loss,
            "dataset": digits.name,
            "train_size": len(digits.train),
            "test_size": len(digits.test),
            "epochs": len(run.history),
            "interrupted": signal is not None,
            "seconds": run.seconds,
            "engine": config.engine,
            "parameters": sum(parameter.size for parameter in run.model.parameters()),
            "test_accuracy_by_class": (test.right / np.maximum(test.images, 1)).tolist(),
        }
    )
    if run.history:
        folder.write_pictures(pictures.of_training(run.history, run.model))
        folder.write_pictures(pictures.of_evaluation(test, run.model, digits.test))
    return Result(config, run.model, run.history, test, folder.path, signal)


def _find(path: Path, data_dir: Path | None) -> State:
    """Return the run that a folder holds, as one that goes on in this folder, and with data from another if given."""
    try:
        found = state.load(path / STATE)
    except FileNotFoundError as error:
        raise UserError(f"--resume {path}: holds no {STATE}, so no epoch of a run was finished there") from error
    except OSError as error:
        raise UserError(f"--resume {path}: {STATE} cannot be read ({error})") from error
    except ValueError as error:
        raise UserError(f"--resume {error}; train anew without it") from error
    found.config = dataclasses.replace(found.config, out=path, data_dir=data_dir or found.config.data_dir)
    return found


def batches(size: int, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Yield the rows of an epoch, in an order that seed and epoch decide, in batches; the last may be smaller."""
    order = np.random.default_rng([seed, epoch]).permutation(size)
    for start in range(0, size, batch_size):
        yield order[start : start + batch_size]


def _train(
    run: State, engine: Engine, digits: data.Dataset, folder: RunFolder, announce: Announce
) -> tuple[State, Signals | None]:
    """Train until the end or an interruption; return the run as it was after its last whole epoch, and the signal."""
    kept = copy.deepcopy(run)
    start = time.perf_counter() - run.seconds
    try:
        with np.errstate(all="ignore"):  # of what overflows, the loss tells
            for row in _epochs(run, engine, digits):
                run.seconds = time.perf_counter() - start
                kept = copy.deepcopy(run)
                folder.write_epoch(kept)
                announce(_describe(row, run.config))
    except KeyboardInterrupt as interruption:
        if not kept.history and folder.holds_a_run:
            raise  # the network there is worth more than one that has not been trained
        folder.write_epoch(kept)
        return kept, signal_of(interruption)
    return kept, None


def _epochs(run: State, engine: Engine, digits: data.Dataset) -> Iterator[Row]:
    """Train the epochs that are left one by one, and yield the row that each adds to the history."""
    config, model = run.config, run.model
    ways = _make_steps(config, engine, model, run.optimizer)
    steps_each = len(range(0, len(digits.train), config.batch_size))
    first, steps = len(run.history) * steps_each, config.epochs * steps_each
    rates = (config.learning_rate * SCHEDULES[config.schedule](step, steps) for step in range(first, steps))
    for epoch in range(len(run.history) + 1, config.epochs + 1):
        start = time.perf_counter()
        norms = _train_epoch(run, ways, rates, digits.train, epoch)
        seconds = time.perf_counter() - start
        train, test = evaluate(model, digits.train), evaluate(model, digits.test)
        penalty = _penalty(config, model)
        _check_finite(train.loss + test.loss + penalty, f"after epoch {epoch}", config)
        row = {
            "epoch": epoch,
            "train_loss": train.loss,
            "train_accuracy": train.accuracy,
            "test_loss": test.loss,
            "test_accuracy": test.accuracy,
            "l2_penalty": penalty,
            "seconds": seconds,
            **norms,
        }
        run.history.append(row)
        yield row


def _train_epoch(run: State, ways: Steps, rates: Iterator[float], split: data.Split, epoch: int) -> gradients.Norms:
    """Take a step on each batch of an epoch, each at the next of the learning rates.

    Returns how large the gradients were at the steps that were measured, in their mean.
    """
    config = run.config
    rows = list(batches(len(split), config.batch_size, config.seed, epoch))
    bar = tqdm(rows, f"epoch {epoch}/{config.epochs}", unit="batch", leave=False, disable=None, mininterval=0.2)
    norms = []
    for number, chosen in enumerate(bar, 1):
        run.optimizer.lr = next(rates)
        moment = f"at step {number} of epoch {epoch}"
        measured = is_measured(number, len(rows), config.jit)
        step = ways.measured if measured else ways.quick
        _check_finite(step(*split.batch(chosen)), moment, config)
        if measured:
            norms.append(gradients.norms(run.model))
            _check_finite(sum(norms[-1].values()), moment, config, "norm of the gradient")
    run.optimizer.zero_grad()  # which would only be copied
    return gradients.mean(norms)


def is_measured(number: int, steps: int, jit: bool) -> bool:
    """Whether the gradients are measured at a step of an epoch: at its last, and at every so many before it.

    So they are looked at often enough for a steady mean, and seldom enough to take less than a hundredth of the time.
    """
    return (steps - number) % (_EACH_COMPILED if jit else _EACH) == 0


def _make_steps(config: TrainConfig, engine: Engine, model: nets.MLP, optimizer: nets.Optimizer) -> Steps:
    """Return what moves the network by a batch, and gives the loss before."""

    def step(x: Any, y: Any) -> float:
        optimizer.zero_grad()
        loss = engine(model, x, y)
        if math.isfinite(loss):
            optimizer.step()
        return loss

    @ad.jit
    def compiled_step(x: Any, y: Any) -> ad.Tensor:
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Steps(step, (lambda x, y: float(compiled_step(x, y).item())) if config.jit else step)


def _check_finite(number: float, moment: str, config: TrainConfig, what: str = "loss") -> None:
    """Raise DivergenceError if a number is infinite or none."""
    if not math.isfinite(number):
        raise DivergenceError(f"the {what} became {number} {moment}: lower --lr, which is {config.learning_rate:g}")


def _penalty(config: TrainConfig, model: nets.Module) -> float:
    """Return λ/2·‖W‖² over the weights, which the loss does not contain."""
    if not config.weight_decay:
        return 0.0
    return config.weight_decay / 2 * sum(float(np.sum(p.data**2)) for p in model.parameters() if p.ndim > 1)


def _describe(row: Row, config: TrainConfig) -> str:
    penalty = f"   l2 {row['l2_penalty']:.4f}" if config.weight_decay else ""
    return (
        f"epoch {row['epoch']:>{len(str(config.epochs))}}/{config.epochs}"
        f"   train loss {row['train_loss']:.4f}  accuracy {row['train_accuracy']:.2%}"
        f"   test loss {row['test_loss']:.4f}  accuracy {row['test_accuracy']:.2%}{penalty}   {row['seconds']:.1f} s"
    )
