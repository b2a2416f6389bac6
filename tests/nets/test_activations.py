"""The functions between layers: far from 0, at 0, and what they refuse."""

import math

import numpy as np
import pytest

import nets
from autodiff import Tensor


def value_and_derivative(layer, x):
    x = Tensor(np.asarray(x, np.float64), requires_grad=True)
    out = layer(x)
    out.backward(np.ones(x.shape))
    return out.data, x.grad.data


@pytest.mark.parametrize(
    ("layer", "value", "derivative"),
    [
        (nets.LeakyReLU(), 0.0, 0.01),
        (nets.LeakyReLU(0.2), 0.0, 0.2),
        (nets.ELU(), 0.0, 1.0),
        (nets.ELU(0.3), 0.0, 0.3),
        (nets.GELU(), 0.0, 0.5),
        (nets.GELU("tanh"), 0.0, 0.5),
    ],
    ids=repr,
)
def test_at_0_the_derivative_is_the_one_from_below(layer, value, derivative):
    for zero in (0.0, -0.0):
        assert value_and_derivative(layer, zero) == (value, derivative)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("layer", "far_below", "far_above"),
    [
        (nets.LeakyReLU(0.1), (-100.0, 0.1), (1000.0, 1.0)),
        (nets.ELU(2.0), (-2.0, 0.0), (1000.0, 1.0)),
        (nets.GELU(), (0.0, 0.0), (1000.0, 1.0)),
        (nets.GELU("tanh"), (0.0, 0.0), (1000.0, 1.0)),
    ],
    ids=repr,
)
def test_far_from_0_nothing_overflows(layer, far_below, far_above):
    values, derivatives = value_and_derivative(layer, [-1000.0, 1000.0])
    np.testing.assert_allclose(values, [far_below[0], far_above[0]])
    np.testing.assert_allclose(derivatives, [far_below[1], far_above[1]])


def test_gelu_is_x_times_the_share_of_a_normal_distribution_below_x():
    x = np.linspace(-4, 4, 33)
    Φ = np.array([math.erfc(-t / math.sqrt(2)) / 2 for t in x])
    np.testing.assert_allclose(nets.GELU()(x), x * Φ, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(nets.GELU("tanh")(x), x * Φ, atol=5e-4)
    assert not np.allclose(nets.GELU("tanh")(x), x * Φ, atol=1e-5)


@pytest.mark.parametrize("layer", [nets.LeakyReLU(), nets.ELU(), nets.GELU(), nets.GELU("tanh")], ids=repr)
def test_float32_stays_float32(layer):
    assert layer(Tensor(np.ones(3, np.float32))).dtype == np.float32


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: nets.GELU("sigmoid"), r"GELU: approximate must be 'none' or 'tanh', not 'sigmoid'"),
        (lambda: nets.ELU(np.inf), "ELU: alpha must be finite"),
        (lambda: nets.LeakyReLU(np.nan), "LeakyReLU: negative_slope must be finite"),
    ],
)
def test_what_is_no_setting_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_flatten_keeps_the_batch_or_more():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert nets.Flatten()(x).shape == (2, 12)
    assert nets.Flatten(2)(x).shape == (2, 3, 4)
    assert nets.Flatten(0)(Tensor(x)).shape == (24,)
    assert nets.Unflatten(1, (3, 1))(x).shape == (2, 3, 1, 4)
    np.testing.assert_array_equal(nets.Unflatten(-1, [2, 2])(x).data, x.reshape(2, 3, 2, 2))
