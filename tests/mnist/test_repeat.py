"""What is said of a training that was repeated."""

import signal
from pathlib import Path
from types import SimpleNamespace

from mnist.repeat import summary


def result(seed, accuracy, ended=None):
    test, config = SimpleNamespace(accuracy=accuracy), SimpleNamespace(seed=seed)
    return SimpleNamespace(
        config=config, test=test, folder=Path(f"runs/001/seed-{seed}"), interrupted=ended is not None, signal=ended
    )


def test_mean_and_deviation_are_of_the_seeds_that_were_trained_to_the_end():
    *lines, last = summary([result(3, 0.98), result(4, 0.96), result(5, 0.2, signal.SIGINT)]).splitlines()
    assert lines[2].endswith("20.00%   runs/001/seed-5, interrupted")
    assert last == "test accuracy 97.00% ± 1.41% over 2 seeds, from 96.00% to 98.00%"


def test_one_seed_has_no_deviation_and_none_no_mean():
    assert summary([result(0, 0.98)]).splitlines()[-1] == "test accuracy 98.00% over 1 seed, from 98.00% to 98.00%"
    (line,) = summary([result(0, 0.5, signal.SIGTERM)]).splitlines()
    assert line.endswith("seed-0, interrupted")
