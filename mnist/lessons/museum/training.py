"""Mistakes of those who train: the engine is right, and the network learns nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import numpy as np

import nets
from autodiff.graph import Graph
from mnist import presets
from mnist.data import Dataset, Split, digits_5k
from mnist.evaluation import evaluate
from mnist.lessons.museum.exhibit import Exhibit, Numbers

_STEPS = 150
_RATE = 0.5


def _train() -> Numbers:
    """Train a small network on the 5,000 digits for a moment, and tell what becomes of it."""
    digits = digits_5k.load()
    rng = np.random.default_rng(0)
    model = nets.MLP([784, 32, 10], rng=rng)
    optimizer = nets.SGD(model.parameters(), _RATE)
    told: dict[str, Any] = {}
    for step in range(1, _STEPS + 1):
        x, y = digits.train.batch(rng.integers(0, len(digits.train), 64))
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        if step in (1, 5, 20, _STEPS):
            told[f"loss at step {step}"] = round(float(loss.item()), 3)
        if step == 1:
            first = next(model.parameters()).grad.data
            told["largest gradient of the first layer"] = float(f"{np.abs(first).max():.2g}")
        optimizer.step()
    return {**told, "test images read rightly": f"{evaluate(model, digits.test).accuracy:.1%}"}


def _toy_step() -> Graph:
    """Return a whole training step, with update, of a network small enough to read."""
    return presets.toy((3, 4, 2), 2, 0).graph


# ── gradients not reset ─────────────────────────────────────────────────────────────────────────────────


NOT_RESET = Exhibit(
    name="gradients-not-reset",
    title="Gradients that are not reset",
    lesson=4,
    story=(
        "`backward()` adds to `.grad`. Without `zero_grad()` every step goes along the sum of all gradients since the "
        "beginning: a momentum without friction. The first steps look well, which makes it worse."
    ),
    switch=lambda: patch.object(nets.Optimizer, "zero_grad", lambda self: None),
    numbers=_train,
    graph=_toy_step,
    caught_by="tests/nets/test_optimizers.py::test_zero_grad_forgets_the_gradients",
    wrong="loss.backward(); optimizer.step()",
    right="optimizer.zero_grad(); loss.backward(); optimizer.step()",
)


# ── a dead relu net ─────────────────────────────────────────────────────────────────────────────────────

_begin = nets.Linear.__init__


def _begin_dead(self: nets.Linear, *args: Any, **settings: Any) -> None:
    _begin(self, *args, **settings)
    if self.bias is not None:
        self.bias.data = np.full_like(self.bias.data, -100.0)


DEAD_RELU = Exhibit(
    name="dead-relu",
    title="A network of dead units",
    lesson=11,
    story=(
        "Every input to relu is below 0, here by biases that start at −100; a far too large step does the same. "
        "Then every output is 0, and so is every slope: no gradient ever reaches the first layer, and it stays dead"
        " for good. The last bias still learns how frequent each digit is, so the loss settles at log 10 = 2.303, "
        "that of guessing."
    ),
    switch=lambda: patch.object(nets.Linear, "__init__", _begin_dead),
    numbers=_train,
    graph=_toy_step,
    caught_by="tests/nets/test_layers.py::test_the_weight_has_a_row_for_each_input_and_the_bias_starts_at_0",
    wrong="bias = np.full(n, -100.0)",
    right="bias = np.zeros(n)",
)


# ── a learning rate ten times too high ──────────────────────────────────────────────────────────────────

_update = nets.SGD.update


def _far(self: nets.SGD, θ: Any, g: Any, state: dict[str, Any], settings: dict[str, Any]) -> Any:
    return _update(self, θ, g, state, {**settings, "lr": 10 * settings["lr"]})


RATE_TOO_HIGH = Exhibit(
    name="rate-too-high",
    title="A learning rate ten times too high",
    lesson=11,
    story=(
        "Each step jumps across the valley and lands higher than it began (lesson 11). Often one or two such steps "
        "at the beginning suffice: they push all units of relu below 0, and then the loss stays at 2.3, quite "
        "calmly, for ever. It looks like a bug in backward, and is none."
    ),
    switch=lambda: patch.object(nets.SGD, "update", _far),
    numbers=_train,
    graph=_toy_step,
    caught_by="tests/nets/test_optimizers.py::test_sgd_follows_its_formula",
    wrong="optimizer = nets.SGD(model.parameters(), lr=5.0)",
    right="optimizer = nets.SGD(model.parameters(), lr=0.5)",
)


# ── labels shuffled against images ──────────────────────────────────────────────────────────────────────

_load = digits_5k.load


def _shuffled() -> Dataset:
    """Shuffle the labels, and forget to shuffle the images with them."""
    digits = _load()
    labels = np.random.default_rng(0).permutation(digits.train.labels)
    return Dataset(digits.name, Split(digits.train.images, labels), digits.test)


def _shuffle() -> AbstractContextManager[Any]:
    return patch.object(digits_5k, "load", _shuffled)


SHUFFLED_LABELS = Exhibit(
    name="shuffled-labels",
    title="Labels shuffled against images",
    lesson=15,
    story=(
        "The images were shuffled with one generator and the labels with another. Every shape is right, the "
        "gradients are right, every check passes: only the data are nonsense. The loss stays at that of guessing, "
        "log 10. Before you doubt the engine, **look at ten images with their labels**."
    ),
    switch=_shuffle,
    numbers=_train,
    graph=_toy_step,
    caught_by="tests/mnist/data/test_digits_5k.py::test_the_digits_are_real_and_rightly_labelled",
    wrong="images, labels = images[rng.permutation(n)], labels[rng.permutation(n)]",
    right="order = rng.permutation(n); images, labels = images[order], labels[order]",
)
