"""Parameters for libraries that keep the channels of an image last, and back: the same numbers in another order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnist.contestants.architecture import Convolution, Flatten, Linear, shapes
from mnist.contestants.problem import Problem


def channels_last(problem: Problem, parameters: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return W_1, b_1, … for such a library.

    The weights of a convolution become (height, width, inputs, outputs), and those of a linear layer behind a `Flatten`
    have their rows in the order in which it flattens there.
    """
    return _reordered(problem, parameters, is_back=False)


def channels_first(problem: Problem, parameters: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return W_1, b_1, … as `Problem.parameters` has them, from those of such a library."""
    return _reordered(problem, parameters, is_back=True)


def _reordered(problem: Problem, parameters: Sequence[np.ndarray], is_back: bool) -> list[np.ndarray]:
    found = list(parameters)
    place, rows = 0, None
    for layer, before, _ in shapes(problem.architecture, problem.layers[0]):
        if isinstance(layer, Flatten):
            rows = np.arange(np.prod(before)).reshape(before).transpose(1, 2, 0).ravel()
        if not isinstance(layer, Linear | Convolution):
            continue
        if isinstance(layer, Convolution):
            found[place] = found[place].transpose((3, 2, 0, 1) if is_back else (2, 3, 1, 0))
        elif rows is not None:
            found[place] = found[place][np.argsort(rows) if is_back else rows]
            rows = None
        place += 2
    return [np.ascontiguousarray(p) for p in found]
