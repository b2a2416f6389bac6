"""Pooling: one number for each window of each channel, its largest or its mean."""

from __future__ import annotations

import math
from typing import Any

import autodiff as ad
from autodiff import Tensor
from nets.geometry import Lengths, check_images, check_window, padded, pair
from nets.module import Module


def max_pool2d(x: Any, kernel_size: Lengths, stride: Lengths | None = None, padding: Lengths = 0) -> Tensor:
    """Return the largest number of each window over images (m, channels, height, width).

    What is put around the images is −∞, which is never the largest. Where several are the largest they share the
    gradient evenly, as those of `max` do; PyTorch and TensorFlow's `max_pool2d` give it to the first.
    """
    return ad.max(_windows("max_pool2d", x, kernel_size, stride, padding, -math.inf), axis=(-2, -1))


def avg_pool2d(x: Any, kernel_size: Lengths, stride: Lengths | None = None, padding: Lengths = 0) -> Tensor:
    """Return the mean of each window over images (m, channels, height, width).

    What is put around the images is 0, and counts.
    """
    return ad.mean(_windows("avg_pool2d", x, kernel_size, stride, padding, 0.0), axis=(-2, -1))


def _windows(
    name: str, x: Any, kernel_size: Lengths, stride: Lengths | None, padding: Lengths, around: float
) -> Any:
    """Return the windows over the padded images, side by side unless there is a stride.

    Raises:
        ValueError: x are no images, the kernel is larger than they are with their padding, more than half of a window
            could be padding, or a number is out of its range.
    """
    check_images(name, x)
    kernel = pair(name, "kernel_size", kernel_size)
    steps = kernel if stride is None else pair(name, "stride", stride)
    width = pair(name, "padding", padding, least=0)
    if any(2 * p > n for p, n in zip(width, kernel, strict=True)):
        raise ValueError(f"{name}: a padding of {width} is more than half of the kernel, {kernel}")
    x = padded(name, x, width, around)
    check_window(name, x, kernel)
    return ad.sliding_windows(x, kernel, steps)


class _Pool2d(Module):
    """What both have: the windows, checked once here and again against each batch of images."""

    def __init__(self, kernel_size: Lengths, stride: Lengths | None = None, padding: Lengths = 0) -> None:
        self.kernel_size = pair(type(self).__name__, "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair(type(self).__name__, "stride", stride)
        self.padding = pair(type(self).__name__, "padding", padding, least=0)

    def extra_repr(self) -> str:
        """Give the kernel, and what is not as usual."""
        told = [f"stride {self.stride}"] if self.stride != self.kernel_size else []
        told += [f"padding {self.padding}"] if self.padding != (0, 0) else []
        return ", ".join([f"kernel {self.kernel_size}", *told])


class MaxPool2d(_Pool2d):
    """The largest number of each window, see `max_pool2d`. Windows lie side by side unless a stride says otherwise."""

    def forward(self, x: Any) -> Tensor:
        """Compute the maxima."""
        return max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool2d):
    """The mean of each window, see `avg_pool2d`. Windows lie side by side unless a stride says otherwise."""

    def forward(self, x: Any) -> Tensor:
        """Compute the means."""
        return avg_pool2d(x, self.kernel_size, self.stride, self.padding)
