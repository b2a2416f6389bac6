"""The three rules of a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist.lessons.exercises.exercise import Exercise, Wrong, an_array, close, demand, parts

_SHAPES = ((2, 3, 4), (5, 1, 2), (3, 3, 3))


def _judge(rules: Any) -> None:
    rng = np.random.default_rng(0)
    for m, n, k in _SHAPES:
        X, W, G = rng.standard_normal((m, n)), rng.standard_normal((n, k)), rng.standard_normal((m, k))
        dX, dW, db = parts(rules(G, X, W), 3, "three arrays, the slopes by X, W and b")
        case = f"with X {X.shape}, W {W.shape}, G {G.shape}"
        if n != k and np.shape(dW) == (k, n):
            raise Wrong(f"{case} dW has the shape of W.T: exchange the two factors and transpose the other")
        dX = an_array(dX, X.shape, f"{case} dX")
        dW = an_array(dW, W.shape, f"{case} dW")
        demand(np.shape(db) != G.shape, f"{case} db has the shape of G. b was added to each row, so sum over the rows")
        demand(np.shape(db) != (1, k), f"{case} db has shape {(1, k)}; b has one axis, ({k},): sum without keepdims")
        db = an_array(db, (k,), f"{case} db")
        demand(not close(db, G.mean(axis=0)) or m == 1, "db is the mean over the rows; contributions add, none divides")
        demand(close(db, G.sum(axis=0)), f"{case} db is {db}, but the sum over the rows of G is {G.sum(axis=0)}")
        square = "where all shapes are equal, so that shapes cannot help"
        demand(close(dX, G @ W.T), f"{case}, {square if m == n == k else 'the shape is right'}, but dX is not G @ W.T")
        demand(close(dW, X.T @ G), f"{case}, {square if m == n == k else 'the shape is right'}, but dW is not X.T @ G")


exercise = Exercise(
    _judge,
    hints=(
        "dX is made of G and W and has the shape of X; dW is made of G and X and has the shape of W.",
        "(m, k) @ (k, n) gives (m, n), and W.T has shape (k, n). (n, m) @ (m, k) gives (n, k), and X.T has shape "
        "(n, m).",
        "return G @ W.T, X.T @ G, G.sum(axis=0)",
    ),
    moral="These are the three lines in the middle of nets/manual.py, on which lesson 10 builds a whole network.",
)
