"""Windows over an array: a view that nobody can write to, and what is refused."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import Tensor
from autodiff.tape import registry
from tests.autodiff.cases import random

add_windows = registry["add_windows"].kernel


def test_windows_are_a_view_and_cannot_be_written_to_for_they_overlap():
    x = random((2, 5, 6))
    windows = ad.sliding_windows(Tensor(x), (2, 3)).data
    assert windows.shape == (2, 4, 4, 2, 3)
    assert np.shares_memory(windows, x)
    assert not windows.flags.writeable
    np.testing.assert_array_equal(windows[1, 2, 3], x[1, 2:4, 3:6])


def test_windows_of_what_was_changed_are_noticed():
    x = Tensor(random((5,)), requires_grad=True)
    windows = ad.sliding_windows(x, 2)
    out = ad.sum(windows * windows)
    x.data = 2 * x.data
    with pytest.raises(ad.GradientError, match="changed"):
        out.backward()


@pytest.mark.parametrize(("window", "stride"), [((2, 3), 1), ((2, 2), 2), ((3, 1), (2, 4)), ((5, 6), 1)])
def test_adding_windows_is_the_adjoint_of_sliding_them(window, stride):
    x = random((2, 5, 6))
    windows = ad.sliding_windows(x, window, stride)
    g = random(windows.shape, 1)
    np.testing.assert_allclose(np.sum(g * windows), np.sum(add_windows(g, x.shape, stride) * x), rtol=1e-12)


def test_each_number_is_added_as_often_as_windows_have_it():
    counts = add_windows(np.ones((3, 4, 3, 2)), (5, 5), 1)
    np.testing.assert_array_equal(counts, np.outer([1, 2, 3, 2, 1], [1, 2, 2, 2, 1]))


@pytest.mark.parametrize(
    ("window", "stride", "told"),
    [
        ((6, 1), 1, r"a window of \(6, 1\) does not fit into the last axes of \(4, 5\)"),
        ((1, 6), 1, r"a window of \(1, 6\) does not fit"),
        ((1, 1, 1), 1, r"a window of \(1, 1, 1\) does not fit"),
        ((0, 2), 1, r"a window of \(0, 2\) does not fit"),
        (6, 1, r"a window of \(6,\) does not fit"),
        ((2, 2), 0, "a stride must be 1 or more, not 0"),
        ((2, 2), (1, -1), r"a stride must be 1 or more, not \(1, -1\)"),
        ((2, 2), (1,), r"strides \(1,\) are not one for each axis of a window of \(2, 2\)"),
    ],
)
def test_windows_that_do_not_fit_are_refused_with_the_shapes(window, stride, told):
    with pytest.raises(ValueError, match=f"sliding_windows.*{told}"):
        ad.sliding_windows(Tensor(random((4, 5))), window, stride)


def test_the_largest_windows_and_strides_fit():
    assert ad.sliding_windows(random((4, 5)), (4, 5), 9).shape == (1, 1, 4, 5)
    assert ad.sliding_windows(random((4, 5)), (1, 1), (1, 1)).shape == (4, 5, 1, 1)
