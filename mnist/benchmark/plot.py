"""A sweep as a picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from mnist.benchmark.sweep import Swept
from mnist.contestants import ENTRIES

_NAMES = {"batch": "batch size", "width": "width of two hidden layers", "depth": "layers"}


def plot(swept: Swept, path: Path) -> None:
    """Draw what a step costs and, beside it, what the first costs, on logarithmic axes, to a PNG file.

    Dashed beside them is a cost that grows as the arithmetic does.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    panels = figure.subplots(1, 2)
    colors = {name: f"C{i}" for i, name in enumerate(ENTRIES)}
    for axes, curves, title in zip(
        panels, (swept.steps(), swept.first_steps()), ("a step", "up to the first step, with compilation"), strict=True
    ):
        for name, curve in curves.items():
            ours = name in ("eager", "compiled")
            style = {"linewidth": 2.5 if ours else 1.2, "marker": "o" if ours else ".", "color": colors[name]}
            axes.plot(list(curve), list(curve.values()), label=ENTRIES[name].title, **style)
        if curves:
            line = _as_the_arithmetic(swept, min(min(curve.values()) for curve in curves.values()))
            axes.plot(*line, "k--", linewidth=0.8, label="as the arithmetic grows")
        axes.set(xscale="log", yscale="log", xlabel=_NAMES[swept.kind], ylabel="seconds", title=title)
        axes.set_xticks(list(swept.measurements), [f"{size:,}" for size in swept.measurements], minor=False)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].legend(fontsize="small")
    figure.savefig(path, format="png", dpi=120)


def _as_the_arithmetic(swept: Swept, start: float) -> tuple[list[int], list[float]]:
    """Return a line that starts at the cheapest cost and grows with the number of multiplications."""
    sizes = list(swept.measurements)
    multiplications = [measurement.problem.multiplications for measurement in swept.measurements.values()]
    return sizes, [start * count / multiplications[0] for count in multiplications]
