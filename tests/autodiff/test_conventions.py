"""The convention card: every row holds, here and in TensorFlow, and it prints as a table."""

import subprocess
import sys

import numpy as np
import pytest

from autodiff import conventions
from autodiff.conventions import CARD, Answer
from tests.autodiff.in_tensorflow import operations
from tests.autodiff.oracles import first, of_tensorflow, second


def named(row):
    """A row's expression and point."""
    return f"{row.expression} at {row.at}"


every_row = pytest.mark.parametrize("row", CARD, ids=named)
both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def operands_of(row, dtype):
    """The arrays at which the row is; a number with a point in it is a real one."""
    arrays = [np.asarray(numbers, dtype if numbers == () else None) for numbers in row.at.values()]
    return [x.astype(dtype) if x.dtype.kind == "f" else x for x in arrays]


def function_of(row, operations=None):
    """The row's expression as a function of its operands."""
    return lambda *xs: row.evaluate(dict(zip(row.at, xs, strict=True)), operations)


def alone(shape, number=1.0):
    """The array that has a number in its first place, and zeros elsewhere: the cotangent of its first element."""
    array = np.zeros(shape)
    array.flat[:1] = number
    return array


def of_the_first(operands):
    """What picks the first number of the first gradient."""
    shapes = [x.shape for x in operands if x.dtype.kind == "f"]
    return [alone(shape) if i == 0 else None for i, shape in enumerate(shapes)]


def assert_is(numbers, want, dtype):
    """The same numbers to rounding, of the same shape and kind; −0 is 0 and NaN is NaN."""
    numbers, want = np.asarray(numbers), np.asarray(want)
    assert numbers.shape == want.shape
    assert numbers.dtype.kind == want.dtype.kind or want.size == 0
    np.testing.assert_allclose(numbers, want, rtol=30 * np.finfo(dtype).eps, atol=0, equal_nan=True)


def assert_gives(answer, operands, value, gradients, seconds, dtype):
    """The value and the gradients of the floating-point operands are those of the answer."""
    assert_is(value, answer.value, dtype)
    rest = iter(gradients)
    for x, want in zip(operands, answer.gradient, strict=True):
        gradient = next(rest) if x.dtype.kind == "f" else None
        assert (gradient is None) == (want is None)
        if want is not None:
            assert_is(gradient, want, dtype)
    for gradient, want in zip(seconds, answer.second, strict=bool(answer.second)):
        assert_is(gradient, want, dtype)


@every_row
@both_precisions
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_row_is_what_the_engine_gives(row, dtype):
    f, operands = function_of(row), operands_of(row, dtype)
    if isinstance(row.here.value, type):
        with pytest.raises(row.here.value):
            f(*operands)
        return
    cotangent = alone(np.shape(f(*operands)))
    out, gradients = first(f, operands, cotangent)
    seconds = second(f, operands, cotangent, of_the_first(operands)) if row.here.second else []
    data = lambda tensors: [None if t is None else t.data for t in tensors]
    assert_gives(row.here, operands, out.data, data(gradients), data(seconds), dtype)


@pytest.mark.parametrize("row", [row for row in CARD if any(row.here.gradient)], ids=named)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_gradient_is_multiplied_by_the_cotangent(row):
    f, operands = function_of(row), operands_of(row, np.float64)
    once, often = (first(f, operands, alone(np.shape(f(*operands)), number))[1] for number in (1.0, 1.7))
    for gradient, larger in zip(once, often, strict=True):
        np.testing.assert_allclose(larger.data, 1.7 * gradient.data, rtol=1e-14)


@every_row
@both_precisions
def test_every_row_is_what_tensorflow_gives(tf, device, row, dtype):
    answer, operands = row.tensorflow or row.here, operands_of(row, dtype)
    f = function_of(row, operations(tf))
    with tf.device(device):
        if isinstance(answer.value, type):
            with pytest.raises(Exception):  # noqa: B017
                f(*map(tf.constant, operands))
            return
        cotangent = alone(f(*map(tf.constant, operands)).shape)
        value, gradients, seconds = of_tensorflow(tf, f, operands, cotangent, of_the_first(operands))
        assert_gives(answer, operands, value, gradients, seconds, dtype)


@every_row
def test_a_row_gives_a_reason_if_and_only_if_tensorflow_differs(row):
    assert bool(row.reason) == (row.tensorflow is not None)
    assert repr(row.tensorflow) != repr(row.here)  # in which NaN is NaN


def test_no_row_stands_twice():
    assert len({(row.expression, repr(row.at)) for row in CARD}) == len(CARD)


def test_the_rows_of_one_name_stand_together():
    names = [row.name for row in CARD]
    changes = [name for name, before in zip(names, ["", *names], strict=False) if name != before]
    assert len(changes) == len(set(names))


# ── printed ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def printed():
    command = [sys.executable, "-m", "autodiff.conventions"]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=True).stdout.splitlines()


def test_the_card_prints_every_row_in_columns(printed):
    heading = next(line for line in printed if line.lstrip().startswith("expression"))
    starts = [heading.index(title) for title in ("expression", "at", "value", "gradient", "second")]
    rows = [line for line in printed if line.startswith("  ") and line[2] != " " and line is not heading]
    assert len(rows) == len(CARD)
    for line, row in zip(rows, CARD, strict=True):
        assert line[starts[0] :].startswith(f"{row.expression} ")
        assert line[starts[1] :].startswith(f"{next(iter(row.at))} = ")
        assert all(line[start - 2 : start].isspace() for start in starts if start < len(line))


def test_the_card_prints_every_difference_and_its_reason(printed):
    text = " ".join(" ".join(printed).split())
    for row in CARD:
        assert row.reason in text
    assert text.count("TensorFlow: ") == sum(row.tensorflow is not None for row in CARD)


def test_the_card_fits_in_a_hundred_columns(printed):
    assert max(map(len, printed)) <= 100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "−0"), (1e4, "1e4"), (-1 / 3, "−0.3333"), (4.2e-18, "4.2e−18"), (np.inf, "∞"),
        (-np.inf, "−∞"), (np.nan, "NaN"), (None, "none"), (True, "True"), ((), "[]"), ((1.0, -2.0), "[1, −2]"),
        (ValueError, "ValueError"),
    ],
)  # fmt: skip
def test_numbers_are_written_shortly(value, text):
    row = conventions.Row("", "x", {"x": 1.0}, Answer(value))
    assert conventions._cells(row)[2] == text
