"""A compiled function does what the function does, call after call, and is never silently stale."""

import functools
import gc
import weakref

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.compiler import machine
from tests.autodiff.cases import random
from tests.autodiff.compiler.conftest import let_python_run_it


@pytest.fixture(autouse=True)
def _by_python(request, monkeypatch):
    """Run the emitted loops as Python, but for the tests that ask for Numba."""
    if "by_numba" not in request.keywords:
        let_python_run_it(monkeypatch)


def training(optimizer, dtype=np.float64, widths=(6, 5, 4, 3), activation="relu"):
    """A model, its optimizer and its training step, the same each time."""
    model = nets.MLP(widths, activation, rng=np.random.default_rng(0), dtype=dtype)
    optimizer = optimizer(model.parameters())

    def step(x, y):
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


OPTIMIZERS = {
    "sgd": lambda p: nets.SGD(p, 0.1),
    "momentum": lambda p: nets.SGD(p, 0.1, momentum=0.9, weight_decay=1e-3),
    "nesterov": lambda p: nets.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: nets.Adam(p, 0.01),
    "adamw": lambda p: nets.AdamW(p, 0.01),
}


def batch(i, m=7, n=6, classes=3, dtype=np.float64):
    rng = np.random.default_rng(i)
    return rng.standard_normal((m, n)).astype(dtype), rng.integers(0, classes, m)


def assert_same_course(optimizer, dtype, tolerance, steps=8, **kwargs):
    """A compiled step and the step itself give the same losses and parameters, the learning rate falling."""
    model, ours, step = training(optimizer, dtype, **kwargs)
    twin, theirs, same_step = training(optimizer, dtype, **kwargs)
    compiled = ad.jit(step)
    n, classes = model.layer_dims[0], model.layer_dims[-1]
    for i in range(steps):
        x, y = batch(i, n=n, classes=classes, dtype=dtype)
        ours.lr = theirs.lr = 0.1 / (i + 1)
        np.testing.assert_allclose(compiled(x, y).data, same_step(x, y).data, rtol=tolerance)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert p.dtype == dtype
        np.testing.assert_allclose(p.data, q.data, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_a_step_takes_the_same_course(optimizer, activation):
    assert_same_course(optimizer, np.float64, 1e-11, activation=activation)


@pytest.mark.by_numba
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_a_step_takes_the_same_course_in_machine_code(optimizer):
    assert_same_course(OPTIMIZERS[optimizer], np.float32, 1e-4)


class Team:
    """A team that is always there, unless it has one member alone."""

    def __init__(self, size):
        self.size = size

    def share(self, limit, kernel, *arguments):
        return self.size > 1 and kernel(*arguments) is None


@pytest.mark.by_numba
def test_threads_share_a_large_step_and_give_the_bits_of_one_alone(monkeypatch):
    results, widths = [], (784, 300, 40, 10)
    for parts in (1, 2, 3):
        monkeypatch.setattr(machine, "team", Team(parts))
        model, _, step = training(OPTIMIZERS["momentum"], np.float32, widths)
        _, _, same_step = training(OPTIMIZERS["momentum"], np.float32, widths)
        compiled = ad.jit(step)
        for i in range(4):
            x, y = batch(i, m=64, n=784, classes=10, dtype=np.float32)
            np.testing.assert_allclose(compiled(x, y).data, same_step(x, y).data, rtol=1e-4)
        assert "by all threads" in compiled.source
        assert "# partial_products(4, 64, 300)" in compiled.source
        results.append([p.data.tobytes() for p in model.parameters()])
    assert results[0] == results[1] == results[2]


def counted(f):
    """A function, and the list of its calls."""
    calls = []

    def counting(*args):
        calls.append(args)
        return f(*args)

    return counting, calls


def test_it_is_traced_once_for_each_shape_and_dtype():
    f, calls = counted(lambda x: ad.sum(x * x))
    compiled = ad.jit(f)
    for _ in range(3):
        for shape in ((3,), (2, 3)):
            for dtype in (np.float32, np.float64):
                x = random(shape).astype(dtype)
                np.testing.assert_allclose(compiled(x).data, (x * x).sum(), rtol=1e-6)
    assert len(calls) == 4


def test_the_first_call_does_the_step_once():
    model, _, step = training(OPTIMIZERS["sgd"])
    twin, _, same_step = training(OPTIMIZERS["sgd"])
    x, y = batch(0)
    ad.jit(step)(x, y)
    same_step(x, y)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-13)


