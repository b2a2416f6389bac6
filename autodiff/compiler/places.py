"""Where the numbers of each value lie: arrays at addresses that the windows are told, plain numbers in cells."""

from __future__ import annotations

from collections.abc import Iterable
from ctypes import c_void_p

import numpy as np

from autodiff.compiler.machine import Windows
from autodiff.compiler.rewriting import is_number
from autodiff.compiler.scalars import is_weak
from autodiff.graph import Value
from autodiff.tape import Array


class Places:
    """What stands for each value at the moment, by its id; the windows follow.

    Args:
        values: those of the graph; plain numbers among them that are not the same in each call get a cell.
        windows: what the machine's calls are given.
    """

    def __init__(self, values: Iterable[Value], windows: Windows) -> None:
        self._windows = windows
        self._held: dict[int, Array] = {}
        weak = [v.id for v in values if is_weak(v) and not is_number(v)]
        self._numbers = np.zeros(len(weak))
        self._cells = {id_: i for i, id_ in enumerate(weak)}
        for id_, i in self._cells.items():
            windows.point(id_, address_of(self._numbers) + i * self._numbers.itemsize)

    def hold(self, id_: int, array: np.ndarray, address: int | None = None) -> None:
        """Let an array stand for a value; its address is asked for where it is not given."""
        self._held[id_] = array
        self._windows.point(id_, address_of(array) if address is None else address)

    def put(self, id_: int, number: float) -> None:
        """Let a plain number stand for a value."""
        self._held[id_] = number
        if id_ in self._cells:
            self._numbers[self._cells[id_]] = number

    def number(self, value: Value) -> float:
        """Return a plain number that has been computed."""
        return float(self._numbers[self._cells[value.id]])

    def __contains__(self, id_: int) -> bool:
        return id_ in self._held

    def __getitem__(self, value: Value) -> Array:
        """Return what stands for a value: what is held, or else the constant that it is."""
        return self._held.get(value.id, value.data)


def address_of(array: np.ndarray) -> int:
    """Return where the numbers of an array lie.

    That comes first behind the head of the object, as NumPy's binary interface promises what is compiled against it.
    To ask `__array_interface__` takes ten times as long: a tenth of a small network's step.
    """
    return c_void_p.from_address(id(array) + object.__basicsize__).value or 0
