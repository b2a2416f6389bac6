"""Optimizers take the steps of their papers, and leave alone what is not theirs to change."""

import copy
import re

import numpy as np
import pytest

import nets
from autodiff import GradientError, Tensor

STEPS = 20
SHAPES = [(4, 3), (3,), ()]


def start(dtype=np.float64):
    return [
        np.asarray(np.random.default_rng([0, i]).standard_normal(shape), dtype)
        for i, shape in enumerate(SHAPES)
    ]


def gradients(dtype=np.float64):
    """For each step a gradient for each parameter, of sizes from 1e-3 to 1e1."""
    rng = np.random.default_rng(1)
    return [
        [np.asarray(10.0 ** rng.uniform(-3, 1) * rng.standard_normal(shape), dtype) for shape in SHAPES]
        for _ in range(STEPS)
    ]


def parameters(dtype=np.float64):
    return [nets.Parameter(array) for array in start(dtype)]


def run(optimizer, given, dtype=np.float64):
    """Take the steps, and return where each parameter was after each."""
    path = []
    for step in gradients(dtype):
        for parameter, g in zip(given, step, strict=True):
            parameter.grad = Tensor(g)
        optimizer.step()
        path.append([parameter.data.copy() for parameter in given])
    return path


def assert_paths_agree(path, expected, rtol=1e-11):
    for step, (ours, theirs) in enumerate(zip(path, expected, strict=True), 1):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=f"after step {step}")


# ── the formulas, written once more for one parameter ───────────────────────────────────────────────────


