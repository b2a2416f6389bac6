"""Contestants that work in this process, where a test can reach them, and the command with them."""

import sys
from contextlib import contextmanager

import pytest

from mnist import cli
from mnist.benchmark.worker import ContestantError
from mnist.compare import __main__ as command
from mnist.compare import running, suite
from mnist.compare.report import Picture


class Near:
    """A worker that has no process of its own, and remembers what it was asked."""

    def __init__(self, name, kind, device):
        self.name, self.device = name, device
        self.requests = []
        self._served = kind(name, device)

    def send(self, method, *arguments):
        self.requests.append((method, *arguments))

    def receive(self, patience):
        method, *arguments = self.requests[-1]
        try:
            return getattr(self._served, method)(*arguments)
        except Exception as error:
            raise ContestantError(str(error)) from error


@pytest.fixture
def undrawn(monkeypatch):
    """Put pictures down as their names, for to draw them would take most of the time."""
    named = classmethod(lambda cls, name, caption, draw: cls(name, caption, name.encode(), b"dark"))
    monkeypatch.setattr(Picture, "of", named)


@pytest.fixture
def near(monkeypatch):
    """Have all contestants work in this process, and return them."""
    everyone = []

    @contextmanager
    def workers(names, threads, kind, device="CPU:0"):
        started = {name: Near(name, kind, device) for name in names}
        everyone.extend(started.values())
        yield started

    for module in (running, suite):
        monkeypatch.setattr(module, "workers", workers)
    return everyone


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """The command in this process, on the 5,000 digits: its exit status, what it printed, and its folder."""
    monkeypatch.chdir(tmp_path)

    def run(*flags):
        monkeypatch.setattr(sys, "argv", ["mnist.compare", "--dataset", "mnist-5k", *map(str, flags)])
        with pytest.raises(SystemExit) as end:
            cli.run(command.main)
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run
