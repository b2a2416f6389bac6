"""The walk over the tape: what it adds up and in which order, what it keeps, and what it refuses."""

import contextlib
import threading

import numpy as np
import pytest

import autodiff as ad
from autodiff import GradientError, Tensor
from autodiff.backward import ancestry
from autodiff.recording import is_recording
from autodiff.tape import Watcher, watching

rng = np.random.default_rng(0)
START = rng.bit_generator.state


@pytest.fixture(autouse=True)
def same_numbers_in_any_order_of_tests():
    rng.bit_generator.state = START


def leaf(*shape, dtype=np.float64):
    """A leaf of random numbers."""
    return ad.Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)


def like(t):
    """Random numbers of a tensor's shape and dtype: a cotangent."""
    return rng.standard_normal(t.shape).astype(t.dtype)


# ── what adds up ────────────────────────────────────────────────────────────────────────────────────────


def test_a_node_used_twice_accumulates():
    x = leaf(4)
    g = like(x)
    (x + x).backward(g)
    np.testing.assert_array_equal(x.grad.data, g + g)


def test_a_node_used_by_several_operations_accumulates():
    x = leaf(4)
    g = like(x)
    (x * x + ad.sin(x) - x / 3 + x).backward(g)
    np.testing.assert_allclose(x.grad.data, g * (2 * x.data + np.cos(x.data) - 1 / 3 + 1), rtol=1e-13)


def test_an_intermediate_result_used_twice_accumulates():
    x = leaf(3)
    g = like(x)
    y = ad.exp(x)
    (y * y).backward(g)
    np.testing.assert_allclose(x.grad.data, g * 2 * np.exp(2 * x.data), rtol=1e-13)


def test_diamonds_in_a_row_double_at_each():
    x = leaf(3)
    g = like(x)
    y = x
    for _ in range(40):  # a walk that visited each path would visit 2⁴⁰
        y = 0.5 * y + 0.5 * y
    y.backward(g)
    np.testing.assert_allclose(x.grad.data, g, rtol=1e-12)


def test_a_diamond_of_unequal_arms_waits_for_the_longer():
    """Depth first from the output, `y` would be passed on before the long arm had contributed to it."""
    x = leaf()
    y = 3 * x
    long = y
    for _ in range(5):
        long = long * 2
    (y + long).backward(7.0)
    assert x.grad.item() == 7 * 3 * 33


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
def test_the_order_of_operands_does_not_matter(order):
    """`b` is a descendant of `a`, and the output uses both and `x`, in any order."""
    x = leaf()
    a = x * 2
    b = a * a
    terms = [x, a, b]
    out = ad.concat([ad.reshape(terms[i], 1) for i in order])
    g = np.array([[3.0, 5.0, 7.0][i] for i in order])
    out.backward(g)
    assert x.grad.item() == pytest.approx(3 + 5 * 2 + 7 * 8 * x.item(), rel=1e-14)


def test_the_walk_is_topological_on_a_random_graph():
    """Every variable comes after all that it was made of, and the gradient is that of the forward mode."""
    generator = np.random.default_rng(3)
    x = leaf()
    values, tangents = [x], [1.0]
    for _ in range(60):
        i, j = generator.integers(0, len(values), 2)
        c = generator.uniform(-0.6, 0.6)
        values.append(ad.sin(values[i]) + c * values[j])
        tangents.append(np.cos(values[i].item()) * tangents[i] + c * tangents[j])
    place = {id(variable): i for i, variable in enumerate(ancestry(values[-1]))}
    for variable in ancestry(values[-1]):
        for operand in variable.node.inputs if variable.node else ():
            assert place.get(id(operand), -1) < place[id(variable)]
    values[-1].backward(1.7)
    assert x.grad.item() == pytest.approx(1.7 * tangents[-1], rel=1e-12)


# ── broadcasting and dtypes ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("shape", "other"),
    [((3,), (2, 3)), ((2, 1), (2, 3)), ((), (2, 3)), ((1, 1, 1), (2, 3)), ((4, 1, 3), (2, 1)), ((1,), (0,))],
)
def test_broadcasting_is_undone(shape, other):
    x, y = leaf(*shape), leaf(*other)
    out = x + y
    g = like(out)
    out.backward(g)
    for t in (x, y):
        padded = (1,) * (out.ndim - t.ndim) + t.shape
        axes = tuple(i for i in range(out.ndim) if padded[i] == 1)
        np.testing.assert_allclose(t.grad.data, g.sum(axis=axes, keepdims=True).reshape(t.shape), rtol=1e-13)


