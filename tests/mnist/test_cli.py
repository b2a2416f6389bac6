"""Flags become a dataclass, and every mistake becomes one line on stderr and an exit status."""

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from mnist.cli import parse, run, said_of
from mnist.errors import DivergenceError, UserError

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass
class Flags:
    """What the command does."""

    widths: tuple[int, ...] = (1, 2)
    """How wide."""
    rate: float | None = None
    kind: Literal["plain", "fancy"] = "plain"
    out_dir: Path | None = None
    loud: bool = False

    def __post_init__(self) -> None:
        if self.rate == 0:
            raise UserError("--rate 0: must be above 0")


def parsed(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    return parse(Flags, "python -m command")


def test_of_some_flags_the_values_are_known_before_all_are_read(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command", "--kind=fancy", "--rate", "None", "--width", "3", "--out-dir"])
    assert said_of("kind", "rate", "out-dir", "widths") == {"kind": "fancy"}


def test_without_flags_there_are_the_defaults(monkeypatch):
    assert parsed(monkeypatch) == Flags()


def test_flags_fill_the_fields(monkeypatch):
    given = [
        "--widths",
        "3",
        "4",
        "5",
        "--rate",
        "0.5",
        "--kind",
        "fancy",
        "--out-dir",
        "a/b",
        "--loud",
    ]
    assert parsed(monkeypatch, *given) == Flags((3, 4, 5), 0.5, "fancy", Path("a/b"), True)


def test_what_is_on_can_be_turned_off(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command", "--no-loud"])
    assert parse(Flags, "python -m command", default=Flags(loud=True)) == Flags(loud=False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--bogus", "1"], "--bogus"),
        (["stray"], "stray"),
        (["--kind", "odd"], "odd"),
        (["--rate", "fast"], "--rate"),
        (["--widths", "1", "x"], "--widths"),
        (["--rate"], "--rate"),
        (["--loud", "maybe"], "maybe"),
    ],
    ids=str,
)
def test_a_wrong_flag_is_a_mistake_told_in_one_line_that_points_to_the_help(
    monkeypatch, capsys, arguments, told
):
    with pytest.raises(UserError) as caught:
        parsed(monkeypatch, *arguments)
    message = str(caught.value)
    assert told in message
    assert message.endswith("(see python -m command --help)")
    assert "\n" not in message
    assert not set("│╭╰─") & set(message)
    assert len(message.split("(see")[0]) > len(told) + 5  # something is said
    assert capsys.readouterr() == ("", "")


def test_what_the_dataclass_refuses_is_passed_on_as_it_is(monkeypatch):
    with pytest.raises(UserError, match=r"^--rate 0: must be above 0$"):
        parsed(monkeypatch, "--rate", "0")


def test_help_is_printed_and_is_no_mistake(monkeypatch, capsys):
    with pytest.raises(SystemExit) as caught:
        parsed(monkeypatch, "--help")
    assert caught.value.code == 0
    out, err = capsys.readouterr()
    assert err == ""
    for part in (
        "python -m command",
        "What the command does.",
        "--widths",
        "How wide.",
        "--out-dir",
        "plain",
        "fancy",
    ):
        assert part in out


# ── run ─────────────────────────────────────────────────────────────────────────────────────────────────


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("main", "status", "line"),
    [
        (lambda: 0, 0, ""),
        (lambda: 130, 130, ""),
        (raising(UserError("wrong")), 2, "error: wrong\n"),
        (raising(DivergenceError("diverged")), 3, "error: diverged\n"),
        (raising(KeyboardInterrupt()), 130, "interrupted\n"),
        (lambda: signal.raise_signal(signal.SIGINT), 130, "interrupted\n"),
        (lambda: signal.raise_signal(signal.SIGTERM), 143, "interrupted\n"),
    ],
    ids=["well", "interrupted well", "mistake", "divergence", "interrupt", "SIGINT", "SIGTERM"],
)
def test_a_command_ends_with_a_status_and_at_most_one_line_on_stderr(capsys, main, status, line):
    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == status
    assert capsys.readouterr() == ("", line)


def test_the_handler_of_sigterm_is_as_it_was_once_a_command_has_ended():
    def handler(number, frame):
        raise AssertionError

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(SystemExit):
            run(lambda: 0)
    finally:
        assert signal.signal(signal.SIGTERM, before) is handler


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))


def test_a_reader_that_goes_away_is_no_reason_for_a_traceback():
    code = (
        "import sys, time\nfrom mnist.cli import run\n"
        "def main():\n"
        "    sys.stdin.readline()\n"
        "    for _ in range(100_000):\n        print('x' * 100, flush=True)\n"
        "    return 0\n"
        "run(main)\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        process.stdout.close()
        process.stdin.write("go\n")
        process.stdin.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 141
