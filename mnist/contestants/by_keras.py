"""Keras: a model that is compiled and fitted, as in its tutorials."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from mnist.contestants.problem import BETA1, BETA2, EPSILON_HAT, Problem


class Fit:
    """`model.fit` on a `tf.data` pipeline that reads ahead."""

    seconds_at_a_time: ClassVar[float] = 0.5
    """About as long as an epoch: `fit` begins with work that many steps make small."""

    def __init__(self, problem: Problem) -> None:
        dense = [keras.layers.Dense(n, "relu") for n in problem.layers[1:-1]]
        self._model = keras.Sequential(
            [keras.Input((problem.layers[0],)), *dense, keras.layers.Dense(problem.layers[-1])]
        )
        self._model.set_weights(problem.parameters())
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
        return [g.numpy() for g in tape.gradient(loss, self._model.trainable_variables)]

    def parameters(self) -> list[np.ndarray]:
        """Return W_1, b_1, … as they are now."""
        return list(self._model.get_weights())

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


def _optimizer(problem: Problem) -> Any:
    return (
        keras.optimizers.SGD(problem.learning_rate)
        if problem.optimizer == "sgd"
        else keras.optimizers.Adam(problem.learning_rate, BETA1, BETA2, EPSILON_HAT)
    )