def test_a_bias_gets_the_sum_over_the_batch():
    x, b = leaf(5, 3), leaf(3)
    g = like(x)
    (b + x).backward(g)
    np.testing.assert_allclose(b.grad.data, g.sum(0), rtol=1e-13)
    np.testing.assert_array_equal(x.grad.data, g)


def test_float32_stays_float32():
    x, w, b = leaf(4, 3, dtype=np.float32), leaf(3, 2, dtype=np.float32), leaf(2, dtype=np.float32)
    loss = ad.mean((2.0 * ad.relu(x @ w + b) - 1) ** 2 / 3) + 0.5 * ad.sum(ad.softmax(x) ** 2.0)
    assert loss.dtype == np.float32
    loss.backward(create_graph=True)
    assert x.grad.dtype == w.grad.dtype == b.grad.dtype == np.float32
    gradients = (x.grad, w.grad, b.grad)
    x.grad = w.grad = b.grad = None
    ad.sum(gradients[0] ** 2).backward()
    assert x.grad.dtype == w.grad.dtype == b.grad.dtype == np.float32


def test_each_operand_gets_a_gradient_of_its_own_dtype():
    x, y, z = leaf(3, dtype=np.float32), leaf(3), leaf(3, dtype=np.float16)
    out = x * y * z
    g = like(out)
    out.backward(g)
    assert (out.dtype, x.grad.dtype, y.grad.dtype, z.grad.dtype) == (
        np.float64,
        np.float32,
        np.float64,
        np.float16,
    )
    np.testing.assert_allclose(x.grad.data, (g * y.data * z.data).astype(np.float32), rtol=1e-6)
    np.testing.assert_allclose(z.grad.data, (g * y.data * x.data).astype(np.float16), rtol=2e-3)


def test_a_cotangent_passes_through_a_cast():
    x = leaf(3)
    y = x.astype(np.float32)
    g = like(y)
    y.backward(g)
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad.data, g.astype(np.float64))


@pytest.mark.parametrize("dtype", [int, bool, np.uint8])
def test_a_gradient_does_not_pass_through_integers(dtype):
    x = ad.Tensor([0.2, 1.7, 2.9], requires_grad=True)
    whole = x.astype(dtype)
    assert not whole.requires_grad
    out = x + whole.astype(float) * x
    g = like(x)
    out.backward(g)
    np.testing.assert_allclose(x.grad.data, g * (1 + whole.data))


# ── .grad ───────────────────────────────────────────────────────────────────────────────────────────────


def test_grad_is_a_tensor_of_the_shape_and_dtype_of_the_data():
    x = leaf(2, 3)
    x.sum().backward()
    assert type(x.grad) is ad.Tensor
    assert (x.grad.shape, x.grad.dtype, x.grad.requires_grad) == (x.shape, x.dtype, False)


def test_grad_is_none_where_no_path_led():
    x, unused, constant = leaf(3), leaf(3), ad.Tensor(np.ones(3))
    blocked = leaf(3)
    ad.sum(x * constant + (blocked > 0) * 1.0 + blocked.detach()).backward()
    assert x.grad is not None
    assert unused.grad is None
    assert constant.grad is None
    assert blocked.grad is None


def test_a_second_backward_adds_exactly():
    x = leaf(5)
    y = ad.tanh(x) * x
    g = like(y)
    y.backward(g)
    once = x.grad.data.copy()
    y.backward(g)
    np.testing.assert_array_equal(x.grad.data, once + once)
    y.backward(g)
    np.testing.assert_array_equal(x.grad.data, once + once + once)


def test_grads_of_two_results_add_and_none_resets():
    x = leaf(5)
    g, h = like(x), like(x)
    (2 * x).backward(g)
    (3 * x).backward(h)
    np.testing.assert_array_equal(x.grad.data, 2 * g + 3 * h)
    x.grad = None
    (4 * x).backward(h)
    np.testing.assert_array_equal(x.grad.data, 4 * h)


