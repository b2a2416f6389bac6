"""Whether operations are written on the tape: the switch, for each thread and async context its own."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token, copy_context
from typing import Any, TypeVar

Result = TypeVar("Result")

_recording: ContextVar[bool] = ContextVar("recording", default=True)


def is_recording() -> bool:
    """Whether operations are being recorded in this thread and async context."""
    return _recording.get()


class recording(contextlib.ContextDecorator):  # noqa: N801
    """Turn recording on or off within a `with`, for this thread and async context alone."""

    __slots__ = ("mode", "tokens")

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.tokens: list[Token[bool]] = []

    def __call__(self, function: Any) -> Any:
        """Decorate a function."""
        later = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        if any(runs_later(function) for runs_later in later):
            raise TypeError(f"{function.__name__} runs after the call has returned; write `with …:` inside of it")
        return super().__call__(function)

    def _recreate_cm(self) -> recording:
        return recording(self.mode)  # each call of a decorated function has its own

    def __enter__(self) -> None:
        self.tokens.append(_recording.set(self.mode))

    def __exit__(self, *exception: object) -> None:
        _recording.reset(self.tokens.pop())


def with_recording(mode: bool, function: Callable[[], Result]) -> Result:
    """Call a function with recording on or off; not even an interrupt can leave it so, as it can in a `with`."""
    context = copy_context()
    context.run(_recording.set, mode)
    return context.run(function)


def no_grad() -> recording:
    """Record nothing within `with no_grad(): …`, or within a function decorated with `@no_grad()`.

    It holds for the current thread and async context alone.
    """
    return recording(False)
