"""The rule of an operation of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np

import autodiff as ad
from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand

_A = np.array([0.5, 2.0, -4.0])
_ABOVE = np.array([3.0, -1.0, 10.0])


def _judge(reciprocal: Any) -> None:
    demand(callable(reciprocal), "it should be the operation that @ad.primitive made")
    a = ad.Tensor(_A, requires_grad=True)
    out = reciprocal(a)
    demand(isinstance(out, ad.Tensor), "the result is no Tensor: is @ad.primitive(…) still above the kernel?")
    demand(close(out.data, 1 / _A), "the kernel should compute 1 / a; only the rule is asked for")
    demand(out.node is not None and len(out.node.inputs) == 1, "the operation is not on the tape with one operand")
    rule = out.node.primitive.rules[0]
    given = an_array(rule(_ABOVE, 1 / _A, _A), _A.shape, "what the rule gives")
    due = -_ABOVE / _A**2
    demand(not close(given, -1 / _A**2), "the rule gives the step's own slope, and forgets to multiply it by g")
    demand(not close(given, -due), "the sign is wrong: 1 / a falls as a grows")
    demand(not close(given, -_ABOVE / _A), "it gives −g / a; the slope of 1 / a is −1 / a², so out is needed twice")
    demand(close(given, due), f"at a = {_A[0]:g} with g = {_ABOVE[0]:g} it gives {given[0]:g}, not {due[0]:g}")
    try:
        ad.check_gradients(reciprocal, _A)
    except (AssertionError, TypeError) as error:
        demand(
            False,
            f"the first derivative is right, but the second is not ({error}). Write the rule with *, / and the "
            "engine's operations, not by way of .data or float: then the way back can be read backwards in turn",
        )


exercise = Exercise(
    _judge,
    hints=(
        "A rule returns g times the slope of the step.",
        "The slope is −1 / a², and out is 1 / a; so the slope is −out · out.",
        "lambda g, out, a: -g * out * out",
    ),
    moral="And it can be differentiated twice, because the rule is made of operations that pass through the same door.",
)