def test_structures_of_tensors_come_back_as_they_were():
    def f(x):
        return {"a": (x + 1.0, [x * 2.0]), "b": None, "c": "text"}

    compiled = ad.jit(f)
    for i in range(3):
        x = random((3,), i)
        out = compiled(x)
        np.testing.assert_array_equal(out["a"][0].data, x + 1)
        np.testing.assert_array_equal(out["a"][1][0].data, x * 2)
        assert out["b"] is None
        assert out["c"] == "text"


def test_results_own_their_memory():
    compiled = ad.jit(lambda x: (x, x + 1.0))
    compiled(random((3,)))
    x = random((3,), 1)
    same, first = compiled(x)
    second = compiled(random((3,), 2))[1]
    assert not np.shares_memory(first.data, second.data)
    assert not np.shares_memory(same.data, x)


# ── never stale ─────────────────────────────────────────────────────────────────────────────────────────


def test_results_that_are_equal_do_not_share_memory():
    p, q = (nets.Parameter(random((100,), seed)) for seed in (0, 1))

    @ad.jit
    def f(x):
        p.grad = q.grad = None
        ad.sum((p + q) * ad.exp(x)).backward()
        return ad.exp(x), ad.exp(x)

    one, other = f(random((100,)))
    assert not np.shares_memory(one.data, other.data)
    assert not np.shares_memory(p.grad.data, q.grad.data)
    assert not np.shares_memory(p.grad.data, one.data)


def test_tensors_in_a_closure_are_read_anew():
    w = ad.Tensor(random((3,)), requires_grad=True)
    compiled = ad.jit(lambda x: x * w)
    x = random((3,), 1)
    for i in range(4):
        w.data = random((3,), i)
        np.testing.assert_array_equal(compiled(x).data, x * w.data)


def test_arrays_in_a_closure_are_read_anew_and_a_new_one_is_noticed():
    c = random((3,))
    compiled = ad.jit(lambda x: x * c)
    x = random((3,), 1)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(x).data, x * c)
        c[0] += 1.0
    c = random((3,), 2)
    np.testing.assert_array_equal(compiled(x).data, x * c)


def test_numbers_in_closures_and_helpers_are_watched():
    factor = 2.0

    def helper(x):
        return x * factor

    compiled = ad.jit(lambda x: helper(x) + 1.0)
    x = random((3,))
    for factor in (2.0, 2.0, 3.0, 3.0, 2.0):
        np.testing.assert_array_equal(compiled(x).data, x * factor + 1)


SCALE = 2.0


def test_globals_are_watched(monkeypatch):
    compiled = ad.jit(lambda x: x * SCALE)
    x = random((3,))
    for value in (2.0, 2.0, 5.0):
        monkeypatch.setitem(globals(), "SCALE", value)
        np.testing.assert_array_equal(compiled(x).data, x * value)


def test_numbers_among_the_arguments_never_widen():
    compiled = ad.jit(lambda x, factor: x * (1 - factor) / (2 + factor**2))
    x = random((3,)).astype(np.float32)
    for i in (0, 1, 1, 2, 0):
        out = compiled(x, 0.1 * i)
        assert out.dtype == np.float32
        np.testing.assert_allclose(out.data, x * np.float32((1 - 0.1 * i) / (2 + (0.1 * i) ** 2)), rtol=1e-6)


def test_numbers_and_tuples_are_told_apart_by_their_types():
    compiled = ad.jit(lambda x, t: x * t[0])
    x = np.arange(3)
    assert compiled(x, (2,)).dtype == np.int64
    assert compiled(x, (2.0,)).dtype == np.float64


