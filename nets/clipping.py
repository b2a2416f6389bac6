"""Gradients held within bounds before a step, so that one steep place does not throw the weights far off."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import autodiff as ad
from autodiff import Tensor
from nets.module import Parameter


def clip_grad_norm_(parameters: Iterable[Parameter], max_norm: float) -> Tensor:
    """Scale all gradients together so that the norm of them all is at most `max_norm`; return the norm they had.

    (Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013, algorithm 1.)

    Raises:
        ValueError: `max_norm` is not above 0.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be above 0, not {max_norm}")
    with_gradients = [parameter for parameter in parameters if parameter.grad is not None]
    with ad.no_grad():
        total: Any = sum((ad.sum(ad.square(p.grad)) for p in with_gradients), start=Tensor(0.0))
        norm = ad.sqrt(total)
        share = ad.minimum(ad.divide(max_norm, ad.add(norm, _TINY)), 1.0)
        for parameter in with_gradients:
            parameter.grad = ad.multiply(parameter.grad, ad.astype(share, parameter.dtype))
    return norm


_TINY = 1e-6
"""What keeps the quotient from division by 0, as in PyTorch."""


def clip_grad_value_(parameters: Iterable[Parameter], clip_value: float) -> None:
    """Hold each number of each gradient between −`clip_value` and `clip_value`.

    Raises:
        ValueError: `clip_value` is not above 0.
    """
    if not clip_value > 0 or math.isinf(clip_value):
        raise ValueError(f"clip_grad_value_: clip_value must be a number above 0, not {clip_value}")
    with ad.no_grad():
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad = ad.clip(parameter.grad, -clip_value, clip_value)
