import re
from typing import Any

import numpy as np

from mnist.data import Split, folder
from mnist.data.sources import MNIST, SOURCES, classes_of


def test_every_row_is_found_by_its_name_and_its_hashes_are_hashes() -> None:
    for name, source in SOURCES.items():
        assert source.name == name
    hashes = [h for source in SOURCES.values() for file in source.files for h in (file.sha256, file.gzip_sha256) if h]
    assert len(set(hashes)) == len(hashes) == 8 + 8 + 7
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in hashes)


def test_mnist_has_two_mirrors_over_https() -> None:
    assert len(MNIST.mirrors) == 2
    assert all(re.fullmatch(r"https://.*/", mirror) for mirror in MNIST.mirrors)


def test_a_file_is_spelt_with_a_dash_or_a_dot_and_gzipped_or_not() -> None:
    assert MNIST.train_images.spellings == (
        "train-images-idx3-ubyte",
        "train-images-idx3-ubyte.gz",
        "train-images.idx3-ubyte",
        "train-images.idx3-ubyte.gz",
    )


def test_one_pixel_makes_another_data_set(small: Any, tmp_path: Any) -> None:
    dataset = folder.load(small.put(tmp_path / "data"), small.source)
    assert small.source.matches(dataset.train, dataset.test)
    images = dataset.test.images.copy()
    images[3, 100] ^= 1
    assert not small.source.matches(dataset.train, Split(images, dataset.test.labels))
    assert not small.source.matches(dataset.train, Split(images[:5], dataset.test.labels[:5]))
    np.testing.assert_array_equal(dataset.test.labels, np.arange(10))


def test_the_classes_of_the_5000_digits_are_those_of_mnist_and_clothes_have_their_own() -> None:
    assert classes_of("mnist-5k") == classes_of("mnist") == tuple("0123456789")
    assert classes_of("fashion-mnist")[7] == "sneaker"