def test_numpy_scalars_are_arguments_like_any_other():
    compiled = ad.jit(lambda x, y: x - y)
    for i in range(4):
        assert compiled(np.float64(3 * i), np.float64(i)).data == 2 * i


def test_one_array_given_twice_is_two_arguments():
    compiled = ad.jit(lambda x, y: x - 2.0 * y)
    a, b = random((3,)), random((3,), 1)
    for x, y in ((a, a), (a, b), (b, a)):
        np.testing.assert_array_equal(compiled(x, y).data, x - 2 * y)
        np.testing.assert_array_equal(compiled(ad.Tensor(x), ad.Tensor(y)).data, x - 2 * y)


def test_an_argument_may_be_what_the_closure_holds():
    w = ad.Tensor(random((3,)))
    compiled = ad.jit(lambda x: x - 2.0 * w)
    for x in (w, ad.Tensor(random((3,), 1)), w.data, random((3,), 2)):
        np.testing.assert_array_equal(compiled(x).data, np.asarray(x) - 2 * w.data)


@pytest.mark.parametrize("make", [lambda: nets.Parameter(np.array(2.0)), lambda: ad.Tensor(2.0)])
def test_tensors_without_axes_are_read_anew(make):
    k = make()
    compiled = ad.jit(lambda x: x * k)
    x = random((3,))
    for value in (2.0, 2.0, 5.0):
        k.data = np.array(value)
        np.testing.assert_array_equal(compiled(x).data, x * value)


def test_a_parameter_without_axes_is_trained():
    def course(wrap):
        k = nets.Parameter(np.array(2.0))
        optimizer = nets.SGD([k], 0.1)

        def f(x):
            optimizer.zero_grad()
            ad.sum(x * k * k).backward()
            optimizer.step()

        step = wrap(f)
        for i in range(4):
            step(random((3,), i))
        return k.data

    np.testing.assert_allclose(course(ad.jit), course(lambda f: f), rtol=1e-13)


def test_an_updated_parameter_may_be_returned():
    w = nets.Parameter(random((3,)))
    optimizer = nets.SGD([w], 0.1, momentum=0.9)

    def f(x):
        optimizer.zero_grad()
        ad.sum((x * w) ** 2).backward()
        optimizer.step()
        return w

    compiled = ad.jit(f)
    for _ in range(4):
        np.testing.assert_array_equal(compiled(random((3,), 1)).data, w.data)


