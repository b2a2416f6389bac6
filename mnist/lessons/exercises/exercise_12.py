"""A Hessian times a vector."""

from __future__ import annotations

from typing import Any

import numpy as np

import autodiff as ad
from autodiff import tape
from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand

_SMALL = 4
_LARGE = 50
_MOST_PASSES = 10


def _judge(hessian_times: Any) -> None:
    rng = np.random.default_rng(0)
    M = rng.standard_normal((_SMALL, _SMALL))

    def f(x: Any) -> Any:
        return (ad.tanh(M @ x) * x).sum()

    x, v = rng.standard_normal(_SMALL), rng.standard_normal(_SMALL)
    given = an_array(hessian_times(f, x, v), (_SMALL,), "what it gives")
    H, slopes = ad.hessian(f)(x).data, ad.grad(f)(x).data
    demand(
        not close(given, 0),
        "it gives zeros: a gradient was taken of something that had lost its tape, by .data, .detach() or .grad "
        "without create_graph",
    )
    demand(not close(given, slopes * v), "it gives slopes · v, number by number, which is not yet differentiated again")
    demand(not close(given, slopes), "it gives the slopes of f; H @ v is one derivative further")
    demand(not close(given, H.sum(axis=1)), "it gives the sums of H's rows, as if v were all ones: v is not used")
    demand(not close(given, np.diag(H) * v), "it gives the diagonal of H times v; the other entries count, too")
    demand(close(given, H @ v), f"for a function of {_SMALL} numbers it gives {given}, but H @ v is {H @ v}")

    looking = _Counting()
    with tape.watching(looking):
        hessian_times(lambda x: (x * x * x).sum(), np.ones(_LARGE), np.ones(_LARGE))
    demand(
        looking.passes <= _MOST_PASSES,
        f"right, but for {_LARGE} numbers it goes back {looking.passes} times: it builds H, row by row. Two ways back "
        "are enough, whatever the size",
    )


class _Counting(tape.Watcher):
    """Count backward passes."""

    passes = 0

    def begin(self, during: tape.Pass) -> None:
        self.passes += during == "backward"


exercise = Exercise(
    _judge,
    hints=(
        "ad.grad(f) is a function that gives the slopes. Multiply by v and add up: one number, as a function of x.",
        "The gradient of that number by x is H @ v.",
        "return ad.grad(lambda x: (ad.grad(f)(x) * v).sum())(x)",
    ),
    moral="ad.jvp(ad.grad(f), (x,), (v,)) says the same in one line: the derivative of the slopes along v.",
)
