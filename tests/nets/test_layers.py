"""Layers compute what NumPy computes, out of primitive operations, from weights as their initialisers promise."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff import Tensor
from autodiff.tape import Variable, registry

EVERY_DEPTH = [(3, 2), (784, 10), (4, 5, 3), (6, 1, 4), (7, 6, 5, 4, 3), (4, *[3] * 9, 2)]


def normal(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def generator(seed=0):
    return np.random.default_rng(seed)


def recorded(output):
    """Every result on the tape that led to an output."""
    found, queue = {}, [output]
    while queue:
        variable = queue.pop()
        if isinstance(variable, Variable) and variable.node is not None and id(variable) not in found:
            found[id(variable)] = variable
            queue.extend(variable.node.inputs)
    return list(found.values())


# ── Linear ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wrap", [np.asarray, Tensor], ids=["ndarray", "Tensor"])
@pytest.mark.parametrize("shape", [(5, 4), (1, 4), (0, 4), (4,), (2, 3, 4)])
def test_linear_is_x_times_w_plus_b(shape, wrap):
    layer = nets.Linear(4, 3, rng=generator(), dtype=np.float64)
    layer.bias.data = normal(3, seed=1)
    x = normal(*shape)
    out = layer(wrap(x))
    assert isinstance(out, Tensor)
    assert out.shape == (*shape[:-1], 3)
    np.testing.assert_allclose(out.data, x @ layer.weight.data + layer.bias.data, rtol=1e-13, atol=1e-14)


def test_the_weight_has_a_row_for_each_input_and_the_bias_starts_at_0():
    layer = nets.Linear(4, 3, rng=generator())
    assert layer.weight.shape == (4, 3)
    np.testing.assert_array_equal(layer.bias.data, np.zeros(3))


def test_linear_without_bias_is_x_times_w():
    layer = nets.Linear(4, 3, bias=False, rng=generator(), dtype=np.float64)
    assert layer.bias is None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    x = normal(5, 4)
    np.testing.assert_allclose(layer(x).data, x @ layer.weight.data, rtol=1e-13, atol=1e-14)


def test_the_gradients_of_linear_are_those_of_the_formulas():
    layer = nets.Linear(4, 3, rng=generator(), dtype=np.float64)
    x, g = Tensor(normal(5, 4), requires_grad=True), normal(5, 3, seed=1)
    layer(x).backward(g)
    np.testing.assert_allclose(layer.weight.grad.data, x.data.T @ g, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(layer.bias.grad.data, g.sum(axis=0), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(x.grad.data, g @ layer.weight.data.T, rtol=1e-12, atol=1e-14)


def test_parameters_are_float32_unless_asked_otherwise():
    assert {p.dtype for p in nets.Linear(4, 3, rng=generator()).parameters()} == {np.dtype(np.float32)}
    assert {p.dtype for p in nets.MLP([4, 3, 2], rng=generator()).parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_goes_in_comes_out_in_the_same_dtype_gradients_too(dtype):
    model = nets.MLP([4, 3, 2], rng=generator(), dtype=dtype)
    out = model(normal(5, 4, dtype=dtype))
    assert out.dtype == dtype
    out.sum().backward()
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(dtype)}


@pytest.mark.parametrize(("fan_in", "fan_out"), [(0, 3), (3, 0), (-1, 3)])
def test_linear_needs_a_feature_in_and_out(fan_in, fan_out):
    with pytest.raises(ValueError, match=f"Linear.*{fan_in} and {fan_out}"):
        nets.Linear(fan_in, fan_out, rng=generator())


def test_an_unknown_init_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"he, xavier.*'zeros'"):
        nets.Linear(2, 2, init="zeros", rng=generator())


def test_an_input_of_the_wrong_width_is_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"matmul.*\(5, 4\).*\(3, 2\)"):
        nets.Linear(3, 2, rng=generator())(normal(5, 4, dtype=np.float32))


# ── activations ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("layer", "function", "derivative"),
    [
        (nets.ReLU(), lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(float)),
        (nets.Tanh(), np.tanh, lambda x: 1 / np.cosh(x) ** 2),
        (nets.Sigmoid(), lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    ],
    ids=["relu", "tanh", "sigmoid"],
)
def test_activations_and_their_derivatives(layer, function, derivative):
    x = Tensor(np.concatenate([normal(3, 5).ravel(), [0.0, -30.0, 30.0]]), requires_grad=True)
    out = layer(x)
    np.testing.assert_allclose(out.data, function(x.data), rtol=1e-12, atol=1e-15)
    g = normal(18, seed=1)
    out.backward(g)
    np.testing.assert_allclose(x.grad.data, g * derivative(x.data), rtol=1e-9, atol=1e-15)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("layer", [nets.ReLU(), nets.Tanh(), nets.Sigmoid()], ids=["relu", "tanh", "sigmoid"])
def test_activations_stay_finite_at_the_ends_without_a_warning(layer):
    out = layer(Tensor(np.array([-1e4, 1e4], np.float32)))
    assert np.isfinite(out.data).all()


# ── MLP ─────────────────────────────────────────────────────────────────────────────────────────────────


def forward(model, x, φ):
    """The network's output by NumPy."""
    layers = [layer for layer in model if isinstance(layer, nets.Linear)]
    for layer in layers[:-1]:
        x = φ(x @ layer.weight.data + layer.bias.data)
    return x @ layers[-1].weight.data + layers[-1].bias.data


