"""Programs that tests run in a process of their own: what they do to a whole process, they do to no other test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = ["omp", "workqueue", "tbb"]
"""Numba's threading layers."""


def run(code, *, timeout=60, **environment):
    """Run Python code at the root of the repository, and return what it did."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def output_of(code, *, timeout=60, **environment):
    """Run Python code that must succeed, and return what it printed; skip where Numba lacks the threading layer."""
    if environment.get("NUMBA_THREADING_LAYER") == "tbb":  # pip puts its library where no loader looks
        environment["LD_LIBRARY_PATH"] = os.pathsep.join([f"{sys.prefix}/lib", os.environ.get("LD_LIBRARY_PATH", "")])
    done = run(code, timeout=timeout, **environment)
    if "No threading layer could be loaded" in done.stderr:
        pytest.skip(f"Numba's threading layer {environment['NUMBA_THREADING_LAYER']} is not installed")
    assert done.returncode == 0, done.stderr
    return done.stdout
