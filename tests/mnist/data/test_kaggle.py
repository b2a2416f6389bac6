import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnist.data import kaggle
from mnist.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 784), np.uint8)
LABELS = np.array([5, 0, 4, 1, 9, 2], np.uint8)
ROWS = [",".join(map(str, [label, *pixels])) for label, pixels in zip(LABELS, IMAGES.tolist(), strict=True)]
HEADER = ",".join(["label", *(f"{i}x{j}" for i in range(1, 29) for j in range(1, 29))])

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(text: str) -> Path:
        path = tmp_path / "mnist_train.csv"
        path.write_bytes(text.encode())
        return path

    return put


def with_row(number: int, row: str) -> str:
    return "\n".join([*ROWS[: number - 1], row, *ROWS[number:]]) + "\n"


def with_value(value: str, column: int) -> str:
    fields = ROWS[2].split(",")
    fields[column - 1] = value
    return with_row(3, ",".join(fields))


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught, warnings.catch_warnings(action="error"):
        kaggle.read(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(ROWS),
        "\n".join(ROWS) + "\n",
        "\r\n".join(ROWS) + "\r\n",
        "\n".join([HEADER, *ROWS]),
        "\ufeff" + "\r\n".join([HEADER, *ROWS]),
        "\ufeff" + "\n".join(ROWS),
    ],
    ids=["bare", "newline", "windows", "header", "header-bom", "bom"],
)
def test_rows_are_read_with_a_header_or_without(write: Write, text: str) -> None:
    split = kaggle.read(write(text))
    np.testing.assert_array_equal(split.images, IMAGES)
    np.testing.assert_array_equal(split.labels, LABELS)
    assert split.images.dtype == split.labels.dtype == np.uint8
    assert split.images.flags.c_contiguous


@pytest.mark.parametrize("header", ["", ",".join(f"pixel{i}" for i in range(784)) + "\n"], ids=["bare", "header"])
def test_images_without_labels_are_told_from_others_and_read(write: Write, header: str) -> None:
    path = write(header + "\n".join(row.partition(",")[2] for row in ROWS))
    assert not kaggle.has_labels(path)
    np.testing.assert_array_equal(kaggle.read_images(path), IMAGES)
    assert "784 columns instead of 785, a label and 784 pixels" in refusal(path)
    labelled = write("\n".join([HEADER, *ROWS]))
    assert kaggle.has_labels(labelled)
    with pytest.raises(UserError, match=r"line 2: 785 columns instead of 784, 784 pixels;"):
        kaggle.read_images(labelled)


def test_more_rows_than_are_parsed_at_a_time_keep_their_order(write: Write) -> None:
    split = kaggle.read(write("\n".join(ROWS * 700)))
    np.testing.assert_array_equal(split.images, np.tile(IMAGES, (700, 1)))
    np.testing.assert_array_equal(split.labels, np.tile(LABELS, 700))


@pytest.mark.parametrize(
    "value", ["256", "-1", "nan", "inf", "1.0", "1e2", "five", "", '"5"', "1_0", "٣", "\0"]
)
def test_anything_but_a_whole_number_to_255_is_refused(write: Write, value: str) -> None:
    message = refusal(write(with_value(value, column=40)))
    assert f"line 3: {value!r} in column 40 is not a whole number from 0 to 255" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (with_value("10", column=1), "line 3: the label 10 is not one of 0 to 9"),
        (with_row(4, ROWS[0] + ",0"), "line 4: 786 columns instead of 785, a label and 784 pixels"),
        (with_row(4, ROWS[0].rpartition(",")[0]), "line 4: 784 columns instead of 785"),
        (with_row(4, ""), "line 4: the line is blank"),
        (with_row(4, "   "), "line 4: the line is blank"),
        ("\n".join(ROWS) + "\n\n", "line 7: the line is blank"),
        ("\n" * 5000, "line 1: the line is blank"),
        ("\n".join([HEADER, ROWS[0], "5,x"]), "line 3: 2 columns instead of 785"),
        (HEADER, "holds no rows"),
        ("", "holds no rows"),
        ("<html>", "line 1: 1 columns instead of 785"),
        ("id," + HEADER + "\n" + ROWS[0], "line 1: 786 columns instead of 785"),
        ("\n".join([*ROWS * 500, "5", *ROWS * 500]), "line 3001: 1 columns instead of 785"),
        ("\n".join(ROWS)[:-100], "line 6: "),
    ],
)
def test_a_row_that_is_not_well_formed_is_refused_by_its_line(write: Write, text: str, words: str) -> None:
    assert words in refusal(write(text))


def test_one_endless_line_is_refused_before_it_is_read_whole(write: Write) -> None:
    path = write("0," * (10 << 20))
    tracemalloc.start()
    assert "line 1: " in refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # One block of text, and the work of parsing it, at most.
    assert peak < 80 << 20


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "nothing.csv")