@pytest.mark.parametrize("forget", [lambda o, state: o.load_state_dict(state), lambda o, state: o.state.clear()])
def test_an_optimizers_memory_that_is_replaced_is_noticed(forget):
    def course(wrap):
        model, optimizer, step = training(OPTIMIZERS["adam"])
        step = wrap(step)
        for i in range(3):
            step(*batch(i))
        state = optimizer.state_dict()
        for i in range(3):
            step(*batch(i))
        forget(optimizer, state)
        for i in range(3):
            step(*batch(i))
        return [p.data for p in model.parameters()]

    for a, b in zip(course(ad.jit), course(lambda f: f), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_parameter_that_is_frozen_is_noticed():
    w, v = nets.Parameter(random((3,))), nets.Parameter(random((3,), 1))
    optimizer = nets.SGD([w, v], 0.1)

    def f(x):
        optimizer.zero_grad()
        ad.sum(x * w * v).backward()
        optimizer.step()

    compiled = ad.jit(f)
    compiled(random((3,))), compiled(random((3,)))
    w.requires_grad = False
    before, moving = w.data.copy(), v.data.copy()
    compiled(random((3,)))
    np.testing.assert_array_equal(w.data, before)
    assert (v.data != moving).all()


def test_compiled_functions_within_compiled_functions_are_followed():
    factor = 2.0
    inner = ad.jit(lambda x: x * factor)
    outer = ad.jit(lambda x: inner(x) + 1.0)
    inner(random((3,)))
    for i in range(3):
        x = random((3,), i)
        np.testing.assert_array_equal(outer(x).data, x * 2 + 1)
    factor = 3.0
    np.testing.assert_array_equal(outer(x).data, x * 3 + 1)


def test_a_mask_of_what_is_not_zero():
    compiled = ad.jit(lambda x: ad.astype(ad.astype(x, np.bool_), np.float64) * x)
    for _ in range(2):
        x = np.array([0.0, 0.5, -2.0])
        np.testing.assert_array_equal(compiled(x).data, x)


def test_gradients_that_are_only_reset_are_gone():
    w = nets.Parameter(random((3,)))
    optimizer = nets.SGD([w], 0.1)

    def f(x):
        optimizer.zero_grad()
        return x * w

    compiled = ad.jit(f)
    compiled(random((3,)))
    w.grad = ad.Tensor(np.ones(3))
    compiled(random((3,)))
    assert w.grad is None


def test_gradients_that_are_not_reset_add_up_from_step_to_step():
    def course(wrap):
        w = nets.Parameter(random((3,)))
        optimizer = nets.SGD([w], 0.01)

        def f(x):
            ad.sum(x * w * w).backward()
            optimizer.step()

        step = wrap(f)
        for i in range(4):
            step(random((3,), i))
        return w

    a, b = course(ad.jit), course(lambda f: f)
    np.testing.assert_allclose(a.data, b.data, rtol=1e-12)
    np.testing.assert_allclose(a.grad.data, b.grad.data, rtol=1e-12)


def test_a_refused_function_leaves_nothing_moved():
    model, _, _ = training(OPTIMIZERS["sgd"])
    optimizer = nets.SGD(model.parameters(), 0.1)
    before = model.state_dict()

    def f(x, y):
        loss = nets.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    with pytest.raises(ad.TraceError):
        ad.jit(f)(*batch(0))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


class WithStep:
    def __init__(self):
        self.w = nets.Parameter(random((3,)))

    @ad.jit
    def scaled(self, x):
        return x * self.w


def test_a_method_can_be_compiled():
    owner = WithStep()
    for i in range(3):
        np.testing.assert_array_equal(owner.scaled(random((3,), i)).data, random((3,), i) * owner.w.data)


def test_integers_and_texts_among_the_arguments_are_part_of_the_version():
    compiled = ad.jit(lambda x, axis: ad.sum(x, axis=axis))
    x = random((2, 3))
    for axis in (0, 1, 0, 1):
        np.testing.assert_allclose(compiled(x, axis).data, x.sum(axis))


def test_arguments_may_be_given_by_name():
    compiled = ad.jit(lambda x, scale=2.0: x * scale)
    x = random((3,))
    np.testing.assert_array_equal(compiled(x=x).data, x * 2)
    np.testing.assert_array_equal(compiled(x, scale=3.0).data, x * 3)


@pytest.mark.parametrize("kind", [list, tuple, lambda xs: (tuple(xs),)], ids=["list", "tuple", "tuple in a tuple"])
@pytest.mark.parametrize("make", [random, lambda shape: ad.Tensor(random(shape))], ids=["array", "Tensor"])
def test_a_collection_of_arrays_is_refused_and_the_way_out_told(kind, make):
    with pytest.raises(TypeError, match="one by one"):
        ad.jit(lambda xs: xs)(kind([make((3,))]))


def test_numpy_scalars_in_a_tuple_are_part_of_the_version():
    compiled = ad.jit(lambda x, t: x * t[0])
    for factor in (2.0, 3.0):
        np.testing.assert_array_equal(compiled(np.ones(3), (np.float64(factor),)).data, [factor] * 3)


def test_each_leaf_among_the_arguments_gets_its_own_gradient():
    compiled = ad.jit(lambda x: ad.sum(x**3).backward())
    leaves = [ad.Tensor(random((3,), i), requires_grad=True) for i in range(3)]
    for _ in range(2):
        for x in leaves:
            compiled(x)
    for x in leaves:
        np.testing.assert_allclose(x.grad.data, 2 * 3 * x.data**2, rtol=1e-12)


class Scaled(nets.Module):
    def __init__(self):
        self.factor = 2.0

    def forward(self, x):
        return x * self.factor if self.training else x


def test_a_modules_attributes_and_mode_are_watched():
    module = Scaled()
    compiled = ad.jit(lambda x: module(x))
    x = random((3,))
    for _ in range(2):
        module.train()
        np.testing.assert_array_equal(compiled(x).data, x * module.factor)
        module.factor += 1.0
        np.testing.assert_array_equal(compiled(x).data, x * module.factor)
        module.eval()
        np.testing.assert_array_equal(compiled(x).data, x)


def test_a_replaced_parameter_is_noticed():
    model = nets.Linear(3, 2, rng=np.random.default_rng(0), dtype=np.float64)
    compiled = ad.jit(lambda x: model(x))
    x = random((4, 3))
    for i in range(3):
        np.testing.assert_allclose(compiled(x).data, x @ model.weight.data + model.bias.data)
        model.weight = nets.Parameter(random((3, 2), i))
    np.testing.assert_allclose(compiled(x).data, x @ model.weight.data + model.bias.data)


def test_a_replaced_buffer_is_noticed_even_where_it_is_equal():
    class Counter(nets.Module):
        def __init__(self):
            self.count = nets.Buffer(np.zeros(1))

        def forward(self, x):
            self.count.data = self.count + 1.0
            return x

    counter = Counter()
    compiled = ad.jit(lambda x: counter(x))
    for i in range(3):
        compiled(np.ones(2))
        assert counter.count.data == i + 1
        counter.count = nets.Buffer(np.full(1, i + 1.0))


def test_a_setting_that_becomes_zero_or_not_is_noticed():
    model, optimizer, step = training(OPTIMIZERS["momentum"])
    twin, theirs, same_step = training(OPTIMIZERS["momentum"])
    compiled = ad.jit(step)
    for i in range(9):
        x, y = batch(i)
        for o in (optimizer, theirs):
            o.param_groups[0]["weight_decay"] = 0.0 if i % 3 == 2 else 1e-2
        compiled(x, y), same_step(x, y)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-11)


