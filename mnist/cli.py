"""What all commands share: flags read into a dataclass, and mistakes told in one line."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

import tyro

from mnist.errors import UserError

Config = TypeVar("Config")


def parse(kind: type[Config], command: str) -> Config:
    """Read the command line into a dataclass, each field a flag.

    Raises:
        UserError: a flag is wrong.
        SystemExit: the user asked for help, which has been printed.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(kind, prog=command, config=(tyro.conf.FlagConversionOff,))
    except SystemExit as exit_:
        if exit_.code == 0:
            raise
        raise UserError(f"{_unboxed(said.getvalue())} (see {command} --help)") from None


def _unboxed(text: str) -> str:
    """Return what tyro says of a wrong flag, without the box that it draws and the help that it adds."""
    inside = [line.strip("│ \n") for line in text.splitlines() if line.startswith("│")]
    message = " ".join(inside).split("───")[0]
    return re.sub(r"\s+", " ", message).strip()


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its status; a mistake of the user's is one line on stderr."""
    try:
        status = main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = error.exit_status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    sys.exit(status)
