"""Training: batches, steps and epochs, and what is kept of them."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any, NamedTuple

import numpy as np

import autodiff as ad
import nets
from mnist import data, gradients, pictures, state
from mnist.augmentation import Batch, augmented
from mnist.callbacks import Announce, Announcer, Callback, EarlyStopping, ProgressBar
from mnist.config import TrainConfig
from mnist.data.sources import classes_of
from mnist.engines import Engine, by_autodiff_watched, load_engine
from mnist.errors import DivergenceError, UserError, signal_of
from mnist.evaluation import Evaluation, Forward, evaluate
from mnist.run_folder import STATE, RunFolder
from mnist.state import DataStamp, Row, State
from mnist.steps import Step, is_measured, make_step
from mnist.validation import best_epoch, hold_out
from nets.schedules import SCHEDULES


class Splits(NamedTuple):
    """The images to train on, those held out to choose by, if any, and those to test on."""

    train: data.Split
    validation: data.Split | None
    test: data.Split


@dataclass(frozen=True)
class Result:
    """What came out of a run: the network, and how well it does on the test images.

    It is that of the epoch that did best on the validation images, or, without any, that of the last epoch.
    `signal` is what ended the run before its last epoch: SIGINT, which is Ctrl-C, or SIGTERM.
    """

    config: TrainConfig
    model: nets.Sequential
    history: list[Row]
    test: Evaluation
    folder: Path
    signal: Signals | None

    @property
    def interrupted(self) -> bool:
        """Whether the run was ended before its last epoch."""
        return self.signal is not None


def fit(config: TrainConfig, announce: Announce = print, callbacks: Iterable[Callback] = ()) -> Result:
    """Train a network as the configuration says, or go on with a run, and write what comes out of it into its folder.

    `announce` is handed each line that the user should read; the callbacks are called at the turning points. Ctrl-C
    ends the training early, and what there is of whole epochs by then is written and returned.

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
    splits = Splits(digits.train, None, digits.test)
    if config.validation:
        splits = Splits(*hold_out(digits.train, config.validation, config.seed), digits.test)
    run = found or state.begin(config, stamp)
    folder = RunFolder(config.out)
    announce(repr(run.model))
    if found:
        folder.write_epoch(run)
        announce(f"{folder.path}: {len(run.history)} of {config.epochs} epochs were finished")

    everyone = [*_own_callbacks(config, announce), *callbacks]
    run, signal = _train(run, engine, splits, folder, everyone)
    model = run.network()
    model.eval()
    test = evaluate(model, digits.test)
    folder.write_metrics(_metrics(run, splits, test, signal))
    if run.history:
        names = classes_of(config.dataset)
        folder.write_pictures(pictures.of_training(run.history, model, names))
        folder.write_pictures(pictures.of_evaluation(test, model, digits.test, names))
    return Result(config, model, run.history, test, folder.path, signal)


def _metrics(run: State, splits: Splits, test: Evaluation, signal: Signals | None) -> dict[str, Any]:
    """Return what metrics.json says of a run that has ended."""
    return {
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "dataset": run.data.name,
        "train_size": len(splits.train),
        "validation_size": len(splits.validation) if splits.validation else 0,
        "test_size": len(splits.test),
        "epochs": len(run.history),
        "best_epoch": best_epoch(run.history) if run.best else len(run.history),
        "interrupted": signal is not None,
        "seconds": run.seconds,
        "engine": run.config.engine,
        "parameters": sum(parameter.size for parameter in run.model.parameters()),
        "test_accuracy_by_class": (test.right / np.maximum(test.images, 1)).tolist(),
    }


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


def _own_callbacks(config: TrainConfig, announce: Announce) -> Iterator[Callback]:
    """Yield what every training has, and what this one asks for."""
    yield ProgressBar()
    yield Announcer(announce)
    if config.patience:
        yield EarlyStopping(config.patience)


def _train(
    run: State, engine: Engine, splits: Splits, folder: RunFolder, callbacks: Sequence[Callback]
) -> tuple[State, Signals | None]:
    """Train until the end or an interruption; return the run as it was after its last whole epoch, and the signal."""
    kept, signal = copy.deepcopy(run), None
    start = time.perf_counter() - run.seconds
    for callback in callbacks:
        callback.run, callback.steps, callback.stop_training = run, _steps_each(run, splits), False
    try:
        with np.errstate(all="ignore"):  # of what overflows, the loss tells
            for row in _epochs(run, engine, splits, callbacks):
                run.seconds = time.perf_counter() - start
                kept = copy.deepcopy(run)
                folder.write_epoch(kept)
                for callback in callbacks:
                    callback.on_epoch_end(len(run.history), row)
    except KeyboardInterrupt as interruption:
        if not kept.history and folder.holds_a_run:
            raise  # the network there is worth more than one that has not been trained
        folder.write_epoch(kept)
        signal = signal_of(interruption)
    for callback in callbacks:
        callback.on_train_end()
    return kept, signal


def _steps_each(run: State, splits: Splits) -> int:
    """Return how many steps an epoch has."""
    return len(range(0, len(splits.train), run.config.batch_size))