@pytest.mark.parametrize("number", [np.float64, np.float32, np.int64])
def test_a_setting_may_be_a_numpy_scalar(number):
    (model, ours, step), (twin, theirs, same_step) = (training(OPTIMIZERS["adam"]) for _ in range(2))
    step, calls = counted(step)
    compiled = ad.jit(step)
    for i in range(4):
        ours.lr = theirs.lr = number(2 - i / 2)
        compiled(*batch(i))
        same_step(*batch(i))
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-6)
    assert len(calls) <= 3


def test_weights_loaded_between_two_calls_are_used():
    model, _, step = training(OPTIMIZERS["adam"])
    compiled = ad.jit(step)
    x, y = batch(0)
    start = model.state_dict()
    losses = []
    for _ in range(4):
        model.load_state_dict(start)
        losses.append(compiled(x, y).item())
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-12)


# ── gradients ───────────────────────────────────────────────────────────────────────────────────────────


def test_gradients_are_left_as_backward_leaves_them():
    w = ad.Tensor(random((3,)), requires_grad=True)

    def f(x):
        (ad.exp(w * x)).sum().backward()

    compiled = ad.jit(f)
    wanted = np.zeros(3)
    for i in range(5):
        x = random((3,), i)
        compiled(x)
        wanted = wanted + x * np.exp(w.data * x)
        np.testing.assert_allclose(w.grad.data, wanted, rtol=1e-12)
    w.grad = None
    compiled(x)
    np.testing.assert_allclose(w.grad.data, x * np.exp(w.data * x), rtol=1e-12)


def test_a_parameter_that_is_updated_has_no_gradient_left():
    model, _, step = training(OPTIMIZERS["sgd"])
    compiled = ad.jit(step)
    for i in range(3):
        compiled(*batch(i))
        assert all(p.grad is None for p in model.parameters())


