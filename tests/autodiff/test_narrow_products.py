"""Products beside the plain one: of stacks of matrices, and of few columns and long sums."""

import math

import numpy as np
import pytest
from numba import njit

from autodiff.kernels import compiled, compiled_matmul
from autodiff.kernels.compiled_narrow import is_narrow, narrow_product_of_rows
from tests.autodiff.cases import random

both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@both_precisions
@pytest.mark.parametrize(
    ("a", "b"), [((4, 5), (6, 5, 20)), ((6, 4, 5), (5, 3)), ((2, 1, 3, 4), (5, 4, 2)), ((3, 4, 0), (3, 0, 2))], ids=str
)
def test_stacks_are_multiplied_to_the_same_bits_by_the_team_and_alone(monkeypatch, a, b, dtype):
    a, b = random(a).astype(dtype), random(b).astype(dtype)
    wanted = np.matmul(a.astype(np.longdouble), b.astype(np.longdouble))
    results = []
    for least in (0, math.inf):
        monkeypatch.setattr(compiled_matmul, "PARALLEL_FROM", least)
        results.append(compiled.matmul(a, b))
        assert (results[-1].shape, results[-1].dtype) == (wanted.shape, dtype)
        np.testing.assert_allclose(results[-1], wanted, rtol=1e-4, atol=1e-5)
    assert results[0].tobytes() == results[1].tobytes()


@both_precisions
@pytest.mark.parametrize("shape", [(25, 784, 6), (1, 128, 1), (4, 129, 8), (7, 200, 5), (3, 3, 2)], ids=str)
def test_few_columns_and_long_sums(shape, dtype):
    """Rows are left alone that are not asked for; the sums need not fill whole vectors."""
    m, k, n = shape
    multiply = narrow_product_of_rows[np.dtype(dtype)]
    call = njit(lambda a, b, c, top, bottom: multiply(a, b, c, top, bottom))
    a, b, c = random((m, k)).astype(dtype), random((n, k)).astype(dtype).T, np.full((m, n), np.nan, dtype)
    top, bottom = m // 3, m - m // 4
    call(a, b, c, top, bottom)
    wanted = a.astype(np.longdouble) @ b.astype(np.longdouble)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(c[top:bottom], wanted[top:bottom], rtol=0, atol=tolerance * k)
    assert np.isnan(c[:top]).all()
    assert np.isnan(c[bottom:]).all()


def test_a_product_is_narrow_where_half_of_a_vector_would_be_empty_and_the_sums_are_long():
    lanes = compiled_matmul.VECTOR_BYTES // 4
    assert is_narrow(lanes // 2, 8 * lanes, 4)
    assert not is_narrow(lanes // 2 + 1, 8 * lanes, 4)
    assert not is_narrow(lanes // 2, 8 * lanes - 1, 4)
