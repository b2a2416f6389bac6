"""What `python -m mnist.draw` draws: a training step of a network, small enough to read or trained on real digits."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import autodiff as ad
import nets
from autodiff.graph import Graph, Value
from mnist.data import Dataset
from mnist.engines import by_autodiff, load_engine
from mnist.errors import UserError
from mnist.training import batches
from nets import checkpoint, manual

LEARNING_RATE = 0.1
STEPS = 2_000
"""How long a network is trained on the spot: for a second or two, after which 14 of 15 digits are right."""
DECAY = 0.01
"""The weight decay meanwhile: it wipes out what the weights were at first, so that pictures of them show strokes."""


@dataclass(frozen=True)
class Scene:
    """A network, a batch x (m, n₀) with labels y (m,), and the graph of a training step on it."""

    model: nets.MLP
    x: np.ndarray
    y: np.ndarray
    graph: Graph


def toy(layers: tuple[int, ...], batch_size: int, seed: int) -> Scene:
    """Return a step of a network in float64; its numbers have one decimal, so that one can compute along."""
    rng = np.random.default_rng(seed)
    model = nets.MLP(layers, rng=rng, dtype=np.float64)
    model.load_state_dict({name: _one_decimal(rng, p.shape) for name, p in model.named_parameters()})
    return _scene(model, _one_decimal(rng, (batch_size, layers[0])), np.arange(batch_size) % layers[-1])


def trained(model: nets.MLP, digits: Dataset, batch_size: int) -> Scene:
    """Return a step of a network on the first digits of the test split."""
    x, y = digits.test.batch(slice(batch_size), next(model.parameters()).dtype)
    return _scene(model, x, y)


def train(layers: tuple[int, ...], digits: Dataset, seed: int) -> nets.MLP:
    """Train a network for a second or two."""
    model = nets.MLP(layers, rng=np.random.default_rng(seed))
    optimizer = nets.SGD(model.parameters(), LEARNING_RATE, weight_decay=DECAY)
    epochs = (batches(len(digits.train), 32, seed, epoch) for epoch in itertools.count())
    for rows in itertools.islice(itertools.chain.from_iterable(epochs), STEPS):
        optimizer.zero_grad()
        by_autodiff(model, *digits.train.batch(rows))
        optimizer.step()
    return model


def load(path: Path) -> nets.MLP:
    """Read a network that `python -m mnist.train` has left.

    Raises:
        UserError: the file is not there, or is no such network.
    """
    try:
        return checkpoint.load(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"--weights {path}: {reason}; name the model.safetensors of a run") from error


def witnesses(scene: Scene) -> dict[str, dict[Value, Any]]:
    """Return what the derivation by hand and TensorFlow, where that is installed, say of the values of a scene."""
    found = {"by hand": _by_hand(scene)}
    try:
        engine = load_engine("tensorflow")
    except UserError:
        return found
    loss = engine(scene.model, scene.x, scene.y)
    gradients = (parameter.grad.data for parameter in scene.model.parameters())
    return {**found, "TensorFlow": {scene.graph.outputs[0]: loss, **_gradients(scene, gradients)}}


def _scene(model: nets.MLP, x: np.ndarray, y: np.ndarray) -> Scene:
    """Trace a step on a copy of the network, so that the network itself stays as it was before."""
    actor = copy.deepcopy(model)
    optimizer = nets.SGD(actor.parameters(), LEARNING_RATE)

    def step(X: Any, y: Any) -> Any:
        loss = nets.cross_entropy(actor(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Scene(model, x, y, ad.trace(step, x, y))


def _one_decimal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw numbers with one decimal, none of them 0."""
    drawn = rng.uniform(-1, 1, shape)
    return np.round(drawn + np.copysign(0.1, drawn), 1)


def _by_hand(scene: Scene) -> dict[Value, Any]:
    """Return Z, A, the loss and the gradients of the parameters by `nets/manual.py`."""
    parameters = [parameter.data for parameter in scene.model.parameters()]
    W, b = parameters[::2], parameters[1::2]
    activation = scene.model.activation
    Z, A = manual.forward(W, b, scene.x, activation)
    loss, dW, db = manual.loss_and_gradients(W, b, scene.x, scene.y, activation)
    named = {name: [v for v in scene.graph.of_kind("result") if v.name == name] for name in ("Z", "A")}
    return {
        **dict(zip(named["Z"], Z, strict=True)),
        **dict(zip(named["A"], A[1:-1], strict=True)),
        scene.graph.outputs[0]: loss,
        **_gradients(scene, (gradient for pair in zip(dW, db, strict=True) for gradient in pair)),
    }


def _gradients(scene: Scene, gradients: Iterable[np.ndarray]) -> dict[Value, np.ndarray]:
    """Return the gradients of the parameters, given in their order, by the cotangents that they bear witness to."""
    by_path = {value.path: value.cotangent for value in scene.graph.of_kind("parameter")}
    names = [name for name, _ in scene.model.named_parameters()]
    cotangents = ((by_path[name], gradient) for name, gradient in zip(names, gradients, strict=True))
    return {cotangent: gradient for cotangent, gradient in cotangents if cotangent is not None}
