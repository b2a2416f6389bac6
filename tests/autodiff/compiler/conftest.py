"""The emitted text, run by Python itself: the same loops, one number at a time, without waiting for a compiler."""

import ctypes
import re
import types
from math import prod

import numpy as np
import pytest

from autodiff.compiler import machine, runtime, scheduling, splitting, store
from autodiff.kernels import vectorized

FUNCTIONS = {}
"""What stands for machine code, by its address."""


class Piece:
    """A function that has an address, as a compiled one has."""

    def __init__(self, function):
        self.address = len(FUNCTIONS) + 1
        FUNCTIONS[self.address] = function


def array(address, shape, dtype):
    """The array at an address."""
    buffer = (ctypes.c_byte * (prod(shape) * np.dtype(dtype).itemsize)).from_address(int(address))
    return np.frombuffer(buffer, dtype).reshape(shape)


def product(a, b, c, top, bottom):
    c[top:bottom] = a[top:bottom] @ b


def take_windows(image, columns, down, across):
    for c, a, b, y, x in np.ndindex(columns.shape):
        columns[c, a, b, y, x] = image[c, y * down + a, x * across + b]


def lay_windows(columns, image, down, across):
    image[...] = 0
    for c, a, b, y, x in np.ndindex(columns.shape):
        image[c, y * down + a, x * across + b] += columns[c, a, b, y, x]


def accumulate(part, total):
    total += part


def part_of(rows, part, parts):
    """Where a part of the rows begins and ends."""
    return rows * part // parts, rows * (part + 1) // parts


def uniform_at(seed, count, place, digits):
    """The number at a place among those that NumPy's kernel draws for a seed and a count."""
    dtype = np.dtype(np.float32 if digits == 24 else np.float64)
    return vectorized.uniform(np.array([seed, count], np.uint64), (int(place) + 1,), dtype)[int(place)]


def interpreted(source):
    """The module of a source, its functions left to Python."""
    text = re.sub(r"^from autodiff\.\S+ import (\([^)]*\)|.*)$", "", source, flags=re.M)
    module = types.ModuleType("interpreted")
    vars(module).update(
        accumulate=accumulate,
        array=array,
        piece=Piece,
        part_of=part_of,
        plus=lambda total, number: total + number,
        place=runtime.place.py_func,
        sigmoid=runtime.sigmoid.py_func,
        softplus=runtime.softplus.py_func,
        take_windows=take_windows,
        lay_windows=lay_windows,
        erf=runtime.erf.py_func,
        exp=runtime.exp,
        tanh=runtime.tanh,
        uniform_at=uniform_at,
        product_of_rows={np.dtype(t): product for t in (np.float32, np.float64)},
        narrow_product_of_rows={np.dtype(t): product for t in (np.float32, np.float64)},
    )
    exec(text, vars(module))
    return module


def in_turn(parts, shared, functions, windows, ends, stop):
    """Do the calls of a run; of a stage that is shared as several threads would, the last part first."""
    first = 0
    for last, is_shared in zip(ends, shared, strict=True):
        if stop[0]:
            return
        for part in reversed(range(parts if is_shared else 1)):
            for i in range(first, last):
                memory = (ctypes.c_int64 * 100).from_address(int(windows[i]))
                FUNCTIONS[functions[i]](part, parts, memory)
        first = last


def let_python_run_it(monkeypatch, shared_from=0):
    """Let what is emitted run as Python, and stages be shared from so many multiplications on."""
    monkeypatch.setattr(scheduling, "PARALLEL_FROM", shared_from)
    monkeypatch.setattr(scheduling, "AWAKE_FROM", shared_from)
    monkeypatch.setattr(splitting, "pays", lambda *shape: shared_from == 0)
    monkeypatch.setattr(store, "load", interpreted)
    monkeypatch.setattr(machine, "alone", lambda *calls: in_turn(1, [False] * len(calls[2]), *calls))
    monkeypatch.setattr(machine, "by_team", lambda parts, *calls: in_turn(3, *calls))
    monkeypatch.setattr(machine.team, "share", lambda limit, kernel, *arguments: kernel(*arguments) is None)


@pytest.fixture
def by_python(monkeypatch):
    """Let what is emitted run as Python, by one thread."""
    let_python_run_it(monkeypatch, np.inf)


@pytest.fixture
def by_three(monkeypatch):
    """Let what is emitted run as Python, each stage shared among three threads."""
    let_python_run_it(monkeypatch)
