import numpy as np
import pytest

from mnist.data import PIXELS, Split


@pytest.fixture
def split() -> Split:
    images = np.random.default_rng(0).integers(0, 256, (10, PIXELS), np.uint8)
    images[0, :2] = 0, 255
    return Split(images, np.arange(10, dtype=np.uint8))


def test_a_batch_is_scaled_to_between_0_and_1(split: Split) -> None:
    x, y = split.batch(np.array([0, 3]))
    assert x.dtype == np.float32
    assert x.shape == (2, PIXELS)
    assert (x[0, 0], x[0, 1]) == (0, 1)
    np.testing.assert_array_equal(x, split.images[[0, 3]].astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(y, [0, 3])
    assert y.dtype == np.intp


def test_a_batch_may_be_a_slice_and_of_float64(split: Split) -> None:
    x, y = split.batch(slice(2, 5), np.float64)
    np.testing.assert_array_equal(x, split.images[2:5] / 255)
    np.testing.assert_array_equal(y, [2, 3, 4])


def test_a_batch_is_a_copy_and_the_images_stay_bytes(split: Split) -> None:
    before = split.images.copy()
    split.batch(slice(None))[0][:] = 0.5
    assert split.images.dtype == np.uint8
    np.testing.assert_array_equal(split.images, before)


def test_the_length_is_the_number_of_images(split: Split) -> None:
    assert len(split) == 10
