"""What each stage of a network makes of an image, and which pixels speak for an answer, held against NumPy."""

import numpy as np
import pytest

import nets
from mnist import runs
from mnist.insight import evidence, stages


@pytest.fixture
def image(digits):
    return digits.test.images[3].reshape(28, 28)


def smooth_network():
    """A CNN without kinks, in float64."""
    given = {"rng": np.random.default_rng(0), "dtype": np.float64}
    layers = nets.Conv2d(1, 6, 5, padding=2, **given), nets.Tanh(), nets.AvgPool2d(2), nets.Flatten()
    return nets.Sequential(nets.Unflatten(1, (1, 28, 28)), *layers, nets.Linear(1176, 10, **given))


def test_the_stages_of_an_mlp_are_what_numpy_makes_of_the_image(runs_folder, image):
    model = runs.load(runs_folder / "mlp").model
    W1, b1, W2, b2 = (parameter.data for parameter in model.parameters())
    hidden = np.maximum(image.reshape(784) / 255 @ W1 + b1, 0)
    first, last = stages(model, image)
    assert (first.name, last.name) == ("Linear 784 → 64, ReLU", "Linear 64 → 10")
    np.testing.assert_allclose(first.numbers, hidden, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last.numbers, hidden @ W2 + b2, rtol=1e-4, atol=1e-4)


def test_the_stages_of_a_cnn_are_pictures_and_then_units_and_end_with_its_logits(runs_folder, image):
    model = runs.load(runs_folder / "lenet").model
    found = stages(model, image)
    shapes = [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120,), (84,), (10,)]
    assert [stage.numbers.shape for stage in found] == shapes
    assert [stage.name for stage in found][:2] == ["Conv2d 1 → 6, ReLU", "MaxPool2d"]
    blocks = found[0].numbers.reshape(6, 14, 2, 14, 2)
    np.testing.assert_array_equal(found[1].numbers, blocks.max(axis=(2, 4)))
    logits = model(image.reshape(1, 784).astype(np.float32) / 255).data[0]
    np.testing.assert_allclose(found[-1].numbers, logits, rtol=1e-5)


@pytest.mark.parametrize("digit", [0, 7])
def test_the_evidence_of_an_mlp_is_the_gradient_derived_by_hand(runs_folder, image, digit):
    model = runs.load(runs_folder / "mlp").model
    W1, b1, W2, _ = (parameter.data.astype(np.float64) for parameter in model.parameters())
    open_units = image.reshape(784) / 255 @ W1 + b1 > 0
    by_hand = (W1 * open_units) @ W2[:, digit]
    np.testing.assert_allclose(evidence(model, image, digit).ravel(), by_hand, rtol=1e-4, atol=1e-5)


def test_the_evidence_of_a_cnn_is_how_its_logit_changes_along_any_direction(image):
    model = smooth_network()
    rng = np.random.default_rng(0)
    x, direction = image.reshape(1, 784) / 255, rng.standard_normal((1, 784))
    logit = lambda t: model(x + t * direction).data[0, 4]
    measured = (logit(1e-5) - logit(-1e-5)) / 2e-5
    assert evidence(model, image, 4).ravel() @ direction[0] == pytest.approx(measured, rel=1e-6)


def test_a_network_in_use_stays_in_use(runs_folder, image):
    model = runs.load(runs_folder / "lenet").model
    stages(model, image)
    evidence(model, image, 1)
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