@pytest.mark.parametrize(
    ("activation", "φ"),
    [("relu", lambda x: np.maximum(x, 0)), ("tanh", np.tanh), ("sigmoid", lambda x: 1 / (1 + np.exp(-x)))],
)
@pytest.mark.parametrize("widths", EVERY_DEPTH, ids=str)
def test_an_mlp_of_any_depth_computes_what_numpy_does(widths, activation, φ):
    model = nets.MLP(widths, activation, rng=generator(), dtype=np.float64)
    for seed, parameter in enumerate(model.parameters()):
        if parameter.ndim == 1:
            parameter.data = normal(*parameter.shape, seed=seed)
    x = normal(6, widths[0])
    out = model(x)
    assert out.shape == (6, widths[-1])
    np.testing.assert_allclose(out.data, forward(model, x, φ), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("widths", EVERY_DEPTH, ids=str)
def test_an_mlp_has_linear_layers_with_an_activation_between_them(widths):
    model = nets.MLP(widths, "tanh", rng=generator())
    linear, between = list(model)[::2], list(model)[1::2]
    assert [layer.weight.shape for layer in linear] == list(pairwise(widths))
    assert all(isinstance(layer, nets.Tanh) for layer in between)
    assert len(between) == len(linear) - 1
    assert sum(p.size for p in model.parameters()) == sum((a + 1) * b for a, b in pairwise(widths))


@pytest.mark.parametrize("widths", EVERY_DEPTH, ids=str)
@pytest.mark.parametrize("one_hot", [False, True], ids=["integers", "one-hot"])
def test_the_tape_of_a_loss_shows_primitive_operations_and_no_opaque_layer(widths, one_hot):
    model = nets.MLP(widths, rng=generator())
    labels = np.arange(6) % widths[-1]
    targets = np.eye(widths[-1], dtype=np.float32)[labels] if one_hot else labels
    tape = recorded(nets.cross_entropy(model(normal(6, widths[0], dtype=np.float32)), targets))
    counts = Counter(result.node.primitive.name for result in tape)
    layers = len(widths) - 1
    assert counts.keys() <= registry.keys()
    assert counts["matmul"] == layers
    assert counts["relu"] == layers - 1
    assert counts["add"] >= layers
    assert counts.keys() <= {
        "matmul", "add", "relu", "log_softmax", "logsumexp", "subtract", "multiply", "take_along_axis",
        "sum", "divide", "negative",
    }  # fmt: skip
    assert counts["log_softmax"] + counts["logsumexp"] == 1


def test_the_tape_holds_each_layer_as_x_times_w_plus_b():
    model = nets.MLP([4, 3, 2], rng=generator())
    x = normal(5, 4, dtype=np.float32)
    out = model(x)
    product, bias = out.node.inputs
    assert out.node.primitive.name == "add"
    assert bias is model[2].bias
    assert product.node.primitive.name == "matmul"
    hidden, weight = product.node.inputs
    assert weight is model[2].weight
    assert hidden.node.primitive.name == "relu"
    first = hidden.node.inputs[0].node.inputs[0].node.inputs
    assert first[0] is x
    assert first[1] is model[0].weight


@pytest.mark.parametrize("widths", [[], [784]], ids=str)
def test_an_mlp_needs_two_widths(widths):
    with pytest.raises(ValueError, match="MLP"):
        nets.MLP(widths, rng=generator())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"activation": "gelu"}, "relu, tanh, sigmoid.*'gelu'"),
        ({"init": "orthogonal"}, "he, xavier.*'orthogonal'"),
    ],
)
def test_an_unknown_activation_or_init_is_refused_with_those_that_there_are(settings, told):
    with pytest.raises(ValueError, match=told):
        nets.MLP([4, 3, 2], **settings, rng=generator())


