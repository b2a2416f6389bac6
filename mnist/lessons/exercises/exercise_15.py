"""A step of training, from memory."""

from __future__ import annotations

from typing import Any

import numpy as np

import nets
from autodiff import Tensor
from mnist.lessons.exercises.exercise import Exercise, demand

_LR = 0.5


def _judge(train_step: Any) -> None:
    rng = np.random.default_rng(0)
    batches = [(rng.standard_normal((8, 5)), rng.integers(0, 3, 8)) for _ in range(3)]
    mine, due = (nets.MLP([5, 4, 3], rng=np.random.default_rng(1), dtype=np.float64) for _ in range(2))
    optimizer = nets.SGD(mine.parameters(), _LR)
    without_reset = [np.zeros(p.shape) for p in due.parameters()]
    for number, (x, y) in enumerate(batches, 1):
        before = [p.data.copy() for p in mine.parameters()]
        loss = train_step(mine, optimizer, x, y)
        right = nets.cross_entropy(due(x), y)
        due.zero_grad()
        right.backward()
        gradients = [p.grad.data for p in due.parameters()]
        moves = [p.data - b for p, b in zip(mine.parameters(), before, strict=True)]
        without_reset = [total + g for total, g in zip(without_reset, gradients, strict=True)]
        still = all(np.array_equal(move, 0 * move) for move in moves)
        demand(
            not still,
            f"in call {number} nothing has moved: are backward() and step() called, with no zero_grad() between?",
        )
        demand(
            number == 1 or not _are(moves, without_reset),
            f"call {number} moves along the sum of all gradients so far: they are not reset, and backward() adds",
        )
        demand(not _are(moves, [-g for g in gradients]), "it moves uphill")
        demand(
            _are(moves, gradients),
            f"call {number} does not move by −lr · gradient of nets.cross_entropy(model(x), y), once",
        )
        demand(loss is not None and loss is not ..., f"it steps rightly, but gives {loss!r}. Is a return missing?")
        demand(
            not isinstance(loss, Tensor),
            "it steps rightly, but gives a Tensor, which keeps its whole tape alive. loss.item() is the number",
        )
        demand(
            abs(float(loss) - right.item()) < 1e-9,
            f"the loss of call {number} is {right.item():.6f}, not {loss}: return that of before the step",
        )
        due.load_state_dict(mine.state_dict())


def _are(moves: list[np.ndarray], gradients: list[np.ndarray]) -> bool:
    """Whether a network has moved against these gradients."""
    return all(np.allclose(move, -_LR * g, atol=1e-12) for move, g in zip(moves, gradients, strict=True))


exercise = Exercise(
    _judge,
    hints=(
        "Four things: the loss, forget old gradients, go back, step. Then return the number.",
        "loss = nets.cross_entropy(model(x), y), as in the lesson; optimizer.zero_grad() comes before loss.backward().",
        "After optimizer.step(): return loss.item()",
    ),
    moral="You can now write a training loop, and you know what happens at each of its lines. Go and read the engine.",
)
