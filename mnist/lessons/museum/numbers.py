"""Wrong operations, and a checker that finds nothing wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import numpy as np

import autodiff as ad
import nets
from autodiff.tape import registry
from mnist.lessons.museum.exhibit import Exhibit, Numbers

# ── naive softmax ───────────────────────────────────────────────────────────────────────────────────────


def _naive_log_softmax(a: np.ndarray, axis: int = -1) -> Any:
    exponentials = np.exp(a)
    return np.log(exponentials / exponentials.sum(axis=axis, keepdims=True))


def _softmax_numbers() -> Numbers:
    found = {}
    for largest in (3.0, 50.0, 800.0):
        logits = ad.Tensor([[largest, 0.0, -largest]], requires_grad=True)
        loss = nets.cross_entropy(logits, np.array([2]))
        loss.backward()
        found[f"logits ±{largest:g}, truth the last: loss"] = loss.item()
        found[f"logits ±{largest:g}: gradient"] = logits.grad.data[0]
    return found


def _entropy_graph() -> ad.Graph:
    z = ad.Tensor([[3.0, 0.0, -3.0]], requires_grad=True, name="z")
    return ad.Graph.of(nets.cross_entropy(z, np.array([2])), backward=True)


NAIVE_SOFTMAX = Exhibit(
    name="naive-softmax",
    title="Softmax as it stands in the book",
    lesson=9,
    story=(
        "exp(z) / Σ exp(z), and then the logarithm: right for small logits, for those of the first hundred steps, "
        "and in every test with numbers around 1. Later the network grows sure of itself, and exp(800) is infinite."
    ),
    switch=lambda: patch.object(registry["log_softmax"], "kernel", _naive_log_softmax),
    numbers=_softmax_numbers,
    graph=_entropy_graph,
    caught_by="tests/nets/test_losses.py::test_huge_logits_neither_overflow_nor_warn",
    wrong="log(exp(z) / exp(z).sum())",
    right="(z - z.max()) - log(exp(z - z.max()).sum())",
)


# ── float32 widened to float64 ──────────────────────────────────────────────────────────────────────────


def _wide_relu(a: np.ndarray) -> np.ndarray:
    return np.where(a > 0, a, np.float64(0.0))


def _step(dtype: Any = np.float32) -> ad.Tensor:
    model = nets.MLP([20, 16, 4], rng=np.random.default_rng(0), dtype=dtype)
    x = np.random.default_rng(1).standard_normal((32, 20)).astype(dtype)
    return nets.cross_entropy(model(x), np.arange(32) % 4)


def _widened_numbers() -> Numbers:
    results = ad.Graph.of(_step()).of_kind("result")
    return {
        "loss": float(_step().item()),
        "results in float32": sum(value.dtype == np.float32 for value in results),
        "results in float64": sum(value.dtype == np.float64 for value in results),
        "bytes of all results": sum(value.data.nbytes for value in results),
    }


WIDENED = Exhibit(
    name="widened",
    title="float32 widened to float64",
    story=(
        "A zero of the type `np.float64` has crept into relu. From there on all is computed in float64: no error, "
        "the same loss to seven digits, and twice the time and memory. Python's own numbers do not widen; NumPy's "
        "scalars do, and so do `np.zeros(n)` and `np.eye(n)` with no dtype given."
    ),
    switch=lambda: patch.object(registry["relu"], "kernel", _wide_relu),
    numbers=_widened_numbers,
    graph=lambda: ad.Graph.of(_step()),
    caught_by="tests/autodiff/test_backward.py::test_float32_stays_float32",
    wrong="np.where(a > 0, a, np.float64(0))",
    right="np.where(a > 0, a, 0.0)",
)


# ── relu by maximum ─────────────────────────────────────────────────────────────────────────────────────


def _dark_image(x: Any) -> tuple[nets.MLP, ad.Tensor]:
    model = nets.MLP([4, 3, 2], rng=np.random.default_rng(0), dtype=np.float64)
    return model, nets.cross_entropy(model(x), np.array([1]))


def _rule_of_maximum(g: Any, out: Any, a: Any) -> Any:
    return ad.where(ad.greater_equal(a, 0), g, 0.0)


def _maximum_numbers() -> Numbers:
    xs = ad.Tensor([-1.0, 0.0, 1.0], requires_grad=True)
    ad.relu(xs).sum().backward()
    model, loss = _dark_image(np.zeros((1, 4)))
    loss.backward()
    return {
        "slope of relu at −1, 0, 1": xs.grad.data,
        "an image all black: gradient of the hidden bias": list(model.parameters())[1].grad.data,
    }


RELU_BY_MAXIMUM = Exhibit(
    name="relu-by-maximum",
    title="relu written as maximum(x, 0)",
    lesson=8,
    story=(
        "The same function, and yet another gradient: at 0 there is a tie, and `maximum` gives the gradient to its "
        "first operand. Zeros are no rarity: biases start at 0, so on an image all black every unit of the first "
        "layer stands at exactly 0. Neither convention is false, but who compares with TensorFlow has to have the "
        "same."
    ),
    switch=lambda: patch.object(registry["relu"], "rules", (_rule_of_maximum,)),
    numbers=_maximum_numbers,
    graph=lambda: ad.Graph.of(_dark_image(np.zeros((1, 4)))[1], backward=True),
    caught_by="tests/autodiff/test_conventions.py::test_every_row_is_what_the_engine_gives",
    wrong="ad.maximum(x, 0.0)",
    right="ad.relu(x)",
)


# ── a checker that compares nothing ─────────────────────────────────────────────────────────────────────


def _hollow_check(f: Callable[..., Any], *args: Any, **settings: Any) -> None:
    """Compare gradients with differences, pair by pair. (Wrong: by the time of the loop, `pairs` is used up.)"""
    found = ad.vjp(f, *args)[1](np.ones(np.shape(f(*args))))
    pairs = zip(found, args, strict=True)
    assert all(gradient.shape == np.shape(arg) for gradient, arg in pairs)
    for gradient, arg in pairs:
        by_difference = (np.sum(f(arg + 1e-6)) - np.sum(f(arg - 1e-6))) / 2e-6
        assert np.allclose(gradient.data.sum(), by_difference)


def _wrong_rule(a: Any) -> Any:
    """The sine, with minus its slope."""
    sine = ad.sin(a)
    return 2 * ad.Tensor(ad.sin(a).data) - sine if isinstance(a, ad.Tensor) else sine


def _check_numbers() -> Numbers:
    verdicts = {}
    for what, f in (("the sine", ad.sin), ("the sine with its slope negated", _wrong_rule)):
        try:
            ad.check_gradients(f, np.array([0.3, 1.2]))
            verdicts[what] = "passed"
        except AssertionError:
            verdicts[what] = "rejected"
    return verdicts


def _hollow() -> AbstractContextManager[Any]:
    return patch.object(ad, "check_gradients", _hollow_check)


HOLLOW_CHECK = Exhibit(
    name="hollow-check",
    title="A checker that compares nothing",
    lesson=10,
    story=(
        "`zip` gives an iterator. The first line that goes through it, to compare shapes, uses it up; the loop "
        "below then compares nothing, and whatever compares nothing passes. `np.allclose([], [])` is True as well, "
        "and so is `all()` of no keys in common. **Break the code on purpose, and see the test fail**: no other way"
        " is known to find this."
    ),
    switch=_hollow,
    numbers=_check_numbers,
    graph=lambda: ad.Graph.of(ad.sin(ad.Tensor([0.3, 1.2], requires_grad=True, name="x")).sum(), backward=True),
    caught_by="tests/autodiff/test_check.py::test_wrong_rules_are_rejected",
    wrong="pairs = zip(gradients, args)",
    right="pairs = list(zip(gradients, args)); assert pairs",
)
