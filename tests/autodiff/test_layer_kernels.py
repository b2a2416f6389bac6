"""The kernels behind layers, on their three rungs: windows added back, the error function, random numbers."""

import math

import numpy as np
import pytest

from autodiff.kernels import compiled, compiled_windows, loops, vectorized
from tests.autodiff.cases import random, slid, splitmix
from tests.autodiff.domains import add_windows

RUNGS = [loops, vectorized, compiled]
every_rung = pytest.mark.parametrize("kernels", RUNGS, ids=["loops", "numpy", "numba"])

WINDOWS = [
    # the shape that is added to, the window, the stride
    ((1, 1, 5, 5), (3, 3), (1, 1)),
    ((2, 3, 5, 6), (2, 3), (1, 2)),
    ((3, 2, 6, 5), (2, 2), (2, 2)),
    ((2, 2, 7, 8), (1, 2), (3, 4)),  # with gaps
    ((2, 1, 4, 3), (4, 3), (2, 5)),  # one place
    ((0, 2, 4, 4), (2, 2), (1, 1)),
    ((7,), (3,), (2,)),
    ((2, 5, 5), (2, 2), (1, 1)),
    ((2, 3, 4, 5, 3), (2, 2, 2), (1, 2, 1)),
]
every_window = pytest.mark.parametrize(("shape", "window", "stride"), WINDOWS)


def windows_of(shape, window, stride, dtype=np.float64):
    """Numbers for the windows that slide over an array of a shape."""
    return random(slid(np.empty(shape), window, stride).shape).astype(dtype)


@every_rung
@every_window
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_windows_are_added_where_they_lay(kernels, shape, window, stride, dtype):
    g = windows_of(shape, window, stride, dtype)
    before = g.copy()
    result = kernels.add_windows(g, shape, stride)
    assert (result.shape, result.dtype) == (shape, dtype)
    assert result.flags.c_contiguous
    np.testing.assert_allclose(result, add_windows(g, shape, stride), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(g, before)


@every_rung
@every_window
def test_windows_in_any_layout_are_added(kernels, shape, window, stride):
    g = windows_of(shape, window, stride)
    reversed_ = g.T.copy().T
    backwards = g[::-1].copy()[::-1]
    reversed_.flags.writeable = backwards.flags.writeable = False
    for view in (reversed_, backwards):
        np.testing.assert_allclose(kernels.add_windows(view, shape, stride), add_windows(g, shape, stride), rtol=1e-12)


IMAGES = [(shape, window, stride) for shape, window, stride in WINDOWS if len(shape) == 4 and shape[0] > 0]
IMAGES += [((1, 2, 20, 37), (3, 5), (1, 1)), ((1, 1, 6, 40), (2, 1), (2, 1)), ((1, 3, 9, 9), (9, 9), (1, 1))]
every_image = pytest.mark.parametrize(("shape", "window", "stride"), IMAGES)
both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@every_image
@both_precisions
def test_the_windows_of_an_image_are_written_in_rows(shape, window, stride, dtype):
    (image, *_) = x = random(shape).astype(dtype)
    (wanted, *_) = slid(x, window, stride).transpose(0, 1, 4, 5, 2, 3)
    columns = np.full((wanted.size + 2), np.nan, dtype)
    within = columns[1:-1].reshape(wanted.shape)
    compiled_windows.take_windows_of_image(image, within, *stride)
    np.testing.assert_array_equal(within, wanted)
    assert np.isnan(columns[[0, -1]]).all()


@every_image
@both_precisions
def test_windows_are_laid_on_an_image_whatever_is_there(shape, window, stride, dtype):
    g = windows_of(shape, window, stride, dtype)
    image = np.full(np.prod(shape[1:]) + 2, np.nan, dtype)
    within = image[1:-1].reshape(shape[1:])
    compiled_windows.lay_windows_on_image(g[0].transpose(0, 3, 4, 1, 2).copy(), within, *stride)
    np.testing.assert_allclose(within, add_windows(g, shape, stride)[0], rtol=1e-5, atol=1e-5)
    assert np.isnan(image[[0, -1]]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_windows_added_by_the_team_are_those_added_alone(monkeypatch, dtype):
    shape, window, stride = (9, 3, 12, 12), (3, 3), (1, 1)
    g = windows_of(shape, window, stride, dtype)
    monkeypatch.setattr(compiled_windows, "PARALLEL_FROM", 0)
    by_team = compiled.add_windows(g, shape, stride)
    monkeypatch.setattr(compiled_windows, "PARALLEL_FROM", math.inf)
    alone = compiled.add_windows(g, shape, stride)
    assert by_team.tobytes() == alone.tobytes()
    np.testing.assert_allclose(alone, add_windows(g, shape, stride), rtol=1e-5, atol=1e-5)


@every_rung
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_error_function_at_every_kind_of_number(kernels, dtype):
    x = np.array([-np.inf, -6, -0.5, -0.0, 0.0, 0.5, 1, 6, np.inf, np.nan], dtype)
    half, one = 0.5204998778130465, 0.8427007929497149
    want = [-1, -1, -half, -0.0, 0.0, half, one, 1, 1, np.nan]
    result = kernels.erf(x)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, want, rtol=4 * np.finfo(np.promote_types(dtype, np.float32)).eps + 1e-16)


@every_rung
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3)])
def test_the_error_function_keeps_shapes(kernels, shape):
    x = random(shape).astype(np.float32)
    result = kernels.erf(x.T)
    assert (result.shape, result.dtype) == (x.T.shape, np.float32)
    np.testing.assert_allclose(result.T.ravel(), [math.erf(number) for number in x.ravel()], rtol=1e-6)


