"""A square root that is safe at 0."""

from __future__ import annotations

from typing import Any

import numpy as np

import autodiff as ad
from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand

_X = np.array([4.0, 0.25, 0.0, -1.0])
_VALUES = np.array([2.0, 0.5, 0.0, 0.0])
_SLOPES = np.array([0.25, 1.0, 0.0, 0.0])


def _judge(safe_sqrt: Any) -> None:
    x = ad.Tensor(_X, requires_grad=True)
    y = safe_sqrt(x)
    values = an_array(y, _X.shape, "the result")
    demand(not np.isnan(values[3]), "√ of a negative number is NaN; choose 0 there")
    demand(
        close(values, _VALUES, 1e-12),
        f"of x = {_X} the values are {values}, not {_VALUES}. If you add a small number to x, large x suffer too",
    )
    demand(isinstance(y, ad.Tensor) and y.requires_grad, "the result is not on the tape; use ad.sqrt and ad.where")
    y.sum().backward()
    demand(x.grad is not None, "no gradient reaches x")
    slopes = x.grad.data
    demand(
        not np.isnan(slopes[2:]).any(),
        "the values are right, but a slope is NaN: the root of 0 is still taken, and on the way back 0 is divided by "
        "0. The root must never see what is not above 0",
    )
    demand(np.isfinite(slopes).all(), f"the slopes are {slopes}: at 0 the root's own slope is infinite")
    demand(close(slopes, _SLOPES), f"of x = {_X} the slopes are {slopes}, not {_SLOPES}")


exercise = Exercise(
    _judge,
    hints=(
        "Give the root only numbers above 0: choose another, harmless number in place of the others first.",
        "inside = ad.where(x.data > 0, x, 1.0) is x where that is good, and 1 elsewhere. Its root is safe everywhere.",
        "return ad.where(x.data > 0, ad.sqrt(inside), 0.0)",
    ),
    moral="This is the “double where”. The engine's rule of power does the same, in _off_singularity.",
)
