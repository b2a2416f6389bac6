"""`python -m mnist.train`: train a network on MNIST from the command line."""

from __future__ import annotations

from mnist import pictures
from mnist.cli import parse, run
from mnist.config import TrainConfig
from mnist.evaluation import table
from mnist.fit import fit


def main() -> int:
    """Train as the flags say; print the course and the result, and return the exit status."""
    config = parse(TrainConfig, "python -m mnist.train")
    result = fit(config, announce=lambda line: print(line, flush=True))
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
