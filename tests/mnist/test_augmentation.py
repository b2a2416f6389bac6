"""Distorted images, held against SciPy, and against each other where they must be the same."""

import math
import threading

import numpy as np
import pytest

from mnist import TrainConfig, fit
from mnist.augmentation import Augmentation, augmented
from mnist.data import Split
from mnist.errors import UserError
from mnist.recipes import AS_THEY_ARE

ndimage = pytest.importorskip("scipy.ndimage")

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15


def split_mix(state):
    """SplitMix64 in Python's integers: the number that it gives next after a state."""
    z = (state + GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def draws(seed, epoch, row, count):
    """The numbers from −1 to 1 that an image is given."""
    key = int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0])
    first = key + row * (4 + 2 * 784) * GAMMA
    return np.array([(split_mix(first + i * GAMMA) >> 40) / 2**23 - 1 for i in range(count)])


def by_scipy(image, how, seed, epoch, row):
    """What SciPy makes of an image with the same numbers, in float64."""
    u = draws(seed, epoch, row, 4 + 2 * 784)
    shift = np.floor((u[:2] + 1) / 2 * (2 * how.shift + 1)) - how.shift
    angle, size = math.radians(how.rotate) * u[2], 1 + how.scale * u[3]
    centre = 13.5
    places = np.mgrid[:28, :28].reshape(2, -1) - centre - shift[:, None]
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) / size
    places = (turn @ places + centre).reshape(2, 28, 28)
    noise = u[4:].reshape(2, 28, 28)
    for axis in range(2):
        places[axis] += how.elastic * ndimage.gaussian_filter(noise[axis], sigma=4, mode="constant")
    return ndimage.map_coordinates(image.reshape(28, 28) / 255, places, order=1, mode="grid-constant").ravel()


@pytest.fixture(scope="module")
def images():
    """Forty images of noise, in which every pixel tells where it comes from."""
    return np.random.default_rng(0).integers(0, 256, (40, 784), np.uint8)


def test_the_numbers_are_those_of_splitmix64():
    """The first that Vigna's reference code gives for a seed of 1234567."""
    assert split_mix(1234567) == 6457827717110365317


@pytest.mark.parametrize(
    "how",
    [
        Augmentation(shift=3),
        Augmentation(rotate=20.0),
        Augmentation(scale=0.3),
        Augmentation(elastic=34.0),
        Augmentation(2, 15.0, 0.1, 60.0),
    ],
    ids=str,
)
def test_an_image_is_what_scipy_makes_of_it(images, how):
    rows = np.array([3, 0, 39])
    found = how.distort(images, rows, seed=5, epoch=2)
    assert (found.dtype, found.shape) == (np.float32, (3, 784))
    for row, image in zip(rows.tolist(), found, strict=True):
        np.testing.assert_allclose(image, by_scipy(images[row], how, 5, 2, row), atol=2e-4)


def test_shifts_are_whole_pixels_of_every_kind_and_what_comes_in_is_blank(images):
    found = Augmentation(shift=1).distort(images, np.zeros(500, int) + np.arange(500) % 40, 0, 1)
    padded = np.pad(images.reshape(-1, 28, 28) / np.float32(255), ((0, 0), (1, 1), (1, 1)))
    seen = set()
    for epoch in range(1, 6):
        for row, image in enumerate(Augmentation(shift=1).distort(images, np.arange(40), 0, epoch)):
            shifted = {(i, j): padded[row, i : i + 28, j : j + 28] for i in range(3) for j in range(3)}
            seen |= (same := {place for place, other in shifted.items() if np.array_equal(image, other.ravel())})
            assert len(same) == 1
    assert len(seen) == 9
    assert len(found) == 500


def test_without_a_change_there_is_none(images):
    assert not Augmentation()
    assert Augmentation(elastic=1.0)
    np.testing.assert_array_equal(
        Augmentation().distort(images, np.arange(40), 0, 1), images / np.float32(255)
    )


def test_an_image_follows_from_seed_epoch_and_row_alone(images):
    how = Augmentation(1, 10.0, 0.1, 30.0)

    def image(row, seed=0, epoch=1, among=()):
        return how.distort(images, np.array([*among, row]), seed, epoch)[-1].tobytes()

    assert image(3) == image(3, among=[7, 2, 3])
    others = [image(3, seed=1), image(3, epoch=2), image(3, seed=10**30)]
    twins = np.concatenate([images[3:4]] * 2)
    both = how.distort(twins, np.arange(2), 0, 1)
    assert len({image(3), *others}) == 4
    assert not np.array_equal(both[0], both[1])


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 7, 500])
def test_the_batches_are_the_same_for_any_number_of_threads(threads, size):
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (2600, 784), np.uint8), rng.integers(0, 10, 2600).astype(np.uint8))
    order = rng.permutation(2600)
    batches = [order[start : start + size] for start in range(0, 2600, size)]
    how = Augmentation(shift=2)
    with augmented(split, batches, how, 0, 1, threads) as taken:
        for rows, (x, y) in zip(batches, taken, strict=True):
            np.testing.assert_array_equal(x, how.distort(split.images, rows, 0, 1))
            np.testing.assert_array_equal(y, split.labels[rows])
            assert y.dtype == np.intp


def test_batches_that_nobody_waits_for_leave_no_thread_behind(images):
    split = Split(np.repeat(images, 200, axis=0), np.zeros(8000, np.uint8))
    before = threading.active_count()
    with augmented(split, list(np.arange(8000).reshape(-1, 100)), Augmentation(elastic=34.0), 0, 1, 3) as taken:
        next(taken)
        assert threading.active_count() > before
    assert threading.active_count() == before


def run(out, **settings):
    given = {"layers": (784, 16, 10), "epochs": 2, "batch_size": 300, "dataset": "mnist-5k", "engine": "manual"}
    return fit(TrainConfig(**{**given, "out": out, **settings}), announce=lambda line: None)


@pytest.mark.usefixtures("undrawn")
def test_a_run_is_the_same_for_any_number_of_workers_and_another_without(tmp_path):
    how = {"shift": 1, "rotate": 10.0, "scale": 0.1, "elastic": 30.0}
    one, three, none = (
        (run(tmp_path / name, **settings).folder / "model.safetensors").read_bytes()
        for name, settings in (("1", how), ("3", {**how, "workers": 3}), ("0", AS_THEY_ARE))
    )
    assert one == three != none


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"shift": -1}, "--shift -1"),
        ({"shift": 29}, "--shift 29"),
        ({"rotate": -1.0}, "--rotate -1"),
        ({"rotate": 181.0}, "--rotate 181"),
        ({"scale": 1.0}, "--scale 1"),
        ({"elastic": float("nan")}, "--elastic nan"),
        ({"elastic": float("inf")}, "--elastic inf"),
        ({"workers": 0}, "--workers 0"),
    ],
    ids=str,
)
def test_what_cannot_be_done_to_an_image_is_one_line(settings, told):
    with pytest.raises(UserError, match=rf"^{told}.*must be"):
        TrainConfig(**settings)
