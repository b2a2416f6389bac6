"""How far two arrays are apart, who differs from whom, and how far they may."""

import math
from itertools import pairwise

import numpy as np
import pytest

from mnist.agreement import bound_for, compare, disagreements, relative_error, ulp_distance
from mnist.witnesses import Differences

# ── relative error ──────────────────────────────────────────────────────────────────────────────────────


def test_the_relative_error_is_the_largest_difference_over_the_largest_of_the_second():
    a, b = np.array([[1.0, -7.0], [3.0, 0.5]]), np.array([[1.0, -8.0], [3.5, 0.5]])
    assert relative_error(a, b) == 1 / 8
    assert relative_error(b, a) == 1 / 7


@pytest.mark.parametrize(
    ("a", "b", "error"),
    [
        ([0.0, 0.0], [0.0, -0.0], 0),
        ([2.0], [2.0], 0),
        (3.0, 2.0, 0.5),
        ([1e-300], [0.0], math.inf),
        ([math.inf], [1.0], math.inf),
    ],
    ids=str,
)
def test_relative_errors_at_the_edges(a, b, error):
    assert relative_error(np.array(a), np.array(b)) == error


@pytest.mark.filterwarnings("error")
def test_a_relative_error_with_nan_is_nan():
    assert math.isnan(relative_error(np.array([1.0, math.nan]), np.array([1.0, 2.0])))
    assert math.isnan(relative_error(np.array([math.nan]), np.array([math.nan])))


# ── ULPs ────────────────────────────────────────────────────────────────────────────────────────────────

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@every_dtype
@pytest.mark.parametrize("at", [1.0, -1.0, 2.0, -1024.0, 0.1, 1e30, -1e-30, 0.0])
def test_neighbours_are_one_step_apart(dtype, at):
    a = np.array([at], dtype)
    for end in (np.inf, -np.inf):
        b = np.nextafter(a, dtype(end))
        assert ulp_distance(a, b) == ulp_distance(b, a) == 1
        assert ulp_distance(np.nextafter(a, dtype(np.inf)), np.nextafter(a, dtype(-np.inf))) == 2
    assert ulp_distance(a, a.copy()) == 0


