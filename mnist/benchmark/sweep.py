"""How the cost of a step grows, and that of the first one, with the batch, the width or the depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist.benchmark.config import Sweep
from mnist.benchmark.measuring import Measurement
from mnist.benchmark.table import WIDTH, microseconds
from mnist.contestants import ENTRIES

Curve = Mapping[int, float]
"""Seconds, by the value that is varied."""


@dataclass(frozen=True)
class Swept:
    """The measurements of a sweep, by the value that was varied."""

    kind: Sweep
    measurements: Mapping[int, Measurement]

    def steps(self) -> dict[str, Curve]:
        """Return the median of a step of each contestant, where it computes the right numbers."""
        return self._curves("median")

    def first_steps(self) -> dict[str, Curve]:
        """Return how long it took to the end of the first step, tracing and compiling included."""
        return self._curves("first_step")

    def _curves(self, what: str) -> dict[str, Curve]:
        curves: dict[str, dict[int, float]] = {}
        for size, measurement in self.measurements.items():
            for name, timing in measurement.timings.items():
                if timing.agrees:
                    curves.setdefault(name, {})[size] = getattr(timing, what)
        return {name: curves[name] for name in ENTRIES if name in curves}

    def exponent(self, curve: Curve) -> float | None:
        """Return p for which the cost grows as the p-th power of the work, over the upper half of the sizes.

        The work is the number of layers, or else of multiplications.
        """
        sizes = sorted(curve)[len(curve) // 2 :] if len(curve) > 3 else sorted(curve)
        work = {n: n if self.kind == "depth" else m.problem.multiplications for n, m in self.measurements.items()}
        return exponent([work[n] for n in sizes], [curve[n] for n in sizes])

    def as_json(self) -> dict[str, Any]:
        """Return what the measurements do not say themselves."""
        return {
            "sweep": self.kind,
            "sizes": list(self.measurements),
            "exponents": {name: self.exponent(curve) for name, curve in self.steps().items()},
            "first_step_exponents": {name: self.exponent(curve) for name, curve in self.first_steps().items()},
        }

    def table(self) -> str:
        """Write a table of the steps and one of the first steps, a column for each size."""
        work = "layers" if self.kind == "depth" else "multiplications"
        head = f"the exponent is p, where the cost grows as the p-th power of the {work}, over the larger sizes"
        steps = self._table("µs a step", self.steps(), microseconds)
        first = self._table("s to the first", self.first_steps(), lambda seconds: f"{seconds:.2f}")
        return "\n".join([f"{self.kind}; {head}", *steps, *first])

    def _table(self, title: str, curves: Mapping[str, Curve], written: Any) -> Iterator[str]:
        yield f"{title:{WIDTH}}" + "".join(f"{size:>11,}" for size in self.measurements) + f"{'exponent':>10}"
        for name, curve in curves.items():
            cells = [written(curve[size]) if size in curve else "–" for size in self.measurements]
            power = self.exponent(curve)
            yield f"{ENTRIES[name].title:{WIDTH}}" + "".join(f"{cell:>11}" for cell in cells) + (
                f"{'–' if power is None else f'{power:.2f}':>10}"
            )


def exponent(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return p of y = c·xᵖ, fitted by least squares to the logarithms; None where there are not two points."""
    if len(set(x)) < 2:
        return None
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
