"""Normalisation: numbers shifted and scaled to mean 0 and variance 1, then as the layer has learned to."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

import autodiff as ad
from autodiff import Tensor
from autodiff.tape import shape_of
from nets.module import Buffer, Module, Parameter


def _moments(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Return the mean along the axes, kept with length 1, what is left without it, and the (biased) variance."""
    mean = ad.mean(x, axes, keepdims=True)
    centred = ad.subtract(x, mean)
    return mean, centred, ad.mean(ad.square(centred), axes, keepdims=True)


def _scaled(centred: Any, variance: Any, eps: float) -> Any:
    """Divide by the standard deviation."""
    return ad.divide(centred, ad.sqrt(ad.add(variance, eps)))


class BatchNorm(Module):
    """(x − mean) / √(variance + eps) · weight + bias for each channel, axis 1 (Ioffe and Szegedy, 2015).

    In training, mean and variance are those of the channel in the batch, and the running ones move towards them by
    `momentum`; in use they are the running ones. As in PyTorch the variance that divides is the biased one, Σ/n, and
    the one that the running variance moves to is unbiased, Σ/(n − 1).

    Args:
        num_features: the number of channels.
        eps: what keeps the divisor from 0.
        momentum: the share of the new in a running statistic.
        affine: whether there are a weight, which starts at 1, and a bias, which starts at 0.
        dtype: of parameters and statistics.

    Raises:
        ValueError: a number is out of its range.
    """

    symbol = "N"
    inputs: ClassVar[dict[int, str]]
    """The shapes that x may have, by their number of axes."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        name = type(self).__name__
        if num_features < 1:
            raise ValueError(f"{name}: needs at least one feature, not {num_features}")
        if not eps >= 0 or not 0 <= momentum <= 1:
            raise ValueError(f"{name}: eps must be 0 or more and momentum from 0 to 1, not {eps} and {momentum}")
        self.num_features, self.eps, self.momentum, self.affine = num_features, eps, momentum, affine
        self.weight = Parameter(np.ones(num_features, dtype), name="γ") if affine else None
        self.bias = Parameter(np.zeros(num_features, dtype), name="β") if affine else None
        self.running_mean = Buffer(np.zeros(num_features, dtype), name="running_mean")
        self.running_var = Buffer(np.ones(num_features, dtype), name="running_var")

    def extra_repr(self) -> str:
        """Give the number of channels."""
        return f"{self.num_features}"

    def forward(self, x: Any) -> Tensor:
        """Normalise x."""
        shape = shape_of(x)
        self._check(shape)
        along_channels = (1, -1, *(1,) * (len(shape) - 2))
        if self.training:
            mean, centred, variance = _moments(x, (0, *range(2, len(shape))))
            self._follow(mean, variance, math.prod(shape) // shape[1])
        else:
            centred = ad.subtract(x, ad.reshape(self.running_mean, along_channels))
            variance = ad.reshape(self.running_var, along_channels)
        out = _scaled(centred, variance, self.eps)
        if self.weight is None or self.bias is None:
            return out
        return ad.add(
            ad.multiply(out, ad.reshape(self.weight, along_channels)), ad.reshape(self.bias, along_channels)
        )

    def _check(self, shape: tuple[int, ...]) -> None:
        """Raise unless x has a shape that this layer takes and, in training, more than one number in each channel."""
        name = type(self).__name__
        if len(shape) not in self.inputs or shape[1] != self.num_features:
            wanted = " or ".join(self.inputs.values())
            raise ValueError(f"{name}: needs {wanted} with {self.num_features} channels, but got shape {shape}")
        if self.training and math.prod(shape) < 2 * shape[1]:
            raise ValueError(
                f"{name}: in training each channel needs two numbers at least to have a variance, but the shape is "
                f"{shape}. Give a larger batch, or call model.eval() first, which uses the running statistics."
            )

    def _follow(self, mean: Any, variance: Any, n: int) -> None:
        """Move the running statistics towards those of a batch of n numbers in each channel."""
        with ad.no_grad():
            unbiased = ad.multiply(variance, n / (n - 1))
            for running, now in ((self.running_mean, mean), (self.running_var, unbiased)):
                share = ad.multiply(ad.reshape(now, running.shape), self.momentum)
                running.data = ad.add(ad.multiply(running, 1 - self.momentum), ad.astype(share, running.dtype))


class BatchNorm1d(BatchNorm):
    """`BatchNorm` of rows, or of sequences."""

    inputs: ClassVar = {2: "rows (m, features)", 3: "sequences (m, features, length)"}


class BatchNorm2d(BatchNorm):
    """`BatchNorm` of images."""

    inputs: ClassVar = {4: "images (m, channels, height, width)"}


def update_batch_norm(model: Module, batches: Iterable[Any], forward: Callable[[Any], Any] | None = None) -> None:
    """Let the running statistics of all `BatchNorm` layers be the mean of those of some batches, of equal weight.

    Those that training leaves behind are of its last few batches, of distorted images perhaps, which are smoother than
    those that the network will see, and of weights that still changed (Wu and Johnson, Rethinking "Batch" in BatchNorm,
    2021; PyTorch's `update_bn`). All other layers behave as in use.

    Args:
        model: the network. On an error nothing of it is changed.
        batches: what it is to be used on, or what resembles that.
        forward: what computes the network's output, if it is not the network itself: a compiled function, say.
    """
    norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
    if not norms:
        return
    statistics = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    found = []
    with _following_at_once(model, norms, statistics), ad.no_grad():
        for x in batches:
            (forward or model)(x)
            found.append([buffer.data.copy() for buffer in statistics])
    for buffer, arrays in zip(statistics, zip(*found, strict=True), strict=False):
        buffer.data = np.mean(arrays, axis=0, dtype=np.float64).astype(buffer.dtype)


@contextlib.contextmanager
def _following_at_once(model: Module, norms: list[BatchNorm], statistics: list[Buffer]) -> Iterator[None]:
    """Let the running statistics be those of each batch, and all other layers be in use; then all is as before."""
    modes = [(module, module.training) for module in model.modules()]
    momenta = [(norm, norm.momentum) for norm in norms]
    before = [(buffer, buffer.data.copy()) for buffer in statistics]
    model.eval()
    for norm in norms:
        norm.training, norm.momentum = True, 1.0
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for norm, momentum in momenta:
            norm.momentum = momentum
        for buffer, array in before:
            buffer.data = array


class LayerNorm(Module):
    """(x − mean) / √(variance + eps) · weight + bias, over the last axes of each example (Ba, Kiros and Hinton, 2016).

    Args:
        normalized_shape: the lengths of those axes, or the one length of the last.
        eps: what keeps the divisor from 0.
        elementwise_affine: whether there is a weight of this shape, which starts at 1.
        bias: whether there is a bias too, which starts at 0.
        dtype: of the parameters.

    Raises:
        ValueError: there are no axes, one has no element, or eps is negative.
    """

    symbol = "N"

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        if not shape or min(shape) < 1 or not eps >= 0:
            raise ValueError(f"LayerNorm: needs lengths of 1 or more and an eps of 0 or more, not {shape} and {eps}")
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self.weight = Parameter(np.ones(shape, dtype), name="γ") if elementwise_affine else None
        self.bias = Parameter(np.zeros(shape, dtype), name="β") if elementwise_affine and bias else None

    def extra_repr(self) -> str:
        """Give the lengths of the axes."""
        return ", ".join(map(str, self.normalized_shape))

    def forward(self, x: Any) -> Tensor:
        """Normalise x."""
        shape, own = shape_of(x), self.normalized_shape
        if shape[-len(own) :] != own:
            raise ValueError(f"LayerNorm: the last axes must be {own}, but the shape is {shape}")
        _, centred, variance = _moments(x, tuple(range(len(shape) - len(own), len(shape))))
        out = _scaled(centred, variance, self.eps)
        out = out if self.weight is None else ad.multiply(out, self.weight)
        return out if self.bias is None else ad.add(out, self.bias)
