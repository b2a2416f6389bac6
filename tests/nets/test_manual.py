"""The derivation by hand agrees with differences of its own loss, and with an example worked out on paper."""

import ast
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nets import manual

DEPTHS = [(5, 4), (5, 3, 4), (5, 4, 3, 4), (5, 4, 3, 3, 4), (5, 1, 2)]
φ = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}


def network(widths, seed=0, dtype=np.float64):
    rng = np.random.default_rng([seed, *widths])
    W = [rng.standard_normal(shape).astype(dtype) for shape in pairwise(widths)]
    b = [rng.standard_normal(n).astype(dtype) for n in widths[1:]]
    X = rng.standard_normal((6, widths[0])).astype(dtype)
    return W, b, X, rng.integers(0, widths[-1], 6)


def loss_of(W, b, X, labels, activation):
    """The mean cross-entropy, written once more."""
    for W_l, b_l in zip(W[:-1], b[:-1], strict=True):
        X = φ[activation](X @ W_l + b_l)
    Z = X @ W[-1] + b[-1]
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return -np.mean(np.log(P[np.arange(len(X)), labels]))


@pytest.mark.parametrize("activation", φ)
@pytest.mark.parametrize("widths", DEPTHS, ids=str)
def test_the_derivatives_are_those_of_central_differences(widths, activation):
    W, b, X, labels = network(widths)
    loss, dW, db = manual.loss_and_gradients(W, b, X, labels, activation)
    assert loss == pytest.approx(loss_of(W, b, X, labels, activation), rel=1e-12)
    h = 1e-6
    for parameters, gradients in ((W, dW), (b, db)):
        for θ, gradient in zip(parameters, gradients, strict=True):
            assert gradient.shape == θ.shape
            differences = np.empty_like(θ)
            for index in np.ndindex(θ.shape):
                here = θ[index]
                θ[index] = here + h
                above = loss_of(W, b, X, labels, activation)
                θ[index] = here - h
                below = loss_of(W, b, X, labels, activation)
                θ[index] = here
                differences[index] = (above - below) / (2 * h)
            np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("activation", φ)
