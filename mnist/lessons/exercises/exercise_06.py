"""Undoing broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops import sum_to
from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand

_CASES = (
    ((4, 3), (3,)), ((4, 3), (4, 1)), ((4, 3), (1, 3)), ((4, 3), ()), ((4, 3), (4, 3)), ((3, 3), (3, 1)),
    ((2, 4, 3), (4, 1)), ((2, 4, 3), (1, 1, 3)),
)  # fmt: skip


def _judge(answer: Any) -> None:
    rng = np.random.default_rng(0)
    for big, small in _CASES:
        g = rng.standard_normal(big)
        before = g.copy()
        case = f"for g of shape {big} and an operand of shape {small}"
        given = answer(g, small)
        demand(given is not None and given is not ..., f"it gives {given!r}. Is a return missing, or a … still there?")
        array = np.asarray(given, dtype=float)
        demand(np.array_equal(g, before), f"{case} it has changed g; give a new array")
        demand(
            array.shape != np.squeeze(np.empty(small)).shape or array.shape == small,
            f"{case} it gives shape {array.shape}: the axis of length 1 is lost. Sum with keepdims=True there",
        )
        demand(
            array.shape != big or big == small,
            f"{case} it gives shape {big} still: an axis of length 1, or one that is lacking, is to be summed over",
        )
        array = an_array(given, small, f"{case} what it gives")
        due = sum_to(g, shape=small)
        share = due.size / g.size
        demand(share == 1 or not close(array, due * share), f"{case} it gives the mean. Contributions add")
        picked = [np.broadcast_to(array, big)[i] == g[i] for i in np.ndindex(big)]
        demand(
            share == 1 or sum(picked) < due.size,
            f"{case} it picks one of the copies' slopes; all copies contribute, so they are summed",
        )
        demand(close(array, due), f"{case} it gives {array.tolist()}, but the sum over copies is {due.tolist()}")


exercise = Exercise(
    _judge,
    hints=(
        "There are two kinds of axes to sum over: those in front that the operand lacks, and those where it has "
        "length 1.",
        "Lacking are g.ndim − len(shape) axes in front; sum them away. Then, where shape[i] == 1, sum with "
        "keepdims=True.",
        "while g.ndim > len(shape): g = g.sum(axis=0). Then for i, n in enumerate(shape): if n == 1: "
        "g = g.sum(axis=i, keepdims=True). Then return g.",
    ),
    moral="With this one function no rule of any operation needs to know that broadcasting exists.",
)
