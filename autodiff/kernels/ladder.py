"""The ladder measured: what loops, NumPy and Numba need for the work of a training step, in a process of its own.

`python -m autodiff.kernels.ladder` prints one JSON object; how many threads NumPy's BLAS and Numba have, and where
Numba keeps its code, the environment decides. `python -m autodiff.kernels` runs it and draws the table.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from autodiff.kernels import compiled, compiled_matmul, loops, vectorized
from autodiff.kernels.peak import peak
from autodiff.kernels.team import team

NETS = [(784, 10, 10), (784, 128, 64, 10), (784, 512, 256, 10)]
BATCH = 64
SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

LOOPS_UP_TO = 50_000
"""Multiplications, or elements, up to which the loops are measured. Beyond they are not, and nothing is guessed."""

TURNS, TURN_SECONDS, WARM_UP_SECONDS = 5, 0.02, 0.005

SETTLING_SECONDS = 0.15
"""How long to wait before a turn where there are threads: NumPy's go on looking for work for a tenth of a second."""

Contestants = Mapping[str, Callable[[], Any]]
RUNGS = {"loops": loops, "numpy": vectorized, "numba": compiled}


class Work(NamedTuple):
    """A call of a kernel: a title, its multiplications or elements, the kernel's name, and what to call it with."""

    title: str
    size: int
    kernel: str
    operands: tuple[Any, ...]

    def on_each_rung(self) -> dict[str, Callable[[], Any]]:
        """Return what does it on each rung; on the lowest, if that takes no more than some hundredths of a second."""
        rungs = {name: kernels for name, kernels in RUNGS.items() if name != "loops" or self.size <= LOOPS_UP_TO}
        return {name: partial(getattr(kernels, self.kernel), *self.operands) for name, kernels in rungs.items()}


def measure(contestants: Contestants) -> dict[str, float]:
    """Return the median seconds of a call of each; they take turns, so that they all meet the same noise."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(TURNS):
        for name, run in contestants.items():
            if team.size > 1:
                time.sleep(SETTLING_SECONDS)
            warm = time.perf_counter() + WARM_UP_SECONDS
            while (start := time.perf_counter()) < warm + TURN_SECONDS:
                run()
                if start > warm:
                    seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(times)) for name, times in seconds.items()}


def products() -> list[Work]:
    """Return the factors of every matrix product of the nets' training steps, as views where the engine has views."""
    rng = np.random.default_rng(0)
    found = []
    for net in NETS:
        for layer, (p, q) in enumerate(pairwise(net)):
            x, w, g = (rng.standard_normal(shape, np.float32) for shape in ((BATCH, p), (p, q), (BATCH, q)))
            size = BATCH * p * q
            found.append(Work(f"X·W    {BATCH}×{p} · {p}×{q}", size, "matmul", (x, w)))
            found.append(Work(f"Xᵀ·dZ  {p}×{BATCH} · {BATCH}×{q}", size, "matmul", (x.T, g)))
            if layer:  # nobody asks for the gradient of the images
                found.append(Work(f"dZ·Wᵀ  {BATCH}×{q} · {q}×{p}", size, "matmul", (g, w.T)))
    return found


def others() -> list[Work]:
    """Return what else a step does: between the products, at the logits, and the update, y += α·x."""
    rng = np.random.default_rng(0)

    def work(name: str, m: int, n: int) -> Work:
        x, y = (rng.standard_normal((m, n), np.float32) for _ in range(2))
        operands = {"axpy": (-1e-9, x, y), "relu": (x,), "log_softmax": (x,)}.get(name, (x, y))
        return Work(f"{name:21}{m}×{n}", m * n, name, operands)

    hidden = [work(name, BATCH, n) for n in (128, 512) for name in ("relu", "relu_backward")]
    logits = [work(name, BATCH, 10) for name in ("log_softmax", "log_softmax_backward")]
    return [*hidden, *logits, *(work("axpy", 784, n) for n in (10, 128, 512))]


def crossover() -> list[dict[str, float]]:
    """Return the seconds of products of square matrices: of each rung, and of Numba alone and by the team."""
    rows = []
    for n in SIZES:
        a, b = (np.random.default_rng(n).standard_normal((n, n), np.float32) for _ in range(2))
        contestants = Work("", n**3, "matmul", (a, b)).on_each_rung()
        if team.size > 1:
            out = np.empty_like(a)
            contestants["alone"] = partial(compiled_matmul.product[a.dtype], a, b, out, 0, n, 0, n)
            contestants["team"] = partial(compiled_matmul.product_by_team[a.dtype], a, b, out, team.size)
        rows.append({"n": n, **measure(contestants)})
    return rows


def ladder() -> dict[str, Any]:
    """Return all that is measured with the threads that this process has."""
    return {
        "threads": team.size,
        "peak": peak(team.size),
        "products": [{"title": work.title, "size": work.size, **measure(work.on_each_rung())} for work in products()],
        "others": [{"title": work.title, "size": work.size, **measure(work.on_each_rung())} for work in others()],
        "crossover": crossover(),
    }


def compilation() -> dict[str, float]:
    """Return the seconds until each kernel has run once."""
    x, w = np.ones((BATCH, 784), np.float32), np.ones((784, 10), np.float32)
    z = np.ones((BATCH, 10), np.float32)
    first: dict[str, Callable[[], Any]] = {
        "matmul": partial(compiled.matmul, x, w),
        "relu": partial(compiled.relu, z),
        "relu_backward": partial(compiled.relu_backward, z, z),
        "log_softmax": partial(compiled.log_softmax, z),
        "log_softmax_backward": partial(compiled.log_softmax_backward, z, z),
        "axpy": partial(compiled.axpy, 1.0, z, z.copy()),
    }
    seconds = {}
    for name, run in first.items():
        start = time.perf_counter()
        run()
        seconds[name] = time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    json.dump(compilation() if "--compilation" in sys.argv else ladder(), sys.stdout)
