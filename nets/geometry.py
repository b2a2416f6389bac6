"""What layers that slide windows over images share: lengths down and across, padding, and whether all fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autodiff as ad
from autodiff.tape import shape_of

Lengths = int | tuple[int, int]
"""Down and across, or one length for both."""


def pair(name: str, what: str, given: Lengths, least: int = 1) -> tuple[int, int]:
    """Return the lengths down and across.

    Raises:
        ValueError: they are not one or two integers, `least` or more.
    """
    lengths = tuple(given) if isinstance(given, list | tuple) else (given, given)
    if len(lengths) != 2 or not all(isinstance(n, int | np.integer) and n >= least for n in lengths):
        raise ValueError(f"{name}: {what} must be an integer of {least} or more, or two of them, not {given!r}")
    return int(lengths[0]), int(lengths[1])


def check_images(name: str, x: Any, channels: int | None = None) -> None:
    """Raise unless x are images (m, channels, height, width), with so many channels if that is given."""
    shape = shape_of(x)
    if len(shape) != 4:
        hint = f"; x.reshape({shape[0]}, 1, height, width) makes images of rows" if len(shape) == 2 else ""
        raise ValueError(f"{name}: needs images (m, channels, height, width), but got shape {shape}{hint}")
    if channels is not None and shape[1] != channels:
        raise ValueError(f"{name}: needs images of {channels} channels, but got {shape[1]}, in shape {shape}")


def padded(name: str, x: Any, padding: Lengths, value: float = 0.0) -> Any:
    """Return images with so many rows above and below, and columns left and right, of one value."""
    down, across = pair(name, "padding", padding, least=0)
    if down == across == 0:
        return x
    width = ((0, 0), (0, 0), (down, down), (across, across))
    with_zeros = ad.pad(x, width)
    if value == 0:
        return with_zeros
    inside = np.pad(np.ones(shape_of(x)[2:], bool), width[2:])
    return ad.where(inside, with_zeros, value)


def check_window(name: str, x: Any, kernel: Sequence[int]) -> None:
    """Raise unless the kernel fits into the padded images."""
    size = shape_of(x)[2:]
    if any(n > m for n, m in zip(kernel, size, strict=True)):
        raise ValueError(
            f"{name}: a kernel of {tuple(kernel)} is larger than the images, which with their padding are {size}"
        )
