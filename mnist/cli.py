"""What all commands share: flags read into a dataclass, and mistakes told in one line."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import tyro

from mnist.errors import Terminated, UserError, signal_of

Config = TypeVar("Config")


def parse(kind: type[Config], command: str, default: Config | None = None) -> Config:
    """Read the command line into a dataclass, each field a flag; one that is on or off is `--jit` or `--no-jit`.

    What is not said there is as in `default`, or else as the dataclass has it.

    Raises:
        UserError: a flag is wrong.
        SystemExit: the user asked for help, which has been printed.
    """
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        with contextlib.redirect_stderr(said):
            given: dict[str, Any] = {} if default is None else {"default": default}
            config: Config = tyro.cli(kind, prog=command, **given)
            return config
    except SystemExit as exit_:
        if exit_.code == 0:
            raise
        said.seek(0)
        raise UserError(f"{_unboxed(said.read())} (see {command} --help)") from None


def said_of(*flags: str) -> dict[str, str]:
    """Return the values of some flags on the command line, as they stand there, before it is read as a whole.

    One without a value, or with None for it, is not among them.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in flags:
        parser.add_argument(f"--{flag}", nargs="?")
    found, _ = parser.parse_known_args()
    return {flag: value for flag, value in vars(found).items() if value not in (None, "None")}


def _unboxed(text: str) -> str:
    """Return what tyro says of a wrong flag: the first section of its box, below the title."""
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        inside = line.strip("│ ")
        if inside and not inside.strip("─-"):
            sections.append([])
        elif inside and inside[0] not in "╭╰":
            sections[-1].append(inside)
    title_in_border = text.lstrip().startswith("╭")
    return " ".join(sections[0 if title_in_border or len(sections) == 1 else 1])


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its status; a mistake of the user's is one line on stderr.

    SIGTERM ends it as Ctrl-C does.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no → shows a ?
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        status = main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = error.exit_status
    except KeyboardInterrupt as interruption:
        print("interrupted", file=sys.stderr)
        status = 128 + signal_of(interruption)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    finally:
        signal.signal(signal.SIGTERM, before)
    sys.exit(status)


def _terminate(number: int, frame: Any) -> NoReturn:
    raise Terminated