def test_an_mlp_refuses_a_width_below_1():
    with pytest.raises(ValueError, match="0"):
        nets.MLP([4, 0, 2], rng=generator())


def test_the_lines_of_pytorch_habit_run_as_they_stand():
    x, y = normal(64, 784, dtype=np.float32), np.arange(64) % 10
    model = nets.MLP([784, 128, 64, 10], init="he", rng=np.random.default_rng(0))
    optimizer = nets.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(5):
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}


def test_nothing_is_recorded_without_gradients():
    model = nets.MLP([4, 3, 2], rng=generator())
    with ad.no_grad():
        out = model(normal(5, 4, dtype=np.float32))
    assert not out.requires_grad
    assert out.node is None


# ── initialisers ────────────────────────────────────────────────────────────────────────────────────────

LARGE = [(784, 128), (300, 300), (64, 1000)]


@pytest.mark.parametrize(("fan_in", "fan_out"), LARGE)
def test_he_draws_from_a_normal_distribution_of_variance_2_over_fan_in(fan_in, fan_out):
    w = nets.he(fan_in, fan_out, generator(), np.float64)
    n, σ = w.size, np.sqrt(2 / fan_in)
    assert w.shape == (fan_in, fan_out)
    assert abs(w.mean()) < 5 * σ / np.sqrt(n)
    assert abs(w.var() / σ**2 - 1) < 5 * np.sqrt(2 / n)
    assert 0.67 < (np.abs(w) < σ).mean() < 0.70  # 68.3 % of a normal distribution, 57.7 % of an even one


@pytest.mark.parametrize(("fan_in", "fan_out"), LARGE)
def test_xavier_draws_evenly_from_its_bounds(fan_in, fan_out):
    w = nets.xavier(fan_in, fan_out, generator(), np.float64)
    n, bound = w.size, np.sqrt(6 / (fan_in + fan_out))
    assert w.shape == (fan_in, fan_out)
    assert np.abs(w).max() <= bound
    assert np.abs(w).max() > 0.999 * bound
    assert abs(w.mean()) < 5 * bound / np.sqrt(3 * n)
    assert abs(w.var() / (2 / (fan_in + fan_out)) - 1) < 5 / np.sqrt(n)


@pytest.mark.parametrize("init", ["he", "xavier"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_seeds_give_equal_weights_and_others_give_others(init, dtype):
    one, same, other = (
        nets.MLP([20, 9, 5], init=init, rng=generator(seed), dtype=dtype).state_dict() for seed in (3, 3, 4)
    )
    for name in one:
        assert one[name].dtype == dtype
        np.testing.assert_array_equal(one[name], same[name])
        if name.endswith("weight"):
            assert not np.any(one[name] == other[name])


@pytest.mark.parametrize("init", ["he", "xavier"])
def test_float32_and_float64_start_from_the_same_numbers(init):
    narrow, wide = (
        nets.MLP([20, 9, 5], init=init, rng=generator(), dtype=d).state_dict()
        for d in (np.float32, np.float64)
    )
    for name in wide:
        np.testing.assert_array_equal(narrow[name], wide[name].astype(np.float32))


def test_an_mlp_starts_as_its_init_says():
    he = nets.MLP([300, 200, 10], init="he", rng=generator())[0].weight.data
    xavier = nets.MLP([300, 200, 10], init="xavier", rng=generator())[0].weight.data
    assert he.std() == pytest.approx(np.sqrt(2 / 300), rel=0.02)
    assert xavier.std() == pytest.approx(np.sqrt(2 / 500), rel=0.02)


def test_the_layers_of_an_mlp_start_differently():
    model = nets.MLP([50, 50, 50], rng=generator())
    assert not np.any(model[0].weight.data == model[2].weight.data)
