"""What a check of the gradients found: as a page for people, and as JSON for programs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mnist.agreement import BOUNDS, Comparison, bound_for, disagreements


@dataclasses.dataclass(frozen=True)
class Report:
    """What was compared, and how far it is apart.

    `left_out` counts the images dropped from the batch for a unit within rounding of relu's kink, `unmeasured` those
    of the differences' directions along which no step was right.
    """

    layers: tuple[int, ...]
    activation: str
    weights: str
    dataset: str
    images: int
    left_out: int
    directions: int
    unmeasured: int
    doubt: float
    comparisons: list[Comparison]

    @property
    def broken(self) -> list[Comparison]:
        """The comparisons that do not hold."""
        return [comparison for comparison in self.comparisons if not comparison.holds]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON has it, in which a number that is not finite is null."""
        comparisons = [dataclasses.asdict(c) | {"holds": c.holds} for c in self.comparisons]
        finite = [
            {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in comparison.items()}
            for comparison in comparisons
        ]
        return dataclasses.asdict(self) | {"comparisons": finite, "holds": not self.broken}


_ABREAST = 4
"""How many witnesses find room beside each other on a page of 100 columns."""


def page(report: Report) -> str:
    """Write a report on a page of at most 100 columns."""
    tables = [_table(dtype, [c for c in report.comparisons if c.dtype == dtype]) for dtype in BOUNDS]
    return "\n\n".join("\n".join(part) for part in (_heading(report), *tables, _verdict(report)))


def _heading(report: Report) -> Iterator[str]:
    """Say what is compared, and in what terms."""
    yield f"network      {'-'.join(map(str, report.layers))}, {report.activation}, {report.weights}"
    yield f"batch        {report.images} training images of {report.dataset}"
    if report.left_out:
        yield f"             without {report.left_out} more, on which the input of a relu is within rounding of 0"
    yield "engine       the tape of autodiff, read backwards"
    yield "by hand      the formulas derived in nets/manual.py"
    if any(comparison.against.startswith("TF") for comparison in report.comparisons):
        yield "TF           tf.GradientTape, on the device named"
    yield "float64      beside float32: what the same witness says in float64"
    yield "differences  slopes of the loss along random directions, measured in float64, without calculus"
    if report.unmeasured:
        few = f"{report.unmeasured} of {report.directions}"
        yield f"             but for {few}, along which a kink of relu is too near, or the slope too small"
    yield "error        max|a − b| / max|b| over all elements of a and b"
    yield "ULPs         steps from float to float between a and b, at the worst element; near 0 they are many"
    for dtype, bound in BOUNDS.items():
        if (wider := bound_for(dtype, dtype, report.doubt)) > bound:
            sure = f"labels have probability 1 − {report.doubt:.0e}, so A − Y loses digits"
            so = f"the bound in {dtype} is {wider:.0e}" if wider < 1 else f"none is left in {dtype}"
            yield f"certainty    {sure}: {so}"


def _table(dtype: str, comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Set the first witness against each of the others, quantity by quantity, and the others against each other."""
    pairs: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in comparisons:
        pairs.setdefault((comparison.witness, comparison.against), []).append(comparison)
    first = comparisons[0].witness
    columns = [column for (witness, _), column in pairs.items() if witness == first]
    for start in range(0, len(columns), _ABREAST):
        yield from _side_by_side(dtype, columns[start : start + _ABREAST])
        yield ""
    yield f"{f'{dtype}, the others':36}{_HEAD}   worst in"
    for (witness, against), column in pairs.items():
        if witness != first:
            worst = max(column, key=_severity)
            yield f"{f'{witness} against {against}':36}{_worst(column)}   {worst.quantity:18}{_mark(column)}"


def _side_by_side(dtype: str, columns: Sequence[Sequence[Comparison]]) -> Iterator[str]:
    """Write the columns of a table, of which the first has a comparison for every quantity."""
    names = [comparison.quantity for comparison in columns[0]]
    width = max(map(len, names)) + 1
    by_name = [{comparison.quantity: comparison for comparison in column} for column in columns]

    def line(name: str, cells: Iterable[str]) -> str:
        return (f"{name:{width}}" + "".join(f"{cell:>20}" for cell in cells)).rstrip()

    yield line(dtype, (column[0].against for column in columns))
    yield line(f"{columns[0][0].witness} against", (_HEAD for _ in columns))
    for name in names:
        cells = (column.get(name) for column in by_name)
        yield line(name, (_cell(c.relative_error, c.ulps) if c else "–" for c in cells))
    yield line("worst", map(_worst, columns))
    yield line("bound", (f"{column[0].bound:.0e}{'':9}" for column in columns))
    yield line("", (f"{_mark(column)}{'':9}" for column in columns))


def _cell(error: float, ulps: float) -> str:
    few = f"{ulps:,}" if ulps < 1e6 else f"{float(ulps):.0e}"
    return f"{f'{error:.1e}' if error else '0':>11}{few:>9}"


_HEAD = f"{'error':>11}{'ULPs':>9}"


def _worst(column: Sequence[Comparison]) -> str:
    return _cell(max(column, key=_severity).relative_error, max(comparison.ulps for comparison in column))


def _severity(comparison: Comparison) -> float:
    return math.inf if math.isnan(comparison.relative_error) else comparison.relative_error


def _mark(column: Sequence[Comparison]) -> str:
    return "ok" if all(comparison.holds for comparison in column) else "BROKEN"


def _verdict(report: Report) -> Iterator[str]:
    """Say that all is well, or who is wrong about what."""
    if not report.broken:
        yield f"All {len(report.comparisons)} comparisons hold."
    for dtype, quantity in dict.fromkeys((c.dtype, c.quantity) for c in report.broken):
        broken = [c for c in report.broken if (c.dtype, c.quantity) == (dtype, quantity)]
        for suspect, others in disagreements(broken):
            yield f"BROKEN: {quantity} in {dtype}: {suspect} differs from {', '.join(others)}"
