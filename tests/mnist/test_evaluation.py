"""Loss and accuracy of a network over a split, whole and by class."""

import numpy as np
import pytest

import nets
from mnist.data import Split
from mnist.evaluation import Evaluation, evaluate, table


def model():
    return nets.MLP([784, 12, 10], rng=np.random.default_rng(0))


def by_numpy(network, split):
    """The same numbers in float64, over all images at once."""
    x = split.images / 255
    first, last = network[0], network[2]
    x = np.maximum(x @ first.weight.data.astype(float) + first.bias.data, 0) @ last.weight.data.astype(float)
    x = x + last.bias.data
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(x)), split.labels].mean(), x.argmax(axis=1)


@pytest.mark.parametrize("size", [1, 999, 1000, 1001, 2500])
def test_evaluation_is_that_of_numpy_however_many_images_there_are(digits, size):
    split = Split(digits.train.images[:size], digits.train.labels[:size])
    network = model()
    loss, guesses = by_numpy(network, split)
    found = evaluate(network, split)
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert found.accuracy == pytest.approx(np.mean(guesses == split.labels), abs=1e-12)
    for digit in range(10):
        assert found.images[digit] == np.sum(split.labels == digit)
        assert found.right[digit] == np.sum((split.labels == digit) & (guesses == digit))


def test_evaluation_changes_and_records_nothing(digits):
    network = model()
    before = network.state_dict()
    evaluate(network, digits.test)
    for name, parameter in network.named_parameters():
        assert parameter.grad is None
        np.testing.assert_array_equal(parameter.data, before[name])


def test_a_network_that_always_says_3_is_right_about_the_3s(digits):
    network = nets.MLP([784, 10], rng=np.random.default_rng(0))
    network[0].weight.data = np.zeros((784, 10), np.float32)
    network[0].bias.data = np.eye(10, dtype=np.float32)[3]
    found = evaluate(network, digits.test)
    np.testing.assert_array_equal(found.right, 100 * np.eye(10, dtype=int)[3])
    assert found.accuracy == pytest.approx(0.1)
    assert found.loss == pytest.approx(np.log(9 + np.e) - 0.1, rel=1e-6)


def test_the_table_has_a_row_for_each_class_and_one_for_all():
    images = np.array([1000, 3, 1, 2, 3, 4, 5, 6, 7, 0])
    right = np.array([995, 1, 0, 2, 3, 4, 5, 6, 7, 0])
    rows = table(Evaluation(0.5, images, right)).splitlines()
    assert len(rows) == 12
    assert rows[0].split() == ["digit", "images", "right", "accuracy"]
    assert rows[1].split() == ["0", "1,000", "995", "99.50%"]
    assert rows[2].split() == ["1", "3", "1", "33.33%"]
    assert rows[3].split() == ["2", "1", "0", "0.00%"]
    assert rows[-2].split() == ["9", "0", "0", "–"]  # no images, no accuracy
    assert rows[-1].split() == ["all", "1,031", "1,023", "99.22%"]
