"""Softmax and its logarithms: no overflow, no lost digits, and rows that leave each other alone."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import Tensor
from tests.autodiff.cases import random
from tests.autodiff.oracles import relative_error

NAMES = ["softmax", "log_softmax", "logsumexp"]
HUGE = [
    [1e4, 1e4, -1e4],
    [1e300, 0, -1e300],
    [-1e300, -1e300, -1e300],
    [800, 0, -800],
    [1e-300, 0, 0],
    [-745, -746, -745],
]
every_name = pytest.mark.parametrize("name", NAMES)


def in_long_doubles(name, x):
    """The value by its definition, in numbers with room to spare."""
    wide = x.astype(np.longdouble)
    shifted = wide - wide.max(-1, keepdims=True)
    total = np.exp(shifted).sum(-1, keepdims=True)
    return {
        "softmax": np.exp(shifted) / total,
        "log_softmax": shifted - np.log(total),
        "logsumexp": (np.log(total) + wide.max(-1, keepdims=True))[..., 0],
    }[name]


@every_name
@pytest.mark.parametrize("x", HUGE, ids=str)
@pytest.mark.filterwarnings("error")
def test_huge_and_tiny_logits_are_no_trouble(name, x):
    x = np.array(x, np.float64)
    value, pullback = ad.vjp(getattr(ad, name), x)
    np.testing.assert_allclose(value.data, in_long_doubles(name, x), rtol=1e-13, atol=1e-300)
    assert np.isfinite(pullback(random(value.shape, 3))[0].data).all()


@every_name
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept_at_large_logits(name, dtype):
    x = (random((5, 7)) * 50).astype(dtype)
    result = getattr(ad, name)(x)
    assert result.dtype == dtype
    assert relative_error(result, in_long_doubles(name, x)) < 10 * np.finfo(dtype).eps


def test_log_softmax_keeps_the_digits_of_what_is_unlikely():
    x = np.array([0.0, -50.0, -400.0, -1000.0])
    np.testing.assert_allclose(ad.log_softmax(x), x, rtol=1e-15)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_one_bad_row_does_not_spoil_the_others():
    x = np.array([[1.0, 2.0], [np.nan, 0.0], [-np.inf, -np.inf], [3.0, 1.0]])
    for name in NAMES:
        result, alone = getattr(ad, name)(x), getattr(ad, name)(x[[0, 3]])
        np.testing.assert_array_equal(result[[0, 3]], alone)
        assert np.isnan(result[1]).all()


@pytest.mark.parametrize("axis", [-1, 0, 1, (0, 1), None])
def test_probabilities_sum_to_one(axis):
    p = ad.softmax(random((3, 4)), axis=axis)
    np.testing.assert_allclose(p.sum(axis=axis), np.ones(np.shape(p.sum(axis=axis))), rtol=1e-14)
    np.testing.assert_allclose(np.log(p), ad.log_softmax(random((3, 4)), axis=axis), rtol=1e-13)


def test_the_axis_is_the_last_by_default():
    x = random((3, 4))
    np.testing.assert_array_equal(ad.softmax(x), ad.softmax(x, axis=1))
    np.testing.assert_array_equal(ad.log_softmax(x), ad.log_softmax(x, axis=1))
    np.testing.assert_array_equal(ad.logsumexp(x), ad.logsumexp(x, axis=1))


@every_name
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint32])
def test_integers_give_the_numbers_that_reals_give(name, dtype):
    x = np.array([[0, 1, 5], [3, 3, 2]], dtype)
    np.testing.assert_allclose(
        getattr(ad, name)(x), getattr(ad, name)(x.astype(np.float64)), rtol=1e-2, atol=1e-2
    )


def test_a_cross_entropy_has_the_gradient_of_the_textbook():
    x, labels = random((4, 3)), np.array([0, 2, 1, 2])
    loss = lambda x: -ad.mean(ad.take_along_axis(ad.log_softmax(x), labels[:, None], axis=1))
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    np.testing.assert_allclose(ad.grad(loss)(x).data, (p - np.eye(3)[labels]) / 4, rtol=1e-13)
    ad.check_gradients(loss, x, order=3)


@every_name
def test_a_constant_added_to_all_logits_changes_no_gradient(name):
    f = getattr(ad, name)
    x = random((3, 4))
    g = random(np.shape(f(x)), 4)
    here, there = (ad.vjp(f, x + c)[1](g)[0].data for c in (0.0, 500.0))
    np.testing.assert_allclose(here, there, rtol=1e-9, atol=1e-12)
    if name != "logsumexp":
        np.testing.assert_allclose(here.sum(-1), 0, atol=1e-13)


@every_name
def test_no_logits_at_all(name):
    with pytest.raises(ValueError, match=name):
        getattr(ad, name)(Tensor(np.zeros((2, 0))))
