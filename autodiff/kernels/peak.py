"""What the processor can do at most: multiply-adds on registers alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import prange
from numba.core import cgutils, types
from numba.extending import intrinsic

from autodiff.kernels.simd import ROWS, VECTORS
from autodiff.kernels.specialised import compiled
from autodiff.kernels.vectors import VECTOR_BYTES

_LANES = VECTOR_BYTES // 4
_STEPS = 20_000


def _multiply_adds(typing: Any, steps: types.Type) -> tuple[Any, Callable[..., ir.Value]]:
    """Do as many multiply-adds in each step as a register tile does, with nothing to load or to store."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        vector = ir.VectorType(ir.FloatType(), _LANES)
        half = ir.Constant(vector, [0.5] * _LANES)
        starts = [ir.Constant(vector, [float(i)] * _LANES) for i in range(ROWS * VECTORS)]
        new_sum: Any = cgutils.alloca_once_value
        sums = [new_sum(builder, start) for start in starts]
        with cgutils.for_range(builder, arguments[0]):
            for total in sums:
                product = builder.fmul(builder.load(total), half, flags=["contract"])
                builder.store(builder.fadd(product, half, flags=["contract"]), total)
        result = builder.load(sums[0])
        for total in sums[1:]:
            result = builder.fadd(result, builder.load(total))
        return builder.extract_element(result, ir.Constant(ir.IntType(32), 0))

    return types.float32(steps), generate


multiply_adds: Any = intrinsic(_multiply_adds)


def _work(results: Any) -> None:
    for i in prange(results.size):
        results[i] = multiply_adds(_STEPS)


_work_by_team = compiled(_work, types.void(types.float32[::1]), parallel=True)


def peak(threads: int, seconds: float = 0.3) -> float:
    """Return the float32 operations a second that so many threads do at their best, a multiply-add counting for two."""
    results = np.empty(threads, np.float32)
    best, end = float("inf"), time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        _work_by_team(results)
        best = min(best, time.perf_counter() - start)
    return threads * _STEPS * ROWS * VECTORS * _LANES * 2 / best