def sgd(θ, steps, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    """In the form of Sutskever et al., in which the velocity carries the learning rate and its sign."""
    velocity = np.zeros_like(θ)
    for g in steps:
        g = g + weight_decay * θ
        velocity = momentum * velocity - lr * g
        θ = θ + (momentum * velocity - lr * g if nesterov else velocity)
        yield θ


def adam(θ, steps, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    """With the means written out as weighted sums of all gradients so far."""
    (β1, β2), seen = betas, []
    for g in steps:
        seen.append(g if decoupled else g + weight_decay * θ)
        t = len(seen)
        m = sum((1 - β1) * β1 ** (t - i) * g_i for i, g_i in enumerate(seen, 1)) / (1 - β1**t)
        v = sum((1 - β2) * β2 ** (t - i) * g_i**2 for i, g_i in enumerate(seen, 1)) / (1 - β2**t)
        θ = (θ - lr * weight_decay * θ if decoupled else θ) - lr * m / (np.sqrt(v) + eps)
        yield θ


def expected(formula, settings):
    per_parameter = [
        list(formula(θ, steps, **settings))
        for θ, steps in zip(start(), zip(*gradients(), strict=True), strict=True)
    ]
    return list(zip(*per_parameter, strict=True))


SGD = [
    {"lr": 0.1},
    {"lr": 0.1, "weight_decay": 0.3},
    {"lr": 0.05, "momentum": 0.9},
    {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.3},
    {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.3},
]
ADAM = [
    {},
    {"lr": 0.1},
    {"lr": 0.1, "betas": (0.5, 0.9)},
    {"lr": 0.1, "eps": 0.1},
    {"lr": 0.1, "betas": (0.0, 0.9)},
]
DECAYED = [{"lr": 0.1, "weight_decay": 0.3}, {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.01}]


@pytest.mark.parametrize("settings", SGD, ids=str)
def test_sgd_follows_its_formula(settings):
    given = parameters()
    assert_paths_agree(run(nets.SGD(given, **settings), given), expected(sgd, settings))


@pytest.mark.parametrize("settings", ADAM + DECAYED, ids=str)
def test_adam_follows_its_formula(settings):
    given = parameters()
    assert_paths_agree(run(nets.Adam(given, **settings), given), expected(adam, settings))


@pytest.mark.parametrize("settings", DECAYED, ids=str)
def test_adamw_shrinks_the_parameters_apart_from_the_gradient(settings):
    given = parameters()
    assert_paths_agree(
        run(nets.AdamW(given, **settings), given), expected(adam, {**settings, "decoupled": True})
    )


def test_adamw_decays_by_a_hundredth_unless_told_otherwise():
    given = parameters()
    settings = {"lr": 1e-3, "weight_decay": 1e-2, "decoupled": True}
    assert_paths_agree(run(nets.AdamW(given), given), expected(adam, settings))


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate():
    parameter = nets.Parameter(np.zeros(3))
    parameter.grad = Tensor(np.array([1e-4, -1.0, 1e6]))
    nets.Adam([parameter], lr=0.01).step()
    np.testing.assert_allclose(parameter.data, [-0.01, 0.01, -0.01], rtol=1e-3)


@pytest.mark.parametrize("optimizer", [nets.Adam, nets.AdamW])
def test_a_gradient_of_0_divides_by_nothing(optimizer):
    parameter = nets.Parameter(np.zeros(3))
    parameter.grad = Tensor(np.zeros(3))
    optimizer([parameter]).step()
    np.testing.assert_array_equal(parameter.data, np.zeros(3))


# ── against Keras, whose settings are float32: those here have few binary digits ─────────────────────────


@pytest.mark.parametrize(
    ("ours", "theirs", "settings", "rtol"),
    [
        (nets.SGD, "SGD", {"lr": 0.125}, 1e-6),
        (nets.SGD, "SGD", {"lr": 0.0625, "momentum": 0.9}, 1e-6),
        (nets.SGD, "SGD", {"lr": 0.0625, "momentum": 0.9, "nesterov": True}, 1e-6),
        (
            nets.Adam,
            "Adam",
            {"lr": 0.125, "betas": (0.875, 0.96875), "eps": 1e-12},
            1e-6,
        ),  # its ε stands elsewhere, so it is tiny here
        (
            nets.AdamW,
            "AdamW",
            {"lr": 0.125, "betas": (0.875, 0.96875), "eps": 1e-12, "weight_decay": 0.25},
            1e-6,
        ),
    ],
    ids=["sgd", "momentum", "nesterov", "adam", "adamw"],
)
def test_optimizers_take_the_steps_of_keras(tf, ours, theirs, settings, rtol):
    given = parameters()
    path = run(ours(given, **settings), given)
    names = {"lr": "learning_rate", "eps": "epsilon"}
    settings = {names.get(name, name): value for name, value in settings.items()}
    if "betas" in settings:
        settings["beta_1"], settings["beta_2"] = settings.pop("betas")
    with tf.device("/CPU:0"):
        variables = [tf.Variable(array) for array in start()]
        keras = getattr(tf.keras.optimizers, theirs)(**settings)
        for ours_now, step in zip(path, gradients(), strict=True):
            keras.apply_gradients(zip([tf.constant(g) for g in step], variables, strict=True))
            for a, b in zip(ours_now, variables, strict=True):
                np.testing.assert_allclose(a, b.numpy(), rtol=rtol, atol=rtol)


# ── what a step touches ─────────────────────────────────────────────────────────────────────────────────

EVERY = [
    (nets.SGD, {"lr": 0.1}),
    (nets.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    (nets.SGD, {"lr": 0.1, "momentum": 0.9}),
    (nets.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (nets.Adam, {}),
    (nets.Adam, {"weight_decay": 0.1}),
    (nets.AdamW, {}),
]
every_optimizer = pytest.mark.parametrize(
    ("kind", "settings"), EVERY, ids=lambda value: getattr(value, "__name__", str(value))
)


@every_optimizer
def test_the_gradient_is_not_changed_by_a_step(kind, settings):
    given = parameters()
    optimizer = kind(given, **settings)
    for step in gradients():
        held = [Tensor(g.copy()) for g in step]
        for parameter, g in zip(given, held, strict=True):
            parameter.grad = g
        optimizer.step()
        for parameter, g, before in zip(given, held, step, strict=True):
            assert parameter.grad is g
            np.testing.assert_array_equal(g.data, before)


@every_optimizer
def test_what_is_remembered_does_not_change_with_the_gradient_that_it_came_from(kind, settings):
    """A user may reuse the gradient's array, to clip it or to set it to 0, once the step is taken."""
    one, other = parameters(), parameters()
    buffers = [Tensor(np.zeros(shape)) for shape in SHAPES]
    path = run(kind(one, **settings), one)
    reusing = kind(other, **settings)
    for at, step in zip(path, gradients(), strict=True):
        for parameter, buffer, g in zip(other, buffers, step, strict=True):
            buffer.data[...] = g
            parameter.grad = buffer
        reusing.step()
        for buffer in buffers:
            buffer.data[...] = 0
        for parameter, expected_now in zip(other, at, strict=True):
            np.testing.assert_array_equal(parameter.data, expected_now)


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_keep_their_dtype_and_shape(kind, settings, dtype):
    given = parameters(dtype)
    optimizer = kind(given, **settings)
    path = run(optimizer, given, dtype)
    for parameter, shape in zip(given, SHAPES, strict=True):
        assert parameter.dtype == dtype
        assert parameter.shape == shape
        assert isinstance(parameter.data, np.ndarray)
        for value in optimizer.state[parameter].values():
            assert isinstance(value, int) or value.dtype == dtype
    if dtype == np.float32:
        wide = parameters()
        assert_paths_agree(path, run(kind(wide, **settings), wide), rtol=1e-4)


@every_optimizer
def test_a_parameter_without_gradient_is_left_alone(kind, settings):
    moved, still = nets.Parameter(np.ones(3)), nets.Parameter(np.ones(3))
    optimizer = kind([moved, still], **settings)
    for _ in range(3):
        moved.grad = Tensor(np.ones(3))
        optimizer.step()
    np.testing.assert_array_equal(still.data, np.ones(3))
    assert np.all(moved.data != 1)
    assert still not in optimizer.state


@every_optimizer
def test_a_parameter_joins_late_with_its_own_count_of_steps(kind, settings):
    late, alone = nets.Parameter(np.ones(3)), nets.Parameter(np.ones(3))
    early = nets.Parameter(np.ones(3))
    together, apart = kind([early, late], **settings), kind([alone], **settings)
    for step in range(4):
        early.grad = Tensor(np.ones(3))
        if step >= 2:
            late.grad, alone.grad = Tensor(np.ones(3)), Tensor(np.ones(3))
            apart.step()
        together.step()
    np.testing.assert_array_equal(late.data, alone.data)


def test_zero_grad_forgets_the_gradients():
    given = parameters()
    optimizer = nets.SGD(given, lr=0.1)
    run(optimizer, given)
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in given)


@every_optimizer
def test_a_step_between_forward_and_backward_makes_backward_raise(kind, settings):
    model = nets.MLP([4, 3, 2], rng=np.random.default_rng(0))
    optimizer = kind(model.parameters(), **settings)
    x, y = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32), np.arange(5) % 2
    nets.cross_entropy(model(x), y).backward()
    loss = nets.cross_entropy(model(x), y)
    optimizer.step()
    with pytest.raises(GradientError, match="changed"):
        loss.backward()
    optimizer.zero_grad()
    nets.cross_entropy(model(x), y).backward()  # computed again, it is right again
    assert all(parameter.grad is not None for parameter in model.parameters())


# ── state ───────────────────────────────────────────────────────────────────────────────────────────────


def decayed(given):
    """Two groups, as training has them: the matrix, and the rest."""
    return [{"params": given[:1], "weight_decay": 0.25}, {"params": given[1:]}]


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_optimizer_with_the_state_of_another_goes_on_as_it_would_bit_for_bit(kind, settings, dtype):
    whole = parameters(dtype)
    path = run(kind(decayed(whole), **settings), whole, dtype)
    half = parameters(dtype)
    first = kind(decayed(half), **settings)
    for step, g in enumerate(gradients(dtype)):
        if step == STEPS // 2:
            half = [nets.Parameter(parameter.data) for parameter in half]
            second = kind(decayed(half), **settings)
            second.load_state_dict(first.state_dict())
            first = second
        for parameter, array in zip(half, g, strict=True):
            parameter.grad = Tensor(array)
        first.step()
        for parameter, expected_now in zip(half, path[step], strict=True):
            np.testing.assert_array_equal(parameter.data, expected_now)


def test_the_state_has_the_form_that_pytorch_gives_it():
    given = parameters()
    optimizer = nets.Adam([{"params": given[1:]}, {"params": given[:1], "lr": 0.5}], weight_decay=0.25)
    given[0].grad = Tensor(np.ones(given[0].shape))
    optimizer.step()
    state = optimizer.state_dict()
    settings = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.25}
    assert state["param_groups"] == [{"params": [0, 1], "lr": 1e-3, **settings}, {"params": [2], "lr": 0.5, **settings}]
    assert state["state"].keys() == {2}  # the others have never had a gradient
    assert state["state"][2].keys() == {"t", "m", "v"}
    assert state["state"][2]["t"] == 1
    g = 1 + 0.25 * start()[0]
    np.testing.assert_allclose(state["state"][2]["m"], 0.1 * g)
    np.testing.assert_allclose(state["state"][2]["v"], 0.001 * g**2)


@every_optimizer
def test_a_state_is_a_copy_and_so_is_what_is_loaded(kind, settings):
    given, others = parameters(), parameters()
    optimizer, other = kind(given, **settings), kind(others, **settings)
    run(optimizer, given)
    state = optimizer.state_dict()
    before = copy.deepcopy(state)
    other.load_state_dict(state)
    run(optimizer, given)
    run(other, others)
    optimizer.lr = other.lr = 7.0
    np.testing.assert_equal(state, before)


def test_the_settings_come_with_the_state():
    given, others = parameters(), parameters()
    optimizer, other = nets.SGD(given, lr=0.5, momentum=0.5), nets.SGD(others, lr=0.1)
    optimizer.param_groups[0]["weight_decay"] = 0.25
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups == [{**optimizer.param_groups[0], "params": others}]


def test_a_count_may_be_an_array_without_axes_as_files_have_it():
    given, others = parameters(), parameters()
    optimizer, other = nets.Adam(given), nets.Adam(others)
    run(optimizer, given)
    state = optimizer.state_dict()
    state["state"][0]["t"] = np.asarray(state["state"][0]["t"])
    other.load_state_dict(state)
    assert type(other.state[others[0]]["t"]) is int


def changed(*path, to):
    """Return a function that changes one thing in a state."""

    def change(state):
        *way, last = path
        for key in way:
            state = state[key]
        state[last] = to

    return change


def removed(*path):
    def remove(state):
        *way, last = path
        for key in way:
            state = state[key]
        del state[last]

    return remove


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (removed("state"), "'state'"),
        (removed("param_groups"), "'param_groups'"),
        (changed("state", to=None), "items"),
        (changed("param_groups", to=None), "iter"),
        (changed("param_groups", to=[]), "[[0], [1, 2]]"),
        (removed("param_groups", 1), "[[0], [1, 2]]"),
        (changed("param_groups", 1, "params", to=[1]), "[[0], [1, 2]]"),
        (changed("param_groups", 1, "params", to=[2, 1]), "[[0], [1, 2]]"),
        (removed("param_groups", 0, "lr"), "lr"),
        (changed("param_groups", 0, "momentum", to=0.9), "momentum"),
        (changed("param_groups", 0, "lr", to=-1.0), "lr must be"),
        (changed("param_groups", 0, "lr", to=10**400), "lr must be"),
        (changed("param_groups", 0, "lr", to="fast"), "str"),
        (changed("param_groups", 0, "betas", to=[0.9]), "betas must be two numbers"),
        (changed("param_groups", 0, "betas", to=[0.9, 1.0]), "betas must be"),
        (changed("state", 7, to={}), "7"),
        (changed("state", -1, to={}), "-1"),
        (changed("state", "0", to={}), "'0'"),
        (changed("state", 0, to=None), "keys"),
        (changed("state", 0, to={}), "['m', 't', 'v']"),
        (changed("state", 0, to={"velocity": np.zeros((4, 3))}), "velocity"),
        (removed("state", 2, "t"), "['m', 't', 'v']"),
        (changed("state", 2, "t", to=-1), "t does not fit"),
        (changed("state", 2, "t", to=1.5), "float"),
        (changed("state", 2, "t", to=np.array([1, 2])), "integer"),
        (changed("state", 0, "m", to=np.zeros((3, 4))), "m does not fit a parameter of shape (4, 3)"),
        (changed("state", 0, "m", to=0.0), "m does not fit"),
        (changed("state", 0, "v", to=np.zeros((4, 3), complex)), "complex"),
        (changed("state", 0, "v", to=np.full((4, 3), "a")), "<U1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_changes(spoil, told):
    source, given = parameters(), parameters()
    other = nets.Adam(decayed(source))
    run(other, source)
    state = other.state_dict()
    spoil(state)
    optimizer = nets.Adam(decayed(given), lr=0.5)
    run(optimizer, given)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=f"Adam: load_state_dict.*{re.escape(told)}"):
        optimizer.load_state_dict(state)
    np.testing.assert_equal(optimizer.state_dict(), before)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}], ids=str)
