"""Adding up contributions, without spoiling them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand

_VALUES = (np.array([1.0, 2.0]), np.array([10.0, 20.0]), np.array([100.0, 200.0]))


def _judge(add_up: Any) -> None:
    demand(add_up([]) == {}, "without contributions the dict should be empty")
    first, second, third = (value.copy() for value in _VALUES)
    given = add_up([("x", first), ("y", first), ("x", second), ("x", third)])
    demand(isinstance(given, dict), f"it should give a dict, but gives {given!r}")
    demand(set(given) == {"x", "y"}, f"the names should be x and y, but are {sorted(map(str, given))}")
    changed = not all(np.array_equal(now, was) for now, was in zip((first, second, third), _VALUES, strict=True))
    x = an_array(given["x"], (2,), "the gradient of x")
    y = an_array(given["y"], (2,), "the gradient of y")
    demand(
        not changed,
        "an array that you were given has been changed. += on a NumPy array writes into it, and y, which was sent the "
        f"same array as x, now has {y}. Write a = a + b, which makes a new one",
    )
    demand(not close(x, _VALUES[2]), "x has only the last contribution: each overwrites the one before")
    demand(not close(x, _VALUES[0]), "x has only the first contribution: later ones are lost")
    demand(not close(x, sum(_VALUES) / 3), "x has the mean of its contributions. Movements add; nothing is divided")
    demand(close(x, sum(_VALUES)), f"of {[v.tolist() for v in _VALUES]} x should have the sum, but has {x}")
    demand(close(y, _VALUES[0]), f"y got one contribution, {_VALUES[0]}, but has {y}")


exercise = Exercise(
    _judge,
    hints=(
        "The first contribution to a name starts its sum; a later one is added to what is there.",
        "gradients.get(name, 0) is 0 for a name that is not yet there.",
        "gradients[name] = gradients.get(name, 0) + contribution",
    ),
    moral="The engine adds with its own operation `add`, never in place, so that even this sum can be differentiated.",
)