def _epochs(run: State, engine: Engine, splits: Splits, callbacks: Sequence[Callback]) -> Iterator[Row]:
    """Train the epochs that are left one by one, and yield the row that each adds to the history."""
    config = run.config
    step, forward = make_step(run, engine), compiled(config, run.model)
    steps_each = _steps_each(run, splits)
    first, steps = len(run.history) * steps_each, config.epochs * steps_each
    rates = (config.learning_rate * SCHEDULES[config.schedule](number, steps) for number in range(first, steps))
    for callback in callbacks:
        callback.on_train_begin()
    for epoch in range(len(run.history) + 1, config.epochs + 1):
        if any(callback.stop_training for callback in callbacks):
            return
        for callback in callbacks:
            callback.on_epoch_begin(epoch)
        start = time.perf_counter()
        norms = _train_epoch(run, step, rates, splits.train, epoch, callbacks)
        seconds = time.perf_counter() - start
        with run.averaged():
            nets.update_batch_norm(run.model, _undistorted(splits.train, config, epoch), forward)
            row = {"epoch": epoch, **_measure(run.model, splits, forward), "l2_penalty": _penalty(run.optimizer)}
            losses = sum(value for name, value in row.items() if name.endswith(("_loss", "_penalty")))
            _check_finite(losses, f"after epoch {epoch}", config)
            run.history.append({**row, "seconds": seconds, **norms})
            if config.validation and best_epoch(run.history) == epoch:
                run.best = run.model.state_dict()
        yield run.history[-1]


def compiled(config: TrainConfig, model: nets.Module) -> Forward:
    """Return what computes the logits of the images after each epoch: compiled, where that is worth the compiling.

    A perceptron is little more than the products of its matrices, compiled or not; a convolutional network takes a
    third of the time.
    """
    return ad.jit(lambda x: model(x)) if config.jit and config.network != "mlp" else model


_ENOUGH = 10_000
_TOGETHER = 250


def _undistorted(split: data.Split, config: TrainConfig, epoch: int) -> Iterator[np.ndarray]:
    """Yield training images as those to come will be, in parts, as many as it takes to know mean and variance well."""
    rows = next(batches(len(split), _ENOUGH, config.seed, epoch))
    for part in np.array_split(rows, -(-len(rows) // _TOGETHER)):
        yield split.batch(part)[0]


def _measure(model: nets.Module, splits: Splits, forward: Forward) -> dict[str, float]:
    """Return the loss and the accuracy of a network on each split."""
    found: dict[str, float] = {}
    for name, split in splits._asdict().items():
        if split is not None:
            evaluation = evaluate(model, split, forward)
            found |= {f"{name}_loss": evaluation.loss, f"{name}_accuracy": evaluation.accuracy}
    return found


def _train_epoch(
    run: State, step: Step, rates: Iterator[float], split: data.Split, epoch: int, callbacks: Sequence[Callback]
) -> gradients.Norms:
    """Take a step on each batch of an epoch, each at the next of the learning rates.

    Returns how large the gradients were at the steps that were measured, in their mean.
    """
    config = run.config
    rows = list(batches(len(split), config.batch_size, config.seed, epoch))
    norms = []
    with _taken(split, rows, config, epoch) as taken:
        for number, (x, y) in enumerate(taken, 1):
            run.optimizer.lr = next(rates)
            moment = f"at step {number} of epoch {epoch}"
            measured = is_measured(number, len(rows), config.jit)
            loss, norm = step(x, y, measured)
            _check_finite(loss, moment, config)
            _check_finite(sum(norm.values()), moment, config, "norm of the gradient")
            if measured:
                norms.append(norm)
            for callback in callbacks:
                callback.on_train_batch_end(number, {"loss": loss})
    run.optimizer.zero_grad()  # which would only be copied
    return gradients.mean(norms)


def _taken(
    split: data.Split, rows: Sequence[np.ndarray], config: TrainConfig, epoch: int
) -> AbstractContextManager[Iterable[Batch]]:
    """Return the batches of an epoch within a `with`, distorted if the configuration says so."""
    if how := config.augmentation:
        return augmented(split, rows, how, config.seed, epoch, config.workers)
    return nullcontext(map(split.batch, rows))


def _check_finite(number: float, moment: str, config: TrainConfig, what: str = "loss") -> None:
    """Raise DivergenceError if a number is infinite or none."""
    if not math.isfinite(number):
        raise DivergenceError(f"the {what} became {number} {moment}: lower --lr, which is {config.learning_rate:g}")


def _penalty(optimizer: nets.Optimizer) -> float:
    """Return λ/2·‖W‖² over the weights, which the loss does not contain; there is none where the decay is decoupled."""
    if isinstance(optimizer, nets.AdamW):
        return 0.0
    decayed = [(group["weight_decay"], group["params"]) for group in optimizer.param_groups if group["weight_decay"]]
    return math.fsum(decay / 2 * float(np.sum(p.data**2)) for decay, weights in decayed for p in weights)

