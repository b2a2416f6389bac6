"""The folder of a report, in which all of it is, or nothing."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from mnist.errors import UserError
from mnist.run_folder import DEFAULT_PARENT, next_free

Files = Mapping[str, bytes]


class ReportFolder:
    """A folder that is empty until the report is written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, files: Files) -> None:
        """Write all files to a folder beside, and put it in the place of this one.

        Raises:
            UserError: that cannot be done.
        """
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.draft")
        try:
            draft.mkdir()
            for name, content in files.items():
                (draft / name).write_bytes(content)
            self.path.rmdir()
            draft.rename(self.path)
        except OSError as error:
            raise _refusal(self.path, error) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def report_folder(path: Path | None) -> Iterator[ReportFolder]:
    """Make a folder for a report: this one, or the next free one of runs/001, runs/002, …

    If nothing has been written to it by the end, it is gone again, unless it was there before.

    Raises:
        UserError: it cannot be made or written beside, or holds something already.
    """
    try:
        found = (path or next_free(DEFAULT_PARENT)).resolve()
        made = [folder for folder in (found, *found.parents) if not folder.exists()] if path else [found]
        found.mkdir(parents=True, exist_ok=True)
        if any(found.iterdir()):
            raise UserError(f"--out {found}: holds something already; name a new folder")
        probe = found.with_name(f".{found.name}.{secrets.token_hex(8)}.draft")
        probe.mkdir()  # better to fail now than after the work
        probe.rmdir()
    except OSError as error:
        raise _refusal(path or DEFAULT_PARENT, error) from error
    try:
        yield ReportFolder(found)
    finally:
        with suppress(OSError):  # it is not empty any more
            for folder in made:
                folder.rmdir()


def _refusal(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be written to ({error.strerror or error}); mend that or name another by --out")
