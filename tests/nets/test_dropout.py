"""Dropout leaves out at random, anew at each call, reproducibly, and only in training."""

import copy

import numpy as np
import pytest

import nets
from autodiff import Tensor


def dropout(p=0.5, seed=0):
    return nets.Dropout(p, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_number_is_left_out_with_probability_p_and_the_others_make_up_for_it(p, dtype):
    x, n = np.ones((200, 300), dtype), 60_000
    out = dropout(p)(Tensor(x))
    assert out.dtype == dtype
    left_out = (out.data == 0).mean()
    assert abs(left_out - p) < 5 * np.sqrt(p * (1 - p) / n)
    np.testing.assert_allclose(out.data[out.data != 0], 1 / (1 - p), rtol=1e-6)


def test_the_gradient_passes_where_the_numbers_did():
    x = Tensor(np.random.default_rng(0).standard_normal((20, 30)), requires_grad=True)
    out = dropout(0.4)(x)
    g = np.random.default_rng(1).standard_normal((20, 30))
    out.backward(g)
    np.testing.assert_allclose(x.grad.data, np.where(out.data != 0, g / 0.6, 0), rtol=1e-12)


def test_each_call_leaves_out_others_and_each_seed_has_its_own_course():
    x, layer, other = np.ones((20, 30)), dropout(), dropout(seed=1)
    masks = [layer(x).data != 0 for _ in range(3)] + [other(x).data != 0]
    for i, mask in enumerate(masks):
        for another in masks[:i]:
            assert 0.3 < (mask == another).mean() < 0.7


def test_equal_seeds_and_saved_states_give_equal_courses():
    x, layer, twin = np.ones((20, 30)), dropout(), dropout()
    for _ in range(2):
        np.testing.assert_array_equal(layer(x).data, twin(x).data)
    late = dropout(seed=5)
    late.load_state_dict(layer.state_dict())
    again = copy.deepcopy(layer)
    want = [layer(x).data for _ in range(2)]
    for successor in (late, again):
        np.testing.assert_array_equal([successor(x).data for _ in range(2)], want)


def test_in_use_nothing_is_done_and_the_course_does_not_go_on():
    x, layer = Tensor(np.ones((20, 30))), dropout()
    layer.eval()
    assert layer(x) is x
    np.testing.assert_array_equal(layer.train()(x).data, dropout()(x).data)


@pytest.mark.parametrize(("p", "want"), [(0, 1.0), (0.0, 1.0), (1, 0.0), (1.0, 0.0)])
def test_all_or_none_may_be_left_out(p, want):
    np.testing.assert_array_equal(dropout(p)(Tensor(np.ones((2, 3)))).data, np.full((2, 3), want))


@pytest.mark.filterwarnings("error")
def test_infinity_left_out_is_0():
    out = dropout()(Tensor(np.full((20, 30), np.inf)))
    assert set(np.unique(out.data)) == {0.0, np.inf}


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match="Dropout: p must be a probability"):
        dropout(p)


def test_the_state_is_saved_and_not_trained():
    layer = dropout()
    assert list(layer.state_dict()) == ["state"]
    assert not list(layer.parameters())
    assert repr(layer) == "Dropout(0.5)"
