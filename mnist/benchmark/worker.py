"""A contestant's process, seen from outside: it is asked for something, and answers, fails, or takes too long."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from mnist.contestants.devices import CPU
from mnist.contestants.serving import Failure, Served, Server, serve
from nets.files import in_short

_FAREWELL_SECONDS = 3.0


class ContestantError(Exception):
    """A contestant cannot go on, and why, in one line."""


class Worker:
    """A process in which one contestant works.

    Each has one of its own. In a common process their threads would get in each other's way: those of NumPy and of
    OpenMP go on looking out for work for a tenth of a second and more after a step, on the cores that the next one
    needs, and each library's first import would decide settings of the others. Processes that wait for a request
    take nothing.
    """

    def __init__(self, name: str, threads: int, kind: type[Served] = Server, device: str = CPU) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, kind, name, device, threads), daemon=True)
        with _no_interrupts():
            self._process.start()
        theirs.close()
        self._end = ""

    def send(self, method: str, *arguments: Any) -> None:
        """Ask for something; a process that has ended is asked in vain, and `receive` says so."""
        if not self._end:
            try:
                self._connection.send((method, *arguments))
            except OSError:
                self._end = self._epitaph()

    def receive(self, patience: float) -> Any:
        """Wait for the answer, for so many seconds at most; after that the process is stopped.

        Raises:
            ContestantError: there is none, now or for what was asked before.
        """
        if not self._end and not self._connection.poll(patience):
            self.stop(f"it took more than {patience:g} s and was stopped; --patience gives it longer")
        if self._end:
            raise ContestantError(self._end)
        try:
            reply = self._connection.recv()
        except (EOFError, OSError):
            self._end = self._epitaph()
            raise ContestantError(self._end) from None
        if isinstance(reply, Failure):
            raise ContestantError(in_short(Exception(reply.message)))
        return reply

    def ask(self, patience: float, method: str, *arguments: Any) -> Any:
        """Ask, and wait for the answer."""
        self.send(method, *arguments)
        return self.receive(patience)

    def dismiss(self) -> None:
        """Let the process end by itself, which some libraries need to clean up after themselves."""
        self._connection.close()

    def stop(self, why: str, after: float = 0.0) -> None:
        """End the process, if it has not ended by itself after so many seconds."""
        self._end = why
        self._process.join(after)
        self._process.kill()
        self._process.join()

    def _epitaph(self) -> str:
        self._process.join()
        return f"its process has ended with status {self._process.exitcode}"


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Put Ctrl-C off, for this process until the end and for one that is started until it can take it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # where it is not, `start` would start it, and let interrupts in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def workers(
    names: Iterable[str], threads: int, kind: type[Served] = Server, device: str = CPU
) -> Iterator[dict[str, Worker]]:
    """Give each of those named a process, and end them all at the end."""
    started: dict[str, Worker] = {}
    try:
        for name in names:
            started[name] = Worker(name, threads, kind, device)
        yield started
    finally:
        for worker in started.values():
            worker.dismiss()
        for worker in started.values():
            worker.stop("it is over", after=_FAREWELL_SECONDS)
