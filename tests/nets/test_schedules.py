"""Learning rates over a training, as factors of the one that it starts from."""

from itertools import pairwise

import numpy as np
import pytest

import nets
from autodiff import Tensor
from nets.schedules import SCHEDULES


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 10, 9380])
def test_every_schedule_starts_at_1_and_never_rises_or_falls_below_0(name, steps):
    factors = [SCHEDULES[name](step, steps) for step in range(steps)]
    assert factors[0] == 1
    assert all(0 < after <= before for before, after in pairwise(factors))


def test_the_cosine_falls_by_half_at_half_time_and_to_0_at_the_end():
    steps = 1000
    factors = [SCHEDULES["cosine"](step, steps) for step in range(steps + 1)]
    np.testing.assert_allclose(factors, (1 + np.cos(np.pi * np.arange(steps + 1) / steps)) / 2, atol=1e-12)
    assert factors[steps // 2] == pytest.approx(0.5)
    assert factors[steps] == pytest.approx(0, abs=1e-12)


def test_the_constant_stays():
    assert {SCHEDULES["constant"](step, 10) for step in range(10)} == {1}


def test_the_learning_rate_of_an_optimizer_can_be_set_for_all_groups():
    one, other = nets.Parameter(np.zeros(2)), nets.Parameter(np.zeros(2))
    optimizer = nets.SGD([{"params": [one]}, {"params": [other]}], lr=0.5)
    optimizer.lr = 0.25
    assert optimizer.lr == 0.25
    one.grad, other.grad = Tensor(np.ones(2)), Tensor(np.ones(2))
    optimizer.step()
    np.testing.assert_array_equal(one.data, [-0.25, -0.25])
    np.testing.assert_array_equal(other.data, [-0.25, -0.25])
