"""What figures depend on: the machine, the versions, and how busy it was."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

_LIBRARIES = ("numpy", "numba", "tensorflow", "keras", "torch", "jax")


def surroundings(threads: int) -> dict[str, Any]:
    """Return what the figures depend on, as JSON has it."""
    versions: dict[str, str] = {}
    for library in _LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[library] = importlib.metadata.version(library)
    return {
        "threads": threads,
        "cores": os.cpu_count(),
        "processor": _processor(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor() -> str:
    """Return the processor's name: Linux keeps it in a file, and knows no other way."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