def test_a_second_backward_does_not_change_a_gradient_that_was_kept():
    x = leaf(3)
    y = x * 2
    y.backward(like(y))
    kept, before = x.grad, x.grad.data.copy()
    y.backward(like(y))
    np.testing.assert_array_equal(kept.data, before)


def test_intermediate_results_keep_a_gradient_only_if_asked():
    x = leaf(3)
    y, z = x * 2, x * 3
    y.retain_grad()
    out = y * z
    g = like(out)
    out.backward(g)
    np.testing.assert_array_equal(y.grad.data, g * z.data)
    assert z.grad is None
    assert out.grad is None
    out.backward(g)
    np.testing.assert_array_equal(y.grad.data, 2 * g * z.data)


def test_the_result_itself_may_retain_its_gradient():
    x = leaf(3)
    y = x * 2
    y.retain_grad()
    g = like(y)
    y.backward(g)
    np.testing.assert_array_equal(y.grad.data, g)
    assert not np.shares_memory(y.grad.data, g)


def test_retaining_the_gradient_of_what_is_not_recorded_is_an_error():
    with pytest.raises(ad.GradientError, match="retain_grad"):
        (ad.Tensor([1.0]) * 2).retain_grad()


def test_a_leaf_is_its_own_result():
    x = leaf(3)
    g = like(x)
    x.backward(g)
    np.testing.assert_array_equal(x.grad.data, g)
    assert not np.shares_memory(x.grad.data, g)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, z: x + z,
        lambda x, z: x - -z,
        lambda x, z: ad.reshape(x, (3, 2)) + ad.reshape(z, (3, 2)),
        lambda x, z: ad.permute_dims(x) + ad.permute_dims(z),
        lambda x, z: ad.concat([x, z]),
        lambda x, z: ad.stack([x, z])[::-1],
        lambda x, z: ad.sum(x, axis=0) + ad.sum(z, axis=0),
        lambda x, z: ad.broadcast_to(x, (1, 2, 3)) + ad.alias(z),
        lambda x, z: ad.sum_to(x, x.shape) + z.astype(float),
        lambda x, z: x[:, ::-1] + z[:, :],
        lambda x, z: ad.pad(x, 1) + ad.pad(z, 1),
        lambda x, z: x * z,
    ],
)
def test_gradients_own_their_memory(f, create_graph):
    x, z = leaf(2, 3), leaf(2, 3)
    out = f(x, z)
    seed = like(out)
    out.backward(seed, create_graph=create_graph)
    held = [x.grad.data, z.grad.data, x.data, z.data, seed, out.data]
    for i in (0, 1):
        assert held[i].flags.writeable
        assert not any(np.shares_memory(held[i], other) for j, other in enumerate(held) if j != i)


def test_a_seed_is_not_changed():
    x = leaf(3)
    seed = rng.standard_normal(3)
    before = seed.copy()
    ((x + x) + x).backward(seed)
    np.testing.assert_array_equal(seed, before)


# ── seeds ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_element_needs_no_seed(shape):
    x = leaf(*shape)
    (3 * x).backward()
    np.testing.assert_array_equal(x.grad.data, np.full(shape, 3.0))


@pytest.mark.parametrize("shape", [(2,), (0,), (2, 3)])
def test_backward_of_what_is_no_scalar_needs_a_seed(shape):
    x = leaf(*shape)
    with pytest.raises(ad.GradientError, match="not a scalar") as error:
        (x * 2).backward()
    assert str(shape) in str(error.value)
    assert "float64" in str(error.value)
    assert ".sum()" in str(error.value)
    assert x.grad is None


@pytest.mark.parametrize("shape", [(), (3,), (2, 1), (1, 2, 3), (3, 2)])
def test_a_seed_of_another_shape_is_an_error(shape):
    x = leaf(2, 3)
    with pytest.raises(ValueError, match="shape") as error:
        (x * 2).backward(np.ones(shape))
    assert str(shape) in str(error.value)
    assert "(2, 3)" in str(error.value)
    assert x.grad is None


