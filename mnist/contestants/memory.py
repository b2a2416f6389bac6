"""How much memory a process has taken at most."""

import sys
from contextlib import suppress
from pathlib import Path


def peak() -> int | None:
    """Return the most bytes of memory that this process has had at a time; None where the system does not tell.

    Linux is asked what it has counted since the program was loaded: `getrusage` has there what the process that
    started it had, if that was more.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    with suppress(ImportError):
        import resource

        most: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most
    return None
