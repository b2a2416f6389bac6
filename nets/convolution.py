"""Convolution: windows of an image as the columns of a matrix, and a matrix product."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

import autodiff as ad
from autodiff import Tensor
from autodiff.tape import shape_of
from nets.geometry import Lengths, check_images, check_window, padded, pair
from nets.initializers import he
from nets.module import Module, Parameter


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Lengths = 1, padding: Lengths = 0, groups: int = 1
) -> Tensor:
    """Return, at each place of a window over the images, its inner product with each of the weights.

    Args:
        x: (m, in_channels, height, width) images.
        weight: (out_channels, in_channels / groups, kernel height, kernel width).
        bias: (out_channels,), added at each place; or None.
        stride: how far a window is from the next, down and across.
        padding: how many zeros are put around the images, above and below, left and right.
        groups: into how many groups the channels are divided; each output channel sees one group of the input's.

    It is (m, out_channels, places down, places across). As in PyTorch the weights are not turned around.

    Raises:
        ValueError: the images are not of 4 axes or of other channels, the groups do not divide the channels, the
            kernel is larger than the padded images, or a stride or padding is out of range.
    """
    if len(shape_of(weight)) != 4:
        raise ValueError(f"conv2d: needs weights (out, in / groups, height, width), but got shape {shape_of(weight)}")
    (out_channels, channels, *kernel), stride = shape_of(weight), pair("conv2d", "stride", stride)
    check_groups("conv2d", channels * groups, out_channels, groups)
    check_images("conv2d", x, channels * groups)
    x = padded("conv2d", x, padding)
    check_window("conv2d", x, kernel)
    if groups == 1:
        product = _product(x, weight, tuple(kernel), stride)
    else:
        parts = [(_part(x, 1, i, groups), _part(weight, 0, i, groups)) for i in range(groups)]
        product = ad.concat([_product(part, own, tuple(kernel), stride) for part, own in parts], axis=1)
    return product if bias is None else ad.add(product, ad.reshape(bias, (-1, 1, 1)))


def _product(x: Any, weight: Any, kernel: tuple[int, ...], stride: tuple[int, int]) -> Any:
    """Return the convolution as a matrix product for each image, of a row for each output channel.

    The columns of the other factor are the windows. A row of it holds what lies at one place within each of them; these
    numbers lie side by side as they do in the image, so they are copied in long runs.
    """
    windows = ad.sliding_windows(x, kernel, stride)
    m, channels, down, across, *_ = windows.shape
    columns = ad.reshape(ad.permute_dims(windows, (0, 1, 4, 5, 2, 3)), (m, channels * prod(kernel), down * across))
    product = ad.matmul(ad.flatten(weight, 1), columns)
    return ad.reshape(product, (m, weight.shape[0], down, across))


def _part(x: Any, axis: int, index: int, parts: int) -> Any:
    """Return one of so many equal parts of x along an axis."""
    each = x.shape[axis] // parts
    return ad.getitem(x, (slice(None),) * axis + (slice(index * each, (index + 1) * each),))


def check_groups(name: str, in_channels: int, out_channels: int, groups: int) -> None:
    """Raise unless the groups divide the channels."""
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{name}: {groups} groups do not divide {in_channels} channels in and {out_channels} channels out; both "
            "must be multiples of the number of groups"
        )


class Conv2d(Module):
    """A convolution with weights of its own, see `conv2d`.

    Args:
        in_channels: of the images that go in.
        out_channels: of what comes out.
        kernel_size: height and width of the windows, or one number for both.
        stride: how far a window is from the next.
        padding: how many zeros are put around the images.
        groups: into how many groups the channels are divided.
        bias: whether there is one; it starts at 0.
        rng: the generator that the weights are drawn from, by `he`.
        dtype: of the parameters.

    Raises:
        ValueError: a number is out of its range, or the groups do not divide the channels.
    """

    symbol = "Z"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Lengths,
        stride: Lengths = 1,
        padding: Lengths = 0,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if in_channels < 1 or out_channels < 1:
            raise ValueError(f"Conv2d: needs a channel in and out at least, not {in_channels} and {out_channels}")
        check_groups("Conv2d", in_channels, out_channels, groups)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = pair("Conv2d", "kernel_size", kernel_size)
        self.stride = pair("Conv2d", "stride", stride)
        self.padding = pair("Conv2d", "padding", padding, least=0)
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        weight = he(prod(shape[1:]), out_channels, rng, dtype).T.reshape(shape)
        self.weight = Parameter(weight, name="W")
        self.bias = Parameter(np.zeros(out_channels, dtype), name="b") if bias else None

    def extra_repr(self) -> str:
        """Give channels, kernel, and what is not as usual."""
        extras = {"stride": ((1, 1), self.stride), "padding": ((0, 0), self.padding), "groups": (1, self.groups)}
        told = [f"{name} {value}" for name, (usual, value) in extras.items() if value != usual]
        return ", ".join([f"{self.in_channels} → {self.out_channels}", f"kernel {self.kernel_size}", *told])

    def forward(self, x: Any) -> Tensor:
        """Compute the convolution of x."""
        return conv2d(x, self.weight, self.bias, self.stride, self.padding, self.groups)
