"""Learning rates over a training, as factors of the one that it starts from."""

from itertools import pairwise

import numpy as np
import pytest

import nets
from autodiff import Tensor
from nets.schedules import SCHEDULES, constant, one_cycle, step_decay, warm_up


@pytest.mark.parametrize("name", ["constant", "step", "cosine"])
@pytest.mark.parametrize("steps", [1, 2, 10, 9380])
def test_schedules_that_only_fall_start_at_1_and_never_rise_or_fall_below_0(name, steps):
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


def test_the_steps_fall_to_a_tenth_after_each_third():
    np.testing.assert_allclose([SCHEDULES["step"](step, 9) for step in range(9)], [1] * 3 + [0.1] * 3 + [0.01] * 3)
    factors = [step_decay(step, 8, falls=1, gamma=0.5) for step in range(8)]
    np.testing.assert_allclose(factors, [1] * 4 + [0.5] * 4)


@pytest.mark.parametrize("steps", [1, 2, 10, 100, 9380])
def test_a_warm_up_climbs_evenly_for_a_tenth_of_the_steps_and_goes_on_as_the_cosine(steps):
    factors = [SCHEDULES["warm-up"](step, steps) for step in range(steps)]
    first = max(1, round(steps / 10))
    np.testing.assert_allclose(factors[:first], np.arange(1, first + 1) / first)
    rest = steps - first
    np.testing.assert_allclose(factors[first:], [SCHEDULES["cosine"](step, rest) for step in range(rest)])


def test_a_warm_up_may_be_longer_and_go_on_otherwise():
    factors = [warm_up(step, 8, share=0.5, then=constant) for step in range(8)]
    np.testing.assert_allclose(factors, [0.25, 0.5, 0.75, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("steps", [1, 2, 7, 10, 100, 9380])
def test_one_cycle_rises_from_a_25th_to_1_and_falls_to_nothing(steps):
    factors = [SCHEDULES["one-cycle"](step, steps) for step in range(steps)]
    assert all(4e-6 <= factor <= 1 for factor in factors)
    assert factors[-1] == pytest.approx(4e-6)
    if steps >= 10:
        peak = round(0.3 * steps) - 1
        assert factors[0] == pytest.approx(1 / 25)
        assert factors[peak] == pytest.approx(1)
        assert all(before < after for before, after in pairwise(factors[: peak + 1]))
        assert all(before > after for before, after in pairwise(factors[peak:]))


def test_one_cycle_is_that_of_pytorch():
    """The rates that torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10) documents, by its formula."""
    up = [1 + (1 / 25 - 1) / 2 * (1 + np.cos(np.pi * step / 2)) for step in range(3)]
    down = [4e-6 + (1 - 4e-6) / 2 * (1 + np.cos(np.pi * step / 7)) for step in range(1, 8)]
    np.testing.assert_allclose([one_cycle(step, 10) for step in range(10)], up + down, rtol=1e-12)


def test_the_learning_rate_of_an_optimizer_can_be_set_for_all_groups():
    one, other = nets.Parameter(np.zeros(2)), nets.Parameter(np.zeros(2))
    optimizer = nets.SGD([{"params": [one]}, {"params": [other]}], lr=0.5)
    optimizer.lr = 0.25
    assert optimizer.lr == 0.25
    one.grad, other.grad = Tensor(np.ones(2)), Tensor(np.ones(2))
    optimizer.step()
    np.testing.assert_array_equal(one.data, [-0.25, -0.25])
    np.testing.assert_array_equal(other.data, [-0.25, -0.25])
