"""The way back through a network with tanh."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist.lessons.exercises.exercise import Exercise, an_array, close, demand, parts
from nets import manual


def _judge(way_back: Any) -> None:
    rng = np.random.default_rng(0)
    W = [rng.standard_normal((5, 4)), rng.standard_normal((4, 3))]
    b = [rng.standard_normal(4), rng.standard_normal(3)]
    X, labels = rng.standard_normal((6, 5)), rng.integers(0, 3, 6)
    (_, A1, A2), Y = manual.forward(W, b, X, "tanh").A, np.eye(3)[labels]
    given = parts(way_back(X, A1, W[1], A2, Y), 4, "four arrays, dW1, db1, dW2, db2")
    shapes = (W[0].shape, b[0].shape, W[1].shape, b[1].shape)
    names = ("dW1", "db1", "dW2", "db2")
    _, dW, db = manual.loss_and_gradients(W, b, X, labels, "tanh")
    due = (dW[0], db[0], dW[1], db[1])

    arrays = [an_array(array, shape, name) for array, shape, name in zip(given, shapes, names, strict=True)]
    gradients = dict(zip(names, arrays, strict=True))
    demand(
        not all(close(array, d * len(X)) for array, d in zip(arrays, due, strict=True)),
        "everything is m times too large: the loss is a mean, so dZ2 = (A2 − Y) / m",
    )
    demand(not close(gradients["dW2"], -dW[1]), "dW2 has the wrong sign: dZ2 is A2 − Y, not Y − A2")
    demand(close(gradients["dW2"], dW[1]), "dW2 is wrong; it should be A1.T @ dZ2. (Get this right first)")
    demand(close(gradients["db2"], db[1]), "db2 is wrong; it should be dZ2 summed over the rows")
    dA1 = (A2 - Y) / len(X) @ W[1].T
    demand(
        not close(gradients["dW1"], X.T @ dA1),
        "the second layer is right; in the first the slope of tanh is forgotten: dZ1 = dA1 · (1 − A1²)",
    )
    demand(
        not close(gradients["dW1"], X.T @ (dA1 * (A1 > 0))),
        "the second layer is right; in the first you have relu's mask, but this network has tanh: 1 − A1²",
    )
    demand(
        not close(gradients["dW1"], X.T @ (dA1 * (1 - np.tanh(A1) ** 2))),
        "you take tanh a second time: A1 is tanh(Z1) already, so its slope is 1 − A1²",
    )
    demand(close(gradients["dW1"], dW[0]), "the second layer is right, but dW1 is not X.T @ dZ1, dZ1 = dA1 · (1 − A1²)")
    demand(close(gradients["db1"], db[0]), "db1 is wrong; it should be dZ1 summed over the rows")


exercise = Exercise(
    _judge,
    hints=(
        "Only one line differs from the lesson: the one for dZ1. Start with dZ2 = (A2 - Y) / len(X).",
        "dW2 = A1.T @ dZ2 and db2 = dZ2.sum(axis=0), as before. Then dZ1 = (dZ2 @ W2.T) * slope of tanh.",
        "dZ1 = (dZ2 @ W2.T) * (1 - A1**2); dW1 = X.T @ dZ1; db1 = dZ1.sum(axis=0)",
    ),
    moral="You have been compared with nets/manual.py, and that with the engine, with TensorFlow and with trying.",
)
