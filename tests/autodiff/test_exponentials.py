"""eˣ and tanh x of the compiled loops, against NumPy's in extended precision."""

import numpy as np
import pytest
from numba import njit

from autodiff.kernels import exponentials


@pytest.fixture(scope="module", params=["exp", "tanh"])
def both(request):
    """One of the functions, in a compiled loop, and NumPy's."""
    function = getattr(exponentials, request.param)

    @njit
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    def of(x):
        out = np.empty_like(x)
        loop(x, out)
        return out

    return of, getattr(np, request.param)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 0.3, 0.7, 1, 10, 60, 400])
def test_they_are_off_by_two_units_in_the_last_place_at_most(both, dtype, scale):
    ours, numpys = both
    x = np.random.default_rng(0).normal(0, scale, 50_000).astype(dtype)
    x = x[np.abs(x) < (87 if dtype == np.float32 else 708)]
    exact = numpys(x.astype(np.longdouble))
    error = np.abs(ours(x) - exact) / np.spacing(np.abs(exact.astype(dtype)))
    assert error.max() < 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_infinities_and_nan_are_numpys_and_so_are_the_limits(both, dtype):
    ours, numpys = both
    limits = (88.7, 88.8, -103.9, -104.1) if dtype == np.float32 else (709.7, 709.8, -745.1, -745.2)
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, *limits], dtype)
    with np.errstate(all="ignore"):
        wanted = numpys(x)
    found = ours(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=np.finfo(dtype).smallest_subnormal)
    np.testing.assert_array_equal(np.signbit(found[:4]), np.signbit(wanted[:4]))


def test_python_computes_the_same_without_numba():
    for function, numpys in ((exponentials.exp, np.exp), (exponentials.tanh, np.tanh)):
        assert function(np.float32(0.5)) == numpys(np.float32(0.5))
        assert type(function(np.float32(0.5))) is np.float32
