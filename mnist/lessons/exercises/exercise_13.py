"""The way back of windows that slide over a row of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand

_SIZES = ((6, 3), (5, 2), (4, 1), (3, 3))


def _judge(from_windows: Any) -> None:
    rng = np.random.default_rng(0)
    for n, k in _SIZES:
        g = rng.standard_normal((n - k + 1, k))
        before = g.copy()
        case = f"for {n} numbers and windows of {k}"
        given = an_array(from_windows(g, n), (n,), f"{case} what it gives")
        demand(np.array_equal(g, before), "it has changed g; give a new array")
        places = np.arange(n - k + 1)[:, None] + np.arange(k)
        due = np.bincount(places.ravel(), g.ravel(), minlength=n)
        counts = np.bincount(places.ravel(), minlength=n)
        overwritten = np.zeros(n)
        for i, row in enumerate(g):
            overwritten[i : i + k] = row
        turned = np.bincount(places.ravel(), g[:, ::-1].ravel(), minlength=n)
        if k > 1 and n > k:
            demand(
                not close(given, overwritten),
                "later windows overwrite earlier ones: a number that is in several gets the sum of what they say",
            )
            demand(not close(given, due / counts), "it gives the mean over the windows, but contributions add")
            demand(not close(given, turned), "within a window the slopes are the wrong way round: entry j is x[i + j]")
        demand(close(given, due), f"{case} and g = {g.round(2).tolist()} it gives {given.round(2)}, not {due.round(2)}")


exercise = Exercise(
    _judge,
    hints=(
        "Entry j of window i is x[i + j]. So g[i, j] is a contribution to the slope by x[i + j].",
        "Start with zeros for all n numbers, go through the windows, and add row i to places i to i + k.",
        "slopes = np.zeros(n); for i, row in enumerate(g): slopes[i : i + len(row)] += row; return slopes",
    ),
    moral="The engine's add_windows does this for images. Forward, others call it a transposed convolution.",
)
