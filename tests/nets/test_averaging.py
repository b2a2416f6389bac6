"""Averages follow the formula, take the place of what they are of and give it back, and are saved."""

import numpy as np
import pytest

import nets


def parameters():
    return [nets.Parameter(np.array([1.0, 2.0])), nets.Parameter(np.array([[3.0]], np.float32))]


def step(weights):
    for i, parameter in enumerate(weights, 1):
        parameter.data = parameter.data + np.asarray(i, parameter.dtype)


def test_the_average_follows_its_formula():
    weights = parameters()
    average = nets.ExponentialMovingAverage(weights, decay=0.75)
    want = [w.data.copy() for w in weights]
    for _ in range(3):
        step(weights)
        average.update()
        want = [0.75 * a + 0.25 * w.data for a, w in zip(want, weights, strict=True)]
    for result, a in zip(average.averages, want, strict=True):
        assert result.dtype == a.dtype
        np.testing.assert_allclose(result.data, a, rtol=1e-6)
        assert not result.requires_grad


def test_the_weights_are_their_averages_within_and_themselves_again_after():
    weights = parameters()
    average = nets.ExponentialMovingAverage(weights, decay=0.5)
    arrays = [w.data for w in weights]
    step(weights)
    average.update()
    arrays = [w.data for w in weights]
    with average.applied():
        np.testing.assert_array_equal(weights[0].data, [1.5, 2.5])
        np.testing.assert_array_equal(weights[1].data, [[4.0]])
    for _ in range(2):
        np.testing.assert_array_equal(weights[0].data, [2.0, 3.0])
        np.testing.assert_array_equal(average.averages[0].data, [1.5, 2.5])
        with pytest.raises(KeyError), average.applied():
            raise KeyError
    assert all(w.data is array for w, array in zip(weights, arrays, strict=True))


def test_the_averages_are_saved_and_go_on():
    weights, others = parameters(), parameters()
    average = nets.ExponentialMovingAverage(weights, decay=0.5)
    step(weights)
    average.update()
    state = average.state_dict()
    twin = nets.ExponentialMovingAverage(others, decay=0.5)
    twin.load_state_dict(state)
    step(weights)
    average.update()
    step(others)
    step(others)
    twin.update()
    for a, b in zip(average.averages, twin.averages, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_array_equal(state["0"], [1.5, 2.5])  # a copy


@pytest.mark.parametrize("state", [{}, {"0": np.zeros(2)}, {"0": np.zeros(3), "1": np.zeros((1, 1))}], ids=len)
def test_averages_of_others_are_refused_and_change_nothing(state):
    average = nets.ExponentialMovingAverage(parameters())
    with pytest.raises(ValueError, match="ExponentialMovingAverage: the averages have shapes"):
        average.load_state_dict(state)
    np.testing.assert_array_equal(average.averages[0].data, [1.0, 2.0])


@pytest.mark.parametrize("decay", [-0.1, 1.0, np.nan])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match="decay must be from 0 to below 1"):
        nets.ExponentialMovingAverage(parameters(), decay)


def test_running_statistics_are_averaged_as_weights_are():
    """The average of a batch norm in use is then what its averaged weights and statistics make of an image."""
    layer = nets.BatchNorm1d(2)
    average = nets.ExponentialMovingAverage([*layer.parameters(), layer.running_mean, layer.running_var], decay=0.75)
    want = [tensor.data.astype(float) for tensor in average.tensors]
    rng = np.random.default_rng(0)
    for _ in range(3):
        layer(5 + rng.random((4, 2), np.float32))
        average.update()
        want = [0.75 * a + 0.25 * tensor.data for a, tensor in zip(want, average.tensors, strict=True)]
    last = layer.running_mean.data.copy()
    layer.eval()
    x = rng.random((3, 2), np.float32)
    with average.applied():
        expected = (x - want[2]) / np.sqrt(want[3] + layer.eps) * want[0] + want[1]
        np.testing.assert_allclose(layer(x).data, expected, rtol=1e-5)
    np.testing.assert_array_equal(layer.running_mean.data, last)


def test_of_the_state_of_a_generator_there_is_no_average():
    dropout = nets.Dropout(0.5, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match="ExponentialMovingAverage: there is no average of a tensor of uint64"):
        nets.ExponentialMovingAverage([dropout.state])