# ── random numbers ──────────────────────────────────────────────────────────────────────────────────────

PUBLISHED = [
    6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
]  # fmt: skip
"""What SplitMix64 puts out when it is started from 1234567."""


def unmixed(z):
    """The 64 bits that its mixing made z of."""
    for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        out = z
        for _ in range(3):
            out = z ^ out >> shift
        z = out * pow(factor, -1, 2**64) % 2**64
    return z


@every_rung
def test_the_numbers_are_those_that_splitmix64_puts_out(kernels):
    state = np.array([unmixed(1234567), 0], np.uint64)
    drawn = kernels.uniform(state, (5,), np.dtype(np.float64))
    np.testing.assert_array_equal(drawn * 2**53, [n >> 11 for n in PUBLISHED])
    drawn = kernels.uniform(state, (5,), np.dtype(np.float32))
    np.testing.assert_array_equal(drawn * 2**24, [n >> 40 for n in PUBLISHED])


@every_rung
@pytest.mark.parametrize("state", [(0, 0), (1, 0), (0, 1), (2**64 - 1, 2**64 - 1)])
@pytest.mark.parametrize("shape", [(), (0,), (4,), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_every_rung_draws_the_same_numbers(kernels, state, shape, dtype):
    given = np.array(state, np.uint64)
    result = kernels.uniform(given, shape, np.dtype(dtype))
    assert (result.shape, result.dtype) == (shape, dtype)
    assert result.tobytes() == splitmix(state, shape, dtype).tobytes()
    assert given.tolist() == list(state)


def test_numbers_are_spread_evenly_and_those_of_other_states_are_others():
    n, states = 40_000, [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0)]
    drawn = [vectorized.uniform(np.array(state, np.uint64), (n,), np.dtype(np.float32)) for state in states]
    for numbers in drawn:
        assert numbers.min() >= 0
        assert numbers.max() < 1
        counts = np.histogram(numbers, 20, (0, 1))[0]
        assert np.sum((counts - n / 20) ** 2) / (n / 20) < 50  # χ² of 19 degrees of freedom: 1 of 10,000 is above
        assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 5 / np.sqrt(n)
    assert np.abs(np.corrcoef(drawn) - np.eye(len(states))).max() < 5 / np.sqrt(n)
