"""Who can say what a gradient is, and what they say of one network and one batch.

The engines say it by calculus. Differences know none: they walk a little way from a parameter along a random direction,
and look how the loss has changed. The forward pass on which they do is written here once more, in
float64, so that they share no line with those whom they are to judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

import nets
from mnist.engines import Engine

Testimony: TypeAlias = dict[str, np.ndarray]
"""What a witness says: "loss", a number, and the gradient of each parameter by the parameter's name."""

DIRECTIONS = 4
"""Along how many directions differences look at a parameter."""
ACCURACY = 1e-6
"""The relative error of a slope that differences vouch for."""
_STEPS: list[float] = [1e-4 / 4**k for k in range(9)]
"""How far they walk, in units of a random direction's numbers: the first of these with which all is well."""
_LOSS_ROUNDING = 1e-15
"""The relative error of the loss in float64, at most."""
_INPUT_ROUNDING = 1e-5
"""How far float32 puts a unit's input from its place, at most, relative to the sum of its terms' sizes.

After ten layers 1e-6 was seen.
"""

_FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: np.exp(-np.logaddexp(0, -z)),
}


def in_dtype(model: nets.MLP, dtype: DTypeLike) -> nets.MLP:
    """Return a copy of a network with its parameters in another dtype."""
    copy = nets.MLP(model.layer_dims, model.activation, rng=np.random.default_rng(0), dtype=dtype)
    copy.load_state_dict(model.state_dict())
    return copy


def hear(engine: Engine, model: nets.MLP, x: np.ndarray, y: np.ndarray) -> Testimony:
    """Return what an engine says of a network and a batch x (m, 784) of its dtype, with labels y (m,)."""
    model.zero_grad()
    loss = np.asarray(engine(model, x, y), x.dtype)
    return {"loss": loss, **{name: parameter.grad.data for name, parameter in model.named_parameters()}}


# ── the forward pass, once more ─────────────────────────────────────────────────────────────────────────


def _forward(parameters: Mapping[str, np.ndarray], x: np.ndarray, activation: str) -> list[np.ndarray]:
    """Return Z_1 … Z_L, each (m, n_l); the last are the logits."""
    arrays = list(parameters.values())
    Z = []
    for W, b in zip(arrays[::2], arrays[1::2], strict=True):
        Z.append(x @ W + b)
        x = _FUNCTIONS[activation](Z[-1])
    return Z


def _losses(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return log Σⱼ exp(zⱼ − z_y) of each example, (m,): its digits are all right even where it is almost 0."""
    margins = logits - np.take_along_axis(logits, y[:, None], axis=1)
    return np.asarray(np.logaddexp.reduce(margins, axis=1))


def doubt(model: nets.MLP, x: np.ndarray, y: np.ndarray) -> float:
    """Return the mean of 1 − p over a batch, p being the probability that a network gives to an example's label."""
    logits = _forward(_in_float64(model), x.astype(np.float64), model.activation)[-1]
    return float(-np.expm1(-_losses(logits, y)).mean())


def clear_of_kinks(model: nets.MLP, x: np.ndarray) -> np.ndarray:
    """Return for each example, (m,), whether every unit's input to relu is further from 0 than float32 rounds it.

    Where it is not, one witness may let the unit through and another not, and both are right.
    """
    clear = np.ones(len(x), bool)
    if model.activation == "relu":
        parameters, a = _in_float64(model), x.astype(np.float64)
        arrays = list(parameters.values())
        for W, b, z in zip(arrays[:-2:2], arrays[1:-2:2], _forward(parameters, a, "relu"), strict=False):
            terms = np.abs(a) @ np.abs(W) + np.abs(b)
            clear &= np.all(np.abs(z) >= _INPUT_ROUNDING * terms, axis=1)
            a = np.maximum(z, 0)
    return clear


def _in_float64(model: nets.MLP) -> dict[str, np.ndarray]:
    return {name: array.astype(np.float64) for name, array in model.state_dict().items()}


# ── differences ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Differences:
    """The loss, and for each parameter the slopes that could be measured, (k,), and their directions, (k, *shape)."""

    loss: np.ndarray
    directions: dict[str, np.ndarray]
    slopes: dict[str, np.ndarray]

    @property
    def testimony(self) -> Testimony:
        """What they say, of those parameters of which they can say anything."""
        return {"loss": self.loss, **{name: slopes for name, slopes in self.slopes.items() if len(slopes)}}

    def put_to(self, witness: Testimony) -> Testimony:
        """Return what another witness says of the same slopes: the products of its gradients with the directions."""
        slopes = {name: np.tensordot(d, witness[name], d.ndim - 1) for name, d in self.directions.items()}
        return {"loss": witness["loss"], **slopes}


def differences(model: nets.MLP, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Differences:
    """Measure how the loss rises from where a network's parameters are, by central differences in float64.

    Their error goes with the step to the power of 2, and that of the two of them combined to the power of 4. A step
    is right when three things are so, and shorter ones are tried until it is; when none is, the direction is left out.

    - It leads over no kink of relu. Along a direction the input of every unit is a linear function of the step,
      for as long as no unit below opens or closes. So when the same units are open at both ends, none has
      opened or closed in between. (Where an input is exactly 0, there is a kink however short the step.)
    - It is short enough: the differences over one step and over two are nearly the same.
    - It is long enough: the rounding error of the loss, divided by the step, is nothing beside the slope.
    """
    parameters, x = _in_float64(model), x.astype(np.float64)

    def look(name: str, step: np.ndarray) -> tuple[float, list[bytes]]:
        """Return the loss a step away, and which units are open there."""
        Z = _forward({**parameters, name: parameters[name] + step}, x, model.activation)
        return float(_losses(Z[-1], y).mean()), [(z > 0).tobytes() for z in Z[:-1] if model.activation == "relu"]

    def slope(name: str, direction: np.ndarray) -> float:
        for h in _STEPS:
            (ahead, open_ahead), (behind, open_behind) = (look(name, s * h * direction) for s in (2, -2))
            if open_ahead == open_behind:
                far = (ahead - behind) / (4 * h)
                near = (look(name, h * direction)[0] - look(name, -h * direction)[0]) / (2 * h)
                combined = (4 * near - far) / 3
                short_enough = abs(near - far) <= 1e-4 * abs(combined)
                if short_enough and _LOSS_ROUNDING * loss / h <= ACCURACY * abs(combined):
                    return combined
        return math.nan

    loss = float(_losses(_forward(parameters, x, model.activation)[-1], y).mean())
    found = Differences(np.asarray(loss), {}, {})
    for name, array in parameters.items():
        directions = rng.standard_normal((DIRECTIONS, *array.shape))
        slopes = np.array([slope(name, direction) for direction in directions])
        known = ~np.isnan(slopes)
        found.directions[name], found.slopes[name] = directions[known], slopes[known]
    return found
