"""The multilayer perceptron with its derivatives found by hand, in NumPy alone.

This file knows nothing of the engine: it is a witness against it.

**Forward.** A batch is a matrix A₀ = X of shape (m, n₀), an example a row. Layer l = 1 … L has weights W_l of
shape (n_{l−1}, n_l) and biases b_l of shape (n_l,), and computes

    Z_l = A_{l−1} W_l + b_l                     (m, n_l)
    A_l = φ(Z_l)                                (m, n_l)    for l < L
    A_L = softmax(Z_L), row by row              (m, n_L)

With Y the labels as one-hot rows, (m, n_L), the loss is the mean cross-entropy J = −1/m Σ Y ∘ log A_L, a number.

**Backward.** Write dV for ∂J/∂V, which has V's shape.

*The output.* For one row, with logits z, probabilities a and label k, J = log Σⱼ exp zⱼ − z_k. The derivative of the
first term by zⱼ is exp zⱼ / Σ exp z = aⱼ; that of the second is 1 where j = k. Hence, with the mean over the batch,

    dZ_L = (A_L − Y) / m                        (m, n_L)

*The weights.* Z_l = A_{l−1} W_l + b_l says Z[i,j] = Σ_p A[i,p] W[p,j] + b[j]: W[p,j] meets dZ[i,j] once for each row i,
with the factor A[i,p], and b[j] once for each row, with the factor 1. Summing over the rows,

    dW_l = A_{l−1}ᵀ dZ_l                        (n_{l−1}, n_l)
    db_l = Σ over the rows of dZ_l              (n_l,)

*The layer below.* A[i,p] meets dZ[i,j] for each j, with the factor W[p,j], and A = φ(Z) element by element. Hence

    dZ_{l−1} = (dZ_l W_lᵀ) ∘ φ′(Z_{l−1})        (m, n_{l−1})

and so down to l = 1. (Rumelhart, Hinton and Williams, Learning representations by back-propagating errors, 1986.)

**In the column notation of textbooks** an example is a column, X is (n₀, m), and every matrix here is transposed:

    here, a row an example            there, a column an example
    Z_l = A_{l−1} W_l + b_l           Z_l = W_l A_{l−1} + b_l       with W_l (n_l, n_{l−1}), b_l (n_l, 1)
    dZ_L = (A_L − Y) / m              dZ_L = A_L − Y                with the 1/m written into dW and db
    dW_l = A_{l−1}ᵀ dZ_l              dW_l = 1/m dZ_l A_{l−1}ᵀ
    db_l = Σ rows of dZ_l             db_l = 1/m Σ columns of dZ_l
    dZ_{l−1} = dZ_l W_lᵀ ∘ φ′         dZ_{l−1} = W_lᵀ dZ_l ∘ φ′
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Matrix = np.ndarray


class Activation(NamedTuple):
    """A function φ of one number, and its derivative in terms of z and a = φ(z)."""

    function: Callable[[Matrix], Matrix]
    derivative: Callable[[Matrix, Matrix], Matrix]


def _sigmoid(z: Matrix) -> Matrix:
    """Return 1 / (1 + e⁻ᶻ), by whichever of its two forms does not overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


ACTIVATIONS = {
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(z.dtype)),
    "tanh": Activation(np.tanh, lambda z, a: 1 - a * a),
    "sigmoid": Activation(_sigmoid, lambda z, a: a * (1 - a)),
}


class Forward(NamedTuple):
    """What the forward pass computed: Z_1 … Z_L, and A_0 … A_L, of which the last are probabilities."""

    Z: list[Matrix]
    A: list[Matrix]


class Gradients(NamedTuple):
    """The loss J, and dW_1 … dW_L and db_1 … db_L."""

    loss: float
    dW: list[Matrix]
    db: list[Matrix]


def forward(W: Sequence[Matrix], b: Sequence[Matrix], X: Matrix, activation: str = "relu") -> Forward:
    """Compute the layers of a batch X (m, n₀), with weights W_l (n_{l−1}, n_l) and biases b_l (n_l,)."""
    φ = ACTIVATIONS[activation].function
    Z: list[Matrix] = []
    A = [X]
    for W_l, b_l in zip(W, b, strict=True):
        Z.append(A[-1] @ W_l + b_l)
        A.append(φ(Z[-1]))
    A[-1] = np.exp(_log_softmax(Z[-1]))
    return Forward(Z, A)


def loss_and_gradients(
    W: Sequence[Matrix], b: Sequence[Matrix], X: Matrix, labels: Matrix, activation: str = "relu"
) -> Gradients:
    """Return the mean cross-entropy of a batch and its derivatives by all weights and biases.

    Args:
        W: the weights, W_l of shape (n_{l−1}, n_l).
        b: the biases, b_l of shape (n_l,).
        X: the batch, (m, n₀).
        labels: (m,) integers from 0 to n_L − 1.
        activation: relu, tanh or sigmoid.

    The derivatives have the shapes and the dtype of W and b.
    """
    Z, A = forward(W, b, X, activation)
    φ_prime = ACTIVATIONS[activation].derivative
    m = len(X)
    Y = np.zeros_like(A[-1])
    Y[np.arange(m), labels] = 1
    loss = float(-np.sum(Y * _log_softmax(Z[-1])) / m)

    dW: list[Matrix] = []
    db: list[Matrix] = []
    dZ = (A[-1] - Y) / m
    for l in reversed(range(len(W))):  # noqa: E741
        dW.insert(0, A[l].T @ dZ)
        db.insert(0, dZ.sum(axis=0))
        if l > 0:
            dZ = (dZ @ W[l].T) * φ_prime(Z[l - 1], A[l])
    return Gradients(loss, dW, db)


def _log_softmax(Z: Matrix) -> Matrix:
    """Return log softmax of each row; the largest logit is subtracted first, so that nothing overflows."""
    shifted = Z - Z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
