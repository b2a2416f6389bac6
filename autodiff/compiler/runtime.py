"""What emitted code calls: arrays at addresses, the limits of a part, and functions of one number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types  # type: ignore[attr-defined]
from numba.core.ccallback import CFunc
from numba.extending import intrinsic

from autodiff.kernels.cache import SealedCache
from autodiff.kernels.compiled_matmul import limits_of_part
from autodiff.kernels.compiled_random import uniform_at
from autodiff.kernels.compiled_windows import lay_windows_on_image as lay_windows
from autodiff.kernels.compiled_windows import take_windows_of_image as take_windows
from autodiff.kernels.exponentials import exp, tanh
from autodiff.kernels.specialised import compiled

__all__ = [
    "accumulate", "array", "erf", "exp", "lay_windows", "part_of", "piece", "place", "plus", "sigmoid", "softplus",
    "take_windows", "tanh", "uniform_at",
]  # fmt: skip

GRAIN = 16
"""Rows or columns that are not parted: whole tiles of the matrix product, and a cache line of float32."""

SIGNATURE = types.void(types.int64, types.int64, types.CPointer(types.int64))  # type: ignore[no-untyped-call]


def piece(function: Callable[..., None]) -> Any:
    """Compile a function `(part, parts, memory)`: it does one of so many parts, and finds its arrays at the addresses
    in `memory`.
    """
    compiling: Any = CFunc
    compiled_function = compiling(function, (SIGNATURE.args, SIGNATURE.return_type), {}, {"error_model": "numpy"})
    compiled_function._cache = SealedCache(function)
    compiled_function.compile()
    return compiled_function


def _as_pointer(typing: Any, address: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate


_pointer: Any = intrinsic(_as_pointer)


@njit(inline="always")
def array(address: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return the array of a shape and dtype, C-contiguous, that lies at an address."""
    return carray(_pointer(address), shape, dtype)


@compiled
def part_of(length: int, part: int, parts: int) -> tuple[np.uint64, np.uint64]:
    """Return where a part of the rows, or columns, begins and ends; all but the last have a multiple of `GRAIN`.

    The numbers have no sign: that an index might count from the end would keep loops from working in vectors.
    """
    first, last = limits_of_part(part, parts, length, GRAIN)
    return np.uint64(first), np.uint64(last)


@njit(inline="always")
def place(index: int, n: int, out_of_range: Any) -> int:
    """Return an index from 0 to n − 1, a negative one counted from the end; one out of range is noted."""
    if index < 0:
        index += n
    if index < 0 or index >= n:
        out_of_range[0] = 1
        return 0
    return index


def _plus(typing: Any, total: Any, number: Any) -> Any:
    """`plus(total, number)` is their sum, in the total's precision; in a loop numbers may be added in another order.

    Without that leave each sum would wait for the one before; with it a loop keeps as many as a vector has lanes.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return builder.fadd(arguments[0], context.cast(builder, arguments[1], number, total), flags=["reassoc"])

    return total(total, number), generate


plus: Any = intrinsic(_plus)


@compiled
def accumulate(part: Any, total: Any) -> None:
    """Add an array to another, both C-contiguous."""
    part, total = part.reshape(-1), total.reshape(-1)
    for i in range(len(total)):
        total[i] += part[i]


@compiled
def sigmoid(a: float) -> float:
    """1 / (1 + e⁻ᵃ), without overflow."""
    decay = exp(-np.abs(a))
    one = type(a)(1)
    return (one if a >= 0 else decay) / (one + decay)


@compiled
def softplus(a: float) -> float:
    """log(1 + eᵃ), without overflow."""
    return np.maximum(a, type(a)(0)) + np.log1p(exp(-np.abs(a)))


@compiled
def erf(a: float) -> float:
    """The error function."""
    return type(a)(math.erf(a))