def test_the_state_of_another_kind_of_optimizer_is_refused(settings):
    given = parameters()
    optimizer = nets.SGD(given, lr=0.1, **settings)
    run(optimizer, given)
    with pytest.raises(ValueError, match="load_state_dict"):
        nets.Adam(parameters()).load_state_dict(optimizer.state_dict())


# ── groups ──────────────────────────────────────────────────────────────────────────────────────────────


def test_groups_override_the_settings_of_all():
    a, b, c = (nets.Parameter(np.ones(2)) for _ in range(3))
    groups = [{"params": [a], "lr": 0.5}, {"params": [b], "weight_decay": 2.0}, {"params": iter([c])}]
    optimizer = nets.SGD(groups, lr=0.1)
    for parameter in (a, b, c):
        parameter.grad = Tensor(np.ones(2))
    optimizer.step()
    np.testing.assert_allclose(a.data, 1 - 0.5)
    np.testing.assert_allclose(b.data, 1 - 0.1 * (1 + 2))
    np.testing.assert_allclose(c.data, 1 - 0.1)


def test_the_groups_given_are_not_changed():
    parameter = nets.Parameter(np.ones(2))
    groups = [{"params": [parameter], "lr": 0.5}]
    nets.SGD(groups, lr=0.1)
    assert groups == [{"params": [parameter], "lr": 0.5}]


