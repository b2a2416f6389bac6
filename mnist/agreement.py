"""How far the witnesses of a gradient are apart, and how far they may be."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mnist.witnesses import ACCURACY, Differences, Testimony

BOUNDS = {"float64": 1e-9, "float32": 1e-5}
"""The largest relative error between two witnesses that say what they say in a dtype."""
_ROUNDINGS = 16
"""How many roundings of A, each of half an epsilon, a witness may carry over into A − Y."""


@dataclass(frozen=True)
class Comparison:
    """Two witnesses on one quantity: on the loss, or on a parameter's gradient."""

    dtype: str
    quantity: str
    witness: str
    against: str
    relative_error: float
    ulps: float
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the two agree; a relative error that is no number is no agreement."""
        return self.relative_error <= self.bound


def compare(
    wide: Mapping[str, Testimony], narrow: Mapping[str, Testimony], measured: Differences, doubt: float
) -> list[Comparison]:
    """Compare every two witnesses, and each with the differences and with itself.

    Args:
        wide: what each witness says in float64.
        narrow: what it says in float32, which is also compared with what it says in float64.
        measured: what differences say, in float64.
        doubt: 1 − p, of `mnist.witnesses.doubt`.
    """
    pairs = [
        *(("float64", one, other, wide[one], wide[other]) for one, other in combinations(wide, 2)),
        *(("float64", name, "differences", measured.put_to(said), measured.testimony) for name, said in wide.items()),
        *(("float32", one, other, narrow[one], narrow[other]) for one, other in combinations(narrow, 2)),
        *(("float32", name, "float64", narrow[name], wide[name]) for name in narrow),
    ]
    return [
        Comparison(
            dtype,
            quantity,
            witness,
            against,
            relative_error(a[quantity], b[quantity]),
            ulp_distance(a[quantity], b[quantity].astype(dtype)),
            bound_for(dtype, against, doubt),
        )
        for dtype, witness, against, a, b in pairs
        for quantity in b
    ]


def bound_for(dtype: str, against: str, doubt: float) -> float:
    """Return the largest relative error that two witnesses may be apart, in a dtype.

    Where a network is sure of a label, its probability in A is nearly the 1 in Y, and A − Y, with which all
    gradients begin, keeps of A's digits only those of 1 − p. What is lost there nobody can find again, and the
    bound gives way to the rounding error of A / (1 − p) when that is larger.
    """
    bound = ACCURACY if against == "differences" else BOUNDS[dtype]
    rounding = _ROUNDINGS * float(np.finfo(dtype).eps) / 2
    return max(bound, rounding / doubt) if doubt else math.inf


def disagreements(broken: Sequence[Comparison]) -> Iterator[tuple[str, list[str]]]:
    """Say of comparisons that do not hold who differs from whom, and begin with the one who differs from most."""
    while broken:
        ((suspect, _),) = Counter(name for pair in broken for name in (pair.witness, pair.against)).most_common(1)
        against = [pair for pair in broken if suspect in (pair.witness, pair.against)]
        yield suspect, [pair.witness if pair.against == suspect else pair.against for pair in against]
        broken = [pair for pair in broken if pair not in against]


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    """Return max|a − b| / max|b| over two arrays of one shape, and 0 where both are 0 throughout."""
    if np.array_equal(a, b):
        return 0.0
    with np.errstate(all="ignore"):  # what overflows is no number
        return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))


def ulp_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return how many steps of the dtype lead from an element of a to the same of b, at the worst element.

    A step is from one floating-point number to the next: 1 from 1.0 to the next larger, and 1 from 0 to the smallest
    there is. −0 is 0. NaN is infinitely far from everything.

    Raises:
        TypeError: the dtypes differ, and with them the steps.
    """
    if a.dtype != b.dtype:
        raise TypeError(f"ulp_distance: {a.dtype} and {b.dtype} have other steps; cast one to the dtype of the other")
    if np.isnan(a).any() or np.isnan(b).any():
        return math.inf
    low, high = _place(np.minimum(a, b)), _place(np.maximum(a, b))
    return int(np.max(high - low))


def _place(a: np.ndarray) -> np.ndarray:
    """Return each number's place in the row of all, from 0.0 on; those below 0 modulo 2⁶⁴, as unsigned integers are.

    The bits of a float, read as an integer, count the floats from 0 on; the first bit is the sign.
    """
    bits = a.view(f"i{a.itemsize}").astype(np.int64)
    magnitude = bits & np.iinfo(f"i{a.itemsize}").max
    return np.where(bits < 0, -magnitude, magnitude).astype(np.uint64)
