"""The three rungs of the kernels agree, with each other and with sums that owe nothing to them."""

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autodiff.kernels import compiled, compiled_matmul, loops, vectorized
from tests.programs import run

RUNGS = [loops, vectorized, compiled]
every_rung = pytest.mark.parametrize("kernels", RUNGS, ids=["loops", "numpy", "numba"])
fast_rung = pytest.mark.parametrize("kernels", [vectorized, compiled], ids=["numpy", "numba"])
MLP = [(64, 784, 128), (784, 64, 128), (64, 128, 64), (64, 64, 10), (64, 10, 64), (64, 512, 256)]


def random(shape, dtype=np.float32, seed=0):
    """An array of small numbers: normal ones, integers from -4 to 4, or truth values."""
    normal = np.random.default_rng([seed, *shape]).standard_normal(shape)
    if np.issubdtype(dtype, np.floating):
        return normal.astype(dtype)
    return np.clip(2 * normal, -4, 4).astype(np.int64).astype(dtype)


def exact(a, b):
    """The matrix product, each entry a correctly rounded sum of float64 products."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.array([[math.fsum(row * column) for column in b.T] for row in a]).reshape(len(a), b.shape[1])


def assert_product(result, a, b):
    """The result is a @ b up to the error that summing in any order may make."""
    a, b = np.asarray(a), np.asarray(b)
    assert result.dtype == np.result_type(a, b)
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, a)
    assert not np.shares_memory(result, b)
    wide = np.promote_types(result.dtype, np.float64)
    want = np.einsum("...ij,...jk->...ik", a.astype(wide), b.astype(wide))
    assert result.shape == want.shape
    if np.issubdtype(result.dtype, np.floating):
        size = np.einsum("...ij,...jk->...ik", np.abs(a).astype(wide), np.abs(b).astype(wide))
        assert np.all(np.abs(result - want) <= np.finfo(result.dtype).eps * (a.shape[-1] + 1) * size)
    else:
        np.testing.assert_array_equal(result, want.astype(result.dtype))


# The layouts that views give an operand: name, and how to make the view of an array from the array itself.
LAYOUTS = {
    "contiguous": lambda x: x.copy(),
    "transposed": lambda x: x.swapaxes(-1, -2).copy().swapaxes(-1, -2),
    "every other row": lambda x: np.repeat(x, 2, axis=-2)[..., ::2, :],
    "every third column": lambda x: np.repeat(x, 3, axis=-1)[..., ::3],
    "backwards": lambda x: x[..., ::-1, ::-1].copy()[..., ::-1, ::-1],
    "rows backwards": lambda x: x[..., ::-1, :].copy()[..., ::-1, :],
    "columns of a wider array": lambda x: np.concatenate([x, x, x], axis=-1)[..., : x.shape[-1]],
    "transposed, backwards": lambda x: x.swapaxes(-1, -2)[..., ::-1].copy()[..., ::-1].swapaxes(-1, -2),
    "one row repeated": lambda x: np.broadcast_to(x[..., :1, :], x.shape),
    "unaligned": lambda x: unaligned(x),
}
layouts = st.sampled_from(sorted(LAYOUTS))
lengths = st.sampled_from([0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 65, 97])


def unaligned(x):
    """A copy of x that starts at an odd address."""
    buffer = np.zeros(x.nbytes + 1, np.uint8)
    view = buffer[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


@fast_rung
@settings(max_examples=150, deadline=None)
@given(lengths, lengths, lengths, layouts, layouts, st.sampled_from([np.float32, np.float64]))
def test_matmul_of_every_shape_and_layout(kernels, m, k, n, a_layout, b_layout, dtype):
    a = LAYOUTS[a_layout](random((m, k), dtype))
    b = LAYOUTS[b_layout](random((k, n), dtype, seed=1))
    a_before, b_before = a.copy(), b.copy()
    a.flags.writeable = b.flags.writeable = False
    assert_product(kernels.matmul(a, b), a, b)
    np.testing.assert_array_equal(a, a_before)
    np.testing.assert_array_equal(b, b_before)


@every_rung
@settings(max_examples=40, deadline=None)
@given(*[st.integers(0, 5)] * 3, layouts, layouts)
def test_matmul_is_exact_to_rounding(kernels, m, k, n, a_layout, b_layout):
    a, b = LAYOUTS[a_layout](random((m, k))), LAYOUTS[b_layout](random((k, n), seed=1))
    np.testing.assert_allclose(kernels.matmul(a, b), exact(a, b), rtol=1e-5, atol=1e-5)


@fast_rung
@pytest.mark.parametrize(("m", "k", "n"), MLP)
@pytest.mark.parametrize("a_layout", ["contiguous", "transposed"])
@pytest.mark.parametrize("b_layout", ["contiguous", "transposed"])
def test_matmul_of_a_network(kernels, m, k, n, a_layout, b_layout):
    a, b = LAYOUTS[a_layout](random((m, k))), LAYOUTS[b_layout](random((k, n), seed=1))
    assert_product(kernels.matmul(a, b), a, b)


@every_rung
@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [
        ((3, 2, 4), (3, 4, 5)),
        ((3, 2, 4), (4, 5)),
        ((2, 4), (3, 4, 5)),
        ((2, 1, 2, 4), (3, 4, 5)),
        ((1, 2, 4), (3, 4, 5)),
        ((0, 2, 4), (4, 5)),
        ((3, 0, 4), (3, 4, 5)),
        ((3, 2, 0), (3, 0, 5)),
    ],
)
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "backwards"])
def test_matmul_broadcasts_stacks(kernels, a_shape, b_shape, layout):
    a, b = LAYOUTS[layout](random(a_shape)), LAYOUTS[layout](random(b_shape, seed=1))
    assert_product(kernels.matmul(a, b), a, b)


@every_rung
@pytest.mark.parametrize("a_dtype", [np.float32, np.float64, np.int64, np.int8, np.uint8, np.bool_, ">f4"])
@pytest.mark.parametrize("b_dtype", [np.float32, np.float64, np.int64, np.int8, np.bool_])
def test_matmul_promotes_as_numpy(kernels, a_dtype, b_dtype):
    a, b = random((3, 4), a_dtype), random((4, 2), b_dtype, seed=1)
    result = kernels.matmul(a, b)
    assert result.dtype == np.matmul(a, b).dtype
    np.testing.assert_allclose(result, np.matmul(a, b), rtol=1e-5)


@every_rung
@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [((2, 3), (4, 5)), ((2, 0), (1, 5)), ((2, 2, 3), (2, 4, 5)), ((2, 2, 3), (3, 3, 5)), ((0, 2, 3), (4, 5))],
)
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_matmul_refuses_shapes_that_do_not_match(kernels, a_shape, b_shape, dtype):
    with pytest.raises(ValueError):
        kernels.matmul(random(a_shape, dtype), random(b_shape, dtype))


@every_rung
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("m", "k", "n"), [(3, 4, 2), (9, 7, 33)])
@pytest.mark.parametrize("layout", ["contiguous", "transposed"])
def test_matmul_passes_on_what_is_not_finite(kernels, value, m, k, n, layout):
    a, b = random((m, k)), random((k, n), seed=1)
    a[m - 1, k - 1] = value
    b[0, 0], b[k - 1, 0] = value, 0
    a, b = LAYOUTS[layout](a), LAYOUTS[layout](b)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(kernels.matmul(a, b), np.matmul(a, b), rtol=1e-4, atol=1e-6)


ELEMENTS = np.array([-np.inf, -2, -1e-45, -0.0, 0.0, 1e-45, 3, np.inf, np.nan])


@every_rung
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_relu_at_every_kind_of_number(kernels, dtype):
    with np.errstate(under="ignore"):
        x = ELEMENTS.astype(dtype)
    small = dtype(1e-45)
    result = kernels.relu(x)
    np.testing.assert_array_equal(result, np.array([0, 0, 0, 0, 0, small, 3, np.inf, np.nan], dtype))
    assert not np.signbit(result[:5]).any()
    assert result.dtype == dtype
    g = np.arange(1, 10).astype(dtype)
    np.testing.assert_array_equal(kernels.relu_backward(g, x), np.array([0, 0, 0, 0, 0, 6, 7, 8, 0], dtype))
    np.testing.assert_array_equal(kernels.relu_backward(x, np.ones_like(x)), x)


@every_rung
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (5,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int8, np.uint8])
def test_relu_of_every_shape_and_dtype(kernels, shape, dtype):
    x, g = random(shape, dtype), random(shape, dtype, seed=1)
    before = x.copy()
    for result, want in [
        (kernels.relu(x), np.maximum(x, 0)),
        (kernels.relu_backward(g, x), np.where(x > 0, g, 0).astype(dtype)),
    ]:
        assert isinstance(result, np.ndarray)
        assert result.dtype == dtype
        assert not np.shares_memory(result, x)
        assert not np.shares_memory(result, g)
        np.testing.assert_array_equal(result, want)
    np.testing.assert_array_equal(x, before)


@every_rung
@given(layouts, layouts, st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_relu_of_every_layout(kernels, x_layout, g_layout, m, n):
    x, g = LAYOUTS[x_layout](random((m, n))), LAYOUTS[g_layout](random((m, n), seed=1))
    x.flags.writeable = g.flags.writeable = False
    np.testing.assert_array_equal(kernels.relu(x), np.maximum(x, 0))
    np.testing.assert_array_equal(kernels.relu_backward(g, x), np.where(x > 0, g, 0))


@every_rung
def test_relu_backward_broadcasts_and_promotes(kernels):
    g, x = random((3, 1), np.float32), random((4,), np.float64)
    result = kernels.relu_backward(g, x)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, np.where(x > 0, g, 0))


@every_rung
def test_relu_backward_of_a_python_number_does_not_widen(kernels):
    x = random((2, 3), np.float32)
    for result, want in (
        (kernels.relu_backward(1.5, x), np.where(x > 0, np.float32(1.5), np.float32(0))),
        (kernels.relu_backward(x, 1.5), x),
    ):
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, want)


@every_rung
@given(layouts, layouts, st.integers(1, 9), st.integers(1, 9), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=40, deadline=None)
def test_axpy_of_every_layout_adds_in_place(kernels, x_layout, y_layout, m, n, dtype):
    x, y = LAYOUTS[x_layout](random((m, n), dtype)), LAYOUTS[y_layout](random((m, n), dtype, seed=1))
    assume(y.flags.writeable)
    want = y + dtype(-0.1) * x
    kernels.axpy(-0.1, x, y)
    np.testing.assert_array_equal(y, want)


@every_rung
def test_axpy_broadcasts_and_keeps_the_dtype(kernels):
    x, y = random((3, 1), np.float32), random((3, 4), np.float64)
    want = y + 0.5 * x
    kernels.axpy(0.5, x, y)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, want)


@every_rung
def test_axpy_leaves_alone_what_is_read_only(kernels):
    x, y = random((3,)), random((3,), seed=1)
    y.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        kernels.axpy(1.0, x, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_axpy_by_the_team_is_axpy_alone(monkeypatch, dtype):
    x, by_team = random((784, 129), dtype), random((784, 129), dtype, seed=1)
    alone = by_team.copy()
    monkeypatch.setattr(compiled, "_PARALLEL_FROM", 0)
    compiled.axpy(-0.1, x, by_team)
    monkeypatch.setattr(compiled, "_PARALLEL_FROM", math.inf)
    compiled.axpy(-0.1, x, alone)
    assert by_team.tobytes() == alone.tobytes()


@pytest.mark.parametrize(("m", "k", "n"), [(64, 784, 128), (130, 200, 129), (1000, 784, 10)])
@pytest.mark.parametrize("layout", ["contiguous", "transposed"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_do_not_depend_on_the_threads(monkeypatch, m, k, n, layout, dtype):
    a, b = LAYOUTS[layout](random((m, k), dtype)), LAYOUTS[layout](random((k, n), dtype, seed=1))
    monkeypatch.setattr(compiled_matmul, "PARALLEL_FROM", 0)
    by_team = compiled.matmul(a, b)
    monkeypatch.setattr(compiled_matmul, "PARALLEL_FROM", math.inf)
    assert by_team.tobytes() == compiled.matmul(a, b).tobytes()


@pytest.mark.parametrize(("choice", "module"), [("loops", "loops"), ("numpy", "vectorized")])
def test_other_rungs_do_without_numba(choice, module):
    done = run(
        "import sys; from autodiff import kernels;"
        "print(kernels.relu.__module__, 'numba' in sys.modules or 'llvmlite' in sys.modules)",
        AUTODIFF_KERNELS=choice,
    )
    assert done.stdout.split() == [f"autodiff.kernels.{module}", "False"], done.stderr


def test_numba_is_the_default():
    done = run(
        "import os; os.environ.pop('AUTODIFF_KERNELS', None);"
        "from autodiff.kernels import relu; print(relu.__module__)"
    )
    assert done.stdout.strip() == "autodiff.kernels.compiled", done.stderr


def test_another_choice_is_refused():
    done = run("import autodiff.kernels", AUTODIFF_KERNELS="cuda")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError")
    assert all(word in last for word in ["AUTODIFF_KERNELS", "numba", "numpy", "loops", "cuda"])


COUNT_COMPILATIONS = """
import json, numpy as np
from numba.core import event
from autodiff.kernels import matmul, relu, relu_backward
with event.install_recorder("numba:compile") as compilations:
    for layout in (np.ascontiguousarray, np.asfortranarray):
        x, w = layout(np.ones((64, 784), np.float32)), layout(np.ones((784, 128), np.float32))
        x.flags.writeable = False
        relu_backward(relu(x), x), matmul(x, w), matmul(x[:9], w)
