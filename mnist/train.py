"""`python -m mnist.train`: train a network on MNIST from the command line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from mnist import pictures, settings
from mnist.cli import parse, run, said_of
from mnist.config import TrainConfig
from mnist.data.sources import classes_of
from mnist.errors import UserError
from mnist.evaluation import table
from mnist.recipes import PresetName, preset
from mnist.repeat import repeat, summary
from mnist.training import Result, fit

_COMMAND = "python -m mnist.train"


@dataclasses.dataclass(frozen=True)
class Flags(TrainConfig):
    """Train a network on MNIST, and write it, its history and pictures of both to a folder."""

    preset: PresetName | None = None
    """Settings that go together well, to begin with; other flags change what it says."""
    config: Path | None = None
    """A config.toml, such as each run leaves in its folder, to begin with instead."""
    repeat: int = 1
    """Train so many times, from --seed and those after it, and say how far the results lie apart."""

    def __post_init__(self) -> None:
        """Raise UserError where a value makes no sense."""
        for begun in ("preset", "config"):
            if self.resume and getattr(self, begun):
                raise UserError(f"--resume {self.resume}: the run goes on with its own flags; leave out --{begun}")
        super().__post_init__()
        if self.preset and self.config:
            raise UserError(f"--preset {self.preset}: {self.config} says it all; leave out one of the two")
        if self.repeat < 1:
            raise UserError(f"--repeat {self.repeat}: must be 1 or more")


def read_flags() -> Flags:
    """Return what the command line asks for: the defaults are those of its preset, or of its file."""
    said = said_of("preset", "config")
    if "config" in said:
        given = _read(path := Path(said["config"]))
        return parse(Flags, _COMMAND, Flags(**_fields(given), config=path))
    if "preset" in said:
        name: Any = said["preset"]
        return parse(Flags, _COMMAND, Flags(**_fields(preset(name)), preset=name))
    return parse(Flags, _COMMAND)


def _read(path: Path) -> TrainConfig:
    """Return the configuration in a file, and blame the flag for what is wrong with it."""
    try:
        return settings.read(path)
    except UserError as error:
        raise UserError(f"--config {error}") from error


def _fields(config: TrainConfig) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(TrainConfig)}


def tell(result: Result) -> int:
    """Print what came out of a run, and return the exit status."""
    print(f"\n{table(result.test, classes_of(result.config.dataset))}\n")
    if result.signal:
        epochs = f"{len(result.history)} of {result.config.epochs} epochs"
        print(f"interrupted after {epochs}; network and history are in, and --resume goes on with, {result.folder}")
        return 128 + result.signal
    print(f"pictures: {', '.join(pictures.NAMES)}")
    print(f"test accuracy {result.test.accuracy:.2%}; everything is in {result.folder}")
    return 0


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def main() -> int:
    """Train as the flags say; print the course and the result, and return the exit status."""
    flags = read_flags()
    config = TrainConfig(**_fields(flags))
    if flags.repeat == 1:
        return tell(fit(config, say))
    results = repeat(config, flags.repeat, say)
    print(f"\n{summary(results)}")
    return tell(results[-1]) if results[-1].signal else 0


if __name__ == "__main__":
    run(main)
