"""Windows that slide over the last axes of an array, and the adjoint of sliding: adding windows back where they lay.

A convolution is such windows and a matrix product; pooling is a maximum or a mean over each of them.
"""

from __future__ import annotations

from numpy.lib.stride_tricks import as_strided

from autodiff import kernels
from autodiff.ops.shapes import Shape
from autodiff.tape import Array, primitive

Lengths = int | Shape
"""A length for each of the last axes, or the one length of one axis."""


@primitive("sliding_windows",
           lambda g, out, a, window, stride: add_windows(g, shape=a.shape, stride=stride))
def sliding_windows(a: Array, window: Lengths, stride: Lengths = 1) -> Array:
    """The windows of a over its last axes, each `stride` further than the one before: (…, places…, window…).

    With a of shape (m, 28, 28), windows (5, 5) and stride 1 that is (m, 24, 24, 5, 5). It is a view: no number is
    copied. One stride may stand for all axes.

    Raises:
        ValueError: a window is larger than a, has no element, or a stride is not at least 1.
    """
    lengths = _lengths(window)
    steps, first = _steps(stride, window), a.ndim - len(lengths)
    if first < 0 or min(lengths) < 1 or any(n > m for n, m in zip(lengths, a.shape[first:], strict=True)):
        raise ValueError(f"a window of {lengths} does not fit into the last axes of {a.shape}")
    if min(steps) < 1:
        raise ValueError(f"a stride must be 1 or more, not {stride}")
    places = [(m - n) // step + 1 for m, n, step in zip(a.shape[first:], lengths, steps, strict=True)]
    strides = [step * bytes_ for step, bytes_ in zip(steps, a.strides[first:], strict=True)]
    shape = (*a.shape[:first], *places, *lengths)
    return as_strided(a, shape, (*a.strides[:first], *strides, *a.strides[first:]), writeable=False)


@primitive("add_windows",
           lambda h, out, g, shape, stride: sliding_windows(h, window=g.shape[len(shape):], stride=stride))
def add_windows(g: Array, shape: Shape, stride: Lengths) -> Array:
    """Zeros of a shape, to which each window of g is added where `sliding_windows` would find it."""
    return kernels.add_windows(g, shape, _steps(stride, g.shape[len(shape) :]))


def _lengths(window: Lengths) -> Shape:
    """Return the lengths of a window along each of its axes."""
    return (window,) if isinstance(window, int) else window


def _steps(stride: Lengths, window: Lengths) -> Shape:
    """Return a step for each axis of a window.

    Raises:
        ValueError: there are more or fewer strides than axes.
    """
    axes = len(_lengths(window))
    steps = (stride,) * axes if isinstance(stride, int) else stride
    if len(steps) != axes:
        raise ValueError(f"strides {steps} are not one for each axis of a window of {_lengths(window)}")
    return steps
