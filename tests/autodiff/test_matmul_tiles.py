"""What the tiles of the compiled matrix product must not do: touch other memory, or sum in another order."""

import platform

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff.kernels import compiled, compiled_matmul
from tests.programs import output_of

PLACES = """
import ctypes, itertools, mmap
import numpy as np
from autodiff.kernels.compiled_matmul import product

libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
PAGE, keep = mmap.PAGESIZE, []

def fenced(shape, dtype, at_end):
    "Memory that begins right behind a page nobody may touch, or ends right before one."
    size = int(np.prod(shape)) * dtype.itemsize
    inside = -(-max(size, 1) // PAGE) * PAGE
    region = mmap.mmap(-1, inside + 2 * PAGE)
    keep.append(region)
    start = ctypes.addressof(ctypes.c_char.from_buffer(region))
    for page in (start, start + PAGE + inside):
        assert libc.mprotect(page, PAGE, 0) == 0
    offset = PAGE + (inside - size if at_end else 0)
    return np.frombuffer(region, dtype, size // dtype.itemsize, offset).reshape(shape)

lengths = [(1, 1, 1), (7, 5, 9), (8, 16, 48), (5, 40, 10), (40, 40, 10), (33, 171, 65), (12, 64, 47), (3, 200, 33)]
for (m, k, n), type_, at_end in itertools.product(lengths, "fd", (False, True)):
    dtype = np.dtype(type_)
    for a_lies, b_lies in itertools.product((False, True), repeat=2):
        a = fenced((k, m), dtype, at_end).T if a_lies else fenced((m, k), dtype, at_end)
        b = fenced((n, k), dtype, at_end).T if b_lies else fenced((k, n), dtype, at_end)
        c = fenced((m, n), dtype, at_end)
        a[...], b[...], c[...] = np.arange(m * k).reshape(m, k) % 5, np.arange(k * n).reshape(k, n) % 7, np.nan
        product[dtype](a, b, c, 0, m, 0, n)
        np.testing.assert_array_equal(c, a @ b)
        c[...] = np.nan
        part = np.s_[m // 3 : m - m // 4, n // 3 : n - n // 4]
        product[dtype](a, b, c, part[0].start, part[0].stop, part[1].start, part[1].stop)
        np.testing.assert_array_equal(c[part], (a @ b)[part])
        c[part] = np.nan
        assert np.isnan(c).all()
    keep.clear()
print("kept within")
"""


def test_nothing_is_read_or_written_beyond_the_arrays():
    pytest.importorskip("resource", reason="pages are fenced by mprotect, which is Unix's")
    assert output_of(PLACES).strip() == "kept within"


NARROWER = """
import itertools
import numpy as np
from autodiff.kernels import vectors
from autodiff.kernels.compiled_matmul import product

rng, dtype = np.random.default_rng(0), np.dtype(np.float32)
lengths = [(64, 30, 10), (64, 40, 10), (13, 400, 37), (6, 5, 8), (3, 1, 1), (19, 64, 65), (2, 0, 3)]
for (m, k, n), a_lies, b_lies in itertools.product(lengths, (False, True), (False, True)):
    a, b = rng.integers(-4, 5, (m, k)).astype(dtype), rng.integers(-4, 5, (k, n)).astype(dtype)
    c = np.empty((m, n), dtype)
    product[dtype](np.asfortranarray(a) if a_lies else a, np.asfortranarray(b) if b_lies else b, c, 0, m, 0, n)
    np.testing.assert_array_equal(c, a @ b)
print(vectors.VECTOR_BYTES)
"""


@pytest.mark.parametrize(("features", "vector_bytes"), [("+sse2", 16), ("+sse2,+avx,+avx2,+fma", 32)])
def test_the_tiles_suit_processors_of_narrower_vectors(features, vector_bytes):
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("the features named are those of x86 processors")
    printed = output_of(NARROWER, NUMBA_CPU_NAME="x86-64", NUMBA_CPU_FEATURES=features, timeout=120)
    assert printed.strip() == str(vector_bytes)


def random(m, n, seed=0):
    """A matrix of normal numbers."""
    return np.random.default_rng(seed).standard_normal((m, n), np.float32)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 90), st.integers(0, 400), st.integers(1, 90), *[st.booleans()] * 2)
def test_an_entry_is_the_same_sum_whatever_else_is_computed_with_it(data, m, k, n, a_lies, b_lies):
    a = random(k, m).T if a_lies else random(m, k)
    b = random(n, k, 1).T if b_lies else random(k, n, 1)
    whole = compiled.matmul(a, b)
    i, j = data.draw(st.integers(0, m - 1)), data.draw(st.integers(0, n - 1))
    assert compiled.matmul(a[i:], b).tobytes() == whole[i:].tobytes()
    assert compiled.matmul(a, b[:, j:]).tobytes() == whole[:, j:].tobytes()
    assert compiled.matmul(a[i : i + 1], b[:, j : j + 1]).item() == whole[i, j]


@pytest.mark.parametrize(("m", "k", "n"), [(64, 784, 128), (784, 64, 10), (1000, 64, 31), (5, 400, 3), (0, 3, 5)])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_product_in_any_number_of_parts_has_the_same_bits(m, k, n, transposed):
    a, b = (random(k, m).T if transposed else random(m, k)), random(k, n, 1)
    want = compiled.matmul(a, b)
    for parts in (1, 2, 3, 7):
        c = np.full_like(want, np.nan)
        compiled_matmul.product_by_team[a.dtype](a, b, c, parts)
        assert c.tobytes() == want.tobytes()


@pytest.mark.parametrize(("m", "k", "n"), [(2000, 300, 40), (3, 5000, 20), (1, 784, 128), (700, 2000, 17)])
def test_matrices_larger_than_the_caches(m, k, n):
    a, b = random(m, k), random(k, n, 1)
    want = a.astype(np.float64) @ b.astype(np.float64)
    size = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    assert np.all(np.abs(compiled.matmul(a, b) - want) <= np.finfo(np.float32).eps * (k + 1) * size)
