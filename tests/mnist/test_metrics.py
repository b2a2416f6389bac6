"""What is said of a network, held against scikit-learn and SciPy, and by hand."""

import numpy as np
import pytest

from mnist import metrics
from mnist.metrics import Bin, Confused


@pytest.fixture
def thought():
    """Labels, and probabilities that are right about half of the time."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 500)
    logits = rng.normal(0, 2, (500, 10))
    logits[np.arange(500), labels] += 3
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True), labels


def confusion_of(p, labels):
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, p.argmax(axis=1)), 1)
    return counts


@pytest.mark.parametrize(("right", "images"), [(0, 10), (10, 10), (1, 1), (3, 7), (9819, 10_000), (1, 10**6)])
def test_the_interval_is_wilsons(right, images):
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(right, images).proportion_ci(0.95, method="wilson")
    assert metrics.wilson_interval(right, images) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_precision_recall_and_f1_are_scikit_learns(thought):
    scores = pytest.importorskip("sklearn.metrics").precision_recall_fscore_support
    p, labels = thought
    found = metrics.class_scores(confusion_of(p, labels))
    precision, recall, f1, images = scores(labels, p.argmax(axis=1))
    np.testing.assert_allclose(np.transpose(found), [images, precision, recall, f1], rtol=1e-12)


def test_what_would_be_a_share_of_nothing_is_none():
    never_there, never_said, neither = metrics.class_scores(np.array([[0, 0, 0], [3, 0, 0], [0, 0, 0]]))
    assert never_there == (0, 0.0, None, 0.0)
    assert never_said == (3, None, 0.0, 0.0)
    assert neither == (0, None, None, None)


def test_the_most_confused_pairs_come_in_order_and_leave_out_what_is_right():
    counts = np.array([[9, 2, 0], [5, 9, 2], [0, 1, 9]])
    assert metrics.most_confused(counts, 3) == [Confused(1, 0, 5), Confused(0, 1, 2), Confused(1, 2, 2)]
    assert len(metrics.most_confused(counts, 100)) == 4
    assert metrics.most_confused(np.diag([3, 4]), 10) == []


def test_the_bins_hold_each_image_once_by_its_confidence(thought):
    p, labels = thought
    bins = metrics.reliability(p, labels)
    assert (bins[0].low, bins[-1].high, len(bins)) == (0, 1, 15)
    assert sum(bin.images for bin in bins) == 500
    confidences, right = p.max(axis=1), p.argmax(axis=1) == labels
    numbers = np.ceil(confidences * 15).astype(int) - 1
    for number, bin in enumerate(bins):
        here = numbers == number
        assert bin.images == here.sum()
        if bin.images:
            assert bin.confidence == pytest.approx(confidences[here].mean())
            assert bin.accuracy == right[here].mean()
        else:
            assert (bin.confidence, bin.accuracy) == (None, None)
    expected = sum(abs(right[numbers == n].sum() - confidences[numbers == n].sum()) for n in range(15)) / 500
    assert metrics.calibration_error(bins) == pytest.approx(expected)


def test_certainty_and_what_rounding_makes_more_of_it_are_in_the_last_bin():
    p = np.array([[1.0, 0.0], [1.0000001, 0.0], [0.0, 1.0]], np.float32)
    assert metrics.reliability(p, np.array([0, 1, 1]))[-1].images == 3


def test_the_calibration_error_by_hand():
    bins = [Bin(0, 0.5, 1, 0.4, 1.0), Bin(0.5, 0.8, 0, None, None), Bin(0.8, 1, 3, 0.9, 2 / 3)]
    assert metrics.calibration_error(bins) == pytest.approx((0.6 + 0.7) / 4)


def test_a_confidence_on_the_border_of_two_bins_is_in_the_lower():
    fifth = np.full((1, 5), 0.2)
    bins = metrics.reliability(fifth, np.array([0]))
    assert [number for number, bin in enumerate(bins) if bin.images] == [2]
    assert (bins[2].high, bins[2].accuracy) == (0.2, 1.0)
