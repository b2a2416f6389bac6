"""Files written whole: a reader finds the old file or the new one, never half of either."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write to; it takes the place of `path` when the `with` ends well.

    Raises:
        OSError: the folder cannot be written to, or the disk is full; `path` is then as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.chmod(0o666 & ~_umask())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _umask() -> int:
    """Return the permissions that new files are denied, which mkstemp, for secrets, does not look at."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
