"""Gradients are held within bounds, all together or each number by itself."""

import numpy as np
import pytest

import nets
from autodiff import Tensor


def with_gradients(*gradients):
    parameters = [nets.Parameter(np.zeros(np.shape(g), np.asarray(g).dtype)) for g in gradients]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = Tensor(np.array(g))
    return parameters


def gradients_of(parameters):
    return [parameter.grad.data for parameter in parameters]


def test_the_norm_of_all_gradients_together_is_held_and_the_direction_kept():
    parameters = with_gradients([3.0, 0.0], [[0.0, 4.0], [12.0, 0.0]])
    norm = nets.clip_grad_norm_(parameters, 6.5)
    assert norm.item() == pytest.approx(13)
    one, other = gradients_of(parameters)
    np.testing.assert_allclose(one, [1.5, 0], rtol=1e-6)
    np.testing.assert_allclose(other, [[0, 2], [6, 0]], rtol=1e-6)


def test_gradients_of_a_smaller_norm_are_left_alone():
    parameters = with_gradients([3.0], [4.0])
    assert nets.clip_grad_norm_(iter(parameters), 5.1).item() == pytest.approx(5)
    assert [g.item() for g in gradients_of(parameters)] == [3, 4]


def test_a_gradient_of_0_divides_by_nothing():
    parameters = with_gradients([0.0, 0.0])
    assert nets.clip_grad_norm_(parameters, 1.0).item() == 0
    np.testing.assert_array_equal(gradients_of(parameters), [[0, 0]])


def test_each_number_is_held_between_the_values():
    parameters = with_gradients([3.0, -0.5], [-7.0])
    nets.clip_grad_value_(parameters, 0.75)
    np.testing.assert_array_equal(np.concatenate(gradients_of(parameters)), [0.75, -0.5, -0.75])


@pytest.mark.parametrize("clip", [nets.clip_grad_norm_, nets.clip_grad_value_])
def test_parameters_without_gradients_are_passed_over_and_dtypes_stay(clip):
    (parameter,) = with_gradients(np.array([3.0, 4.0], np.float32))
    clip([nets.Parameter(np.zeros(2)), parameter], 0.5)
    assert parameter.grad.dtype == np.float32
    clip([nets.Parameter(np.zeros(2))], 0.5)


@pytest.mark.parametrize("clip", [nets.clip_grad_norm_, nets.clip_grad_value_])
@pytest.mark.parametrize("bound", [0, -1.0, np.nan])
def test_a_bound_that_is_none_is_refused(clip, bound):
    with pytest.raises(ValueError, match=rf"{clip.__name__}: .* above 0, not {bound}"):
        clip(with_gradients([1.0]), bound)
