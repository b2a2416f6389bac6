"""`python -m contestants.racing TASK`: train to a test accuracy, and print when which moment was passed, as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist.contestants import ENTRIES, threads

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
    images, labels, test_images, test_labels = (
        np.load(Path(task["folder"], f"{name}.npy"))
        for name in ("train_images", "train_labels", "test_images", "test_labels")
    )
    test_x = np.divide(test_images, 255, dtype=np.float32)
    passed("read")

    contestant = entry.enter(problem)
    for number, rows in enumerate(_portions(len(labels), problem), 1):
        x = np.divide(images[rows], 255, dtype=np.float32)
        batches = contestant.prepared(x, labels[rows].astype(np.int64))
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
    """Yield rows (count, m) of the images, count batches for a part of an epoch, in an order that the seed decides.

    Images that fill no batch are left out, others in each epoch: a batch of another size would be compiled anew.
    """
    import numpy as np

    m = problem.batch_size
    count = max(1, size // m // LOOKS_IN_AN_EPOCH)
    for epoch in range(MOST_EPOCHS):
        order = np.random.default_rng([problem.seed, epoch]).permutation(size)
        for start in range(0, size - count * m + 1, count * m):
            yield order[start : start + count * m].reshape(count, m)


if __name__ == "__main__":
    print(json.dumps(race(json.loads(sys.argv[1]))))
