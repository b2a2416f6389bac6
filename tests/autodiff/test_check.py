"""The gradient checker accepts right rules, rejects wrong ones, and never passes without comparing."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.ops import cos, multiply, negative, sin
from autodiff.tape import registry
from tests.autodiff.cases import positive, random

X = random((3, 4))
SQUARE = random((3, 3))


@pytest.fixture
def define():
    """`ad.primitive`, whose primitives are forgotten after the test."""
    before = dict(registry)
    yield ad.primitive
    registry.clear()
    registry.update(before)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_right_rules_are_accepted(order, seed):
    ad.check_gradients(
        lambda x, y: ad.sin(x) * ad.exp(y) / (2 + ad.cos(x * y)), X, X[0] / 2, order=order, seed=seed
    )
    ad.check_gradients(lambda x: ad.sum(ad.log(x)), positive((5,)), order=order, seed=seed)


WRONG = {
    "factor": lambda g, out, a: multiply(multiply(g, 1.01), cos(a)),
    "sign": lambda g, out, a: negative(multiply(g, cos(a))),
    "other function": lambda g, out, a: multiply(g, sin(a)),
    "without g": lambda g, out, a: multiply(g, 0) + cos(a),
    "g alone": lambda g, out, a: g,
    "zero": lambda g, out, a: multiply(g, 0),
    "square of g": lambda g, out, a: multiply(multiply(g, g), cos(a)),
    "constant added": lambda g, out, a: multiply(g, cos(a)) + 1e-3,
    "mirrored": lambda g, out, a: multiply(g, cos(a))[:, ::-1],
    "no rule": None,
}


@pytest.mark.parametrize("rule", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("order", [1, 2])
def test_wrong_rules_are_rejected(define, rule, order):
    wrong = define("wrong", rule)(lambda a: np.sin(a))
    with pytest.raises(AssertionError, match="order 1"):
        ad.check_gradients(wrong, X, order=order)


def test_a_transposed_rule_is_rejected(define):
    @define("wrong_product", lambda g, out, a, b: ad.matmul(g, b), lambda g, out, a, b: ad.matmul(a, g))
    def wrong_product(a, b):
        return a @ b

    with pytest.raises(AssertionError):
        ad.check_gradients(wrong_product, SQUARE, random((3, 3), 1), order=1)


@pytest.mark.parametrize("place", [0, 1])
def test_one_wrong_operand_of_two_is_rejected(define, place):
    rules = [lambda g, out, a, b: multiply(g, b), lambda g, out, a, b: multiply(g, a)]
    rules[place] = lambda g, out, a, b: g
    wrong = define("wrong_multiply", *rules)(lambda a, b: a * b)
    with pytest.raises(AssertionError):
        ad.check_gradients(wrong, X, random((3, 4), 1))


def test_a_rule_that_is_right_but_not_differentiable_is_rejected_at_order_two(define):
    @define("detached", lambda g, out, a: multiply(g, np.cos(getattr(a, "data", a))))
    def detached(a):
        return np.sin(a)

    ad.check_gradients(detached, X, order=1)
    with pytest.raises(AssertionError, match="order 2"):
        ad.check_gradients(detached, X, order=2)


def test_a_rule_that_forgets_the_cotangents_own_gradient_is_rejected(define):
    @define("deaf", lambda g, out, a: multiply(getattr(g, "data", g), cos(a)))
    def deaf(a):
        return np.sin(a)

    with pytest.raises(AssertionError):
        ad.check_gradients(deaf, X, order=1)


def test_the_message_gives_the_numbers(define):
    wrong = define("wrong", WRONG["sign"])(lambda a: np.sin(a))
    with pytest.raises(AssertionError, match=r"(vjp|jvp) gives -?\d.*finite differences -?\d"):
        ad.check_gradients(wrong, X)


def test_a_gradient_that_is_not_a_number_is_rejected(define):
    wrong = define("wrong", lambda g, out, a: multiply(g, np.nan))(lambda a: a * 2)
    with pytest.raises(AssertionError):
        ad.check_gradients(wrong, X)


@pytest.mark.parametrize("arguments", [(), (np.arange(3),), (3, True), (np.zeros(2, bool),)])
def test_without_a_real_argument_nothing_would_be_compared(arguments):
    with pytest.raises(ValueError, match="nothing to compare"):
        ad.check_gradients(lambda *xs: ad.Tensor(1.0), *arguments)


@pytest.mark.parametrize("order", [0, -1])
def test_without_an_order_nothing_would_be_compared(order):
    with pytest.raises(ValueError, match="nothing to compare"):
        ad.check_gradients(ad.sin, X, order=order)


def test_arguments_of_other_dtypes_are_held_and_float32_is_checked_in_float64():
    kinds = []

    def picked(x, i, n):
        kinds.append((x.dtype, type(i), n))
        return ad.take_along_axis(x, i, axis=1) * n

    i = np.array([[0], [2], [2]])
    ad.check_gradients(picked, X.astype(np.float32), i, 3)
    assert set(kinds) == {(np.dtype(np.float64), np.ndarray, 3)}


def test_arguments_are_not_changed():
    x, before = ad.Tensor(X.copy(), requires_grad=True), X.copy()
    ad.check_gradients(lambda x: x**3, x)
    np.testing.assert_array_equal(x.data, before)
    assert x.grad is None


def test_the_tolerance_decides(define):
    nearly = define("nearly", lambda g, out, a: multiply(multiply(g, 1 + 1e-4), cos(a)))(lambda a: np.sin(a))
    ad.check_gradients(nearly, X, order=1, tolerance=1e-2)
    with pytest.raises(AssertionError):
        ad.check_gradients(nearly, X, order=1, tolerance=1e-7)
