"""Compile a kernel when a dtype first needs it: once, for arrays of every layout."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numba import from_dtype, njit, types

from autodiff.kernels.cache import SealedCache

FLOATS = frozenset({np.dtype(np.float32), np.dtype(np.float64)})
"""The dtypes that kernels are compiled for; all others are left to NumPy."""

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function, *signature: Any, **options: Any) -> Function:
    """Compile a function to machine code that runs without Python's global lock, and keep it on disk.

    It is compiled when it is called first, or at once for the signature, if one is given.
    """
    dispatcher = njit(nogil=True, error_model="numpy", **options)(function)
    with suppress(RuntimeError):  # of a function that is in no file nothing is kept
        dispatcher._cache = SealedCache(function)
    if signature:
        dispatcher.compile(*signature)
        dispatcher.disable_compile()
    return cast(Function, dispatcher)


class Dispatchers(dict[np.dtype[Any], Any]):
    """A function of inputs and an output, compiled per dtype: `kernel[dtype](*numbers, *inputs, output, *limits)`.

    Left to itself, Numba compiles a function anew for each combination of dtype, layout and writability
    of its arguments, at a second or so each. The one signature given here admits them all: inputs may
    be read-only and unaligned and, if `layout` is "A", have any strides. The output is C-contiguous.

    Numba's cache does not tell a function compiled in parallel from the same one compiled without: each needs
    a function of its own.
    """

    def __init__(
        self,
        function: Callable[..., None],
        *,
        numbers: int = 0,
        inputs: int,
        limits: int = 0,
        ndim: int,
        layout: Literal["A", "C"],
        **options: Any,
    ) -> None:
        super().__init__()
        self._function, self._options = function, options
        self._numbers, self._inputs, self._limits = numbers, inputs, limits
        self._ndim, self._layout = ndim, layout

    def signature(self, scalar: types.Type) -> tuple[types.Type, ...]:
        """Return the types of the arguments, for numbers of a type."""
        given = types.Array(scalar, self._ndim, self._layout, readonly=True, aligned=False)
        output = types.Array(scalar, self._ndim, "C")
        limits = [types.int64] * self._limits
        return *[scalar] * self._numbers, *[given] * self._inputs, output, *limits

    def __missing__(self, dtype: np.dtype[Any]) -> Any:
        if dtype not in FLOATS:
            raise KeyError(dtype)
        self[dtype] = compiled(self._function, self.signature(from_dtype(dtype)), **self._options)
        return self[dtype]


class Specialised(dict[np.dtype[Any], Callable[..., None]]):
    """What `Dispatchers` compiles, for Python to call; `kernel.inner[dtype]` is for compiled code.

    Python calls the machine code itself, which does not ask for the types of its arguments again: whoever calls it has
    made sure of their dtype and number of axes.
    """

    def __init__(self, function: Callable[..., None], **signature: Any) -> None:
        super().__init__()
        self.inner = Dispatchers(function, **signature)

    def __missing__(self, dtype: np.dtype[Any]) -> Callable[..., None]:
        (overload,) = self.inner[dtype].overloads.values()
        self[dtype] = overload.entry_point
        return self[dtype]