def test_an_update_within_a_compiled_step_forbids_the_old_tape():
    model, _, step = training(OPTIMIZERS["sgd"])
    compiled = ad.jit(step)
    compiled(*batch(0)), compiled(*batch(1))
    loss = nets.cross_entropy(model(batch(2)[0]), batch(2)[1])
    compiled(*batch(3))
    with pytest.raises(ad.GradientError, match="changed"):
        loss.backward()


def test_transformations_can_be_compiled():
    compiled = ad.jit(ad.grad(lambda x: ad.sum(ad.sin(x) ** 2)))
    for i in range(3):
        x = random((4,), i)
        np.testing.assert_allclose(compiled(x).data, np.sin(2 * x), rtol=1e-12)
    second = ad.jit(ad.hessian(lambda x: ad.sum(x**3)))
    for i in range(3):
        x = random((3,), i)
        np.testing.assert_allclose(second(x).data, np.diag(6 * x), rtol=1e-12)


def test_where_an_outer_function_is_differentiated_it_runs_as_it_is():
    compiled = ad.jit(lambda x: ad.sum(x**3))
    x = random((3,))
    compiled(x), compiled(x)
    np.testing.assert_allclose(ad.grad(compiled)(x).data, 3 * x**2)
    np.testing.assert_allclose(ad.grad(lambda x: compiled(x * 2.0))(x).data, 24 * x**2)


# ── what cannot be followed ─────────────────────────────────────────────────────────────────────────────

REFUSED = {
    "item": lambda x: x * x.sum().item(),
    "float": lambda x: x * float(x.sum()),
    "data": lambda x: x * x.data,
    "numpy": lambda x: x * x.detach().numpy(),
    "an array function": lambda x: x * np.median(x),
    "asarray": lambda x: x * np.asarray(x),
    "a branch": lambda x: x if x.sum() > 0 else -x,
    "tolist": lambda x: x * sum(x.tolist()),
}


@pytest.mark.parametrize("f", REFUSED.values(), ids=REFUSED)
def test_what_a_trace_cannot_follow_is_an_error_that_names_the_line(f):
    with pytest.raises(ad.TraceError, match="reads the numbers of") as error:
        ad.jit(f)(random((3,)))
    assert "test_jit.py:" in str(error.value)
    assert "ad.where" in str(error.value)


def test_a_branch_on_a_number_that_is_given_is_watched():
    compiled = ad.jit(lambda x, s: x * s if s else x)
    x = random((3,))
    for s in (0.5, 0.25, 0.0, 0.5, 0.0):
        np.testing.assert_array_equal(compiled(x, s).data, x * s if s else x)


def test_an_error_leaves_no_version_behind():
    compiled = ad.jit(lambda x: x @ x)
    with pytest.raises(ValueError, match="matmul"):
        compiled(np.ones((2, 3)))
    np.testing.assert_array_equal(compiled(np.eye(2)).data, np.eye(2))


def test_a_wrong_label_in_a_compiled_step_is_an_error_and_the_next_call_is_right():
    model, _, _ = training(OPTIMIZERS["sgd"])
    compiled = ad.jit(lambda x, y: nets.cross_entropy(model(x), y))
    x, y = batch(0)
    wanted = compiled(x, y).item()
    with pytest.raises(IndexError, match="out of range"):
        compiled(x, np.full_like(y, 3))
    assert compiled(x, y).item() == pytest.approx(wanted, rel=1e-13)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])  # whose first step is traced, but not compiled
def test_the_arrays_of_a_trace_are_let_go_at_once(optimizer):
    model, _, step = training(OPTIMIZERS[optimizer])
    traced = []

    @ad.jit
    def compiled(x, y):
        traced.append(weakref.ref(ad.exp(model(x))._data))
        return step(x, y)

    gc.disable()
    try:
        for i in range(3):
            compiled(*batch(i))
            assert traced
            assert not any(array() is not None for array in traced)
    finally:
        gc.enable()


