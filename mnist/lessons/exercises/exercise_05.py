"""The pullback of the running total."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand

_CASES = (np.array([1.0, 10.0, 100.0]), np.array([2.0, -1.0, 0.5, 4.0]), np.array([3.0]))


def _judge(pullback: Any) -> None:
    for g in _CASES:
        before = g.copy()
        given = an_array(pullback(g), g.shape, f"what it gives for g = {g}")
        demand(np.array_equal(g, before), "it has changed g; give a new array")
        due = np.cumsum(g[::-1])[::-1]
        if len(g) == 1:
            demand(close(given, due), f"a total of one number passes g on as it is; for {g} it gives {given}")
            continue
        demand(
            not close(given, np.cumsum(g)),
            "this is J @ g, the running total of g: it goes forward. x[0] moves *all* of y, so its slope collects all "
            "of g; x's last moves only y's last",
        )
        demand(not close(given, g), "it gives g itself, as if each y[i] were moved by x[i] alone")
        demand(
            not close(given, np.full_like(g, g.sum())),
            "it gives the sum of g to everybody; but x's last moves only y's last, not the totals before it",
        )
        demand(not close(given, due - g), "x[i] moves y[i] too, not only what comes after it")
        demand(close(given, due), f"for g = {g} it gives {given}. x[0] moves all {len(g)} totals: it gets {g.sum():g}")


exercise = Exercise(
    _judge,
    hints=(
        "x[j] moves y[j], y[j + 1], …, the last. Its slope is the sum of g from j on.",
        "The table J has ones on and below the diagonal: np.tril(np.ones((n, n))). You want g @ J, without building"
        " it.",
        "A running total from the back: turn g round, cumsum, turn it round again.",
    ),
    moral="A running total forward is a running total backward, in the other direction: J became its transpose.",
)
