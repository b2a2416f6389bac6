"""Three ways to the same gradients, on real digits: this engine, the derivation by hand, and tf.GradientTape.

Relative error is max|a − b| / max|b| over the array of each parameter. In float32, relu may let a unit through in
one engine and not in another where its input is within rounding of 0. Hence the digits for which any unit comes that
close are left out, by a forward pass in float64; what the three engines are given is then the same for all.
"""

import contextlib
import sys
from itertools import combinations

import numpy as np
import pytest

import nets
from mnist.building import make_optimizer
from mnist.config import TrainConfig
from mnist.engines import load_engine, tensorflow_on_each_device
from mnist.errors import UserError
from mnist.evaluation import evaluate
from mnist.training import batches

NETWORKS = {
    "no hidden layer": (784, 10),
    "one hidden layer": (784, 16, 10),
    "a hidden layer of width 1": (784, 1, 10),
    "the default": (784, 128, 64, 10),
    "ten layers": (784, *[16] * 9, 10),
}
TOLERANCES = {np.float32: 1e-5, np.float64: 1e-9}
DEFAULT = NETWORKS["the default"]

every_network = pytest.mark.parametrize("widths", NETWORKS.values(), ids=NETWORKS)
every_activation = pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
every_dtype = pytest.mark.parametrize("dtype", TOLERANCES)


def network(widths, activation="relu", dtype=np.float32, seed=0):
    """A network with biases other than 0, so that nothing hides behind them."""
    rng = np.random.default_rng([seed, *widths])
    model = nets.MLP(
        widths, activation, init="he" if activation == "relu" else "xavier", rng=rng, dtype=dtype
    )
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data = (0.3 * rng.standard_normal(parameter.shape)).astype(dtype)
    return model


def wide(model):
    """The same network with its weights in float64."""
    twin = nets.MLP(model.layer_dims, model.activation, rng=np.random.default_rng(0), dtype=np.float64)
    twin.load_state_dict(model.state_dict())
    return twin


def batch(digits, model, size=64, dtype=np.float32):
    """The first digits whose every hidden unit is far enough from relu's kink."""
    x, y = digits.train.batch(slice(0, 2 * size), np.float64)
    clear = np.ones(len(x), bool)
    if model.activation == "relu":
        a = x
        for layer in [layer for layer in model if isinstance(layer, nets.Linear)][:-1]:
            W, b = layer.weight.data.astype(np.float64), layer.bias.data
            z, largest = a @ W + b, np.abs(a) @ np.abs(W) + np.abs(b)
            clear &= np.all(np.abs(z) > 1e-5 * largest, axis=1)
            a = np.maximum(z, 0)
    assert clear.sum() >= size
    return x[clear][:size].astype(dtype), y[clear][:size]


def loss_and_gradients(engine, model, x, y, device=None):
    """What an engine gives: the loss, and the gradient of each parameter by name."""
    for parameter in model.parameters():
        parameter.grad = None
    with device or contextlib.nullcontext():
        loss = engine(model, x, y)
    assert type(loss) is float
    for name, parameter in model.named_parameters():
        assert parameter.grad.shape == parameter.shape, name
        assert parameter.grad.dtype == parameter.dtype, name
    return loss, {name: parameter.grad.data for name, parameter in model.named_parameters()}


def assert_agree(ours, theirs, tolerance):
    assert ours[0] == pytest.approx(theirs[0], rel=tolerance)
    assert ours[1].keys() == theirs[1].keys()
    for name, b in theirs[1].items():
        assert np.abs(b).max() > 0, f"{name} has no gradient to compare"
        error = np.abs(ours[1][name] - b).max() / np.abs(b).max()
        assert error < tolerance, f"{name}: relative error {error:.1e}"


# ── one batch ───────────────────────────────────────────────────────────────────────────────────────────


@every_dtype
@every_activation
@every_network
def test_the_engines_gradients_are_those_derived_by_hand(digits, widths, activation, dtype):
    model = network(widths, activation, dtype)
    x, y = batch(digits, model, dtype=dtype)
    by_engine, by_hand = (
        loss_and_gradients(load_engine(name), model, x, y) for name in ("autodiff", "manual")
    )
    assert_agree(by_engine, by_hand, TOLERANCES[dtype])


@every_dtype
@every_activation
@every_network
def test_both_gradients_are_those_of_gradient_tape(digits, tf, device, widths, activation, dtype):
    model = network(widths, activation, dtype)
    x, y = batch(digits, model, dtype=dtype)
    tape = loss_and_gradients(load_engine("tensorflow"), model, x, y, tf.device(device))
    for name in ("autodiff", "manual"):
        assert_agree(loss_and_gradients(load_engine(name), model, x, y), tape, TOLERANCES[dtype])


