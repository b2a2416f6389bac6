"""TensorFlow: a step on `tf.GradientTape`, as it is, as a `tf.function`, and as one that XLA compiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from mnist.contestants.architecture import Convolution, Flatten, Images, Linear, MaxPool, ReLU
from mnist.contestants.channels_last import channels_first, channels_last
from mnist.contestants.problem import BETA1, BETA2, EPSILON_HAT, Problem, StepByStep


class Eager(StepByStep):
    """Each operation is done as it is met, and written on a tape."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._parameters = [tf.Variable(first) for first in channels_last(problem, problem.parameters())]
        update = SGD if problem.optimizer == "sgd" else Adam
        self._update: Any = update(self._parameters, problem.learning_rate)

    def prepared(self, x: np.ndarray, y: np.ndarray) -> list[tuple[Any, Any]]:
        """Return the batches as tensors."""
        return [(tf.constant(a), tf.constant(b)) for a, b in zip(x, y, strict=True)]

    def step(self, x: Any, y: Any) -> Any:
        """Take a step on a batch, and return the loss before it."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, self._logits(x)))
        self._update(tape.gradient(loss, self._parameters))
        return loss

    def _logits(self, x: Any) -> Any:
        parameters = iter(self._parameters)
        for layer in self._problem.architecture:
            match layer:
                case Linear():
                    x = x @ next(parameters) + next(parameters)
                case ReLU():
                    x = tf.nn.relu(x)
                case Images():
                    channels, height, width = layer.shape
                    x = tf.reshape(x, (-1, height, width, channels))
                case Convolution():
                    around = [[0, 0], [layer.padding] * 2, [layer.padding] * 2, [0, 0]]
                    x = tf.nn.bias_add(tf.nn.conv2d(x, next(parameters), 1, around), next(parameters))
                case MaxPool():
                    x = tf.nn.max_pool2d(x, layer.size, layer.size, "VALID")
                case Flatten():
                    x = tf.reshape(x, (-1, np.prod(x.shape[1:])))
        return x

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return channels_first(self._problem, [parameter.numpy() for parameter in self._parameters])

    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        return np.asarray(tf.argmax(self._logits(tf.constant(x)), axis=1))


class Function(Eager):
    """The step is traced once, and run as a graph."""

    jit_compile = False

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._function = tf.function(super().step, autograph=False, jit_compile=self.jit_compile)

    def step(self, x: Any, y: Any) -> Any:
        """Take a step on a batch, and return the loss before it."""
        return self._function(x, y)


class XLA(Function):
    """The graph is compiled."""

    jit_compile = True


class SGD:
    """θ ← θ − lr·g, by TensorFlow's kernel for it: as a graph as fast as Keras's optimizer, and eager faster."""

    def __init__(self, parameters: list[Any], learning_rate: float) -> None:
        self._parameters = parameters
        self._learning_rate = tf.constant(learning_rate)

    def __call__(self, gradients: list[Any]) -> None:
        """Move the parameters."""
        for θ, g in zip(self._parameters, gradients, strict=True):
            tf.raw_ops.ResourceApplyGradientDescent(var=θ.handle, alpha=self._learning_rate, delta=g)


class Adam:
    """Adam, by TensorFlow's kernel for it, which goes through the memory once."""

    def __init__(self, parameters: list[Any], learning_rate: float) -> None:
        self._parameters = parameters
        self._m, self._v = ([tf.Variable(tf.zeros_like(θ)) for θ in parameters] for _ in range(2))
        self._powers = tf.Variable(1.0), tf.Variable(1.0)
        lr, β1, β2, ε = (tf.constant(number) for number in (learning_rate, BETA1, BETA2, EPSILON_HAT))
        self._settings = {"lr": lr, "beta1": β1, "beta2": β2, "epsilon": ε}

    def __call__(self, gradients: list[Any]) -> None:
        """Move the parameters."""
        beta1_power, beta2_power = (
            power.assign(power * β) for power, β in zip(self._powers, (BETA1, BETA2), strict=True)
        )
        for θ, g, m, v in zip(self._parameters, gradients, self._m, self._v, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=θ.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=beta1_power,
                beta2_power=beta2_power,
                grad=g,
                **self._settings,
            )
