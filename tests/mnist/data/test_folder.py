import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist.data import folder
from mnist.data.sources import MNIST
from mnist.errors import UserError


@pytest.fixture
def data(small: Any, tmp_path: Path) -> Path:
    """A folder of the small data set's IDX files."""
    return small.put(tmp_path / "data")


def refusal(path: Path, small: Any) -> str:
    with pytest.raises(UserError) as caught:
        folder.load(path, small.source)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_idx_files_are_known_by_their_hash(small: Any, data: Path) -> None:
    dataset = folder.load(data, small.source)
    assert dataset.name == "mnist"
    assert dataset.train.images.shape == (20, 784)
    assert dataset.test.images.shape == (10, 784)
    np.testing.assert_array_equal(dataset.test.labels, np.arange(10))


@pytest.mark.parametrize("level", [1, 9])
def test_any_gzip_of_the_right_bytes_is_known(small: Any, tmp_path: Path, level: int) -> None:
    for name, content in small.idx.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, level))
    assert folder.load(tmp_path, small.source).name == "mnist"


def test_a_file_unpacked_under_its_gzip_name_is_read(small: Any, tmp_path: Path) -> None:
    for name, content in small.idx.items():
        (tmp_path / f"{name}.gz").write_bytes(content)
    assert folder.load(tmp_path, small.source).name == "mnist"


def test_names_with_a_dot_are_found_and_mixed_with_others(small: Any, data: Path) -> None:
    (data / "train-images-idx3-ubyte").rename(data / "train-images.idx3-ubyte")
    labels = data / "t10k-labels-idx1-ubyte"
    (data / "t10k-labels.idx1-ubyte.gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    assert folder.load(data, small.source).name == "mnist"


@pytest.mark.parametrize("header", [False, True])
def test_csv_of_the_right_digits_is_known_too(small: Any, tmp_path: Path, header: bool) -> None:
    dataset = folder.load(small.put_csv(tmp_path, header), small.source)
    assert dataset.name == "mnist"
    assert len(dataset.train) == 20


def many(small: Any, folder: Path) -> Path:
    """A folder of Kaggle's competition with every training image ten times."""
    path = small.put_competition(folder) / "train.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *(row for row in rows for _ in range(10))]) + "\n")
    return folder


def test_where_kaggle_gives_no_labels_every_tenth_of_a_class_is_to_test_on(small: Any, tmp_path: Path) -> None:
    plain = folder.load(small.put(tmp_path / "idx"), small.source)
    found = folder.load(many(small, tmp_path / "csv"), small.source)
    assert found.name == "custom"
    assert (len(found.train), len(found.test)) == (180, 20)
    np.testing.assert_array_equal(found.test.labels, plain.train.labels)
    np.testing.assert_array_equal(found.test.images, plain.train.images)
    np.testing.assert_array_equal(found.train.images, np.repeat(plain.train.images, 9, axis=0))
    np.testing.assert_array_equal(found.train.labels, np.repeat(plain.train.labels, 9))
    assert found.unlabelled is not None
    np.testing.assert_array_equal(found.unlabelled, plain.test.images)
    assert plain.unlabelled is None


def test_kaggles_competition_with_too_few_images_or_without_a_table_is_refused(small: Any, tmp_path: Path) -> None:
    assert "train.csv holds less than 10 images of every class" in refusal(small.put_competition(tmp_path), small)
    (tmp_path / "test.csv").unlink()
    assert "lacks test.csv" in refusal(tmp_path, small)


def test_tables_under_the_names_of_the_competition_may_have_labels(small: Any, tmp_path: Path) -> None:
    small.put_csv(tmp_path)
    for name in ("train", "test"):
        (tmp_path / f"mnist_{name}.csv").rename(tmp_path / f"{name}.csv")
    found = folder.load(tmp_path, small.source)
    assert (found.name, len(found.test), found.unlabelled) == ("mnist", 10, None)


def test_other_images_of_the_form_are_custom(data: Path) -> None:
    assert folder.load(data, MNIST).name == "custom"


def test_idx_goes_before_csv(small: Any, data: Path) -> None:
    for name in ("mnist_train.csv", "mnist_test.csv"):
        (data / name).write_text("not read")
    assert folder.load(data, small.source).name == "mnist"


def test_a_folder_that_holds_no_data_is_refused(small: Any, tmp_path: Path) -> None:
    message = refusal(tmp_path, small)
    assert "holds no data" in message
    assert "train-images-idx3-ubyte" in message
    assert "mnist_train.csv and mnist_test.csv or train.csv and test.csv" in message


def test_a_folder_that_is_none_is_refused(small: Any, tmp_path: Path) -> None:
    assert "(No such file or directory)" in refusal(tmp_path / "nothing", small)
    file = tmp_path / "file"
    file.touch()
    assert "cannot be read as a folder" in refusal(file, small)


def test_missing_idx_files_are_named(small: Any, data: Path) -> None:
    (data / "train-labels-idx1-ubyte").unlink()
    (data / "t10k-images-idx3-ubyte").unlink()
    assert "lacks train-labels-idx1-ubyte and t10k-images-idx3-ubyte" in refusal(data, small)


def test_a_folder_in_the_place_of_a_file_is_a_missing_file(small: Any, data: Path) -> None:
    (data / "t10k-labels-idx1-ubyte").unlink()
    (data / "t10k-labels-idx1-ubyte").mkdir()
    assert "lacks t10k-labels-idx1-ubyte" in refusal(data, small)


def test_a_missing_csv_file_is_named(small: Any, tmp_path: Path) -> None:
    (small.put_csv(tmp_path) / "mnist_test.csv").unlink()
    assert "lacks mnist_test.csv" in refusal(tmp_path, small)


def test_images_and_labels_of_different_counts_are_refused(small: Any, data: Path) -> None:
    (data / "t10k-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 9) + bytes(9))
    message = refusal(data, small)
    assert "t10k-images-idx3-ubyte holds 10 images" in message
    assert "t10k-labels-idx1-ubyte 9 labels" in message


def test_a_label_out_of_range_is_refused_by_its_place(small: Any, data: Path) -> None:
    (data / "t10k-labels-idx1-ubyte").write_bytes(
        struct.pack(">II", 0x801, 10) + bytes([0, 1, 200] + [0] * 7)
    )
    assert "label 3 is 200, not one of 0 to 9" in refusal(data, small)


def test_a_damaged_file_is_refused_by_its_path(small: Any, data: Path) -> None:
    path = data / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    assert f"{path} is truncated" in refusal(data, small)


def test_the_real_mnist_is_known(real_mnist: Path) -> None:
    dataset = folder.load(real_mnist, MNIST)
    assert dataset.name == "mnist"
    assert dataset.train.images.shape == (60_000, 784)
    assert dataset.test.images.shape == (10_000, 784)
    np.testing.assert_array_equal(dataset.train.labels[:5], [5, 0, 4, 1, 9])
    np.testing.assert_array_equal(dataset.test.labels[:5], [7, 2, 1, 0, 4])
