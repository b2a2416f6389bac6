"""Element by element: powers, the edges of the numbers, and promotion. The conventions stand on the card."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autodiff as ad
from autodiff import Tensor
from tests.autodiff.cases import BINARY, UNARY, random

G = 1.7  # a cotangent that a rule cannot mistake for 1


# ── powers ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("kind", [int, float, np.float64])
def test_every_derivative_of_a_whole_power_at_zero(n, kind):
    f = lambda x: x ** kind(n)
    for order in range(1, n + 3):
        f = ad.grad(f)
        assert f(0.0).item() == (np.prod(np.arange(1.0, n + 1)) if order == n else 0), order


@pytest.mark.parametrize("a", [0.5, 2.0, 3.0])
@pytest.mark.parametrize("b", [0.0, 1.0, 2.5])
def test_mixed_second_derivatives_of_a_power(a, b):
    by_a, by_b = ad.grad(ad.power), ad.grad(ad.power, 1)
    want = a ** (b - 1) * (1 + b * np.log(a))
    assert ad.grad(by_a, 1)(a, b).item() == pytest.approx(want, rel=1e-13)
    assert ad.grad(by_b, 0)(a, b).item() == pytest.approx(want, rel=1e-13)
    assert ad.grad(by_b, 1)(a, b).item() == pytest.approx(a**b * np.log(a) ** 2, rel=1e-13)


def test_the_mixed_second_derivative_is_a_number_at_the_zeroth_power_of_zero_too():
    """There the gradient counts a as 1, and so does the derivative of b·aᵇ⁻¹ by b; the mathematics has no answer."""
    assert ad.grad(ad.grad(ad.power), 1)(0.0, 0.0).item() == 1


# ── the edges of the numbers ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_sigmoid_and_softplus_overflow_nowhere(dtype):
    x = np.array([-1e4, -100, -30, 0, 30, 100, 1e4], dtype)
    s, p = ad.sigmoid(x), ad.softplus(x)
    assert s.dtype == p.dtype == dtype
    wide = x.astype(np.longdouble)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(s, 1 / (1 + np.exp(-wide)), rtol=1e-6, atol=1e-40)
    np.testing.assert_allclose(
        p, np.maximum(wide, 0) + np.log1p(np.exp(-np.abs(wide))), rtol=1e-6, atol=1e-40
    )


def test_sigmoid_keeps_its_digits_far_out():
    x = np.array([-40.0, 40.0])
    (gradient,) = ad.vjp(ad.sigmoid, x)[1](np.array([G, G]))
    np.testing.assert_allclose(gradient.data, G * np.exp(-40.0) * np.ones(2), rtol=1e-12)
    np.testing.assert_allclose(ad.sigmoid(np.array([-700.0])), np.exp(-700.0), rtol=1e-12)


def test_expm1_and_log1p_are_exact_for_small_numbers():
    x = np.array([1e-12, -1e-15, 1e-300])
    np.testing.assert_allclose(ad.expm1(x), x + x**2 / 2, rtol=1e-15)
    np.testing.assert_allclose(ad.log1p(x), x - x**2 / 2, rtol=1e-15)


@pytest.mark.parametrize("name", [name for name, *_ in UNARY])
def test_nan_comes_through(name):
    with np.errstate(invalid="ignore"):
        assert np.isnan(getattr(ad, name)(Tensor([np.nan, 1.0])).data[0])


@pytest.mark.parametrize("name", [name for name, *_ in BINARY if name != "power"])
def test_nan_comes_through_from_either_side(name):
    f = getattr(ad, name)
    assert np.isnan(f(Tensor([np.nan]), [1.0]).data).all()
    assert np.isnan(f([1.0], Tensor([np.nan])).data).all()


def test_where_keeps_what_it_does_not_choose_out_of_the_gradient():
    x = np.array([0.0, 4.0])
    with np.errstate(divide="ignore"):
        safe = ad.grad(lambda x: ad.sum(ad.where(x > 0, ad.sqrt(ad.where(x > 0, x, 1.0)), 0.0) * G))(x)
    np.testing.assert_allclose(safe.data, [0.0, G / 4])


def test_where_takes_numbers_on_either_side():
    x, c = random((3,)), np.array([True, False, True])
    np.testing.assert_array_equal(ad.vjp(lambda x: ad.where(c, x, 0.0), x)[1](x)[0].data, np.where(c, x, 0))
    np.testing.assert_array_equal(ad.vjp(lambda x: ad.where(c, 1.0, x), x)[1](x)[0].data, np.where(c, 0, x))


def test_clip_with_either_bound_or_none():
    x = np.array([-2.0, 0.5, 2.0])
    for lo, hi in ((None, None), (-1, None), (None, 1), (-1, 1), (np.array([0, 1, 2]), 3.0), (1.0, -1.0)):
        np.testing.assert_array_equal(ad.clip(x, lo, hi), x if lo is hi is None else np.clip(x, lo, hi))
        np.testing.assert_array_equal(
            Tensor(x).clip(lo, hi).data, x if lo is hi is None else np.clip(x, lo, hi)
        )


# ── dtypes ──────────────────────────────────────────────────────────────────────────────────────────────

DTYPES = [np.bool_, np.uint8, np.int8, np.int64, np.float16, np.float32, np.float64]


@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", DTYPES)
@pytest.mark.parametrize("name", ["add", "multiply", "divide", "maximum", "minimum", "power", "where"])
def test_promotion_is_numpys(name, a, b):
    x, y = np.ones(2, a), np.ones(2, b)
    f, numpy = getattr(ad, name), getattr(np, name)
    if name == "where":
        f, numpy = (lambda x, y: ad.where([True, False], x, y)), (lambda x, y: np.where([True, False], x, y))
    assert f(Tensor(x), Tensor(y)).dtype == numpy(x, y).dtype
    assert f(Tensor(x), y[0]).dtype == numpy(x, y[0]).dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scalar", [1, 1.0, True])
@pytest.mark.parametrize("f", [np.add, np.multiply, np.divide, np.maximum])
def test_promotion_with_python_scalars_is_numpys(f, dtype, scalar):
    x = np.ones(2, dtype)
    assert f(Tensor(x), scalar).dtype == f(x, scalar).dtype
    assert f(scalar, Tensor(x)).dtype == f(scalar, x).dtype


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "relu"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_integers_give_the_numbers_that_reals_give(name, dtype):
    x = np.array([0, 1, 5, np.iinfo(dtype).min], dtype)
    np.testing.assert_allclose(
        getattr(ad, name)(x), getattr(ad, name)(x.astype(np.float64)), rtol=2e-3, atol=1e-5
    )


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float16, bool])
def test_astype_copies(dtype):
    x = np.array([1.5, 2.0, 0.0])
    result = ad.astype(x, dtype)
    assert result.dtype == dtype
    same = ad.astype(x, x.dtype)
    assert not np.shares_memory(same, x)


def test_alias_is_the_same_array_as_another_variable():
    x = Tensor(random((3,)), requires_grad=True)
    y = ad.alias(x)
    assert y is not x
    assert np.shares_memory(y.data, x.data)
    assert y.requires_grad


# ── at random ───────────────────────────────────────────────────────────────────────────────────────────

numbers = st.floats(-3, 3, width=32)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.data(),
    st.sampled_from(["add", "subtract", "multiply"]),
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3),
)
def test_any_two_shapes_that_broadcast(data, name, shapes):
    a, b = (data.draw(hnp.arrays(np.float64, shape, elements=numbers)) for shape in shapes.input_shapes)
    f = getattr(ad, name)
    result = f(Tensor(a), Tensor(b))
    assert result.shape == shapes.result_shape
    np.testing.assert_array_equal(result.data, getattr(np, name)(a, b))
    ad.check_gradients(f, a, b)
