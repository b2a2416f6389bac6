"""The leaves of a program: what a call is handed, taken where it lies, or copied if emitted code cannot work there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autodiff.compiler.places import Places, address_of
from autodiff.compiler.rewriting import is_number
from autodiff.compiler.scalars import is_weak
from autodiff.compiler.tracing import MisfitError
from autodiff.graph import Graph, Value
from autodiff.tape import Array


class Leaves:
    """The values of a graph that no operation makes; `take` finds what stands for them in a call.

    Most are the same in each call, so that nothing is to be done for them.
    """

    def __init__(self, graph: Graph, places: Places) -> None:
        self._places = places
        self.targets = {leaf.id for leaf, _ in graph.assignments}
        """The ids of those that are assigned."""
        values = [v for v in graph.values if v.operation is None and not is_number(v)]
        self.values = sorted(values, key=lambda v: v.id not in self.targets)
        """In the order in which they are taken: first those that are assigned, since others may lie in their memory."""
        self._kinds = [None if is_weak(v) else (v.shape, v.dtype) for v in self.values]
        """Shape and dtype of those that are arrays."""
        self._given: list[Array | None] = [None] * len(values)
        """What each was in the call before, if that is used where it is."""
        self._spans: dict[int, tuple[int, int]] = {}
        """For those that are assigned where they are, the first address, and the first behind."""
        self._borrowed: list[tuple[Value, np.ndarray]] = []
        """Those that are assigned and of whose arrays copies are worked on."""

    def take(self, given: Sequence[Array]) -> None:
        """Take the arrays and numbers of a call.

        Raises:
            MisfitError: one is of another shape or dtype than its leaf.
        """
        self._borrowed.clear()
        for i, array in enumerate(given):
            if array is not self._given[i]:
                self._take(i, array)

    def give_back(self) -> None:
        """Write what has become of copies into the arrays that they are copies of."""
        for value, array in self._borrowed:
            array[...] = self._places[value]

    def _take(self, i: int, array: Array) -> None:
        value, kind = self.values[i], self._kinds[i]
        if kind is None:
            self._given[i] = array
            self._places.put(value.id, array)
            return
        array = np.asarray(array)  # a NumPy scalar has no address that would last
        if (array.shape, array.dtype) != kind:
            raise MisfitError(f"{array.dtype}{array.shape} in the place of {value!r}")
        if value.id in self.targets:
            self._take_target(i, value, array)
        elif is_plain(array) and not self._is_written_to(start := address_of(array), array.nbytes):
            self._given[i] = array
            self._places.hold(value.id, array, start)
        else:
            self._copy(i, value, array)

    def _take_target(self, i: int, value: Value, array: np.ndarray) -> None:
        """Take a leaf that is assigned; all that come after it are looked at again, for they may lie in its memory."""
        for other, v in enumerate(self.values):
            if v.id not in self.targets:
                self._given[other] = None
        if is_plain(array) and array.flags.writeable:
            start = address_of(array)
            self._given[i] = array
            self._spans[value.id] = start, start + array.nbytes
            self._places.hold(value.id, array, start)
        else:
            self._spans.pop(value.id, None)
            self._copy(i, value, array)
            self._borrowed.append((value, array))

    def _copy(self, i: int, value: Value, array: np.ndarray) -> None:
        self._given[i] = None
        self._places.hold(value.id, np.array(array, array.dtype.newbyteorder("="), order="C"))

    def _is_written_to(self, start: int, size: int) -> bool:
        """Whether something that is assigned lies in a piece of memory."""
        for its_start, its_end in self._spans.values():  # noqa: SIM110, for a generator takes twice as long
            if start < its_end and its_start < start + size:
                return True
        return False


def is_plain(array: np.ndarray) -> bool:
    """Whether emitted code can work on an array where it is."""
    flags = array.flags
    return flags.c_contiguous and flags.aligned and array.dtype.isnative