# ── what it tells ───────────────────────────────────────────────────────────────────────────────────────


def test_it_tells_its_text_its_graph_and_a_report():
    _, _, step = training(OPTIMIZERS["sgd"])
    compiled = ad.jit(step)
    with pytest.raises(RuntimeError, match="not been called"):
        _ = compiled.source
    compiled(*batch(0))
    assert "for i0 in range" in compiled.source
    assert len(compiled.graph) > 20
    for word in ("operations", "compiled to", "memory", "compiled in"):
        assert word in compiled.report()
    assert compiled.__name__ == "step"


@pytest.mark.by_numba
def test_equal_calls_give_equal_bits():
    results = []
    for _ in range(2):
        model, _, step = training(OPTIMIZERS["adam"], np.float32)
        compiled = ad.jit(step)
        for i in range(6):
            compiled(*batch(i, dtype=np.float32))
        results.append([p.data.tobytes() for p in model.parameters()])
    assert results[0] == results[1]


def unaligned(array):
    room = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    room[...] = array
    return room


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(lambda a: np.asfortranarray(a), id="by columns"),
        pytest.param(lambda a: np.repeat(a, 2, axis=1)[:, ::2], id="strided"),
        pytest.param(unaligned, id="unaligned"),
        pytest.param(lambda a: a.astype(">f8"), id="big-endian"),
    ],
)
def test_arrays_that_lie_oddly_in_memory_are_read_and_updated_where_they_are(odd):
    array, x = odd(random((4, 3))), odd(random((4, 3), 1))
    wanted = np.array(array, float)
    w = ad.Tensor(array, requires_grad=True)

    @ad.jit
    def step(x):
        with ad.no_grad():
            loss = ad.sum(w * x)
            ad.Tensor.__isub__(w, 0.5 * x)
        return loss

    for _ in range(3):
        np.testing.assert_allclose(step(x).data, (wanted * x).sum())
        wanted -= 0.5 * x
        np.testing.assert_allclose(array, wanted)
        assert w.data is array


def test_an_update_by_hand_is_done_at_each_call():
    def training():
        w = ad.Tensor(random((3,)), requires_grad=True)

        def step(x, rate):
            nonlocal w
            w.grad = None
            loss = ad.sum(w * w * x)
            loss.backward()
            with ad.no_grad():
                w -= rate * w.grad
            return loss, w * 1.0

        return step

    compiled, step = ad.jit(training()), training()
    for i in range(5):
        for ours, theirs in zip(compiled(random((3,), i), np.asarray(0.1)), step(random((3,), i), 0.1), strict=True):
            np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-12)


def test_a_tensor_that_is_given_the_numbers_of_another_is_given_them_at_each_call():
    w = ad.Tensor(random((3,)))

    @ad.jit
    def step(x):
        w.data = x + 1.0
        return w * 2.0

    for i in range(4):
        x = random((3,), i)
        np.testing.assert_allclose(step(x).data, 2 * (x + 1))
        np.testing.assert_allclose(w.data, x + 1)


def test_old_numbers_are_read_before_new_ones_are_written_over_them():
    """All of it is one loop, in which each operation comes to an element after the one before."""
    a, b = nets.Buffer(random((2, 3))), nets.Buffer(random((2, 3), 1))

    @ad.jit
    def step(x):
        a.data, b.data = a * 2.0, a + b * x

    for i in range(3):
        x, old_a, old_b = random((2, 3), i), a.data.copy(), b.data.copy()
        step(x)
        np.testing.assert_allclose(a.data, 2 * old_a, rtol=1e-12)
        np.testing.assert_allclose(b.data, old_a + old_b * x, rtol=1e-12)


def test_what_is_assigned_may_be_another_tensors_old_numbers():
    now, before, earlier = (nets.Buffer(np.full((3,), float(-i))) for i in range(3))

    @ad.jit
    def step(x):
        earlier.data, before.data, now.data = before, now, now + x

    for i in range(4):
        step(np.ones(3))
        assert [b.data.tolist() for b in (now, before, earlier)] == [[i + 1.0] * 3, [i] * 3, [i - 1.0] * 3]


