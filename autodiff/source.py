"""Where in the user's own code an operation was called."""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType, FrameType
from typing import TypeAlias

Place: TypeAlias = tuple[CodeType, int]
"""A piece of code and the offset of an instruction in it: a frame knows them at once, while lines take counting."""

_libraries = [os.path.dirname(__file__) + os.sep]
_is_library: dict[str, bool] = {}


def add_library(folder: str) -> None:
    """Count the files in a folder as part of the engine, so that errors name the line that called them."""
    _libraries.append(os.path.join(folder, ""))
    _is_library.clear()


def caller() -> Place:
    """Return the innermost place outside of the engine that led here."""
    frame = sys._getframe(1)
    while True:
        code = frame.f_code
        filename = code.co_filename
        try:
            inside = _is_library[filename]
        except KeyError:
            inside = _is_library[filename] = filename.startswith(tuple(_libraries))
        back: FrameType | None = frame.f_back
        if not inside or back is None:
            return code, frame.f_lasti
        frame = back


def describe_place(place: Place) -> str:
    """Write a place as file and line, and what is written there: `train.py:12 (loss = (x @ W).sum())`."""
    code, instruction = place
    line = next((number for start, end, number in code.co_lines() if start <= instruction < end and number), 0)
    text = linecache.getline(code.co_filename, line).strip()
    path = code.co_filename
    if path.startswith(os.path.join(os.getcwd(), "")):
        path = os.path.relpath(path)
    return f"{path}:{line}" + (f" ({text:.80})" if text else "")
