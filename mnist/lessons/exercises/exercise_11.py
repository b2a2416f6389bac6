"""A step with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand, parts

_LR, _MU = 0.05, 0.9


def _judge(step: Any) -> None:
    θ, g, v = np.array([1.0, 2.0]), np.array([10.0, -20.0]), np.array([3.0, 5.0])
    before = [array.copy() for array in (θ, g, v)]
    new_θ, new_v = parts(step(θ, g, v, _LR, _MU), 2, "two things, the new θ and the new v")
    new_θ, new_v = an_array(new_θ, θ.shape, "the new θ").copy(), an_array(new_v, v.shape, "the new v").copy()
    changed = [name for name, now, was in zip("θgv", (θ, g, v), before, strict=True) if not np.array_equal(now, was)]
    demand(not changed, f"it has changed {' and '.join(changed)}; v = v + … makes a new array, v += … does not")
    due_v = _MU * v + g
    demand(not close(new_v, v), "the new v is the old one: without memory there is no momentum")
    demand(not close(new_v, g), "the new v is just g: the old velocity is forgotten")
    demand(not close(new_v, v + g), "the velocity has no friction: the old one is to be multiplied by μ")
    demand(
        not close(new_v, _MU * v + (1 - _MU) * g),
        "this is a running *mean*, as in Adam's m, with (1 − μ)·g. Here the slope is added whole: v ← μ·v + g",
    )
    demand(
        not close(new_v, _MU * v + _LR * g) and not close(new_v, _MU * v - _LR * g),
        "you have multiplied g by lr within v. It can be done so, but here lr comes in only with the step: change lr "
        "midway, and the two differ",
    )
    demand(close(new_v, due_v), f"for v = {v}, g = {g} and μ = {_MU} the new v is {new_v}, not {due_v}")
    demand(not close(new_θ, θ + _LR * due_v), "the step goes uphill: θ − lr·v, with a minus")
    demand(not close(new_θ, θ - _LR * g), "v is right, but the step is taken along g; take it along v")
    demand(not close(new_θ, θ - _LR * v), "the step is taken along the old v; take it along the new one")
    demand(close(new_θ, θ - _LR * due_v), f"the new θ is {new_θ}, not {θ - _LR * due_v}")
    again = parts(step(θ, g, np.zeros(2), 0.5, 0.0), 2, "two things")
    demand(close(an_array(again[0], θ.shape, "the new θ"), θ - 0.5 * g), "with μ = 0 it should be plain descent")


exercise = Exercise(
    _judge,
    hints=(
        "First the velocity, then the step along the new velocity.",
        "v = μ * v + g, as a new array.",
        "v = μ * v + g; return θ - lr * v, v",
    ),
    moral="PyTorch and this engine define it so; TensorFlow puts lr into v. The same steps, while lr stays as it is.",
)