def test_the_forward_pass_keeps_what_each_layer_computed(activation):
    W, b, X, _ = network((5, 4, 3, 4))
    Z, A = manual.forward(W, b, X, activation)
    assert len(Z) == 3
    assert len(A) == 4
    assert A[0] is X
    for layer in range(3):
        np.testing.assert_allclose(Z[layer], A[layer] @ W[layer] + b[layer], rtol=1e-13)
    for layer in range(2):
        np.testing.assert_allclose(A[layer + 1], φ[activation](Z[layer]), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(A[-1].sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(A[-1], np.exp(Z[-1]) / np.exp(Z[-1]).sum(axis=1, keepdims=True), rtol=1e-13)


def test_an_example_worked_out_on_paper():
    """Two examples, two inputs, two hidden units with relu, two classes.

    X = [[1, 2], [2, 0]], W₁ = [[1, 1], [-1, 1]], b₁ = [0, -1]:
        Z₁ = [[1 − 2, 1 + 2 − 1], [2, 2 − 1]] = [[−1, 2], [2, 1]],   A₁ = [[0, 2], [2, 1]].
    W₂ = [[ln 3, 0], [0, 0]], b₂ = [0, 0]:
        Z₂ = [[0, 0], [2·ln 3, 0]],   A₂ = [[1/2, 1/2], [9/10, 1/10]].
    Labels [0, 1]: J = −(ln 1/2 + ln 1/10)/2 = ln(20)/2.
        dZ₂ = ([[1/2, 1/2], [9/10, 1/10]] − [[1, 0], [0, 1]]) / 2 = [[−1/4, 1/4], [9/20, −9/20]].
        dW₂ = A₁ᵀ dZ₂ = [[0, 2], [2, 1]] dZ₂ = [[9/10, −9/10], [−1/2 + 9/20, 1/2 − 9/20]],   db₂ = [1/5, −1/5].
        dZ₂ W₂ᵀ = [[−ln 3/4, 0], [9·ln 3/20, 0]]; relu lets through [[0, 1], [1, 1]]: dZ₁ = [[0, 0], [9·ln 3/20, 0]].
        dW₁ = Xᵀ dZ₁ = [[2·9·ln 3/20, 0], [0, 0]],   db₁ = [9·ln 3/20, 0].
    """
    ln3 = np.log(3)
    W = [np.array([[1.0, 1], [-1, 1]]), np.array([[ln3, 0], [0, 0]])]
    b = [np.array([0.0, -1]), np.array([0.0, 0])]
    X = np.array([[1.0, 2], [2, 0]])
    loss, dW, db = manual.loss_and_gradients(W, b, X, np.array([0, 1]))
    assert loss == pytest.approx(np.log(20) / 2, rel=1e-14)
    np.testing.assert_allclose(dW[1], [[0.9, -0.9], [-0.05, 0.05]], rtol=1e-13)
    np.testing.assert_allclose(db[1], [0.2, -0.2], rtol=1e-13)
    np.testing.assert_allclose(dW[0], [[0.9 * ln3, 0], [0, 0]], rtol=1e-13)
    np.testing.assert_allclose(db[0], [0.45 * ln3, 0], rtol=1e-13)


def test_relu_has_derivative_0_at_0():
    W = [np.zeros((1, 1)), np.array([[1.0, 2.0]])]
    b = [np.zeros(1), np.zeros(2)]
    _, dW, db = manual.loss_and_gradients(W, b, np.ones((1, 1)), np.array([0]))
    assert dW[0].item() == 0
    assert db[0].item() == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_neither_overflow_nor_warn(size, dtype):
    W, b = [np.array([[size, -size]], dtype)], [np.zeros(2, dtype)]
    X = np.ones((1, 1), dtype)
    right = manual.loss_and_gradients(W, b, X, np.array([0]))
    assert right.loss == 0
    np.testing.assert_allclose(right.dW[0], [[0, 0]], atol=1e-80)
    wrong = manual.loss_and_gradients(W, b, X, np.array([1]))
    assert wrong.loss == pytest.approx(2 * size, rel=1e-6)
    np.testing.assert_allclose(wrong.dW[0], [[1, -1]], rtol=1e-14)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("activation", φ)
def test_huge_hidden_inputs_neither_overflow_nor_warn(activation):
    W = [np.array([[1e4, -1e4]]), np.array([[1e-4, 0], [0, 1e-4]])]
    loss, dW, db = manual.loss_and_gradients(
        W, [np.zeros(2), np.zeros(2)], np.ones((1, 1)), np.array([0]), activation
    )
    assert np.isfinite(loss)
    assert all(np.isfinite(gradient).all() for gradient in (*dW, *db))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", φ)
def test_shapes_and_dtype_are_those_of_the_parameters(activation, dtype):
    W, b, X, labels = network((5, 4, 3), dtype=dtype)
    loss, dW, db = manual.loss_and_gradients(W, b, X, labels, activation)
    assert type(loss) is float
    assert [g.shape for g in dW] == [w.shape for w in W]
    assert [g.shape for g in db] == [v.shape for v in b]
    assert {g.dtype for g in (*dW, *db)} == {np.dtype(dtype)}


def test_nothing_given_is_changed():
    W, b, X, labels = network((5, 4, 3))
    before = [array.copy() for array in (*W, *b, X, labels)]
    manual.loss_and_gradients(W, b, X, labels)
    for array, copy in zip((*W, *b, X, labels), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_the_derivation_imports_nothing_of_the_engine():
    tree = ast.parse(Path(manual.__file__).read_text(encoding="utf-8"))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in modules} <= {"__future__", "collections", "typing", "numpy"}