@every_activation
@every_network
@pytest.mark.parametrize("name", ["autodiff", "manual"])
def test_gradients_in_float32_are_those_in_float64(digits, name, widths, activation):
    model = network(widths, activation)
    x, y = batch(digits, model)
    engine = load_engine(name)
    narrow = loss_and_gradients(engine, model, x, y)
    assert_agree(
        narrow, loss_and_gradients(engine, wide(model), x.astype(np.float64), y), TOLERANCES[np.float32]
    )


@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_engines_agree_on_batches_of_any_size(digits, size):
    model = network((784, 16, 10), dtype=np.float64)
    x, y = batch(digits, model, size, np.float64)
    by_engine, by_hand = (
        loss_and_gradients(load_engine(name), model, x, y) for name in ("autodiff", "manual")
    )
    assert_agree(by_engine, by_hand, 1e-9)


@pytest.mark.parametrize("name", ["autodiff", "manual"])
def test_a_gradient_belongs_to_its_batch_alone(digits, name):
    engine, model = load_engine(name), network((784, 16, 10))
    first, second = digits.train.batch(slice(0, 64)), digits.train.batch(slice(64, 128))
    before = loss_and_gradients(engine, model, *first)
    kept = {key: gradient.copy() for key, gradient in before[1].items()}
    loss_and_gradients(engine, model, *second)
    again = loss_and_gradients(engine, model, *first)
    for key, gradient in kept.items():
        np.testing.assert_array_equal(before[1][key], gradient)
        np.testing.assert_array_equal(again[1][key], gradient)


# ── an epoch ────────────────────────────────────────────────────────────────────────────────────────────


def train(engine, digits, dtype, device=None, widths=DEFAULT, optimizer="momentum"):
    """Train for an epoch in batches of 64; return the loss at each step, and the network's test accuracy."""
    config = TrainConfig(layers=widths, optimizer=optimizer, lr=0.05)
    model = nets.MLP(widths, rng=np.random.default_rng(0), dtype=dtype)
    optimizer = make_optimizer(config, model)
    losses = []
    for rows in batches(len(digits.train), 64, seed=0, epoch=1):
        x, y = digits.train.batch(rows, dtype)
        optimizer.zero_grad()
        with device or contextlib.nullcontext():
            losses.append(engine(model, x, y))
        optimizer.step()
    return np.array(losses), evaluate(model, digits.test).accuracy


def assert_curves_agree(runs, dtype):
    for (one, (ours, our_accuracy)), (other, (theirs, their_accuracy)) in combinations(runs.items(), 2):
        assert len(ours) == len(theirs) == 63
        assert ours[-1] < ours[0] / 2  # they have learnt something
        tolerance = {np.float32: 1e-3, np.float64: 1e-8}[dtype]
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=f"{one} and {other}")
        assert abs(our_accuracy - their_accuracy) < 0.002 + 1e-9, f"{one} and {other}"
        assert our_accuracy > 0.7


@every_dtype
@pytest.mark.parametrize("widths", [DEFAULT, (784, 10)], ids=str)
@pytest.mark.parametrize("optimizer", ["momentum", "sgd"])
def test_the_engine_and_the_hand_agree_step_by_step_over_an_epoch(digits, dtype, widths, optimizer):
    runs = {
        name: train(load_engine(name), digits, dtype, widths=widths, optimizer=optimizer)
        for name in ("autodiff", "manual")
    }
    assert_curves_agree(runs, dtype)


@every_dtype
def test_all_three_agree_step_by_step_over_an_epoch(digits, tf, device, dtype):
    runs = {name: train(load_engine(name), digits, dtype) for name in ("autodiff", "manual")}
    runs["tensorflow"] = train(load_engine("tensorflow"), digits, dtype, tf.device(device))
    assert_curves_agree(runs, dtype)


# ── TensorFlow as an engine ─────────────────────────────────────────────────────────────────────────────


def test_tensorflow_computes_in_full_float32_and_deterministically(tf):
    tf.config.experimental.enable_tensor_float_32_execution(True)
    load_engine("tensorflow")
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
    from tensorflow.python.framework import config

    assert config.is_op_determinism_enabled()


def test_tensorflow_offers_an_engine_on_each_device_that_computes_there(digits, tf, device, monkeypatch):
    engines = tensorflow_on_each_device()
    assert engines.keys() == {d.name.removeprefix("/device:") for d in tf.config.list_logical_devices()}
    model = network((784, 16, 10))
    x, y = batch(digits, model)
    there = loss_and_gradients(engines[device.removeprefix("/")], model, x, y)
    here = loss_and_gradients(load_engine("tensorflow"), model, x, y, tf.device(device))
    assert_agree(there, here, 1e-15)
    entered = []
    monkeypatch.setattr(tf, "device", lambda name: entered.append(name) or contextlib.nullcontext())
    for engine in engines.values():
        engine(model, x, y)
    assert entered == list(engines)


def test_without_tensorflow_there_is_no_device_to_ask(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError):
        tensorflow_on_each_device()


def test_without_tensorflow_the_user_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(UserError, match=r"--engine tensorflow.*pip install"):
        load_engine("tensorflow")