@every_dtype
def test_the_way_across_0_counts_the_numbers_on_both_sides_and_0_once(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    assert ulp_distance(np.array(0.0, dtype), np.array(-0.0, dtype)) == 0
    assert ulp_distance(np.array(-tiny), np.array(tiny)) == 2
    assert ulp_distance(np.array(-3 * tiny), np.array(2 * tiny)) == 5


def test_the_steps_from_1_to_2_are_as_many_as_the_mantissa_has_patterns():
    assert ulp_distance(np.float32([1.0]), np.float32([2.0])) == 2**23
    assert ulp_distance(np.float64([1.0]), np.float64([2.0])) == 2**52
    assert ulp_distance(np.float64([-1.0]), np.float64([-2.0])) == 2**52


@every_dtype
def test_the_longest_way_of_all_does_not_overflow(dtype):
    patterns = {np.float32: 0x7F7FFFFF, np.float64: 0x7FEFFFFFFFFFFFFF}[dtype]  # of the largest, as an integer
    largest = np.array([np.finfo(dtype).max])
    assert ulp_distance(-largest, largest) == 2 * patterns
    assert ulp_distance(np.array([np.inf], dtype), largest) == 1


def test_it_is_the_worst_element_that_counts_in_arrays_of_any_layout():
    a = np.ones((4, 6))
    b = a.copy()
    b[1, 2] = np.nextafter(1.0, 2)
    b[3, 4] += 5 * np.finfo(float).eps
    assert ulp_distance(a, b) == 5
    assert ulp_distance(a[::-2, ::2].T, b[::-2, ::2].T) == 5
    assert ulp_distance(a[:2], b[:2]) == 1


def test_in_float16_it_is_the_distance_in_the_sorted_row_of_all_numbers():
    everything = np.arange(2**16, dtype=np.uint16).view(np.float16)
    row = np.unique(everything[np.isfinite(everything)])  # sorted, with a single 0
    assert {ulp_distance(*pair) for pair in pairwise(row)} == {1}
    rng = np.random.default_rng(0)
    for i, j in rng.integers(0, len(row), (200, 2)):
        assert ulp_distance(row[i], row[j]) == abs(i - j)


@every_dtype
def test_nan_is_infinitely_far(dtype):
    one, nan = np.array([1.0, 2.0], dtype), np.array([1.0, np.nan], dtype)
    assert ulp_distance(one, nan) == ulp_distance(nan, one) == ulp_distance(nan, nan) == math.inf


def test_two_dtypes_have_no_distance():
    with pytest.raises(TypeError, match=r"float32.*float64.*cast"):
        ulp_distance(np.float32([1.0]), np.float64([1.0]))


# ── comparisons ─────────────────────────────────────────────────────────────────────────────────────────


def says(loss, gradient, dtype):
    return {"loss": np.asarray(loss, dtype), "W": np.asarray(gradient, dtype)}


def test_every_two_are_compared_and_each_with_differences_and_with_itself_in_float64():
    wide = {
        "one": says(2.0, [1.0, 2.0], np.float64),
        "two": says(2.0, [1.0, 2.5], np.float64),
        "three": says(4.0, [1.0, 2.0], np.float64),
    }
    narrow = {name: says(2.0, [1.0, 2.25], np.float32) for name in wide}
    measured = Differences(
        np.array(2.0), {"W": np.array([[1.0, 1.0], [0.0, -2.0], [1.0, 0.0]])}, {"W": np.array([3.0, -4.0, 1.0])}
    )
    comparisons = compare(wide, narrow, measured, doubt=0.9)
    errors = {(c.dtype, c.witness, c.against): {} for c in comparisons}
    for c in comparisons:
        errors[c.dtype, c.witness, c.against][c.quantity] = c.relative_error
    assert errors == {
        ("float64", "one", "two"): {"loss": 0, "W": 0.5 / 2.5},
        ("float64", "one", "three"): {"loss": 0.5, "W": 0},
        ("float64", "two", "three"): {"loss": 0.5, "W": 0.25},
        ("float64", "one", "differences"): {"loss": 0, "W": 0},
        ("float64", "two", "differences"): {"loss": 0, "W": 0.25},
        ("float64", "three", "differences"): {"loss": 1, "W": 0},
        ("float32", "one", "two"): {"loss": 0, "W": 0},
        ("float32", "one", "three"): {"loss": 0, "W": 0},
        ("float32", "two", "three"): {"loss": 0, "W": 0},
        ("float32", "one", "float64"): {"loss": 0, "W": 0.25 / 2},
        ("float32", "two", "float64"): {"loss": 0, "W": 0.25 / 2.5},
        ("float32", "three", "float64"): {"loss": 0.5, "W": 0.25 / 2},
    }
    ulps = {(c.dtype, c.witness, c.against, c.quantity): c.ulps for c in comparisons}
    assert ulps["float64", "one", "three", "loss"] == 2**52
    assert ulps["float32", "three", "float64", "loss"] == 2**23
    assert {c.holds for c in comparisons if c.relative_error == 0} == {True}
    assert {c.holds for c in comparisons if c.relative_error > 0} == {False}


def test_what_differences_could_not_measure_is_not_compared():
    wide, narrow = ({"one": says(1.0, [1.0], dtype)} for dtype in (np.float64, np.float32))
    measured = Differences(np.array(1.0), {"W": np.empty((0, 1))}, {"W": np.empty(0)})
    quantities = [c.quantity for c in compare(wide, narrow, measured, 1.0) if c.against == "differences"]
    assert quantities == ["loss"]


@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-9), ("float32", 1e-5)])
def test_the_bound_is_the_houses_until_rounding_of_a_sure_network_exceeds_it(dtype, bound):
    assert bound_for(dtype, "by hand", 0.9) == bound
    assert bound_for(dtype, dtype, 1e-1) == bound
    eps = float(np.finfo(dtype).eps)
    assert bound_for(dtype, "by hand", eps) == pytest.approx(8)  # no digit is left
    assert bound_for(dtype, "by hand", 0.0) == math.inf


def test_differences_have_a_bound_of_their_own():
    assert bound_for("float64", "differences", 0.9) == 1e-6


def comparisons(*pairs):
    nothing = says(0.0, [0.0], np.float64)
    witnesses = {name: nothing for pair in pairs for name in pair}
    measured = Differences(np.array(0.0), {}, {})
    every = compare(witnesses, {}, measured, 1.0)
    return [c for c in every if c.quantity == "W" and (c.witness, c.against) in pairs]


def test_the_one_who_differs_from_most_is_named_first():
    broken = comparisons(("one", "two"), ("two", "three"), ("two", "four"))
    assert list(disagreements(broken)) == [("two", ["one", "three", "four"])]


def test_two_who_are_wrong_in_two_ways_are_both_named():
    broken = comparisons(("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"))
    assert list(disagreements(broken)) == [("a", ["b", "c", "d"]), ("b", ["c", "d"])]


def test_nobody_is_named_where_all_agree():
    assert list(disagreements([])) == []
