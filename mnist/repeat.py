"""A training repeated from other seeds: what came of each, their mean, and how far they lie apart."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from mnist.callbacks import Announce
from mnist.config import TrainConfig
from mnist.run_folder import DEFAULT_PARENT, next_free
from mnist.training import Result, fit


def repeat(config: TrainConfig, times: int, announce: Announce = print) -> list[Result]:
    """Train from the seed of a configuration and those after it, each in a folder of its own within that of the run.

    Ctrl-C ends the training at hand, which is the last of the results then.
    """
    parent = config.out or next_free(DEFAULT_PARENT)
    results: list[Result] = []
    for seed in range(config.seed, config.seed + times):
        announce(f"seed {seed}")
        result = fit(dataclasses.replace(config, seed=seed, out=parent / f"seed-{seed}"), announce)
        results.append(result)
        if result.interrupted:
            break
    return results


def summary(results: Sequence[Result]) -> str:
    """Write the test accuracy of each seed; and of those trained to the end the mean and the standard deviation."""
    lines = [
        f"seed {result.config.seed:4}   {result.test.accuracy:8.2%}   {result.folder}"
        + (", interrupted" if result.interrupted else "")
        for result in results
    ]
    accuracies = [result.test.accuracy for result in results if not result.interrupted]
    if not accuracies:
        return "\n".join(lines)
    spread = f" ± {statistics.stdev(accuracies):.2%}" if len(accuracies) > 1 else ""
    seeds = f"{len(accuracies)} seed{'s' if len(accuracies) > 1 else ''}"
    between = f"from {min(accuracies):.2%} to {max(accuracies):.2%}"
    return "\n".join([*lines, f"test accuracy {statistics.mean(accuracies):.2%}{spread} over {seeds}, {between}"])
