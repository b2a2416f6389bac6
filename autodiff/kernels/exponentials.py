"""eˣ and tanh x of one number, for compiled loops, which compute several at a time.

Numba would call the C library's functions otherwise, and no loop around such a call is made into vector instructions.
These are sums and products alone, so theirs are; in float32 tanh takes a fifteenth of the time. They are off by two
units in the last place at most. The method and its constants are those of the Cephes library (Moshier, 1989).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload, register_jitable

__all__ = ["exp", "tanh"]


def exp(x: Any) -> Any:
    """Return eˣ of a float32 or float64 number, in its type."""
    return np.exp(x)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of a float32 or float64 number, in its type."""
    return np.tanh(x)


@overload(exp)
def _exp(x: Any) -> Callable[[Any], Any] | None:
    return {types.float32: _exp_float32, types.float64: _exp_float64}.get(x)


@overload(tanh)
def _tanh(x: Any) -> Callable[[Any], Any] | None:
    return {types.float32: _tanh_float32, types.float64: _tanh_float64}.get(x)


def _exp_float32(x: Any) -> Any:
    """e^x = 2^n · e^r with an integer n, and |r| ≤ ½ log 2, for which a polynomial will do."""
    x = np.float32(-104) if x < np.float32(-104) else np.float32(89) if x > np.float32(89) else x
    n = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    r = x - n * np.float32(0.693359375) - n * np.float32(-2.12194440e-4)  # log 2 in parts: n times the first is exact
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    k = np.int32(n if n == n else np.float32(0))
    half = k >> np.int32(1)
    return (p * r * r + r + np.float32(1)) * _power_of_2(np.int32(half)) * _power_of_2(np.int32(k - half))


def _exp_float64(x: Any) -> Any:
    x = -746.0 if x < -746.0 else 710.0 if x > 710.0 else x
    n = np.floor(x * 1.4426950408889634 + 0.5)
    r = x - n * 6.93145751953125e-1 - n * 1.42860682030941723212e-6
    s = r * r
    p = r * ((1.26177193074810590878e-4 * s + 3.02994407707441961300e-2) * s + 1.0)
    q = ((3.00198505138664455042e-6 * s + 2.52448340349684104192e-3) * s + 2.27265548208155028766e-1) * s + 2.0
    k = np.int64(n if n == n else 0.0)
    half = k >> 1
    return (1.0 + 2.0 * (p / (q - p))) * _power_of_2(half) * _power_of_2(k - half)


def _tanh_float32(x: Any) -> Any:
    """tanh x = 1 − 2 / (e^2x + 1), and near 0, where digits would cancel, x plus a polynomial."""
    size, s = np.abs(x), x * x
    large = np.float32(1) - np.float32(2) / (_exp_of_float32(size + size) + np.float32(1))
    p = np.float32(-5.70498872745e-3)
    p = p * s + np.float32(2.06390887954e-2)
    p = p * s - np.float32(5.37397155531e-2)
    p = p * s + np.float32(1.33314422036e-1)
    p = p * s - np.float32(3.33332819422e-1)
    small = size + size * s * p
    return np.copysign(large if size >= np.float32(0.625) else small, x)


def _tanh_float64(x: Any) -> Any:
    size, s = np.abs(x), x * x
    large = 1.0 - 2.0 / (_exp_of_float64(size + size) + 1.0)
    p = (-9.64399179425052238628e-1 * s - 9.92877231001918586564e1) * s - 1.61468768441708447952e3
    q = ((s + 1.12811678491631932402e2) * s + 2.23548839060100448583e3) * s + 4.84406305325125486048e3
    small = size + size * s * (p / q)
    return np.copysign(large if size >= 0.625 else small, x)


_exp_of_float32, _exp_of_float64 = register_jitable(_exp_float32), register_jitable(_exp_float64)


def _assemble(typing: Any, n: Any) -> Any:
    """2^n, from −126 to 127 in float32: n is put where a floating-point number has its exponent."""
    type_, bits, exponent, bias = (
        (types.float32, 32, 23, 127) if n == types.int32 else (types.float64, 64, 52, 1023)
    )

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        integer = ir.IntType(bits)
        shifted = builder.shl(builder.add(arguments[0], integer(bias)), integer(exponent))
        return builder.bitcast(shifted, context.get_value_type(type_))

    return type_(n), generate


_power_of_2: Any = intrinsic(_assemble)
