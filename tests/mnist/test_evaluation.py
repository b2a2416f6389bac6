"""Loss and accuracy of a network over a split, whole and by class, and its mistakes."""

import numpy as np
import pytest

import nets
from mnist import TrainConfig, training
from mnist.building import make_network
from mnist.data import Split
from mnist.evaluation import Evaluation, evaluate, table, worst_mistakes


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


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────────────


def oracle(rows):
    """Return a network and a split: to image i, labelled `rows[i][0]`, it gives the probabilities `rows[i][1]`.

    In image i pixel i alone has ink, so that its logits are row i of the weights.
    """
    network = nets.MLP([784, 10], rng=np.random.default_rng(0))
    weights = np.zeros((784, 10), np.float32)
    for i, (_, probabilities) in enumerate(rows):
        weights[i] = np.log(np.full(10, 1e-30))
        for digit, p in probabilities.items():
            weights[i, digit] = np.log(p)
    network[0].weight.data = weights
    images = 255 * np.eye(len(rows), 784, dtype=np.uint8)
    return network, Split(images, np.array([label for label, _ in rows], np.uint8))


ROWS = [
    (3, {3: 0.9, 8: 0.1}),
    (3, {3: 0.3, 8: 0.7}),
    (4, {9: 0.999, 4: 0.001}),
    (7, {1: 0.4, 2: 0.35, 7: 0.25}),
    (9, {9: 1.0}),
    (0, {6: 0.75, 0: 0.25}),
]


def test_the_confusion_matrix_has_a_row_for_each_label_and_a_column_for_each_answer():
    expected = np.zeros((10, 10), int)
    for label, answer in [(3, 3), (3, 8), (4, 9), (7, 1), (9, 9), (0, 6)]:
        expected[label, answer] += 1
    found = evaluate(*oracle(ROWS))
    np.testing.assert_array_equal(found.confusion, expected)
    assert found.mistakes == 4
    assert found.accuracy == pytest.approx(2 / 6)


def test_the_confusion_matrix_is_tensorflows(digits, tf):
    network = model()
    _, guesses = by_numpy(network, digits.train)
    expected = tf.math.confusion_matrix(digits.train.labels, guesses, 10).numpy()
    np.testing.assert_array_equal(evaluate(network, digits.train).confusion, expected)


def test_the_worst_mistakes_are_those_in_which_the_true_digit_was_thought_least_of():
    found = worst_mistakes(*oracle(ROWS), most=10)
    assert [(m.row, m.label, m.guess) for m in found] == [(2, 4, 9), (3, 7, 1), (5, 0, 6), (1, 3, 8)]
    np.testing.assert_allclose([m.p_label for m in found], [0.001, 0.25, 0.25, 0.3], rtol=1e-5)
    np.testing.assert_allclose([m.p_guess for m in found], [0.999, 0.4, 0.75, 0.7], rtol=1e-5)
    assert worst_mistakes(*oracle(ROWS), most=2) == found[:2]


def test_the_worst_are_found_beyond_what_a_float_can_tell_from_nothing():
    """Below e⁻⁷⁴⁵ a probability is 0, where its logarithm still tells which is less."""
    rows = [(1, {7: 1.0}), (2, {7: 1.0}), (3, {7: 1.0})]
    network, split = oracle(rows)
    for i, (label, _) in enumerate(rows):
        network[0].weight.data[i, label] = (-800, -1600, -1200)[i]
    network[0].weight.data = network[0].weight.data
    assert [m.row for m in worst_mistakes(network, split, 3)] == [1, 2, 0]


def test_the_worst_mistakes_among_thousands_are_those_of_numpy(digits):
    network = model()
    x = digits.train.images / 255
    x = np.maximum(x @ network[0].weight.data.astype(float) + network[0].bias.data, 0) @ network[2].weight.data
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    y, rows = digits.train.labels, np.arange(len(x))
    wrong = rows[p.argmax(axis=1) != y]
    worst = wrong[np.argsort(p[wrong, y[wrong]])][:20]
    found = worst_mistakes(network, digits.train, 20)
    assert [m.row for m in found] == worst.tolist()
    for mistake, row in zip(found, worst, strict=True):
        assert mistake[1:] == pytest.approx((y[row], p[row].argmax(), p[row, y[row]], p[row].max()), rel=1e-4)


def test_where_all_is_right_there_are_no_mistakes():
    network, split = oracle([(3, {3: 0.9, 8: 0.1}), (9, {9: 1.0})])
    assert worst_mistakes(network, split, 20) == []
    assert evaluate(network, split).mistakes == 0


# ── the table ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_has_a_row_for_each_class_and_one_for_all():
    confusion = np.diag([995, 1, 0, 2, 3, 4, 5, 6, 7, 0])
    confusion[0, 7], confusion[1, 2], confusion[2, 1] = 5, 2, 1
    rows = table(Evaluation(0.5, confusion)).splitlines()
    assert len(rows) == 12
    assert rows[0].split() == ["class", "images", "right", "accuracy"]
    assert rows[1].split() == ["0", "1,000", "995", "99.50%"]
    assert rows[2].split() == ["1", "3", "1", "33.33%"]
    assert rows[3].split() == ["2", "1", "0", "0.00%"]
    assert rows[-2].split() == ["9", "0", "0", "–"]  # no images, no accuracy
    assert rows[-1].split() == ["all", "1,031", "1,023", "99.22%"]


def test_the_table_calls_the_classes_by_their_names():
    names = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
    _, *rows, last = table(Evaluation(0.5, np.diag(range(1, 11))), names).splitlines()
    assert [row[:10].strip() for row in rows] == [*names]
    assert len({len(row) for row in (*rows, last)}) == 1
    assert rows[9].split() == ["ankle", "boot", "10", "10", "100.00%"]


def test_nothing_is_left_out_of_a_network_that_is_evaluated_and_its_training_goes_on(digits):
    rng = np.random.default_rng(0)
    model = nets.Sequential(nets.Linear(784, 10, rng=rng), nets.Dropout(0.9, rng=rng))
    before = model.state_dict()
    bare = evaluate(nets.Sequential(model[0]), digits.test)
    found = evaluate(model, digits.test)
    assert found.loss == bare.loss
    np.testing.assert_array_equal(found.confusion, bare.confusion)
    np.testing.assert_equal(model.state_dict(), before)
    assert model.training
    assert model[1].training
    evaluate(model.eval(), digits.test)
    assert not model[1].training


@pytest.mark.by_numba
def test_a_convolutional_network_is_looked_at_compiled_after_each_epoch_and_as_it_is_then(digits):
    """With the weights and the statistics that it has come to, and with nothing left out."""
    config = TrainConfig(network="cnn", dropout=0.5, jit=True)
    model, few = make_network(config), Split(digits.test.images[:40], digits.test.labels[:40])
    forward = training.compiled(config, model)
    for _ in range(2):
        found, expected = evaluate(model, few, forward), evaluate(model, few)
        assert found.loss == pytest.approx(expected.loss, rel=1e-5)
        np.testing.assert_array_equal(found.confusion, expected.confusion)
        model(few.batch(slice(0, 40))[0])  # which moves the statistics
        for parameter in model.parameters():
            parameter.data = parameter.data * np.float32(1.1)
    assert forward is not model
    assert training.compiled(TrainConfig(jit=True), model) is model