print(json.dumps(len(compilations.buffer)))
"""


def test_a_second_process_compiles_nothing(tmp_path):
    first, second = (
        json.loads(run(COUNT_COMPILATIONS, AUTODIFF_KERNELS="numba", NUMBA_CACHE_DIR=str(tmp_path)).stdout)
        for _ in range(2)
    )
    assert first > 0
    assert second == 0


def log_softmax_of(x, axis):
    """x − log Σ eˣ in the widest float, from its formula."""
    x = np.asarray(x, np.longdouble)
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def log_softmax_backward_of(g, out, axis):
    """g − e^out · Σ g in the widest float, from its formula."""
    g = np.asarray(g, np.longdouble)
    return g - np.exp(np.asarray(out, np.longdouble)) * g.sum(axis=axis, keepdims=True)


def near(dtype):
    """Tolerances of sums of some ten numbers of a dtype."""
    eps = np.finfo(dtype).eps
    return {"rtol": 20 * eps, "atol": 20 * eps}


SOFTMAX_AXES = [
    ((5,), -1),
    ((5,), 0),
    ((1,), 0),
    ((3, 4), -1),
    ((3, 4), 0),
    ((3, 4), 1),
    ((3, 4), None),
    ((3, 1), -1),
    ((2, 3, 4), 1),
    ((2, 3, 4), -1),
    ((2, 3, 4), -3),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (-1, 1)),
    ((0, 4), -1),
    ((0, 4), 1),
    ((2, 0, 4), 2),
]


@every_rung
@pytest.mark.parametrize(("shape", "axis"), SOFTMAX_AXES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_softmax_along_every_axis(kernels, shape, axis, dtype):
    x, g = 3 * random(shape, dtype), random(shape, dtype, seed=1)
    x_before, g_before = x.copy(), g.copy()
    x.flags.writeable = g.flags.writeable = False
    out = kernels.log_softmax(x, axis)
    back = kernels.log_softmax_backward(g, out, axis)
    for result in (out, back):
        assert type(result) is np.ndarray
        assert (result.shape, result.dtype) == (shape, dtype)
        assert not any(np.shares_memory(result, given) for given in (x, g))
    assert not np.shares_memory(out, back)
    np.testing.assert_allclose(out, log_softmax_of(x, axis), **near(dtype))
    np.testing.assert_allclose(back, log_softmax_backward_of(g, out, axis), **near(dtype))
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(g, g_before)


@every_rung
@settings(max_examples=40, deadline=None)
@given(layouts, layouts, layouts, st.integers(1, 9), st.integers(1, 9), st.sampled_from([-1, 0]))
def test_log_softmax_of_every_layout(kernels, x_layout, g_layout, out_layout, m, n, axis):
    x, g = LAYOUTS[x_layout](random((m, n))), LAYOUTS[g_layout](random((m, n), seed=1))
    out = LAYOUTS[out_layout](log_softmax_of(x, axis).astype(np.float32))
    for given_array in (x, g, out):
        given_array.flags.writeable = False
    np.testing.assert_allclose(kernels.log_softmax(x, axis), log_softmax_of(x, axis), **near(np.float32))
    want = log_softmax_backward_of(g, out, axis)
    np.testing.assert_allclose(kernels.log_softmax_backward(g, out, axis), want, **near(np.float32))


@every_rung
def test_log_softmax_of_mixed_dtypes_promotes(kernels):
    out, g = log_softmax_of(random((3, 4)), -1).astype(np.float32), random((3, 4), np.float64, seed=1)
    for cotangent, log_p in ((g, out), (g.astype(np.float32), out.astype(np.float64))):
        result = kernels.log_softmax_backward(cotangent, log_p)
        assert result.dtype == np.float64
        np.testing.assert_allclose(
            result, log_softmax_backward_of(cotangent, log_p, -1), rtol=1e-6, atol=1e-6
        )


@every_rung
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_log_softmax_of_integers(kernels, dtype):
    x = random((3, 4), dtype)
    result = kernels.log_softmax(x)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, log_softmax_of(x, -1), rtol=1e-14, atol=1e-14)


@every_rung
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axis", [-1, 0])
def test_log_softmax_neither_overflows_nor_loses_the_small(kernels, dtype, axis):
    huge = np.finfo(dtype).max / 4
    x = np.array([[huge, 0, -huge], [1e4, 1e4, 1e4], [-huge, -huge, -huge], [60, -60, 0]], dtype)
    x = x if axis == -1 else x.T
    result = kernels.log_softmax(x, axis)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result, log_softmax_of(x, axis), rtol=1e-5, atol=1e-5)


@every_rung
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axis", [-1, 0])
def test_log_softmax_of_infinities_and_nan(kernels, dtype, axis):
    """A logit of −∞ has probability 0; with +∞ or NaN, or −∞ alone, a line has no answer."""
    inf, nan = np.inf, np.nan
    x = np.array(
        [
            [0, -inf, 0],
            [-inf, 2, -inf],
            [1, inf, 0],
            [inf, inf, 0],
            [-inf] * 3,
            [nan, 1, 2],
            [1, nan, 2],
            [1, 2, nan],
        ],
        dtype,
    )
    half = -np.log(2)
    want = np.array([[half, -inf, half], [-inf, 0, -inf]], dtype)
    with np.errstate(invalid="ignore"):
        result = kernels.log_softmax(x if axis == -1 else x.T, axis)
    result = result if axis == -1 else result.T
    np.testing.assert_allclose(result[:2], want, rtol=1e-6)
    assert np.isnan(result[4:]).all()
    assert np.isnan(result[2, 1])
    assert np.isnan(result[3, :2]).all()


def test_rungs_agree_on_infinities_and_nan():
    values = np.array([0, 1, -2, np.inf, -np.inf, np.nan], np.float32)
    x = np.stack(np.meshgrid(values, values, values), -1).reshape(-1, 3)
    with np.errstate(invalid="ignore"):
        first, *others = (kernels.log_softmax(x) for kernels in RUNGS)
        for other in others:
            np.testing.assert_allclose(other, first, rtol=1e-6)
        g = random(x.shape, seed=2)
        first, *others = (kernels.log_softmax_backward(g, x) for kernels in RUNGS)
        for other in others:
            np.testing.assert_allclose(other, first, rtol=1e-5)


@every_rung
def test_log_softmax_backward_of_infinities_and_nan(kernels):
    inf, nan = np.inf, np.nan
    out = np.array([[0, -inf], [-inf, 0], [nan, nan], [0, -inf]], np.float32)
    g = np.array([[2, 3], [5, 7], [1, 1], [nan, 1]], np.float32)
    result = kernels.log_softmax_backward(g, out)
    np.testing.assert_array_equal(result[:2], [[-3, 3], [5, -5]])
    assert np.isnan(result[2]).all()
    assert np.isnan(result[3, 0])


@every_rung
@pytest.mark.parametrize("shape", [(3, 0), (0,)])
def test_log_softmax_of_no_logits_is_an_error(kernels, shape):
    with pytest.raises(ValueError):
        kernels.log_softmax(np.zeros(shape, np.float32))


@every_rung
def test_log_softmax_of_one_number_is_an_array_too(kernels):
    number, certain = np.array(2.5, np.float32), np.array(0, np.float32)
    for result in (kernels.log_softmax(number, None), kernels.log_softmax_backward(number, certain, None)):
        assert type(result) is np.ndarray
        assert (result.shape, result.dtype, result.item()) == ((), np.float32, 0.0)
