"""`python -m autodiff.kernels`: the ladder of loops, NumPy and Numba over the work of a training step, side by side."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

Row = dict[str, Any]


def main() -> int:
    """Measure with one thread and with all, and print; return the exit status."""
    parser = argparse.ArgumentParser("python -m autodiff.kernels", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print all numbers, in seconds, instead of tables")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    runs = [_measured(threads) for threads in sorted({1, cores})]
    with tempfile.TemporaryDirectory() as folder:
        compilation = [_measured(1, "--compilation", NUMBA_CACHE_DIR=folder) for _ in range(2)]
    if options.json:
        print(json.dumps({"runs": runs, "compilation": dict(zip(("cold", "cached"), compilation, strict=True))}))
        return 0
    for run in runs:
        print(_tables(run, runs[0]))
    print("compiling, in seconds      cold  from the cache")
    for name, cold in compilation[0].items():
        print(f"{name:24}{cold:7.2f}{compilation[1][name]:16.3f}")
    return 0


def _measured(threads: int, *arguments: str, **environment: str) -> Row:
    """Return what the ladder measures in a process that has so many threads, for the BLAS and for Numba."""
    counted = ("OPENBLAS", "MKL", "OMP", "NUMBA")
    done = subprocess.run(
        [sys.executable, "-m", "autodiff.kernels.ladder", *arguments],
        env={**os.environ, **{f"{name}_NUM_THREADS": str(threads) for name in counted}, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    measured: Row = json.loads(done.stdout)
    return measured


def _tables(run: Row, alone: Row) -> str:
    """Write the tables of a run; `alone` is the run with one thread."""
    threads, peak = run["threads"], run["peak"]
    lines = [
        f"{threads} thread{'s' if threads > 1 else ''}, float32, microseconds (GFLOP/s); "
        f"measured peak {peak / 1e9:.0f} GFLOP/s, of one core {alone['peak'] / 1e9:.0f}",
        f"{'':28}{'loops':>12}{'NumPy':>16}{'Numba':>16}{'of peak':>9}{'NumPy / Numba':>15}",
    ]
    for row in run["products"]:
        operations = 2 * row["size"]
        cells = [_cell(row, rung, operations) for rung in ("loops", "numpy", "numba")]
        share = operations / row["numba"] / peak
        lines.append(f"{row['title']:28}{cells[0]:>12}{cells[1]:>16}{cells[2]:>16}{share:9.0%}{_ratio(row):15.2f}")
    mean = float(np.exp(np.mean([np.log(_ratio(row)) for row in run["products"]])))
    lines.append(f"{'geometric mean':28}{'':53}{mean:15.2f}")
    for row in run["others"]:
        cells = [_cell(row, rung) for rung in ("loops", "numpy", "numba")]
        lines.append(f"{row['title']:28}{cells[0]:>12}{cells[1]:>16}{cells[2]:>16}{'':9}{_ratio(row):15.2f}")
    return "\n".join([*lines, "– was not measured: the loops would take too long", "", *_crossover(run), ""])


def _ratio(row: Row) -> float:
    return float(row["numpy"] / row["numba"])


def _cell(row: Row, rung: str, operations: int = 0) -> str:
    if rung not in row:
        return "–"
    rate = f" ({operations / row[rung] / 1e9:.{0 if rung != 'loops' else 3}f})" if operations else ""
    return f"{row[rung] * 1e6:.1f}{rate}"


def _crossover(run: Row) -> list[str]:
    """Write how the rungs compare on products of square matrices, and from which size the higher rung wins."""
    rungs = ["loops", "numpy", "numba"] + (["alone", "team"] if run["threads"] > 1 else [])
    heads = ["loops", "NumPy", "Numba"] + (["one thread", f"{run['threads']} threads"] if run["threads"] > 1 else [])
    lines = ["products n×n · n×n, microseconds", f"{'n':>6}" + "".join(f"{head:>14}" for head in heads)]
    lines += [f"{row['n']:6}" + "".join(f"{_cell(row, rung):>14}" for rung in rungs) for row in run["crossover"]]
    pairs = [("numba", "loops", "Numba", "loops"), ("numba", "numpy", "Numba", "NumPy")]
    if run["threads"] > 1:
        pairs.append(("team", "alone", f"{run['threads']} threads", "one"))
    for better, worse, winner, loser in pairs:
        n = _from(run["crossover"], better, worse)
        lines.append(f"{winner} before {loser} " + (f"from n = {n} on" if n else "at the largest size: no"))
    return lines


def _from(rows: list[Row], better: str, worse: str) -> int | None:
    """Return the size from which one takes less time than another, at all larger ones that were measured too."""
    first = None
    for row in reversed([row for row in rows if worse in row]):
        if row[better] >= row[worse]:
            break
        first = row["n"]
    return first


if __name__ == "__main__":
    sys.exit(main())
