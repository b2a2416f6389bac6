"""Files written whole: a reader finds the old file or the new one, never half of either."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

_RANDOM_BYTES = 8
_RANDOM = "[0-9a-f]" * 2 * _RANDOM_BYTES


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a file beside `path` to write to; it takes the place of `path` when the `with` ends well.

    Only a process that is killed in between leaves that file behind: `discard_drafts` removes it.

    Raises:
        OSError: the folder cannot be written to, or the disk is full; `path` is then as it was.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(_RANDOM_BYTES)}.draft")
    try:
        draft.touch(exist_ok=False)
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def discard_drafts(path: Path) -> None:
    """Remove what processes that were killed while they were replacing `path` have left beside it.

    Raises:
        OSError: the folder cannot be written to.
    """
    for draft in path.parent.glob(f".{glob.escape(path.name)}.{_RANDOM}.draft"):
        draft.unlink(missing_ok=True)


def in_short(error: BaseException) -> str:
    """Return what an error says in one line of 200 characters at most, for it may quote what a file holds."""
    return " ".join(str(error).split())[:200]
