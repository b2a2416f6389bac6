"""JAX: a pure function of parameters and batch, differentiated and compiled, which may reuse the parameters' memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mnist.contestants.architecture import (
    Architecture,
    Convolution,
    Flatten,
    Images,
    Linear,
    MaxPool,
    ReLU,
)
from mnist.contestants.channels_last import channels_first, channels_last
from mnist.contestants.problem import BETA1, BETA2, EPSILON, Problem, StepByStep

CHANNELS_LAST = ("NHWC", "HWIO", "NHWC")

Tree = Any
"""Nested lists of arrays: the parameters, and what Adam remembers of them."""


class Jit(StepByStep):
    """One compiled function for the whole step."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._θ = [jnp.array(first) for first in channels_last(problem, problem.parameters())]
        self._memory: Tree = ()
        if problem.optimizer == "adam":
            self._memory = (jnp.zeros((), jnp.int32), *(jax.tree.map(jnp.zeros_like, self._θ) for _ in range(2)))
        logits = partial(_logits, problem.architecture)
        self._classes = jax.jit(lambda θ, x: logits(θ, x).argmax(axis=1))
        update = partial({"sgd": _sgd, "adam": _adam}[problem.optimizer], problem.learning_rate)

        @partial(jax.jit, donate_argnums=(0, 1))
        def step(θ: Tree, memory: Tree, x: Any, y: Any) -> tuple[Any, Tree, Tree]:
            loss, g = jax.value_and_grad(partial(_loss, logits))(θ, x, y)
            return loss, *update(θ, g, memory)

        self._step = step

    def prepared(self, x: np.ndarray, y: np.ndarray) -> list[tuple[Any, Any]]:
        """Return the batches as arrays of JAX."""
        return [(jnp.array(a), jnp.array(b)) for a, b in zip(x, y, strict=True)]

    def step(self, x: Any, y: Any) -> Any:
        """Take a step on a batch, and return the loss before it, which may still be on its way."""
        loss, self._θ, self._memory = self._step(self._θ, self._memory, x, y)
        return loss

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return channels_first(self._problem, [np.array(parameter) for parameter in self._θ])

    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        return np.asarray(self._classes(self._θ, x))


def _logits(architecture: Architecture, θ: Tree, x: Any) -> Any:
    parameters = iter(θ)
    for layer in architecture:
        match layer:
            case Linear():
                x = x @ next(parameters) + next(parameters)
            case ReLU():
                x = jax.nn.relu(x)
            case Images():
                channels, height, width = layer.shape
                x = x.reshape(-1, height, width, channels)
            case Convolution():
                around = ((layer.padding, layer.padding),) * 2
                x = lax.conv_general_dilated(x, next(parameters), (1, 1), around, dimension_numbers=CHANNELS_LAST)
                x = x + next(parameters)
            case MaxPool():
                m, height, width, channels = x.shape
                n = layer.size
                x = x.reshape(m, height // n, n, width // n, n, channels).max((2, 4))
            case Flatten():
                x = x.reshape(len(x), -1)
    return x


def _loss(logits: Any, θ: Tree, x: Any, y: Any) -> Any:
    log_p = jax.nn.log_softmax(logits(θ, x))
    return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()


def _sgd(lr: float, θ: Tree, g: Tree, memory: Tree) -> tuple[Tree, Tree]:
    return jax.tree.map(lambda p, dp: p - lr * dp, θ, g), memory


def _adam(lr: float, θ: Tree, g: Tree, memory: Tree) -> tuple[Tree, Tree]:
    """Kingma and Ba, 2015, algorithm 1."""
    t, m, v = memory
    t = t + 1
    m = jax.tree.map(lambda m, dp: BETA1 * m + (1 - BETA1) * dp, m, g)
    v = jax.tree.map(lambda v, dp: BETA2 * v + (1 - BETA2) * dp * dp, v, g)
    rate, correction = lr / (1 - BETA1**t), 1 - BETA2**t
    θ = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v / correction) + EPSILON), θ, m, v)
    return θ, (t, m, v)