@pytest.mark.parametrize("seed", [2, 2.0, np.float32(2), np.array(2), [2.0], ad.Tensor(2.0)], ids=repr)
def test_a_seed_may_be_a_number_an_array_a_list_or_a_tensor(seed):
    x = ad.Tensor(
        np.ones(np.shape(seed) if not isinstance(seed, ad.Tensor) else (), np.float32), requires_grad=True
    )
    (3 * x).backward(seed)
    assert x.grad.dtype == np.float32
    assert x.grad.item() == 6


def test_backward_of_what_is_not_recorded_is_an_error():
    x = leaf(1)
    for out in (ad.Tensor(1.0), x > 0, x.detach() * 2):
        with pytest.raises(ad.GradientError, match="not recorded"):
            out.backward()
    with ad.no_grad():
        out = x * 2
    with pytest.raises(ad.GradientError, match="no_grad"):
        out.backward()
    assert x.grad is None


# ── gradients of gradients ──────────────────────────────────────────────────────────────────────────────


def test_create_graph_records_the_gradient():
    x = leaf(3)
    g = rng.standard_normal(3)
    (x**3).backward(g, create_graph=True)
    assert x.grad.requires_grad
    first, x.grad = x.grad, None
    h = rng.standard_normal(3)
    first.backward(h, create_graph=True)
    np.testing.assert_allclose(x.grad.data, g * h * 6 * x.data, rtol=1e-12)
    second, x.grad = x.grad, None
    second.backward(h)
    np.testing.assert_allclose(x.grad.data, 6 * g * h * h, rtol=1e-12)
    assert not x.grad.requires_grad


def test_without_create_graph_the_gradient_is_not_recorded():
    x = leaf(3)
    (x**3).sum().backward()
    assert not x.grad.requires_grad
    assert x.grad.node is None


def test_a_recorded_seed_gets_its_gradient():
    x, g, h = leaf(3), leaf(3), rng.standard_normal(3)
    ad.sin(x).backward(g, create_graph=True)
    gradient, x.grad = x.grad, None
    gradient.backward(h)
    np.testing.assert_allclose(g.grad.data, h * np.cos(x.data), rtol=1e-12)
    np.testing.assert_allclose(x.grad.data, -h * g.data * np.sin(x.data), rtol=1e-12)


def test_a_recorded_seed_makes_no_recorded_gradient_unasked():
    x, g = leaf(3), leaf(3)
    y = x * 2
    y.retain_grad()
    y.backward(g)
    assert not x.grad.requires_grad
    assert not y.grad.requires_grad


def test_recorded_gradients_accumulate_as_recorded():
    x = leaf(3)
    (x**2).sum().backward(create_graph=True)
    (x**3).sum().backward(create_graph=True)
    total, x.grad = x.grad, None
    g = rng.standard_normal(3)
    total.backward(g)
    np.testing.assert_allclose(x.grad.data, g * (2 + 6 * x.data), rtol=1e-12)


def test_create_graph_within_no_grad_still_records():
    x = leaf(3)
    y = (x**3).sum()
    with ad.no_grad():
        y.backward(create_graph=True)
    assert x.grad.requires_grad


# ── values that have changed ────────────────────────────────────────────────────────────────────────────


def assign(t):
    t.data = t.data + 1


def decrement(t):
    t.data -= 0.1


def put_back(t):
    t.data = t.data.copy()


@pytest.mark.parametrize("change", [assign, decrement, put_back])
@pytest.mark.parametrize("which", ["leaf", "constant", "intermediate", "result"])
def test_a_saved_value_changed_before_backward_is_an_error(change, which):
    t = {"leaf": leaf(3), "constant": ad.Tensor(rng.standard_normal(3))}
    t["intermediate"] = t["leaf"] * t["constant"]
    other = leaf(3)
    t["result"] = ad.exp(t["intermediate"]) * other
    change(t[which])
    with pytest.raises(ad.GradientError, match="changed") as error:
        t["result"].backward(rng.standard_normal(3))
    assert "(3,)" in str(error.value)
    assert t["leaf"].grad is None
    assert other.grad is None


def test_a_change_leaves_earlier_gradients_untouched():
    x, w = leaf(3), leaf(3)
    y = x * w
    y.backward(like(y))
    before = [x.grad.data.copy(), w.grad.data.copy()]
    kept = [x.grad, w.grad]
    w.data -= 0.1
    with pytest.raises(ad.GradientError):
        y.backward(like(y))
    assert x.grad is kept[0]
    assert w.grad is kept[1]
    np.testing.assert_array_equal(x.grad.data, before[0])
    np.testing.assert_array_equal(w.grad.data, before[1])


