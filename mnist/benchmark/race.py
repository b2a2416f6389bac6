"""From the start of a process to a test accuracy: each contestant in a fresh process, again and again."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from mnist import contestants, data
from mnist.benchmark.config import BenchmarkConfig
from mnist.benchmark.table import WIDTH, takes_no_part
from mnist.benchmark.worker import ContestantError
from mnist.contestants import ENTRIES
from mnist.contestants.digits import put
from nets.files import in_short

Arrival = dict[str, Any]
"""What `python -m mnist.contestants.racing` prints: seconds by name of the moment, steps and accuracy."""


@dataclasses.dataclass
class Runner:
    """A contestant's runs: the first with empty caches, and the others with what it left in them."""

    cold: Arrival | None = None
    warm: list[Arrival] = dataclasses.field(default_factory=list)
    failure: str | None = None

    def run(self, config: BenchmarkConfig, name: str, folder: str) -> None:
        """Run once more, and keep how it went."""
        try:
            arrival = _run(config, name, folder)
        except ContestantError as error:
            self.failure = str(error)
        else:
            self.warm += [arrival] if self.cold else []
            self.cold = self.cold or arrival

    @property
    def latest(self) -> str:
        """How the last run went."""
        runs = [self.cold, *self.warm]
        return self.failure or (f"{runs[-1]['arrived']:.2f} s" if runs[-1] else "not run")

    @property
    def seconds(self) -> float | None:
        """The median with warm caches, if it arrived."""
        return median(run["arrived"] for run in self.warm) if self.warm and not self.failure else None


def race(config: BenchmarkConfig, names: Sequence[str], announce: Callable[[str], None]) -> dict[str, Any]:
    """Run `config.rounds` times, all in turn, announce a table, and return the figures as JSON has them.

    All train the same network from the same weights on the same batches, in the same order, and look at the test
    images after each quarter of an epoch. They read the pixels from the same file, which is there before.

    Raises:
        UserError: the data are not to be had.
    """
    digits = data.load(config.dataset, config.data_dir, announce=announce)
    runners = {name: Runner() for name in names if ENTRIES[name].knows(config.raced)}
    for name in [name for name in names if name not in runners]:
        announce(f"{ENTRIES[name].title} {takes_no_part(name)}")
    with tempfile.TemporaryDirectory() as folder:
        put(Path(folder), digits.train, digits.test)
        for number in range(config.rounds):
            for name in [name for name in runners if not runners[name].failure]:
                runners[name].run(config, name, folder)
                announce(f"run {number + 1} of {config.rounds}: {ENTRIES[name].title}, {runners[name].latest}")
    announce(f"\n{table(config, runners)}")
    return {
        "problem": dataclasses.asdict(config.raced),
        "target": config.to_accuracy,
        "dataset": digits.name,
        "runs": {name: dataclasses.asdict(runner) | {"seconds": runner.seconds} for name, runner in runners.items()},
    }


def _run(config: BenchmarkConfig, name: str, folder: str) -> Arrival:
    """Run a contestant in a fresh process. Raises ContestantError where it does not arrive."""
    caches = Path(folder, "caches", name)
    root = str(Path(contestants.__file__).parents[2])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        "NUMBA_CACHE_DIR": str(caches / "numba"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        "JAX_COMPILATION_CACHE_DIR": str(caches / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    task = dataclasses.asdict(config.raced) | {
        "name": name,
        "folder": folder,
        "threads": config.threads,
        "accuracy": config.to_accuracy,
        "started": time.time(),
    }
    command = [sys.executable, "-m", "mnist.contestants.racing", json.dumps(task)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=config.patience)
    except subprocess.TimeoutExpired:
        raise ContestantError(f"it took more than {config.patience:g} s; --patience gives it longer") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise ContestantError(in_short(Exception(f"status {done.returncode}: {lines[-1]}")))
    arrival: Arrival = json.loads(done.stdout.splitlines()[-1])
    return arrival


def table(config: BenchmarkConfig, runners: dict[str, Runner]) -> str:
    """Write how long each took, the quickest first, and by when it had done what."""
    return "\n".join(_lines(config, runners))


def _lines(config: BenchmarkConfig, runners: dict[str, Runner]) -> Iterator[str]:
    yield f"{config.raced}: seconds from the start of the process to {config.to_accuracy:g} % test accuracy"
    yield (
        f"{'':{WIDTH}}{'warm':>7}{'cold':>7}{'/ keras':>9}{'/ PyTorch':>11}   "
        f"warm, by when: {'imported':>9}{'data read':>10}{'first step':>11}{'steps':>7}{'accuracy':>9}"
    )
    times = {name: runner.seconds or (runner.cold or {}).get("arrived") for name, runner in runners.items()}
    arrived = [name for name, runner in runners.items() if not runner.failure]
    for name in sorted(arrived, key=lambda name: times[name] or 0.0):
        runner = runners[name]
        assert runner.cold is not None
        last = runner.warm[-1] if runner.warm else runner.cold
        ratios = [_ratio(runner.seconds, runners.get(other)) for other in ("keras", "torch")]
        yield (
            f"{ENTRIES[name].title:{WIDTH}}{_or_dash(runner.seconds):>7}{_or_dash(runner.cold['arrived']):>7}"
            f"{ratios[0]:>9}{ratios[1]:>11}{'':18}{last['imported']:>9.2f}{last['read']:>10.2f}"
            f"{last['first_step']:>11.2f}{last['steps']:>7,}{last['accuracy']:>9.2%}"
        )
    for name, runner in runners.items():
        if runner.failure:
            yield f"{ENTRIES[name].title:{WIDTH}}{'–':>7}   {runner.failure}"


def _or_dash(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f}"


def _ratio(seconds: float | None, other: Runner | None) -> str:
    return _or_dash(seconds / other.seconds if seconds and other and other.seconds else None)
