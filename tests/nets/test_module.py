"""Modules find their parameters, by name and once each; they save, load, copy and describe themselves."""

import copy
import pickle

import numpy as np
import pytest

import nets
from autodiff import Tensor


class Scale(nets.Module):
    """A module with a parameter of its own, modules in a list, in a tuple and alone, and things that are neither."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.factor = nets.Parameter(np.float32(2.0))
        self.stack = [nets.Linear(3, 4, rng=rng), nets.ReLU()]
        self.pair = (nets.Linear(4, 2, bias=False, rng=rng), nets.Parameter(np.ones(2, np.float32)))
        self.head = nets.Sequential(nets.Linear(2, 2, rng=rng))
        self.constant = Tensor(np.ones(3))
        self.note = "not a parameter"

    def forward(self, x):
        for layer in self.stack:
            x = layer(x)
        return self.head(self.pair[0](x) * self.pair[1]) * self.factor


NAMES = [
    "factor",
    "pair.1",
    "stack.0.weight",
    "stack.0.bias",
    "pair.0.weight",
    "head.layers.0.weight",
    "head.layers.0.bias",
]


def mlp(*widths, seed=0, dtype=np.float32, **settings):
    return nets.MLP(widths or (4, 3, 2), rng=np.random.default_rng(seed), dtype=dtype, **settings)


def assert_states_equal(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


# ── parameters ──────────────────────────────────────────────────────────────────────────────────────────


def test_parameters_are_found_by_their_paths_in_modules_lists_and_tuples():
    module = Scale()
    named = dict(module.named_parameters())
    assert sorted(named) == sorted(NAMES)
    assert named["factor"] is module.factor
    assert named["stack.0.weight"] is module.stack[0].weight
    assert named["pair.1"] is module.pair[1]
    assert named["head.layers.0.bias"] is module.head[0].bias


def test_parameters_come_in_the_order_of_their_names():
    module = Scale()
    for parameter, (_, named) in zip(module.parameters(), module.named_parameters(), strict=True):
        assert parameter is named


def test_the_parameters_of_an_mlp_run_from_the_first_layer_to_the_last():
    names = [name for name, _ in mlp(5, 4, 3, 2).named_parameters()]
    assert names == [f"layers.{i}.{kind}" for i in (0, 2, 4) for kind in ("weight", "bias")]


def test_a_tied_parameter_is_named_and_trained_once():
    tied = mlp(3, 3, 3)
    tied[2].weight = tied[0].weight
    names = [name for name, _ in tied.named_parameters()]
    assert names == ["layers.0.weight", "layers.0.bias", "layers.2.bias"]
    assert len({id(parameter) for parameter in tied.parameters()}) == 3
    assert "15 parameters" in repr(tied).splitlines()[0]


def test_a_tied_parameter_gets_the_sum_of_both_gradients():
    tied, apart = (
        mlp(3, 3, 3, dtype=np.float64, activation="tanh"),
        mlp(3, 3, 3, dtype=np.float64, activation="tanh"),
    )
    tied[2].weight = tied[0].weight
    apart[2].weight.data = apart[0].weight.data.copy()
    x = np.random.default_rng(0).standard_normal((4, 3))
    for model in (tied, apart):
        nets.cross_entropy(model(x), np.array([0, 1, 2, 0])).backward()
    np.testing.assert_allclose(
        tied[0].weight.grad.data,
        apart[0].weight.grad.data + apart[2].weight.grad.data,
        rtol=1e-12,
        atol=1e-15,
    )


def test_a_parameter_is_a_leaf_that_requires_a_gradient():
    parameter = nets.Parameter(np.zeros(3), name="p")
    assert parameter.requires_grad
    assert parameter.node is None
    assert parameter.name == "p"


def test_a_module_holds_itself_and_what_is_within_outermost_first():
    module = Scale()
    names = [name for name, _ in module.named_modules()]
    assert names[0] == ""
    assert set(names) == {"", "stack.0", "stack.1", "pair.0", "head", "head.layers.0"}
    assert names.index("head") < names.index("head.layers.0")
    assert next(module.modules()) is module


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Module"):
        nets.Module()(np.ones(2))


def test_a_buffer_is_saved_with_the_parameters_and_not_trained():
    module = nets.Module()
    module.weight, numbers = nets.Parameter(np.ones(2)), np.arange(3.0)
    module.parts = [nets.Buffer(numbers)]
    assert [name for name, _ in module.named_buffers()] == ["parts.0"]
    assert [name for name, _ in module.named_parameters()] == ["weight"]
    assert list(module.state_dict()) == ["weight", "parts.0"]
    assert not np.shares_memory(module.parts[0].data, numbers)
    module.load_state_dict({"weight": np.zeros(2), "parts.0": np.full(3, 7)})
    np.testing.assert_array_equal(module.parts[0].data, [7.0, 7.0, 7.0])
    with pytest.raises(KeyError, match=r"parts\.0"):
        module.load_state_dict({"weight": np.zeros(2)})


def test_a_buffer_takes_new_numbers_of_its_shape_and_dtype_alone():
    buffer = nets.Buffer(np.zeros(2))
    buffer.data = buffer + 1.0
    np.testing.assert_array_equal(buffer.data, [1.0, 1.0])
    with pytest.raises(ValueError, match="data"):
        buffer.data = np.zeros(3)


# ── state ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_state_is_a_copy():
    module = Scale()
    state = module.state_dict()
    assert sorted(state) == sorted(NAMES)
    for name, parameter in module.named_parameters():
        assert not np.shares_memory(state[name], parameter.data)
        before = parameter.data.copy()
        state[name][...] = 7
        np.testing.assert_array_equal(parameter.data, before)


def test_a_loaded_state_is_a_copy_of_the_same_numbers():
    source, target = Scale(seed=0), Scale(seed=1)
    state = source.state_dict()
    target.load_state_dict(state)
    assert_states_equal(target.state_dict(), state)
    for name, parameter in target.named_parameters():
        assert not np.shares_memory(state[name], parameter.data)
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    np.testing.assert_array_equal(target(x).data, source(x).data)


def test_loading_keeps_the_dtype_of_the_parameters():
    model = mlp()
    model.load_state_dict(mlp(dtype=np.float64, seed=1).state_dict())
    assert {parameter.dtype for parameter in model.parameters()} == {np.dtype(np.float32)}


def _without(state, name):
    del state[name]


def _with_unknown(state):
    state["stranger"] = np.zeros(2)


def _misshapen(state):
    state["layers.2.bias"] = np.zeros(5)


def _transposed(state):
    state["layers.0.weight"] = state["layers.0.weight"].T


@pytest.mark.parametrize(
    ("spoil", "error", "named"),
    [
        (lambda state: _without(state, "layers.2.bias"), KeyError, "layers.2.bias"),
        (_with_unknown, KeyError, "stranger"),
        (_misshapen, ValueError, "layers.2.bias"),
        (_transposed, ValueError, "layers.0.weight"),
    ],
    ids=["missing", "unknown", "wrong shape", "transposed"],
)
def test_a_state_that_does_not_fit_is_refused_by_name_and_changes_nothing(spoil, error, named):
    model = mlp()
    before = model.state_dict()
    state = mlp(seed=1).state_dict()
    spoil(state)
    with pytest.raises(error, match=named):
        model.load_state_dict(state)
    assert_states_equal(model.state_dict(), before)


def test_a_state_that_holds_no_numbers_changes_nothing():
    model = mlp()
    before = model.state_dict()
    with pytest.raises((TypeError, ValueError)):
        model.load_state_dict({**mlp(seed=1).state_dict(), "layers.2.bias": ["a", "b"]})
    assert_states_equal(model.state_dict(), before)


# ── modes and gradients ─────────────────────────────────────────────────────────────────────────────────


def test_train_and_eval_reach_every_module_within():
    module = Scale()
    assert all(inner.training for inner in module.modules())
    assert module.eval() is module
    assert not any(inner.training for inner in module.modules())
    assert module.train() is module
    assert all(inner.training for inner in module.modules())
    module.train(False)
    assert not any(inner.training for inner in module.modules())
    assert nets.Linear(1, 1, rng=np.random.default_rng(0)).training  # others are left alone


def test_zero_grad_forgets_all_gradients():
    module = Scale()
    module(np.ones((2, 3), np.float32)).sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    module.zero_grad()
    assert all(parameter.grad is None for parameter in module.parameters())


# ── copies ──────────────────────────────────────────────────────────────────────────────────────────────

copies = pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"]
)


@copies
def test_a_copy_computes_the_same_and_keeps_names_modes_and_gradients(duplicate):
    model = mlp(4, 3, 2, activation="tanh").eval()
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    model(x).sum().backward()
    twin = duplicate(model)
    assert type(twin) is nets.MLP
    assert twin.layer_dims == (4, 3, 2)
    assert not twin.training
    np.testing.assert_array_equal(twin(x).data, model(x).data)
    for (name, a), (other, b) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        assert name == other
        assert type(b) is nets.Parameter
        assert b.requires_grad
        assert b.name == a.name
        assert not np.shares_memory(a.data, b.data)
        np.testing.assert_array_equal(a.grad.data, b.grad.data)


@copies
def test_a_copy_trains_on_its_own(duplicate):
    model = mlp()
    before = model.state_dict()
    twin = duplicate(model)
    optimizer = nets.SGD(twin.parameters(), lr=0.5)
    x, y = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32), np.arange(8) % 2
    losses = []
    for _ in range(5):
        loss = nets.cross_entropy(twin(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert_states_equal(model.state_dict(), before)
    assert all(parameter.grad is None for parameter in model.parameters())


@copies
def test_a_copy_keeps_parameters_tied(duplicate):
    model = mlp(3, 3, 3)
    model[2].weight = model[0].weight
    twin = duplicate(model)
    assert twin[2].weight is twin[0].weight


# ── description ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_description_tells_layers_shapes_and_counts():
    text = repr(mlp(784, 128, 64, 10))
    for part in (
        "MLP",
        "784",
        "109,386",
        "(784, 128)",
        "(128,)",
        "100,480",
        "8,256",
        "650",
        "layers.0",
        "layers.4",
    ):
        assert part in text
    assert text.count("Linear") == 3
    assert text.count("ReLU") == 2


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_the_description_names_the_activation(activation):
    assert activation.capitalize() in repr(mlp(2, 2, 2, activation=activation))


def test_a_module_with_parameters_of_its_own_and_modules_within_counts_all():
    assert f"{1 + 2 + 12 + 4 + 8 + 4 + 2} parameters" in repr(Scale())


# ── Sequential ──────────────────────────────────────────────────────────────────────────────────────────


def test_sequential_is_counted_indexed_and_iterated_over():
    layers = [
        nets.Linear(2, 3, rng=np.random.default_rng(0)),
        nets.Tanh(),
        nets.Linear(3, 1, rng=np.random.default_rng(1)),
    ]
    network = nets.Sequential(*layers)
    assert len(network) == 3
    assert list(network) == layers
    assert network[0] is layers[0]
    assert network[-1] is layers[-1]
    with pytest.raises(IndexError):
        network[3]


def test_sequential_passes_through_each_in_turn():
    layers = [
        nets.Linear(2, 3, rng=np.random.default_rng(0)),
        nets.Sigmoid(),
        nets.Linear(3, 1, rng=np.random.default_rng(1)),
    ]
    x = np.random.default_rng(2).standard_normal((4, 2)).astype(np.float32)
    np.testing.assert_array_equal(nets.Sequential(*layers)(x).data, layers[2](layers[1](layers[0](x))).data)


def test_an_empty_sequential_gives_back_what_it_is_given():
    x = Tensor(np.ones(2))
    assert nets.Sequential()(x) is x
