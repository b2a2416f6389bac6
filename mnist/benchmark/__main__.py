"""`python -m mnist.benchmark`: what a training step costs, here and in other libraries, side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mnist.benchmark.config import BenchmarkConfig
from mnist.benchmark.measuring import Measurement, measure
from mnist.benchmark.plot import plot
from mnist.benchmark.race import race
from mnist.benchmark.surroundings import surroundings
from mnist.benchmark.sweep import Swept
from mnist.benchmark.table import table
from mnist.benchmark.worker import ContestantError, workers
from mnist.cli import parse, run
from mnist.contestants import ENTRIES
from mnist.errors import UserError
from nets.files import replacing

_BUSY = 0.5
"""Load, as a share of the cores, from which other programs disturb the figures."""


def benchmark(config: BenchmarkConfig, announce: Callable[[str], None] = print) -> dict[str, Any]:
    """Measure as the flags say, announce each table as it is there, and return all figures, as JSON has them.

    Raises:
        UserError: nobody who was named is installed, or a file cannot be written.
    """
    names = installed(config, announce)
    if not names:
        raise UserError("--contestants: none of these is installed")
    facts = surroundings(config.threads)
    busy = f"; other programs keep it busy, load {facts['load']:.1f}" if _is_busy(facts) else ""
    announce(f"{facts['threads']} threads of {facts['cores']} cores, {facts['processor']}, float32{busy}\n")
    return facts | (_steps if config.to_accuracy is None else race)(config, names, announce)


def _steps(config: BenchmarkConfig, names: list[str], announce: Callable[[str], None]) -> dict[str, Any]:
    """Time the steps of every problem."""
    measurements: list[Measurement] = []
    with workers(names, config.threads) as by_name:
        for worker in by_name.values():
            worker.send("prepare")
        for worker in by_name.values():
            with suppress(ContestantError):  # it fails again when it is to start, and is told of there
                worker.receive(config.patience)
        for problem in config.problems:
            measurements.append(measure(by_name, problem, config.rounds, config.patience))
            announce(f"{table(measurements[-1])}\n")
    found: dict[str, Any] = {"measurements": [measurement.as_json() for measurement in measurements]}
    if config.sweep:
        swept = Swept(config.sweep, dict(zip(config.swept, measurements, strict=True)))
        announce(f"{swept.table()}\n")
        found |= swept.as_json()
        if config.plot:
            _write(config.plot, "--plot", lambda path: plot(swept, path))
    return found


def installed(config: BenchmarkConfig, announce: Callable[[str], None]) -> list[str]:
    """Return those who can take part, and announce in one line who cannot."""
    absent = [name for name in config.contestants if not ENTRIES[name].is_installed]
    if absent:
        titles = ", ".join(ENTRIES[name].title for name in absent)
        announce(f"not installed, and left out: {titles}; pip install -e '.[bench]'")
    return [name for name in config.contestants if name not in absent]


def _is_busy(facts: dict[str, Any]) -> bool:
    return facts["load"] is not None and facts["load"] > _BUSY * facts["cores"]


def _write(path: Path, flag: str, write: Callable[[Path], Any]) -> None:
    try:
        with replacing(path) as draft:
            write(draft)
    except OSError as error:
        raise UserError(f"{flag} {path}: cannot be written ({error.strerror or error}); name another file") from error


def main() -> int:
    """Measure as the flags say, and return the exit status."""
    config = parse(BenchmarkConfig, "python -m mnist.benchmark")
    found = benchmark(config, announce=lambda text: print(text, flush=True))
    if config.json:
        _write(config.json, "--json", lambda path: path.write_text(json.dumps(found, indent=2, allow_nan=False)))
    return 0


if __name__ == "__main__":
    run(main)
