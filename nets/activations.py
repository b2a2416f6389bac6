"""Functions between the layers, element by element: without them, many layers would be no more than one."""

from __future__ import annotations

import math
from typing import Any, Literal

import autodiff as ad
from autodiff import Tensor
from nets.module import Module

Activation = Literal["relu", "tanh", "sigmoid"]


class ReLU(Module):
    """max(0, x), element by element."""

    symbol = "A"

    def forward(self, x: Any) -> Tensor:
        """Compute max(0, x)."""
        return ad.relu(x)


class Tanh(Module):
    """The hyperbolic tangent, element by element."""

    symbol = "A"

    def forward(self, x: Any) -> Tensor:
        """Compute tanh(x)."""
        return ad.tanh(x)


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ), element by element."""

    symbol = "A"

    def forward(self, x: Any) -> Tensor:
        """Compute 1 / (1 + e⁻ˣ)."""
        return ad.sigmoid(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x; the derivative at 0 is negative_slope."""

    symbol = "A"

    def __init__(self, negative_slope: float = 0.01) -> None:
        if not math.isfinite(negative_slope):
            raise ValueError(f"LeakyReLU: negative_slope must be finite, not {negative_slope}")
        self.negative_slope = negative_slope

    def extra_repr(self) -> str:
        """Give the slope."""
        return f"{self.negative_slope}"

    def forward(self, x: Any) -> Tensor:
        """Compute x, or a part of it where it is negative."""
        return ad.where(ad.greater(x, 0), x, ad.multiply(x, self.negative_slope))


class ELU(Module):
    """x where x > 0, else alpha · (eˣ − 1); the derivative at 0 is alpha (Clevert, Unterthiner, Hochreiter, 2016)."""

    symbol = "A"

    def __init__(self, alpha: float = 1.0) -> None:
        if not math.isfinite(alpha):
            raise ValueError(f"ELU: alpha must be finite, not {alpha}")
        self.alpha = alpha

    def extra_repr(self) -> str:
        """Give alpha."""
        return f"{self.alpha}"

    def forward(self, x: Any) -> Tensor:
        """Compute x, or what bends towards −alpha where it is negative."""
        bent = ad.multiply(ad.expm1(ad.minimum(x, 0)), self.alpha)  # of what is not chosen, e^x would overflow
        return ad.where(ad.greater(x, 0), x, bent)


class GELU(Module):
    """x · Φ(x), with Φ the distribution function of the normal distribution (Hendrycks and Gimpel, 2016).

    Args:
        approximate: "none", Φ(x) = ½·(1 + erf(x/√2)); or "tanh", ½·(1 + tanh(√(2/π)·(x + 0.044715·x³))).

    Raises:
        ValueError: another approximation.
    """

    symbol = "A"

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate must be 'none' or 'tanh', not {approximate!r}")
        self.approximate = approximate

    def extra_repr(self) -> str:
        """Name the approximation, if there is one."""
        return "" if self.approximate == "none" else self.approximate

    def forward(self, x: Any) -> Tensor:
        """Compute x · Φ(x)."""
        if self.approximate == "none":
            twice_Φ = ad.add(ad.erf(ad.multiply(x, math.sqrt(0.5))), 1)
        else:
            cube = ad.multiply(ad.multiply(x, x), x)
            twice_Φ = ad.add(ad.tanh(ad.multiply(ad.add(x, ad.multiply(cube, 0.044715)), math.sqrt(2 / math.pi))), 1)
        return ad.multiply(ad.multiply(x, 0.5), twice_Φ)


ACTIVATIONS: dict[Activation, type[Module]] = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}