def test_the_error_names_the_tensor_and_the_operation():
    w = ad.Tensor(np.ones((2, 3), np.float32), requires_grad=True, name="layers.0.weight")
    y = ad.exp(w).sum()
    w.data = w.data * 2
    with pytest.raises(ad.GradientError) as error:
        y.backward()
    assert all(
        word in str(error.value) for word in ("layers.0.weight", "float32(2, 3)", "exp", "optimizer.step()")
    )


def test_after_a_change_a_new_forward_pass_is_good():
    w, x = leaf(3), rng.standard_normal(3)
    for _ in range(3):
        w.grad = None
        loss = ((w * x) ** 2).sum()
        loss.backward()
        np.testing.assert_allclose(w.grad.data, 2 * w.data * x * x, rtol=1e-12)
        w.data -= 0.1 * w.grad.data


def test_a_change_elsewhere_does_no_harm():
    x, other = leaf(3), leaf(3)
    y = x * 2
    ignored = other * x.detach()
    other.data = other.data + 1
    y.backward(like(y))
    assert x.grad is not None
    assert ignored.requires_grad


def test_a_gradient_of_a_changed_gradient_is_an_error():
    x = leaf(3)
    (x**3).sum().backward(create_graph=True)
    gradient, x.grad = x.grad, None
    x.data -= 0.1
    with pytest.raises(ad.GradientError, match="changed"):
        gradient.sum().backward()
    assert x.grad is None


# ── recording or not ────────────────────────────────────────────────────────────────────────────────────


def test_no_grad_records_nothing_and_ends_with_its_block():
    x = leaf(3)
    with ad.no_grad():
        y = x * 2
        with ad.no_grad():
            pass
        z = x * 2
    assert not y.requires_grad
    assert not z.requires_grad
    assert y.node is None
    assert (x * 2).requires_grad


def test_no_grad_ends_with_an_exception():
    with pytest.raises(ZeroDivisionError), ad.no_grad():
        raise ZeroDivisionError
    assert is_recording()


def test_no_grad_decorates_a_function_that_calls_itself():
    @ad.no_grad()
    def power(x, n):
        return x if n == 0 else x * power(x, n - 1)

    assert not power(leaf(2), 3).requires_grad
    assert is_recording()


# ── who looks on ────────────────────────────────────────────────────────────────────────────────────────


class Notes(Watcher):
    """A watcher that writes everything down."""

    def __init__(self):
        self.operations, self.steps = [], []

    def operation(self, primitive, operands, attributes, result):
        self.operations.append((primitive.name, operands, attributes, result))

    def step(self, variable, cotangent, contributions):
        self.steps.append((variable, cotangent, contributions))


def test_a_watcher_sees_each_step_with_complete_cotangents():
    x, w = leaf(3), leaf(3)
    a = x * w
    b = ad.exp(a)
    out = a + b * x.detach()
    g = rng.standard_normal(3)
    with watching(notes := Notes()):
        out.backward(g)
    order = [variable for variable, _, _ in notes.steps]
    moments = [v.node.moment for v in order if v.node]
    assert moments == sorted(moments, reverse=True)
    assert len(order) == len({id(v) for v in order}) == 6
    assert order[0] is out
    assert {id(v) for v in order[-2:]} == {id(x), id(w)}
    by_id = {id(variable): (cotangent, contributions) for variable, cotangent, contributions in notes.steps}
    ga = g * (1 + np.exp(a.data) * x.data)
    np.testing.assert_allclose(by_id[id(a)][0], ga, rtol=1e-12)
    np.testing.assert_allclose(by_id[id(b)][0], g * x.data, rtol=1e-12)
    np.testing.assert_allclose(by_id[id(a)][1][0], ga * w.data, rtol=1e-12)
    np.testing.assert_allclose(by_id[id(a)][1][1], ga * x.data, rtol=1e-12)
    assert by_id[id(x)][1] == []
    np.testing.assert_array_equal(by_id[id(x)][0], x.grad.data)


