"""What division has to remember."""

from __future__ import annotations

from typing import Any

from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand, parts

_POINTS = ((6.0, 3.0), (2.0, -4.0), (-2.5, 0.5))


def _judge(divide: Any) -> None:
    for a, b in _POINTS:
        at = f"at a = {a:g}, b = {b:g}"
        value, by_a, by_b = parts(divide(a, b), 3, "three numbers, the value and two slopes")
        demand(close(an_array(value, (), f"the value {at}"), a / b), f"the value {at} is {value}, not {a / b:g}")
        by_a, by_b = an_array(by_a, (), f"the slope by a {at}"), an_array(by_b, (), f"the slope by b {at}")
        due_a, due_b = 1 / b, -a / b**2
        demand(not (close(by_a, due_b) and close(by_b, due_a)), "the two slopes are right, but the wrong way round")
        demand(close(by_a, due_a), f"the slope by a {at} is {by_a:g}. If a grows by 1, a / b grows by {due_a:g}")
        demand(
            not close(by_b, -due_b),
            "the slope by b has the wrong sign: the more share a cake, the less each gets (for a and b above 0)",
        )
        demand(not close(by_b, -1 / b**2), "the slope by b forgets a: twice as much a falls twice as fast")
        demand(close(by_b, due_b), f"the slope by b {at} is {by_b:g}. Trying gives {_tried(a, b):.4f}")


def _tried(a: float, b: float) -> float:
    return (a / (b + 1e-6) - a / (b - 1e-6)) / 2e-6


exercise = Exercise(
    _judge,
    hints=(
        "a / b is a times 1/b. You know the slope of a product by its first factor.",
        "The slope of 1/b by b is −1/b². It is multiplied by what stands before it, a.",
        "return a / b, 1 / b, and minus a divided by b squared.",
    ),
    moral="The engine has it in autodiff/ops/elementwise.py, as −(a / b) / b: it has the quotient already.",
)
