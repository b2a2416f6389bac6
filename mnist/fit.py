"""Training: batches, steps and epochs, and what is kept of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

import nets
from mnist import data
from mnist.config import MOMENTUM, TrainConfig
from mnist.engines import Engine, load_engine
from mnist.errors import DivergenceError, UserError
from mnist.evaluation import Evaluation, evaluate
from mnist.run_folder import Row, RunFolder
from nets.schedules import SCHEDULES

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """What came out of a run. `interrupted` says that the user stopped it before its last epoch."""

    model: nets.MLP
    history: list[Row]
    test: Evaluation
    folder: Path
    interrupted: bool


def fit(config: TrainConfig, announce: Announce = print) -> Result:
    """Train a network as the configuration says, and write what comes out of it into its folder.

    `announce` is handed each line that the user should read. Ctrl-C ends the training early, and what there is
    by then is written and returned.

    Raises:
        UserError: the data or the folder are not to be had, or a package is missing.
        DivergenceError: the loss became infinite or no number.
    """
    engine = load_engine(config.engine)
    digits = data.load(config.dataset, config.data_dir, announce=announce)
    folder = RunFolder(config.out)
    model = build(config)
    announce(repr(model))

    history: list[Row] = []
    start = time.perf_counter()
    interrupted = False
    try:
        with np.errstate(all="ignore"):  # of what overflows, the loss tells
            for row in _epochs(config, engine, model, digits):
                history.append(row)
                folder.write_epoch(config.as_json(), model, history)
                announce(_describe(row, config))
    except KeyboardInterrupt:
        interrupted = True
        folder.write_epoch(config.as_json(), model, history)

    test = evaluate(model, digits.test)
    folder.write_metrics(
        {
            "test_accuracy": test.accuracy,
            "test_loss": test.loss,
            "dataset": digits.name,
            "train_size": len(digits.train),
            "test_size": len(digits.test),
            "epochs": len(history),
            "interrupted": interrupted,
            "seconds": time.perf_counter() - start,
            "engine": config.engine,
            "parameters": sum(parameter.size for parameter in model.parameters()),
            "test_accuracy_by_class": (test.right / np.maximum(test.images, 1)).tolist(),
        }
    )
    if history:
        folder.write_curves(history)
    return Result(model, history, test, folder.path, interrupted)


def build(config: TrainConfig) -> nets.MLP:
    """Return the network of a configuration, as it is before training."""
    try:
        return nets.MLP(config.layers, config.activation, init=config.init, rng=np.random.default_rng(config.seed))
    except MemoryError as error:
        raise UserError(f"--layers {' '.join(map(str, config.layers))}: {error}; choose smaller ones") from error


def make_optimizer(config: TrainConfig, model: nets.Module) -> nets.Optimizer:
    """Return the optimizer of a configuration, which decays weights but not biases."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    lr = config.learning_rate
    if config.optimizer == "adam":
        return nets.Adam(groups, lr)
    if config.optimizer == "adamw":
        return nets.AdamW(groups, lr)
    return nets.SGD(groups, lr, momentum=MOMENTUM if config.optimizer == "momentum" else 0.0)


def batches(size: int, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Yield the rows of an epoch, in an order that seed and epoch decide, in batches; the last may be smaller."""
    order = np.random.default_rng([seed, epoch]).permutation(size)
    for start in range(0, size, batch_size):
        yield order[start : start + batch_size]


def _epochs(config: TrainConfig, engine: Engine, model: nets.MLP, digits: data.Dataset) -> Iterator[Row]:
    """Train epoch by epoch, and yield the row of each for the history."""
    optimizer = make_optimizer(config, model)
    steps = config.epochs * math.ceil(len(digits.train) / config.batch_size)
    rates = (config.learning_rate * SCHEDULES[config.schedule](step, steps) for step in range(steps))
    for epoch in range(1, config.epochs + 1):
        start = time.perf_counter()
        _train_epoch(config, engine, model, optimizer, rates, digits.train, epoch)
        seconds = time.perf_counter() - start
        train, test = evaluate(model, digits.train), evaluate(model, digits.test)
        _check_finite(train.loss + test.loss, f"after epoch {epoch}", config)
        yield {
            "epoch": epoch,
            "train_loss": train.loss,
            "train_accuracy": train.accuracy,
            "test_loss": test.loss,
            "test_accuracy": test.accuracy,
            "l2_penalty": _penalty(config, model),
            "seconds": seconds,
        }


def _train_epoch(
    config: TrainConfig,
    engine: Engine,
    model: nets.MLP,
    optimizer: nets.Optimizer,
    rates: Iterator[float],
    split: data.Split,
    epoch: int,
) -> None:
    """Take a step on each batch of an epoch, each at the next of the learning rates."""
    rows = list(batches(len(split), config.batch_size, config.seed, epoch))
    bar = tqdm(rows, f"epoch {epoch}/{config.epochs}", unit="batch", leave=False, disable=None, mininterval=0.2)
    for step, chosen in enumerate(bar, 1):
        x, y = split.batch(chosen)
        optimizer.zero_grad()
        loss = engine(model, x, y)
        _check_finite(loss, f"at step {step} of epoch {epoch}", config)
        optimizer.lr = next(rates)
        optimizer.step()


def _check_finite(loss: float, moment: str, config: TrainConfig) -> None:
    """Raise DivergenceError if the loss is infinite or no number."""
    if not math.isfinite(loss):
        raise DivergenceError(f"the loss became {loss} {moment}: lower --lr, which is {config.learning_rate:g}")


def _penalty(config: TrainConfig, model: nets.Module) -> float:
    """Return λ/2·‖W‖² over the weights, which the loss does not contain."""
    return config.weight_decay / 2 * sum(float(np.sum(p.data**2)) for p in model.parameters() if p.ndim > 1)


def _describe(row: Row, config: TrainConfig) -> str:
    penalty = f"   l2 {row['l2_penalty']:.4f}" if config.weight_decay else ""
    return (
        f"epoch {row['epoch']:>{len(str(config.epochs))}}/{config.epochs}"
        f"   train loss {row['train_loss']:.4f}  accuracy {row['train_accuracy']:.2%}"
        f"   test loss {row['test_loss']:.4f}  accuracy {row['test_accuracy']:.2%}{penalty}   {row['seconds']:.1f} s"
    )
