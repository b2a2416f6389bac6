"""Pictures are prepared as MNIST's own were: a digit of MNIST, however it is presented, comes out as it went in."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist import runs
from mnist.ink import BlankError, find_ink
from mnist.preparation import boxed, centred, prepare, thickened

DIGITS = 150


@pytest.fixture(scope="module")
def originals(digits):
    """Images of the test set, and their labels."""
    return digits.test.images[:DIGITS].reshape(-1, 28, 28), digits.test.labels[:DIGITS]


@pytest.fixture(scope="module")
def network(runs_folder):
    return runs.load(runs_folder / "mlp")


def enlarged(image, times, how=Image.Resampling.BICUBIC):
    return np.asarray(Image.fromarray(image).resize((28 * times, 28 * times), how), np.float32) / 255


def embedded(ink, rng):
    """Ink somewhere on a ground up to twice as large."""
    h, w = ink.shape
    top, left = rng.integers(0, h), rng.integers(0, w)
    return np.pad(ink, ((top, rng.integers(0, h)), (left, rng.integers(0, w))))


def photographed(image, rng):
    """Dark ink on paper, in light from one side, with grain."""
    ink = embedded(enlarged(image, 5), rng)
    y, x = np.meshgrid(*(np.linspace(-1, 1, length) for length in ink.shape), indexing="ij")
    angle = rng.uniform(0, 2 * np.pi)
    light = 0.75 + 0.17 * (np.cos(angle) * x + np.sin(angle) * y) - 0.05 * (x**2 + y**2)
    paper = light * (1 - 0.6 * ink) + rng.normal(0, 0.02, ink.shape)
    return (255 * paper.clip(0, 1)).astype(np.uint8) / 255


def cropped(image, rng):
    """Nothing around the digit."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255


@pytest.mark.parametrize(
    ("present", "near"),
    [
        (lambda image, rng: image / 255, 1),
        (lambda image, rng: embedded(image / 255, rng), 1),
        (lambda image, rng: 1 - embedded(image / 255, rng), 1),
        (lambda image, rng: 0.3 + 0.4 * embedded(image / 255, rng), 1),
        (cropped, 1),
        (lambda image, rng: embedded(enlarged(image, 3, Image.Resampling.NEAREST), rng), 2),
        (lambda image, rng: 1 - embedded(enlarged(image, 4), rng), 10),
        (lambda image, rng: 1 - embedded((enlarged(image, 4) > 0.5).astype(float), rng), 10),
        (photographed, 12),
    ],
    ids=[
        "as it is",
        "shifted",
        "inverted",
        "pale",
        "cropped",
        "thrice as large",
        "enlarged",
        "two levels",
        "photograph",
    ],
)
def test_a_digit_of_mnist_comes_out_nearly_as_it_went_in(originals, network, present, near):
    images, labels = originals
    rng = np.random.default_rng(0)
    prepared = np.stack([prepare(present(image, rng)) for image in images])
    assert np.abs(prepared - images.astype(float)).mean() < near, "grey levels of 255"
    right = network.probabilities(images).argmax(axis=1) == labels
    still = network.probabilities(prepared).argmax(axis=1) == labels
    assert right.mean() > 0.85
    assert still[right].mean() >= 0.98


def test_most_images_of_mnist_are_given_back_within_a_few_grey_levels(originals):
    images, _ = originals
    away = [np.abs(prepare(image / 255).astype(int) - image).max() for image in images]
    assert np.median(away) < 16


def test_ink_is_fitted_into_20_by_20_and_its_centre_of_mass_lies_in_the_middle_pixel():
    picture = Image.new("L", (700, 400), 255)
    ImageDraw.Draw(picture).polygon([(50, 60), (550, 60), (50, 180)], fill=0)
    prepared = prepare(np.asarray(picture) / 255).astype(float)
    rows, columns = np.flatnonzero(prepared.any(axis=1)), np.flatnonzero(prepared.any(axis=0))
    assert np.ptp(columns) + 1 == 20
    assert np.ptp(rows) + 1 == round(20 * 121 / 501)
    grid = np.arange(28)
    for ink in (prepared.sum(axis=1), prepared.sum(axis=0)):
        assert 13.5 <= ink @ grid / ink.sum() < 14.5


def test_anti_aliasing_keeps_the_share_of_ink():
    ink = np.random.default_rng(0).random((160, 160)) < 0.5
    ink[[0, -1]] = ink[:, [0, -1]] = True
    box = boxed(ink.astype(np.float32))[20:40, 20:40]
    np.testing.assert_allclose(box, ink.reshape(20, 8, 20, 8).mean(axis=(1, 3)), atol=1e-6)


def test_thin_strokes_are_made_thick_enough_to_be_seen_and_thick_ones_left_alone():
    thin, thick = np.zeros((2, 300, 300), np.float32)
    thin[20:280, 150:152] = 1
    thick[20:280, 135:165] = 1
    assert thickened(thick) is thick
    column = thickened(thin)[150]
    assert column.sum() == pytest.approx(1.6 / 20 * 280, rel=0.15)
    assert centred(boxed(thickened(thin))).max() == 255


def test_dust_is_left_out_and_both_strokes_of_a_five_are_not():
    ink = np.zeros((200, 200))
    ink[60:160, 40:60] = 1
    ink[40:50, 80:160] = 1
    dusty = ink.copy()
    dusty[190:193, 190:193] = 1
    np.testing.assert_array_equal(find_ink(dusty), find_ink(ink))
    assert find_ink(ink)[45, 100] == 1


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((50, 60)),
        np.ones((1, 1)),
        np.full((40, 40), 0.5) + np.linspace(0, 0.3, 40),
        np.random.default_rng(0).normal(0.7, 0.06, (300, 300)).clip(0, 1),
        0.5 + 0.01 * (np.arange(900).reshape(30, 30) % 7 == 0),
    ],
    ids=["black", "one pixel", "a slope", "the grain of paper", "too faint"],
)
def test_on_a_blank_page_there_is_nothing_to_see(picture):
    with pytest.raises(BlankError, match="nothing to see"):
        prepare(picture)


@pytest.mark.parametrize("shape", [(2, 2), (1, 9), (9, 1), (3, 500), (500, 3), (28, 28), (1024, 700)])
def test_any_shape_gives_28_by_28(shape):
    picture = np.ones(shape)
    picture[shape[0] // 2, shape[1] // 2] = 0
    picture[: max(1, shape[0] // 3), : max(1, shape[1] // 3)] = 0
    prepared = prepare(picture)
    assert prepared.shape == (28, 28)
    assert prepared.dtype == np.uint8
    assert prepared.max() == 255
