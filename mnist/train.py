"""`python -m mnist.train`: train a network on MNIST from the command line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from mnist import pictures, settings
from mnist.cli import parse, run, said_of
from mnist.config import TrainConfig
from mnist.evaluation import table
from mnist.fit import fit


@dataclasses.dataclass(frozen=True)
class Flags(TrainConfig):
    """Train a multilayer perceptron on MNIST, and write the network, its history and pictures of both to a folder."""

    config: Path | None = None
    """A config.toml, such as each run leaves in its folder, to begin with; other flags change what it says."""


def read_flags() -> TrainConfig:
    """Return the configuration that the command line asks for."""
    said = said_of("config")
    path = Path(said["config"]) if "config" in said else None
    given = Flags(**_fields(settings.read(path)), config=path) if path else None
    return TrainConfig(**_fields(parse(Flags, "python -m mnist.train", given)))


def _fields(config: TrainConfig) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(TrainConfig)}


def main() -> int:
    """Train as the flags say; print the course and the result, and return the exit status."""
    result = fit(read_flags(), announce=lambda line: print(line, flush=True))
    print(f"\n{table(result.test)}\n")
    if result.signal:
        epochs = f"{len(result.history)} of {result.config.epochs} epochs"
        print(f"interrupted after {epochs}; network and history are in, and --resume goes on with, {result.folder}")
        return 128 + result.signal
    print(f"pictures: {', '.join(pictures.NAMES)}")
    print(f"test accuracy {result.test.accuracy:.2%}; everything is in {result.folder}")
    return 0


if __name__ == "__main__":
    run(main)
