"""The pictures in a run's folder are of that run: its history, its weights, its test images."""

import numpy as np
import pytest
from matplotlib.image import imread

from mnist import TrainConfig, fit, pictures
from mnist.data import Split
from mnist.evaluation import evaluate

NAMES = ["confusion.png", "curves.png", "gradient_norms.png", "mistakes.png", "weights.png"]


def run(out, **settings):
    given = {"layers": (784, 16, 10), "epochs": 2, "batch_size": 100, "dataset": "mnist-5k", "out": out}
    return fit(TrainConfig(**{**given, **settings}), announce=lambda line: None)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return run(tmp_path_factory.mktemp("runs") / "one")


DIGITS = tuple("0123456789")


def figures_of(result, split, names=DIGITS):
    drawn = {**dict(pictures.of_training(result.history, result.model, names))}
    return drawn | dict(pictures.of_evaluation(evaluate(result.model, split), result.model, split, names))


@pytest.fixture(scope="module")
def figures(result, digits):
    return figures_of(result, digits.test)


def test_the_same_run_gives_the_same_pictures_byte_by_byte_and_another_gives_others(result, tmp_path):
    same, other = run(tmp_path / "same"), run(tmp_path / "other", seed=1)
    for name in NAMES:
        content = (result.folder / name).read_bytes()
        assert content == (same.folder / name).read_bytes() != (other.folder / name).read_bytes(), name
        assert len(np.unique(imread(result.folder / name)[..., :3].reshape(-1, 3), axis=0)) > 20


def test_the_confusion_matrix_is_of_the_test_images(result, figures, digits):
    logits = result.model(digits.test.images.astype(np.float32) / 255).data
    counts = np.zeros((10, 10), int)
    for label, guess in zip(digits.test.labels, logits.argmax(axis=1), strict=True):
        counts[label, guess] += 1
    told = [text.get_text() for text in figures["confusion.png"].axes[0].texts]
    assert told == [f"{count:,}" for count in counts.flat]


def test_the_mistakes_are_the_test_images_with_the_least_probability_of_their_label(result, figures, digits):
    logits = result.model(digits.test.images.astype(np.float32) / 255).data.astype(float)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels, guesses = digits.test.labels, p.argmax(axis=1)
    wrong = np.flatnonzero(guesses != labels)
    rows = wrong[np.argsort(p[wrong, labels[wrong]], kind="stable")]
    figure = figures["mistakes.png"]
    (axes,) = figure.axes
    assert len(axes.images) == 20 < len(wrong)
    for row, image, said, instead in zip(rows, axes.images, axes.texts[::2], axes.texts[1::2], strict=False):
        np.testing.assert_array_equal(image.get_array().ravel(), digits.test.images[row])
        assert said.get_text().startswith(f"is {labels[row]}: ")
        assert instead.get_text().startswith(f"read as {guesses[row]}: ")
        assert float(instead.get_text().split()[-1][:-1]) == pytest.approx(100 * p[row].max(), abs=0.11)
    assert f"20 worst of {len(wrong)} mistakes" in figure.get_suptitle()
    assert "1,000 test images" in figure.get_suptitle()


def test_the_weights_are_the_columns_of_the_first_layer_in_their_order(result, figures):
    mosaic = figures["weights.png"].axes[0].images[0].get_array()
    shown = mosaic.compressed()
    W = result.model[0].weight.data
    assert sorted(shown) == sorted(W.ravel().tolist())
    np.testing.assert_array_equal(mosaic[3:31, 3:31], W[:, 0].reshape(28, 28))
    np.testing.assert_array_equal(mosaic[3:31, 34:62], W[:, 1].reshape(28, 28))
    assert not figures["weights.png"].axes[0].texts


def test_the_gradient_norms_are_those_of_the_history(result, figures):
    lines = figures["gradient_norms.png"].axes[0].lines
    assert [line.get_label() for line in lines] == ["1: 784 → 16", "2: 16 → 10"]
    for line, layer in zip(lines, (0, 2), strict=True):
        assert line.get_ydata().tolist() == [row[f"gradient_norm.layers.{layer}"] for row in result.history]


def test_of_many_units_the_first_are_shown_and_the_layers_of_any_depth_are_named(tmp_path, digits):
    result = run(tmp_path, layers=(784, 130, *[8] * 8, 10), epochs=1, batch_size=1000)
    figures = figures_of(result, digits.test)
    shown = figures["weights.png"].axes[0].images[0].get_array().compressed()
    assert sorted(shown) == sorted(result.model[0].weight.data[:, :128].ravel())
    assert "the first 128 of 130" in figures["weights.png"].axes[0].get_title()
    assert len(figures["gradient_norms.png"].axes[0].lines) == 10


def test_of_a_convolutional_network_the_filters_are_shown_and_the_layers_named(tmp_path, digits):
    result = run(tmp_path, network="lenet", layers=TrainConfig.layers, epochs=1, batch_size=500)
    figures = figures_of(result, Split(digits.test.images[:100], digits.test.labels[:100]))
    shown = figures["weights.png"].axes[0].images[0].get_array().compressed()
    assert sorted(shown) == sorted(result.model[1].weight.data.ravel().tolist())
    names = [line.get_label() for line in figures["gradient_norms.png"].axes[0].lines]
    assert names == ["1: 1 → 6, 5×5", "2: 6 → 16, 5×5", "3: 400 → 120", "4: 120 → 84", "5: 84 → 10"]


def test_where_there_is_one_layer_its_pictures_bear_the_names_of_the_classes(tmp_path, digits):
    names = tuple("zyxwvutsrq")
    figures = figures_of(run(tmp_path, layers=(784, 10), epochs=1), digits.test, names)
    assert tuple(text.get_text() for text in figures["weights.png"].axes[0].texts) == names
    assert tuple(label.get_text() for label in figures["confusion.png"].axes[0].get_yticklabels()) == names
    assert figures["mistakes.png"].axes[0].texts[0].get_text().split()[1].rstrip(":") in names


def test_a_perfect_network_has_no_mistakes_to_show_and_a_missing_digit_is_told(result, digits):
    images, labels = digits.test.images, digits.test.labels
    guesses = result.model(images.astype(np.float32) / 255).data.argmax(axis=1)
    right = (guesses == labels) & (labels != 5)
    figures = figures_of(result, Split(images[right], labels[right]))
    (text,) = figures["mistakes.png"].axes[0].texts
    assert text.get_text().startswith("No mistakes")
    (margin,) = figures["confusion.png"].axes[0].child_axes
    assert [label.get_text() for label in margin.get_yticklabels()][5] == "no images"
