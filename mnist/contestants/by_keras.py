"""Keras: a model that is compiled and fitted, as in its tutorials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from mnist.contestants.architecture import Convolution, Flatten, Images, Linear, MaxPool, ReLU
from mnist.contestants.channels_last import channels_first, channels_last
from mnist.contestants.problem import BETA1, BETA2, EPSILON_HAT, Problem


class Fit:
    """`model.fit` on a `tf.data` pipeline that reads ahead."""

    seconds_at_a_time: ClassVar[float] = 0.5
    """About as long as an epoch: `fit` begins with work that many steps make small."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._model = keras.Sequential([keras.Input((problem.layers[0],)), *_layers(problem)])
        self._model.set_weights(channels_last(problem, problem.parameters()))
        self._model.compile(_optimizer(problem), keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    def prepared(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Return a pipeline of the batches, again and again."""
        return tf.data.Dataset.from_tensor_slices((x, y)).repeat().prefetch(tf.data.AUTOTUNE)

    def train(self, batches: Any, steps: int) -> float:
        """Fit for an epoch of so many steps."""
        history = self._model.fit(batches, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)
        return float(history.history["loss"][-1])

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return channels_first(self._problem, self._model.get_weights())

    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        return np.asarray(self._model.predict(x, batch_size=len(x), verbose=0).argmax(axis=1))


def _layers(problem: Problem) -> Iterator[keras.Layer]:
    """Yield the layers, with a relu in the layer whose result it takes."""
    architecture = problem.architecture
    for layer, following in zip(architecture, (*architecture[1:], None), strict=True):
        activation = "relu" if isinstance(following, ReLU) else None
        match layer:
            case Linear():
                yield keras.layers.Dense(layer.outputs, activation)
            case Images():
                channels, height, width = layer.shape
                yield keras.layers.Reshape((height, width, channels))
            case Convolution():
                padding = "same" if 2 * layer.padding == layer.kernel - 1 else "valid"
                yield keras.layers.Conv2D(layer.outputs, layer.kernel, padding=padding, activation=activation)
            case MaxPool():
                yield keras.layers.MaxPooling2D(layer.size)
            case Flatten():
                yield keras.layers.Flatten()


def _optimizer(problem: Problem) -> Any:
    if problem.optimizer == "sgd":
        return keras.optimizers.SGD(problem.learning_rate)
    return keras.optimizers.Adam(problem.learning_rate, BETA1, BETA2, EPSILON_HAT)
