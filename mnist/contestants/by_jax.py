"""JAX: a pure function of parameters and batch, differentiated and compiled, which may reuse the parameters' memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mnist.contestants.problem import BETA1, BETA2, EPSILON, Problem, StepByStep

Tree = Any
"""Nested lists of arrays: the parameters, and what Adam remembers of them."""


class Jit(StepByStep):
    """One compiled function for the whole step."""

    def __init__(self, problem: Problem) -> None:
        self._θ = [jnp.array(first) for first in problem.parameters()]
        self._memory: Tree = ()
        if problem.optimizer == "adam":
            self._memory = (jnp.zeros((), jnp.int32), *(jax.tree.map(jnp.zeros_like, self._θ) for _ in range(2)))
        update = partial({"sgd": _sgd, "adam": _adam}[problem.optimizer], problem.learning_rate)

        @partial(jax.jit, donate_argnums=(0, 1))
        def step(θ: Tree, memory: Tree, x: Any, y: Any) -> tuple[Any, Tree, Tree]:
            loss, g = jax.value_and_grad(_loss)(θ, x, y)
            return loss, *update(θ, g, memory)

        self._step = step

    def prepared(self, x: np.ndarray, y: np.ndarray) -> list[tuple[Any, Any]]:
        """Return the batches as arrays of JAX."""
        return [(jnp.array(a), jnp.array(b)) for a, b in zip(x, y, strict=True)]

    def step(self, x: Any, y: Any) -> Any:
        """Take a step on a batch, and return the loss before it, which may still be on its way."""
        loss, self._θ, self._memory = self._step(self._θ, self._memory, x, y)
        return loss

    def gradients(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """Return the derivatives of the loss by W_1, b_1, …."""
        return [np.array(g) for g in jax.jit(jax.grad(_loss))(self._θ, x, y)]

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return [np.array(parameter) for parameter in self._θ]

    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        return np.asarray(_classes(self._θ, x))


def _logits(θ: Tree, x: Any) -> Any:
    for W, b in zip(θ[:-2:2], θ[1:-2:2], strict=True):
        x = jax.nn.relu(x @ W + b)
    return x @ θ[-2] + θ[-1]


def _loss(θ: Tree, x: Any, y: Any) -> Any:
    log_p = jax.nn.log_softmax(_logits(θ, x))
    return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()


_classes = jax.jit(lambda θ, x: _logits(θ, x).argmax(axis=1))


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
