"""Check derivatives against finite differences, along random directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.tape import Array, unwrap
from autodiff.tensor import Tensor
from autodiff.transforms import jvp, vjp

_STEP = 1e-4
"""Small enough to keep off most kinks; the truncation error of the fourth-order difference is its power of 4."""


def check_gradients(
    f: Callable[..., Any], *args: Array, order: int = 2, tolerance: float = 1e-6, seed: int = 0
) -> None:
    """Raise AssertionError unless the derivatives of f agree with finite differences, to the given order.

    In float64, along a random direction ẋ and for a random cotangent ȳ, three numbers must be one: ⟨ȳ, J·ẋ⟩ by
    finite differences, by `vjp` and by `jvp`. The same is then asked of x ↦ ⟨Jᵀȳ, r⟩ for a random r, and so on.

    Args:
        f: a function of Tensors that gives one Tensor of any shape.
        args: where to check; floating-point arguments are varied, as float64, others are held.
        order: how many times to differentiate, at least 1.
        tolerance: the largest difference allowed, relative to the size of the numbers compared.
        seed: of the generator that draws directions and cotangents.

    Raises:
        AssertionError: a derivative is wrong; the message gives the three numbers.
        ValueError: no argument is floating-point, or the order is below 1: nothing would be compared.
    """
    arrays = [np.asarray(unwrap(arg)) for arg in args]
    varied = [i for i, array in enumerate(arrays) if array.dtype.kind == "f"]
    if not varied or order < 1:
        raise ValueError("check_gradients: nothing to compare; give floating-point arguments and an order above 0")

    def of_varied(*xs: Tensor) -> Any:
        complete = list(args)
        for i, x in zip(varied, xs, strict=True):
            complete[i] = x
        return f(*complete)

    points = tuple(arrays[i].astype(np.float64) for i in varied)
    _check(of_varied, points, order, tolerance, np.random.default_rng(seed), depth=1)


def _check(
    f: Callable[..., Any],
    points: tuple[np.ndarray, ...],
    order: int,
    tolerance: float,
    rng: np.random.Generator,
    depth: int,
) -> None:
    """Check the first derivatives of f, then those of its gradient until the order is reached."""
    directions = tuple(rng.standard_normal(x.shape) for x in points)
    out, pullback = vjp(f, *points)
    cotangent = rng.standard_normal(out.shape)
    gradients = pullback(cotangent)
    for x, gradient in zip(points, gradients, strict=True):
        assert gradient.shape == x.shape, f"the gradient of an argument of shape {x.shape} has shape {gradient.shape}"

    by_vjp = [np.sum(g.data * d) for g, d in zip(gradients, directions, strict=True)]
    by_jvp = np.sum(cotangent * jvp(f, points, directions)[1].data)
    by_difference = np.sum(cotangent * _directional_difference(f, points, directions))
    scale = np.sum(np.abs(by_vjp)) + np.sum(np.abs(cotangent * out.data)) + 1.0
    for name, value in (("vjp", np.sum(by_vjp)), ("jvp", by_jvp)):
        assert abs(value - by_difference) <= tolerance * scale, (
            f"the derivative of order {depth} is wrong: {name} gives {value:.12g}, "
            f"finite differences {by_difference:.12g}"
        )

    if depth < order:
        weights = [rng.standard_normal(x.shape) for x in points]

        def of_gradient(*xs: Tensor) -> Any:
            return sum(((g * w).sum() for g, w in zip(vjp(f, *xs)[1](cotangent), weights, strict=True)), 0.0)

        _check(of_gradient, points, order, tolerance, rng, depth + 1)


def _directional_difference(
    f: Callable[..., Any], points: tuple[np.ndarray, ...], directions: tuple[np.ndarray, ...]
) -> np.ndarray:
    """Return df(x + h·ẋ)/dh at 0 by the central difference of fourth order."""

    def at(h: float) -> np.ndarray:
        out = f(*(Tensor(x + h * d) for x, d in zip(points, directions, strict=True)))
        return np.asarray(unwrap(out))

    near, far = at(_STEP) - at(-_STEP), at(2 * _STEP) - at(-2 * _STEP)
    return (8 * near - far) / (12 * _STEP)
