"""`python -m contestants.racing TASK`: train to a test accuracy, and print when which moment was passed, as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist.contestants import ENTRIES, threads
from mnist.contestants.digits import get

if TYPE_CHECKING:  # NumPy counts its threads when it is imported, so that has to wait
    import numpy as np

    from mnist.contestants.problem import Problem

MOST_EPOCHS = 20
LOOKS_IN_AN_EPOCH = 4


def race(task: dict[str, Any]) -> dict[str, Any]:
    """Train as a task says, and return the seconds since its start at which each moment was passed.

    Args:
        task: `name` of the contestant; `layers`, `optimizer`, `batch_size`, `seed` and `network` of the problem;
            `folder` of the digits; `threads`; `accuracy` in percent; `started`, in seconds since 1970.

    Raises:
        SystemExit: the accuracy was not reached.
    """
    moments: dict[str, Any] = {}

    def passed(moment: str) -> None:
        moments[moment] = time.time() - task["started"]

    threads.use(task["threads"])
    from mnist.contestants.problem import Problem

    entry = ENTRIES[task["name"]]
    entry.load()
    passed("imported")

    import numpy as np

    problem = Problem(tuple(task["layers"]), task["optimizer"], task["batch_size"], task["seed"], task["network"])
    images, labels, test_x, test_labels = get(Path(task["folder"]))
    passed("read")

    contestant = entry.enter(problem)
    for number, rows in enumerate(_portions(len(labels), problem), 1):
        x = np.divide(images[rows], 255, dtype=np.float32)
        batches = contestant.prepared(x, labels[rows])
        if number == 1:
            contestant.train(batches, 1)
            passed("first_step")
        contestant.train(batches, len(rows))
        accuracy = float(np.mean(contestant.classes(test_x) == test_labels))
        if accuracy >= task["accuracy"] / 100:
            passed("arrived")
            return moments | {"steps": 1 + number * len(rows), "accuracy": accuracy}
    sys.exit(f"{accuracy:.2%} after {MOST_EPOCHS} epochs")


def _portions(size: int, problem: Problem) -> Iterator[np.ndarray]:
    """Yield rows (count, m) of the images, count batches for a part of an epoch."""
    count = max(1, size // problem.batch_size // LOOKS_IN_AN_EPOCH)
    for epoch in range(MOST_EPOCHS):
        rows = problem.rows(size, epoch)
        for start in range(0, len(rows) - count + 1, count):
            yield rows[start : start + count]


if __name__ == "__main__":
    print(json.dumps(race(json.loads(sys.argv[1]))))