def test_two_tensors_can_change_places():
    a, b = nets.Buffer(np.zeros(3)), nets.Buffer(np.ones(3))

    @ad.jit
    def step():
        was = a * 1.0
        a.data, b.data = b, was

    for i in range(4):
        step()
        assert (a.data.tolist(), b.data.tolist()) == ([(i + 1.0) % 2] * 3, [i % 2] * 3)


def test_what_cannot_be_written_is_not_written():
    fixed = random((4, 3))
    before = fixed.copy()
    fixed.flags.writeable = False
    w = ad.Tensor(fixed, requires_grad=True)

    @ad.jit
    def double():
        with ad.no_grad():
            ad.Tensor.__imul__(w, 2.0)

    for _ in range(3):
        with pytest.raises(ValueError, match="read-only"):
            double()
    np.testing.assert_array_equal(fixed, before)


FACTOR = 2.0
FACTORS = {"by": [2.0]}


def _scaled(x, by):
    return x * by


@pytest.mark.parametrize(
    "f",
    [
        pytest.param(lambda x: (lambda y: y * FACTOR)(x), id="a lambda within it"),
        pytest.param(lambda x: next(y * FACTOR for y in [x]), id="a comprehension within it"),
        pytest.param(lambda x: x * FACTORS["by"][0], id="a list within a dict"),
        pytest.param(functools.partial(lambda by, x: x * FACTOR * by, 1.0), id="a partial function"),
    ],
)
def test_a_global_that_changes_is_noticed_wherever_it_is_named(f, monkeypatch):
    compiled = ad.jit(f)
    np.testing.assert_allclose(compiled(np.ones(3)).data, 2.0)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    monkeypatch.setitem(FACTORS, "by", [3.0])
    np.testing.assert_allclose(compiled(np.ones(3)).data, 3.0)


def test_a_list_that_changes_in_a_closure_or_in_a_module_is_noticed():
    factors = [2.0]

    class Scale(nets.Module):
        def __init__(self):
            self.factors = {"of": [1.0]}

        def forward(self, x):
            return x * self.factors["of"][0]

    scale = Scale()
    compiled = ad.jit(lambda x: scale(x) * factors[0])
    for factor in (2.0, 3.0):
        factors[0] = factor
        np.testing.assert_allclose(compiled(np.ones(3)).data, factor)
    scale.factors["of"][0] = 5.0
    np.testing.assert_allclose(compiled(np.ones(3)).data, 15.0)


@pytest.mark.by_numba
def test_numbers_too_small_to_keep_their_digits_count_as_zero_in_machine_code_alone():
    tiny = np.float32(1e-30)
    product = ad.jit(lambda x: x * 1e-10)
    for _ in range(2):
        assert product(np.full(3, tiny)).data.tolist() == [0, 0, 0]
        assert product(np.full(3, np.float32(1e-20))).data.tolist() == pytest.approx([1e-30] * 3)
    assert (np.full(3, tiny) * np.float32(1e-10) > 0).all()


@pytest.mark.parametrize("part", [slice(None), slice(2, None), slice(None, None, -1)], ids=str)
def test_an_argument_that_lies_in_the_memory_of_what_is_updated_is_read_as_it_was(part):
    def training():
        p = nets.Buffer(np.arange(4.0) + 1)

        def step(x):
            p.data = p * 2.0 + 1.0
            return x * 2.0, ad.sum(x)

        return p, step

    (p, step), (q, same_step) = training(), training()
    compiled = ad.jit(step)
    for i in range(4):
        ours = compiled(p.data[part] if i % 2 else np.zeros(4)[part])
        theirs = same_step(q.data[part].copy() if i % 2 else np.zeros(4)[part])
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one.data, other.data)
        np.testing.assert_array_equal(p.data, q.data)
