"""The one door: what `bind` computes and writes down, primitives of one's own, and how long a tape lives."""

import contextlib
import gc
import weakref

import numpy as np
import pytest

import autodiff as ad
from autodiff.ops import multiply
from autodiff.recording import is_recording
from autodiff.tape import Node, Primitive, Variable, bind, registry, tick

rng = np.random.default_rng(0)


@pytest.fixture
def define():
    """`ad.primitive`, whose primitives are forgotten after the test."""
    before = dict(registry)
    yield ad.primitive
    registry.clear()
    registry.update(before)


@contextlib.contextmanager
def collector_off():
    """Within, only reference counts free memory; what was garbage before is gone."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# ── bind ────────────────────────────────────────────────────────────────────────────────────────────────


def test_bind_on_plain_arrays_computes_a_plain_array():
    result = bind(registry["add"], (np.ones(3), 2.0), {})
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, np.full(3, 3.0))


def test_bind_writes_down_primitive_operands_attributes_and_moment():
    x, y = ad.Tensor(np.ones((2, 3)), requires_grad=True), np.ones(3)
    before = tick()
    result = bind(registry["sum"], (bind(registry["add"], (x, y), {}),), {"axis": 0, "keepdims": True})
    node = result.node
    assert type(node) is Node
    assert node.primitive is registry["sum"]
    assert node.attributes == {"axis": 0, "keepdims": True}
    (operand,) = node.inputs
    assert operand.node.primitive.name == "add"
    assert operand.node.inputs[0] is x
    assert operand.node.inputs[1] is y
    assert before < operand.node.moment < node.moment < tick()


def test_bind_writes_nothing_unless_asked():
    for result in (
        bind(registry["exp"], (ad.Tensor([1.0]),), {}),
        bind(registry["equal"], (ad.Tensor([1.0], True), 1.0), {}),
    ):
        assert result.node is None
        assert not result.requires_grad
    with ad.no_grad():
        result = bind(registry["exp"], (ad.Tensor([1.0], requires_grad=True),), {})
    assert result.node is None


def test_a_gradient_for_an_operand_without_a_rule_records_nothing():
    mask = ad.Tensor([1.0, 0.0], requires_grad=True)
    assert not ad.where(mask, 1.0, 2.0).requires_grad
    assert ad.where(mask, mask, 2.0).requires_grad


def test_bare_variables_pass_through_the_door():
    x = Variable.of(np.arange(3.0), tracked=True)
    y = ad.exp(x)
    assert type(y) is Variable
    assert y.node.inputs[0] is x


def test_operations_on_a_subclass_give_tensors():
    class Weight(ad.Tensor):
        __slots__ = ()

    w = Weight(np.ones(3), requires_grad=True)
    for result in (
        w + 1,
        1 + w,
        ad.exp(w),
        w[0],
        ad.concat([w, w]),
        w.sum(),
        w > 0,
        w.detach(),
        np.ones(3) * w,
        w.copy(),
    ):
        assert type(result) is ad.Tensor
    (w * w).sum().backward()
    assert type(w.grad) is ad.Tensor


def test_results_share_no_node():
    x = ad.Tensor([1.0], requires_grad=True)
    assert ad.exp(x).node is not ad.exp(x).node


def test_every_primitive_is_registered_by_its_name():
    assert all(type(p) is Primitive and p.name == name for name, p in registry.items())
    assert {"add", "matmul", "getitem", "sum_to", "relu_backward", "scatter"} <= registry.keys()
    assert repr(registry["add"]) == "<primitive add>"


# ── primitives of one's own ─────────────────────────────────────────────────────────────────────────────


def test_a_primitive_of_ones_own_has_every_derivative(define):
    @define("cube", lambda g, out, a: multiply(g, multiply(3, multiply(a, a))))
    def cube(a):
        """a³."""
        return a**3

    x = rng.standard_normal(4)
    np.testing.assert_array_equal(cube(x), x**3)
    assert type(cube(x)) is np.ndarray
    ad.check_gradients(cube, x, order=3)
    assert cube.__name__ == "cube"
    assert cube.__doc__ == "a³."
    assert registry["cube"].name == "cube"


def test_rules_need_not_undo_broadcasting_or_casting(define):
    @define("product", lambda g, out, a, b: multiply(g, b), lambda g, out, a, b: multiply(g, a))
    def product(a, b):
        return a * b

    a, b = (
        ad.Tensor(np.ones((3, 1), np.float32), requires_grad=True),
        ad.Tensor(rng.standard_normal(4), requires_grad=True),
    )
    g = rng.standard_normal((3, 4))
    product(a, b).backward(g)
    assert (a.grad.shape, a.grad.dtype) == ((3, 1), np.float32)
    np.testing.assert_allclose(a.grad.data, (g * b.data).sum(1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(b.grad.data, g.sum(0), rtol=1e-6)


def test_a_rule_is_called_with_cotangent_result_operands_and_attributes(define):
    calls = []

    def rule(g, out, a, b, *, mode, factor):
        calls.append((g, out, a, b, mode, factor))
        return g

    @define("noted", rule, None)
    def noted(a, b, mode, factor=2.0):
        return a + b

    x, b, g = ad.Tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0]), np.array([0.3, 0.7])
    out = noted(x, b, "wild")
    out.backward(g)
    ((seen_g, seen_out, seen_a, seen_b, mode, factor),) = calls
    for seen, want in ((seen_g, g), (seen_out, out.data), (seen_a, x.data), (seen_b, b)):
        assert type(seen) is np.ndarray
        np.testing.assert_array_equal(seen, want)
    assert (mode, factor) == ("wild", 2.0)


def test_rules_run_on_tensors_when_the_gradient_is_recorded(define):
    kinds = []

    @define("watched", lambda g, out, a: kinds.append((type(g), type(out), type(a))) or multiply(g, a))
    def watched(a):
        return a * a / 2

    x = ad.Tensor([3.0], requires_grad=True)
    watched(x).backward()
    watched(x).backward(create_graph=True)
    assert kinds[0] == (np.ndarray,) * 3
    assert kinds[1][1:] == (ad.Tensor, ad.Tensor)


def test_a_kernel_may_give_a_python_number(define):
    @define("total", lambda g, out, a: ad.broadcast_to(g, a.shape))
    def total(a):
        return float(np.sum(a))

    x = ad.Tensor([1.0, 2.0], requires_grad=True)
    assert total(x).item() == 3
    total(x).backward(2.5)
    np.testing.assert_array_equal(x.grad.data, [2.5, 2.5])
    ad.check_gradients(total, x)


@pytest.fixture
def scale(define):
    @define("scale", lambda g, out, a, factor, shift: multiply(g, factor))
    def scale(a, factor=2.0, shift=0.0):
        return a * factor + shift

    return scale


def test_attributes_are_given_by_name_by_position_or_by_default(scale):
    x = ad.Tensor([1.0], requires_grad=True)
    assert scale(x).node.attributes == {"factor": 2.0, "shift": 0.0}
    assert scale(x, 3.0).node.attributes == {"factor": 3.0, "shift": 0.0}
    assert scale(x, 3.0, 1.0).node.attributes == {"factor": 3.0, "shift": 1.0}
    assert scale(x, shift=1.0).node.attributes == {"factor": 2.0, "shift": 1.0}
    assert scale(x, 4.0, shift=1.0).item() == 5.0
    scale(x, 5.0).backward([3.0])
    assert x.grad.item() == 15


def test_attributes_are_not_operands(scale):
    x = ad.Tensor([1.0], requires_grad=True)
    assert scale(x, 3.0).node.inputs == (x,)


@pytest.mark.parametrize("arguments", [(1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 4.0, 5.0)])
def test_too_many_arguments_are_an_error(scale, arguments):
    with pytest.raises(TypeError, match="scale"):
        scale(*arguments)


def test_an_unknown_attribute_is_an_error(scale):
    with pytest.raises(TypeError, match=r"scale.*wrong"):
        scale(ad.Tensor([1.0]), wrong=1)


def test_a_rule_of_none_says_that_there_is_no_gradient(define):
    @define("masked", lambda g, out, a, mask: multiply(g, mask), None)
    def masked(a, mask):
        return a * mask

    a, mask = ad.Tensor([1.0, 2.0], requires_grad=True), ad.Tensor([1.0, 0.0], requires_grad=True)
    masked(a, mask).backward(np.array([3.0, 5.0]))
    np.testing.assert_array_equal(a.grad.data, [3.0, 0.0])
    assert mask.grad is None
    assert not masked(np.ones(2), mask).requires_grad


def test_rule_for_serves_any_number_of_operands(define):
    def rule_for(index):
        return None if index == 1 else lambda g, out, operands, power: multiply(g, (index + 1) * power)

    @define("weighted", rule_for=rule_for)
    def weighted(*operands, power=1.0):
        return sum((i + 1) * power * x for i, x in enumerate(operands))

    xs = [ad.Tensor(rng.standard_normal(2), requires_grad=True) for _ in range(4)]
    out = weighted(*xs, power=3.0)
    np.testing.assert_allclose(out.data, 3 * sum((i + 1) * x.data for i, x in enumerate(xs)))
    g = rng.standard_normal(2)
    out.backward(g)
    for i in (0, 2, 3):
        np.testing.assert_allclose(xs[i].grad.data, g * (i + 1) * 3)
    assert xs[1].grad is None


def test_an_error_in_a_kernel_of_ones_own_names_it(define):
    @define("picky", lambda g, out, a: g)
    def picky(a):
        raise KeyError("no") if a.size else ValueError("empty.")

    with pytest.raises(ValueError, match=r"picky\(float64\(0,\)\) at .*py:\d+ \(picky\(np.zeros\(0\)\)\): empty\."):
        picky(np.zeros(0))
    with pytest.raises(KeyError) as error:
        picky(np.zeros(2))
    assert any("picky(float64(2,))" in note for note in error.value.__notes__)


# ── how long a tape lives ───────────────────────────────────────────────────────────────────────────────


def deep(x):
    """A result with a tape behind it, and weak references to all on the way."""
    steps = [x]
    for f in (
        ad.exp,
        lambda t: t * x,
        lambda t: ad.concat([t, t]),
        lambda t: t[1:],
        lambda t: ad.max(t),
        ad.sqrt,
    ):
        steps.append(f(steps[-1]))
    return steps[-1], [weakref.ref(t) for t in steps[1:]]


def test_a_tape_lives_as_long_as_its_result():
    x = ad.Tensor(np.ones(3), requires_grad=True)
    with collector_off():
        out, steps = deep(x)
        assert all(step() is not None for step in steps)
        out.backward()
        assert all(step() is not None for step in steps)
        del out
        assert all(step() is None for step in steps)


def test_arrays_of_the_tape_go_with_it():
    x = ad.Tensor(np.ones(3), requires_grad=True)
    with collector_off():
        out = ad.exp(x * 2)
        arrays = [weakref.ref(out.data), weakref.ref(out.node.inputs[0].data)]
        del out
        assert [array() for array in arrays] == [None, None]


def test_a_tape_goes_though_its_gradient_stays():
    x = ad.Tensor(np.ones(3), requires_grad=True)
    with collector_off():
        out, steps = deep(x)
        out.backward()
        gradient = x.grad
        del out
        assert all(step() is None for step in steps)
        assert gradient.node is None


def test_without_a_gradient_nothing_is_held():
    x = ad.Tensor(np.ones(3), requires_grad=True)
    with collector_off(), ad.no_grad():
        out, steps = deep(x)
        assert [step() is None for step in steps] == [True] * (len(steps) - 1) + [False]
        assert out.node is None


def train_step():
    rng = np.random.default_rng(1)
    w, b = (ad.Tensor(rng.standard_normal(s), requires_grad=True) for s in ((4, 3), (3,)))
    x, i = rng.standard_normal((5, 4)), rng.integers(0, 3, (5, 1))
    for _ in range(2):
        loss = -ad.mean(ad.take_along_axis(ad.log_softmax(ad.relu(x @ w + b)), i, axis=1))
        w.grad = b.grad = None
        loss.backward()
        for p in (w, b):
            p.data -= 0.1 * p.grad.data


def transformations():
    x = rng.standard_normal(3)
    ad.grad(lambda x: (x**3).sum())(x)
    ad.grad(lambda x: ad.grad(lambda y: (x * y * y).sum())(x).sum())(x)
    ad.hessian(lambda x: ad.prod(x))(x)
    ad.jvp(lambda x: x * x, (x,), (x,))
    out, pullback = ad.vjp(ad.sin, ad.Tensor(x, requires_grad=True))
    pullback(out)


def failures():
    x = ad.Tensor(np.ones(3), requires_grad=True)
    for wrong in (lambda: x @ np.ones(4), lambda: (x * 2).backward(), lambda: np.floor(x), lambda: x[5]):
        with contextlib.suppress(ValueError, TypeError, IndexError, ad.GradientError):
            wrong()


@pytest.mark.parametrize("work", [train_step, transformations, failures])
def test_nothing_is_left_for_the_garbage_collector(work):
    work()  # what is made once and kept is made now
    with collector_off():
        work()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            gc.collect()
            left = [item for item in gc.garbage if isinstance(item, Variable | Node | np.ndarray)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
    assert left == []


def test_recording_is_on_by_default():
    assert is_recording()
    with ad.no_grad():
        assert not is_recording()
    assert is_recording()
