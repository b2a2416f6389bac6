"""Fashion-MNIST, Kuzushiji-MNIST and EMNIST digits: where each is looked for, and what it is called."""

import gzip
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist.data import download as mirrors
from mnist.data import load
from mnist.data.sources import EMNIST_DIGITS, FASHION_MNIST, KMNIST, SOURCES
from mnist.errors import UserError


@pytest.fixture
def fashion(small: Any, dead_mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let "fashion-mnist" stand for the small data set, installed nowhere."""
    monkeypatch.delenv("FASHION_MNIST_DATA_DIR", raising=False)
    files = ("train_images", "train_labels", "test_images", "test_labels")
    given = dict(zip(files, small.source.files, strict=True))
    installed = tmp_path / "installed"
    source = replace(FASHION_MNIST, mirrors=(dead_mirror,), system_folder=installed, **given)
    monkeypatch.setitem(SOURCES, "fashion-mnist", source)
    small.source = source
    return small


def test_each_set_has_a_row_and_a_folder_variable_of_its_own() -> None:
    assert list(SOURCES) == ["mnist", "fashion-mnist", "kmnist", "emnist-digits"]
    assert SOURCES["mnist"].variable == "MNIST_DATA_DIR"
    assert SOURCES["fashion-mnist"].variable == "FASHION_MNIST_DATA_DIR"
    assert all(len(set(source.classes)) == 10 for source in SOURCES.values())


def test_emnist_alone_cannot_be_downloaded() -> None:
    assert [name for name, source in SOURCES.items() if not source.downloadable] == ["emnist-digits"]
    assert [name for name, source in SOURCES.items() if not source.mirrors] == ["emnist-digits"]


def test_what_a_package_has_installed_goes_before_the_cache_and_after_the_environment(
    fashion: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    fashion.put(tmp_path / "installed", gzipped=True)
    fashion.put(tmp_path / "caches" / "autodiff-mnist" / "fashion-mnist", gzipped=True)
    assert load("fashion-mnist", announce=said.append).name == "fashion-mnist"
    assert said[-1].endswith(f"from {tmp_path / 'installed'}")
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "of other digits"))
    assert load("fashion-mnist", announce=said.append).name == "fashion-mnist"
    monkeypatch.setenv("FASHION_MNIST_DATA_DIR", str(fashion.put(tmp_path / "mine")))
    load("fashion-mnist", announce=said.append)
    assert said[-1].endswith(f"from {tmp_path / 'mine'}")


def test_a_damaged_installation_is_said_and_left_aside(fashion: Any, tmp_path: Path) -> None:
    said: list[str] = []
    path = fashion.put(tmp_path / "installed", gzipped=True) / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-50])
    fashion.put(tmp_path / "caches" / "autodiff-mnist" / "fashion-mnist", gzipped=True)
    load("fashion-mnist", announce=said.append)
    assert said[0].startswith(f"{tmp_path / 'installed'} is damaged and left aside")
    assert "caches" in said[-1]


def test_it_is_downloaded_to_a_cache_of_its_own(fashion: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[Path] = []

    def download(source: object, folder: Path) -> None:
        folders.append(fashion.put(folder, gzipped=True))

    monkeypatch.setattr(mirrors, "download", download)
    assert load("fashion-mnist", announce=lambda line: None).name == "fashion-mnist"
    assert folders == [tmp_path / "caches" / "autodiff-mnist" / "fashion-mnist"]


def test_without_a_network_no_digits_are_taken_for_clothes(fashion: Any) -> None:
    with pytest.raises(UserError, match=r"^Fashion-MNIST: no copy here and none from the network; .*--data-dir$"):
        load("fashion-mnist", announce=lambda line: None)


def test_emnist_digits_are_told_from_a_folder_alone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^EMNIST digits have no mirror: .*--data-dir$"):
        load("emnist-digits", announce=lambda line: None)


@pytest.mark.parametrize("form", ["idx", "csv"])
def test_emnist_digits_are_set_upright_and_called_custom_for_want_of_a_hash(
    small: Any, tmp_path: Path, form: str
) -> None:
    said: list[str] = []
    given = dict(zip(("train_images", "train_labels", "test_images", "test_labels"), EMNIST_DIGITS.files, strict=True))
    small.source = replace(EMNIST_DIGITS, **given)
    small.idx = dict(zip((file.name for file in EMNIST_DIGITS.files), small.idx.values(), strict=True))
    place = small.put(tmp_path, gzipped=True) if form == "idx" else small.put_csv(tmp_path)
    dataset = load("emnist-digits", place, announce=said.append)
    assert dataset.name == "custom"
    assert "of EMNIST digits no SHA-256 is known here" in said[0]
    raw = np.frombuffer(small.idx["emnist-digits-test-images-idx3-ubyte"][16:], np.uint8).reshape(-1, 28, 28)
    np.testing.assert_array_equal(dataset.test.images.reshape(-1, 28, 28), raw.transpose(0, 2, 1))
    assert dataset.test.images.flags.c_contiguous


def test_kuzushiji_is_known_by_the_three_files_of_which_the_hash_is(small: Any, tmp_path: Path) -> None:
    train_images, *others = small.source.files
    names = ("train_labels", "test_images", "test_labels")
    source = replace(KMNIST, train_images=replace(train_images, sha256=None), **dict(zip(names, others, strict=True)))
    dataset = load("mnist", small.put(tmp_path), announce=lambda line: None)
    assert source.matches(dataset.train, dataset.test)
    assert not source.matches(dataset.test, dataset.test)
    assert not EMNIST_DIGITS.matches(dataset.train, dataset.test)


@pytest.mark.skipif(
    not (os.path.isdir("/usr/share/datasets/fashion-mnist") or os.environ.get("FASHION_MNIST_DATA_DIR")),
    reason="Fashion-MNIST is not installed, nor named by $FASHION_MNIST_DATA_DIR",
)
def test_the_real_fashion_mnist_is_known() -> None:
    dataset = load("fashion-mnist", announce=lambda line: None)
    assert dataset.name == "fashion-mnist"
    assert (len(dataset.train), len(dataset.test)) == (60_000, 10_000)
    assert np.bincount(dataset.train.labels).tolist() == [6000] * 10


def test_a_gzip_file_is_compared_by_what_is_in_it(fashion: Any, tmp_path: Path) -> None:
    """Debian has packed the same bytes without a name and a time."""
    for name, content in fashion.put(tmp_path / "installed", gzipped=True) and fashion.idx.items():
        (tmp_path / "installed" / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1, mtime=7))
    assert load("fashion-mnist", announce=lambda line: None).name == "fashion-mnist"
