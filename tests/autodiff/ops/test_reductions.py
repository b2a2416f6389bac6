"""Sums, products and extremes: factors of zero, empty axes, dtypes, and NumPy's own edges."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import Tensor
from tests.autodiff.cases import random

ALL = ["sum", "mean", "prod", "max", "min", "var", "std"]


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
def test_gradients_of_prod_with_zeros_are_products_of_the_others(zeros):
    x = np.array([2.0, -3.0, 0.5, 1.5])
    x[:zeros] = 0
    others = [np.prod(np.delete(x, i)) for i in range(4)]
    (gradient,) = ad.vjp(ad.prod, x)[1](1.5)
    np.testing.assert_allclose(gradient.data, 1.5 * np.array(others), rtol=1e-14)
    hessian = np.array([[0 if i == j else np.prod(np.delete(x, [i, j])) for j in range(4)] for i in range(4)])
    np.testing.assert_allclose(ad.hessian(ad.prod)(x).data, hessian, rtol=1e-14)
    third = ad.jacobian(ad.hessian(ad.prod))(x).data
    assert third[0, 1, 2] == pytest.approx(x[3])
    assert third[0, 0, 1] == 0
    ad.check_gradients(ad.prod, x, order=3)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 7, 8, 9, 16, 33])
@pytest.mark.parametrize("keepdims", [False, True])
def test_prod_of_any_number_of_factors(n, keepdims):
    x = 1 + random((n, 2)) / 10
    f = lambda x: ad.prod(x, axis=0, keepdims=keepdims)
    np.testing.assert_allclose(f(x), np.prod(x, axis=0, keepdims=keepdims), rtol=1e-13)
    ad.check_gradients(f, x)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int64, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_dtypes_are_numpys(name, dtype, shape):
    x = np.ones(shape, dtype)
    assert getattr(ad, name)(Tensor(x)).dtype == getattr(np, name)(x).dtype


@pytest.mark.parametrize("name", ["mean", "var", "std"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float32, np.float64])
def test_means_of_integers_are_real(name, dtype):
    x = np.array([[1, 2, 120], [3, 100, 5]], dtype)
    result, want = getattr(ad, name)(Tensor(x), axis=0), getattr(np, name)(x, axis=0)
    assert result.dtype == want.dtype
    np.testing.assert_allclose(result.data, want, rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("axis", [0, -1])
def test_a_number_may_be_reduced_along_an_axis_as_in_numpy(name, axis):
    """NumPy takes 0 and −1 for the axis of a 0-d array; where the engine computes, it differentiates too."""
    x = Tensor(2.5, requires_grad=True)
    try:
        result = getattr(ad, name)(x, axis=axis)
    except ValueError:
        return
    assert result.item() == getattr(np, name)(np.array(2.5), axis=axis)
    result.backward(1.5)
    assert x.grad.shape == ()


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize(("shape", "axis"), [((0,), None), ((3, 0), 1), ((3, 0), None)])
def test_nothing_has_no_extreme(name, shape, axis):
    with pytest.raises(ValueError, match=f"{name}.*zero-size"):
        getattr(ad, name)(Tensor(np.zeros(shape)), axis=axis)


@pytest.mark.parametrize("ddof", [0, 1, 2, 3, 4])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_variance_with_fewer_degrees_of_freedom_is_numpys(ddof):
    x = random((3,))
    np.testing.assert_allclose(ad.var(x, ddof=ddof), np.var(x, ddof=ddof), rtol=1e-14)
    np.testing.assert_allclose(ad.std(x, ddof=ddof), np.std(x, ddof=ddof), rtol=1e-14)


def test_variance_is_that_of_numbers_far_from_zero():
    x = 1e8 + random((100,))
    np.testing.assert_allclose(ad.var(x), np.var(x), rtol=1e-10)


@pytest.mark.parametrize("name", ALL)
def test_keepdims_is_given_by_name_alone(name):
    f = getattr(ad, name)
    assert f(Tensor(random((2, 3))), 0).shape == (3,)
    assert f(Tensor(random((2, 3))), None, keepdims=True).shape == (1, 1)
    assert f(Tensor(random((2, 3))), (0, 1), keepdims=True).shape == (1, 1)


@pytest.mark.parametrize("name", ALL)
def test_the_axis_may_be_a_numpy_integer(name):
    x = random((2, 3))
    np.testing.assert_allclose(getattr(ad, name)(x, axis=np.int64(1)), getattr(np, name)(x, axis=1))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("axis", [(0, 0), (1, -1)])
def test_an_axis_named_twice_is_an_error(name, axis):
    with pytest.raises(ValueError):
        getattr(ad, name)(Tensor(random((2, 3))), axis=axis)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "cumsum"])
def test_nan_and_infinity_come_through(name):
    x = np.array([1.0, np.nan, 2.0])
    assert np.isnan(np.asarray(getattr(ad, name)(x)).ravel()[-1])
    assert np.asarray(getattr(ad, name)(np.array([1.0, np.inf]))).ravel()[-1] == np.inf
