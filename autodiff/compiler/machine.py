"""The machine: runs emitted functions in turn, alone or with a team of threads, on arrays that it knows by address.

Each call of a function has a window of addresses, one for each array that the function works on; layers that are alike
share the function and differ in the window. It is compiled once, for all programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from autodiff.kernels.compiled_matmul import LATE
from autodiff.kernels.specialised import compiled
from autodiff.kernels.team import team


class Windows:
    """The addresses that calls are given: a window for each call, with a place for each value in it, known by a key."""

    def __init__(self, windows: Sequence[Sequence[Any]]) -> None:
        keys = [key for window in windows for key in window]
        starts = np.cumsum([0, *map(len, windows)])[:-1]
        self._addresses = np.zeros(len(keys) + 1, np.int64)
        self.starts = self._addresses.ctypes.data + starts * self._addresses.itemsize
        """The address of each window."""
        self._places: dict[Any, list[int]] = {key: [] for key in keys}
        for place, key in enumerate(keys):
            self._places[key].append(place)

    def point(self, key: Any, address: int) -> None:
        """Let a value lie at an address, in all windows."""
        for place in self._places.get(key, ()):
            self._addresses[place] = address


class Run:
    """Calls in a row: stages, each of which is shared among threads or not.

    Args:
        stages: for each whether it is shared, and the addresses of the functions and of their windows.
        work: how much there is to compute, in multiplications of a matrix product.
        stop: a flag; once a function has set it, no further stage is done.
    """

    def __init__(
        self, stages: Sequence[tuple[bool, Sequence[tuple[int, int]]]], work: int, stop: NDArray[np.uint8]
    ) -> None:
        calls = [call for _, stage in stages for call in stage]
        self._functions, self._windows = np.array(calls, np.int64).reshape(-1, 2).T.copy()
        self._ends = np.cumsum([len(stage) for _, stage in stages])
        self._shared = np.array([is_shared for is_shared, _ in stages])
        self._stop = stop
        self._is_shared = bool(self._shared.any())
        self._limit = work * LATE

    def __call__(self) -> None:
        """Do the calls, by a team if that pays and there is one."""
        calls = self._functions, self._windows, self._ends, self._stop
        if not (self._is_shared and team.share(self._limit, by_team, team.size, self._shared, *calls)):
            alone(*calls)


def _call(typing: Any, function: Any, part: Any, parts: Any, window: Any) -> Any:
    """Call the function at an address with a part, the number of parts, and the address of a window.

    Numbers next to 0 that have lost digits count as 0 meanwhile: each would take a processor a hundred times as long as
    another, and the mean of a gradient that has become 0, as Adam keeps it, never gets over them.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        function, *given = arguments
        integer = ir.IntType(64)
        type_ = ir.FunctionType(ir.VoidType(), [integer, integer, integer])
        with _subnormals_are_zero(builder):
            builder.call(builder.inttoptr(function, type_.as_pointer()), given)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


_invoke: Any = intrinsic(_call)


@contextmanager
def _subnormals_are_zero(builder: ir.IRBuilder) -> Iterator[None]:
    """Set the flags FTZ and DAZ of an x86 processor's control register for what is generated within."""
    if not binding.get_process_triple().startswith("x86_64"):
        yield
        return
    word = ir.IntType(32)
    pointer = ir.IntType(8).as_pointer()
    type_ = ir.FunctionType(ir.VoidType(), [pointer])
    variable: Any = cgutils.alloca_once
    before, meanwhile = variable(builder, word), variable(builder, word)
    store, load = (builder.module.declare_intrinsic(f"llvm.x86.sse.{n}mxcsr", fnty=type_) for n in ("st", "ld"))
    builder.call(store, [builder.bitcast(before, pointer)])
    builder.store(builder.or_(builder.load(before), word(_FTZ | _DAZ)), meanwhile)
    builder.call(load, [builder.bitcast(meanwhile, pointer)])
    yield
    builder.call(load, [builder.bitcast(before, pointer)])


_FTZ, _DAZ = 1 << 15, 1 << 6


@compiled
def alone(functions: Any, windows: Any, ends: Any, stop: Any) -> None:
    """Do the stages, one call after the other, each in one part."""
    for stage in range(len(ends)):
        for i in range(ends[stage - 1] if stage else 0, ends[stage]):
            _invoke(functions[i], 0, 1, windows[i])
        if stop[0]:
            return


@partial(compiled, parallel=True)
def by_team(parts: int, shared: Any, functions: Any, windows: Any, ends: Any, stop: Any) -> None:
    """Do the stages; of those that are shared each thread does its part of all calls, and they meet at the end."""
    for stage in range(len(ends)):
        first, last = ends[stage - 1] if stage else 0, ends[stage]
        if stop[0]:
            continue
        if shared[stage]:
            for part in prange(parts):
                for i in range(first, last):
                    _invoke(functions[i], part, parts, windows[i])
        else:
            for i in range(first, last):
                _invoke(functions[i], 0, 1, windows[i])
