"""Where in the user's own code an operation was called."""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType
from typing import TypeAlias

Place: TypeAlias = tuple[CodeType, int]
"""A piece of code and the offset of an instruction in it: a frame knows them at once, while lines take counting."""

_libraries = [os.path.dirname(__file__) + os.sep]
_inside: set[str] = set()
_outside: set[str] = set()


def add_library(folder: str) -> None:
    """Count the files in a folder as part of the engine, so that errors name the line that called them."""
    _libraries.append(os.path.join(folder, ""))
    _outside.clear()


def caller(depth: int = 1) -> Place:
    """Return the innermost place outside of the engine, from `depth` calls up, that led here."""
    frame = sys._getframe(depth)
    while True:
        while frame.f_code.co_filename in _inside and frame.f_back:
            frame = frame.f_back
        filename = frame.f_code.co_filename
        if filename in _outside or not frame.f_back:
            return frame.f_code, frame.f_lasti
        (_inside if filename.startswith(tuple(_libraries)) else _outside).add(filename)


def describe_place(place: Place) -> str:
    """Write a place as file and line, and what is written there: `train.py:12 (loss = (x @ W).sum())`."""
    code, instruction = place
    line = next((number for start, end, number in code.co_lines() if start <= instruction < end and number), 0)
    text = linecache.getline(code.co_filename, line).strip()
    path = code.co_filename
    if path.startswith(os.path.join(os.getcwd(), "")):
        path = os.path.relpath(path)
    return f"{path}:{line}" + (f" ({text:.80})" if text else "")
