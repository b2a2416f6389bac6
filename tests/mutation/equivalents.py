"""Mutants that compute the same function, each with the reason. A `*` stands for any text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from tests.mutation.mutant import Mutant

Reasons = Mapping[str, Sequence[str]]
"""The names of mutants, by the reason why they are no faults."""

EQUIVALENTS: Reasons = {
    "the results are truth values or places, which are never recorded": [
        *(f"{name}, *: a rule where there is none" for name in
          ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or",
           "logical_not", "argmax", "argmin")),
    ],
    "indices and states are integers, which are never tracked": [
        "uniform, state: a rule where there is none",
        "take_along_axis, indices: a rule where there is none",
        "add_along_axis, indices: a rule where there is none",
        "take_along_axis, a: held constant, indices",
        "add_along_axis, g: held constant, indices",
    ],
    "the rule reads no numbers of the operand, only its shape": [
        *(f"{name}, a: {change}, a" for name in
          ("getitem", "take_along_axis", "reshape", "sum_to", "pad", "sum", "cumsum", "sign", "sliding_windows")
          for change in ("replaced by zeros", "replaced by ones", "held constant")),
        *(f"add_windows, g: {change}, g" for change in ("replaced by zeros", "replaced by ones", "held constant")),
    ],
    "the rule reads no numbers of the result, only how many axes it has": [
        *(f"{rule}: {change}, out" for rule in ("permute_dims, a", "concat, arrays")
          for change in ("replaced by zeros", "replaced by ones", "held constant")),
        "permute_dims, a: out replaced by operand, a",
    ],
    "the rule is a step function of the operand, so it has no derivative that could be lost": [
        "where, *: held constant, condition",
        "abs, a: held constant, a",
        "relu, a: held constant, a",
        "relu_backward, cotangent: held constant, a",
        "maximum, *: held constant, a",
        "maximum, *: held constant, b",
        "minimum, *: held constant, a",
        "minimum, *: held constant, b",
        "max, a: held constant, out",
        "max, a: held constant, a",
        "min, a: held constant, out",
        "min, a: held constant, a",
    ],
    "the contribution is zero, whatever is done to it": [
        *(f"sign, a: {change}" for change in
          ("sign flipped", "doubled", "halved", "zeros", "transposed", "contribution held constant")),
    ],
    "the share of each tie is then a float64, which the walk casts back": [
        "reductions._share_among_ties: a part for the whole, astype(equal(a, keep_axes(*)), a.dtype) → equal(*)",
    ],
    "`strict` is an assertion: the lengths are equal": [
        "joining._inside: number changed, True → False",
        "windows.sliding_windows: number changed, True → False*",
        "loops.add_windows: number changed, True → False",
        "vectorized.add_windows: number changed, True → False",
    ],
    "a sum over no axes is the array itself": [
        "shapes.sum_to: a part for the whole, * if added > 0 else a → np.add.reduce(*",
        "shapes.sum_to: edge moved, added > 0 → added >= 0",
    ],
    "`np.add.at` is always right, and only slower than the assignment": [
        "indexing._may_repeat: a part for the whole, any(*",
        "indexing._may_repeat: a part for the whole, isinstance(part, *) → np.ndarray | list | tuple",
        "indexing.add_along_axis: a part for the whole, axis + 1 → *",
        "indexing.add_along_axis: arithmetic sign changed, axis + 1 → axis - 1",
        "indexing.add_along_axis: number changed, 1 → 2 (2)",
    ],
    "each line is written a second time, to the same numbers": ["loops._lines: number changed, 1 → 2"],
}  # fmt: skip


def reason(mutant: Mutant, reasons: Reasons = EQUIVALENTS) -> str | None:
    """Return why a mutant is listed as no fault, or None if it is not listed."""
    return next((why for why, names in reasons.items() if any(_fits(name, mutant) for name in names)), None)


def stale(mutants: Iterable[Mutant], reasons: Reasons = EQUIVALENTS) -> list[str]:
    """Return the names in the list that no mutant bears."""
    mutants = list(mutants)
    return [name for names in reasons.values() for name in names if not any(_fits(name, m) for m in mutants)]


def _fits(name: str, mutant: Mutant) -> bool:
    return re.fullmatch(re.escape(name).replace(r"\*", ".*"), mutant.name) is not None