def test_one_group_may_be_empty():
    parameter = nets.Parameter(np.ones(2))
    optimizer = nets.SGD([{"params": [parameter]}, {"params": []}], lr=0.5)
    parameter.grad = Tensor(np.ones(2))
    optimizer.step()
    np.testing.assert_allclose(parameter.data, 0.5)


def test_a_setting_may_change_from_step_to_step():
    parameter = nets.Parameter(np.ones(2))
    optimizer = nets.SGD([parameter], lr=0.5)
    optimizer.param_groups[0]["lr"] = 0.25
    parameter.grad = Tensor(np.ones(2))
    optimizer.step()
    np.testing.assert_allclose(parameter.data, 0.75)


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        (nets.SGD, {"lr": -0.1}, "SGD.*lr.*-0.1"),
        (nets.SGD, {"lr": np.nan}, "SGD.*lr.*nan"),
        (nets.SGD, {"lr": np.inf}, "SGD.*lr.*inf"),
        (nets.SGD, {"lr": 0.1, "momentum": -0.9}, "SGD.*momentum.*-0.9"),
        (nets.SGD, {"lr": 0.1, "weight_decay": -1.0}, "SGD.*weight_decay.*-1"),
        (nets.SGD, {"lr": 0.1, "nesterov": True}, "SGD.*nesterov.*momentum"),
        (nets.Adam, {"lr": -1.0}, "Adam.*lr.*-1"),
        (nets.Adam, {"betas": (1.0, 0.9)}, "Adam.*betas.*1.0"),
        (nets.Adam, {"betas": (0.9,)}, "Adam.*betas.*two"),
        (nets.Adam, {"betas": (0.9, -0.1)}, "Adam.*betas.*-0.1"),
        (nets.Adam, {"eps": -1.0}, "Adam.*eps.*-1"),
        (nets.AdamW, {"betas": (0.9, 1.0)}, "AdamW.*betas"),
        (nets.AdamW, {"weight_decay": np.nan}, "AdamW.*weight_decay.*nan"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
@pytest.mark.parametrize("grouped", [False, True], ids=["for all", "in a group"])
def test_a_setting_out_of_range_is_refused_by_name_and_value(kind, settings, told, grouped):
    sound = {"lr": 0.1} if kind is nets.SGD else {}
    with pytest.raises(ValueError, match=told):
        kind([{"params": parameters(), **settings}], **sound) if grouped else kind(parameters(), **settings)


@pytest.mark.parametrize("given", [[], [{"params": []}]], ids=["list", "group"])
def test_no_parameters_are_refused(given):
    with pytest.raises(ValueError, match=r"SGD.*no parameters"):
        nets.SGD(given, lr=0.1)


def test_an_exhausted_generator_of_parameters_is_refused():
    found = nets.MLP([2, 2], rng=np.random.default_rng(0)).parameters()
    list(found)
    with pytest.raises(ValueError, match="no parameters"):
        nets.Adam(found)


@pytest.mark.parametrize("stranger", [np.ones(2), Tensor(np.ones(2)), "W"], ids=["ndarray", "Tensor", "str"])
def test_what_is_no_parameter_is_refused_with_what_to_pass(stranger):
    with pytest.raises(TypeError, match=rf"SGD.*Parameter.*{type(stranger).__name__}.*model\.parameters"):
        nets.SGD([stranger], lr=0.1)


def test_a_setting_that_the_optimizer_does_not_have_is_refused_with_those_that_there_are():
    with pytest.raises(TypeError, match=r"Adam.*momentum.*lr, betas, eps"):
        nets.Adam([{"params": parameters(), "momentum": 0.9}])
