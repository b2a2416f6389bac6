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

    def learn(self, images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> list[float]:
        """Fit for an epoch, on a pipeline that scales its images while the network learns from those before."""
        with tf.device("CPU"):
            digits = tf.constant(images), tf.constant(labels)

            def taken(batch: Any) -> tuple[Any, Any]:
                x, y = (tf.gather(column, batch) for column in digits)
                return tf.cast(x, tf.float32) / 255, y

            batches = tf.data.Dataset.from_tensor_slices(rows).map(taken, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
        told = Losses()
        self._model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[told])
        return told.losses

    def gradients(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """Return the derivatives of the loss by W_1, b_1, …."""
        with tf.GradientTape() as tape:
            loss = self._model.compute_loss(y=y, y_pred=self._model(x, training=True))
        gradients = tape.gradient(loss, self._model.trainable_variables)
        return channels_first(self._problem, [g.numpy() for g in gradients])

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return channels_first(self._problem, self._model.get_weights())

    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        return np.asarray(self._model.predict(x, batch_size=len(x), verbose=0).argmax(axis=1))


class Losses(keras.callbacks.Callback):  # type: ignore[misc]
    """Write down the loss on each batch, where Keras tells the mean over those of the epoch so far."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Begin the mean anew."""
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Write down the mean over one batch."""
        self.losses.append(float(logs["loss"]))


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
    return (
        keras.optimizers.SGD(problem.learning_rate)
        if problem.optimizer == "sgd"
        else keras.optimizers.Adam(problem.learning_rate, BETA1, BETA2, EPSILON_HAT)
    )
