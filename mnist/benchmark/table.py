"""What was measured, as text."""

from __future__ import annotations

from collections.abc import Iterator

from mnist.benchmark.measuring import Measurement
from mnist.benchmark.truth import TOLERANCE
from mnist.contestants import ENTRIES

WIDTH = max(len(entry.title) for entry in ENTRIES.values()) + 2


def table(measurement: Measurement) -> str:
    """Write a table, the quickest first; whoever computes other numbers is last, and has no ratio."""
    return "\n".join(_lines(measurement))


def _lines(measurement: Measurement) -> Iterator[str]:
    yield str(measurement.problem)
    yield f"{'µs a step':{WIDTH}}{'median':>8}{'quartiles':>20}{'/ NumPy':>10}{'/ compiled':>12}{'first step':>13}"
    for name in measurement.ranking():
        timing = measurement.timings[name]
        quartiles = f"{microseconds(timing.low)} to {microseconds(timing.high)}"
        line = f"{ENTRIES[name].title:{WIDTH}}{microseconds(timing.median):>8}{quartiles:>20}"
        if timing.agrees:
            ratios = [measurement.ratio(name, other) for other in ("numpy", "compiled")]
            numpy, compiled = ("–" if ratio is None else f"{ratio:.2f}" for ratio in ratios)
            yield f"{line}{numpy:>10}{compiled:>12}{timing.first_step:>11.2f} s"
        else:
            yield f"{line}   not ranked: its numbers are off by {timing.error:.1e}"
    for name, why in measurement.failures.items():
        yield f"{ENTRIES[name].title:{WIDTH}}{'–':>8}   {why}"
    for name in measurement.left_out:
        yield f"{ENTRIES[name].title:{WIDTH}}{'–':>8}   {takes_no_part(name)}"
    agreeing = [timing.error for timing in measurement.timings.values() if timing.agrees]
    if agreeing:
        yield (
            f"same numbers: the first steps of {len(agreeing)} of {len(measurement.timings)} are within "
            f"{max(agreeing):.0e} of the right ones (bound {TOLERANCE:.0e})"
        )


def takes_no_part(name: str) -> str:
    """Say why a contestant is left out."""
    return f"takes no part: it knows the {ENTRIES[name].network} alone"


def microseconds(seconds: float) -> str:
    """Write a time to three digits at least."""
    return f"{seconds * 1e6:,.0f}" if seconds >= 1e-4 else f"{seconds * 1e6:.1f}"