def test_a_watcher_is_told_which_operands_get_nothing():
    x = leaf(3)
    y = x * np.arange(3.0)
    with watching(notes := Notes()):
        y.backward(np.ones(3))
    first, second = notes.steps[0][2]
    assert second is None
    np.testing.assert_array_equal(first, np.arange(3.0))


def test_a_watcher_sees_each_operation_on_variables_and_on_arrays():
    x = leaf(3)
    with watching(notes := Notes()):
        y = ad.sum(x * 2.0, axis=0)
        ad.exp(np.zeros(2))
    names = [name for name, _, _, _ in notes.operations]
    assert names == ["multiply", "sum", "exp"]
    _, operands, attributes, result = notes.operations[1]
    assert operands[0] is notes.operations[0][3]
    assert attributes == {"axis": 0, "keepdims": False}
    assert result is y
    assert isinstance(notes.operations[2][3], np.ndarray)


def test_a_watcher_is_gone_after_its_with_and_unknown_to_other_threads():
    thread = threading.Thread(target=lambda: ad.exp(leaf(2)))
    with contextlib.suppress(KeyError), watching(notes := Notes()):
        thread.start()
        thread.join()
        raise KeyError
    ad.exp(leaf(2))
    assert notes.operations == []


def test_a_watcher_changes_nothing():
    x = leaf(3)
    y = ad.tanh(x) * x
    g = like(y)
    y.backward(g)
    alone, x.grad = x.grad, None
    with watching(Notes()):
        y.backward(g)
    np.testing.assert_array_equal(x.grad.data, alone.data)


# ── memory that several variables share ─────────────────────────────────────────────────────────────────


def step_in_place(p):
    p.data -= 1.0


@pytest.mark.parametrize(
    "shared",
    [
        lambda p: p.detach(),
        lambda p: Tensor(p.detach()),
        lambda p: p.detach().reshape(3, 1).reshape(3),
        lambda p: p.detach()[:],
        lambda p: ad.alias(p.detach()),
        lambda p: p.T,
    ],
    ids=["detached", "wrapped", "reshaped", "sliced", "alias", "transposed"],
)
def test_a_change_is_noticed_through_whatever_shares_the_memory(shared):
    p, x = leaf(3), leaf(3)
    y = (shared(p) * x).sum()
    step_in_place(p)
    with pytest.raises(GradientError, match="was changed"):
        y.backward()
    assert x.grad is None


def test_a_pullback_notices_that_its_primal_was_stepped():
    p = leaf(3)
    _, pullback = ad.vjp(lambda x: x * x, p)
    step_in_place(p)
    with pytest.raises(GradientError, match="was changed"):
        pullback(np.ones(3))


def test_replaced_data_leaves_what_shares_the_old_array_in_peace():
    p, x = leaf(3), leaf(3)
    old = p.data.copy()
    y = (p.detach() * x).sum()
    p.data = p.data + 1.0
    y.backward()
    np.testing.assert_array_equal(x.grad.data, old)


def test_backward_within_a_function_that_is_differentiated_is_differentiated():
    def f(x):
        w = Tensor(2.0, requires_grad=True)
        (w * w * x).backward()
        return w.grad * x  # 2·w·x²

    assert ad.grad(f)(3.0).item() == pytest.approx(24.0)


def test_a_rule_may_give_one_number_for_all_and_its_failure_names_it():
    @ad.primitive("flat_test", lambda g, out, a: 0.0)
    def flat(a):
        return np.sign(a)

    @ad.primitive("broken_test", lambda g, out, a: np.ones(7))
    def broken(a):
        return a * 2

    x = leaf(3)
    flat(x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.zeros(3))
    with pytest.raises(ValueError, match="broadcast") as error:
        broken(x).sum().backward()
    assert "broken_test" in str(error.value)


def test_a_rule_may_give_its_operand_which_the_gradient_does_not_share():
    @ad.primitive("half_square_test", lambda g, out, a: a)
    def half_square(a):
        return np.sum(a * a / 2)

    x = leaf(3)
    half_square(x).backward()
    np.testing.assert_array_equal(x.grad.data, x.data)
    assert not np.shares_memory(x.grad.data, x.data)


def test_backward_within_a_function_gives_its_own_variables_no_grad():
    own = []

    def f(x):
        own.append(x)
        (x * x).backward()
        return x

    ad.grad(f)(3.0)
    assert own[0].grad is None
