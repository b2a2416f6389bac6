"""Arrangement, picking and joining: memory, errors, adjoints, and what may be given for an argument."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autodiff as ad
from autodiff import Tensor
from autodiff.tape import registry
from tests.autodiff.cases import random

X = random((2, 3, 4))


def is_adjoint(f, x, *, seed=0):
    """Whether ⟨g, f(x)⟩ = ⟨pullback(g), x⟩ for a linear f."""
    out, pullback = ad.vjp(f, x)
    g = random(out.shape, seed + 40)
    return np.isclose(np.sum(g * out.data), np.sum(pullback(g)[0].data * x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: ad.reshape(x, (4, -1)),
        lambda x: ad.permute_dims(x, (2, 0, 1)),
        ad.matrix_transpose,
        lambda x: ad.swapaxes(x, 0, 2),
        lambda x: ad.expand_dims(x, (0, 2)),
        ad.ravel,
        lambda x: ad.flatten(x, 1),
        lambda x: x[1:, ::-1],
    ],
)
def test_views_take_no_memory(f):
    assert np.shares_memory(f(Tensor(X)).data, X)
    assert is_adjoint(f, X)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(hnp.array_shapes(min_dims=0, max_dims=4, max_side=3), st.data())
def test_sum_to_and_broadcast_to_are_adjoint(shape, data):
    stretched = tuple(data.draw(st.integers(0, 3)) if n == 1 else n for n in shape)
    wide = tuple(data.draw(st.lists(st.integers(0, 3), max_size=2))) + stretched
    small, big = random(shape), random(wide, 1)
    spread, summed = ad.broadcast_to(small, wide), ad.sum_to(big, shape)
    assert summed.shape == shape
    np.testing.assert_allclose(np.sum(big * spread), np.sum(summed * small), rtol=1e-11, atol=1e-11)
    ad.check_gradients(lambda x: ad.broadcast_to(x, wide), small)
    ad.check_gradients(lambda x: ad.sum_to(x, shape), big)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.permutations(range(4)), st.lists(st.booleans(), min_size=4, max_size=4))
def test_any_permutation_of_axes_signed_or_not(order, negative):
    axes = tuple(axis - 4 if sign else axis for axis, sign in zip(order, negative, strict=True))
    x = random((1, 2, 3, 2))
    np.testing.assert_array_equal(ad.permute_dims(x, axes), np.transpose(x, axes))
    assert is_adjoint(lambda x: ad.permute_dims(x, axes), x)


@pytest.mark.parametrize("axes", [[1, 0, 2], (1, 0, 2), np.array([1, 0, 2])], ids=lambda a: type(a).__name__)
def test_axes_may_be_any_sequence(axes):
    x = Tensor(X, requires_grad=True)
    y = ad.permute_dims(x, axes)
    g = random(y.shape, 1)
    y.backward(g)
    np.testing.assert_array_equal(x.grad.data, g.transpose(1, 0, 2))


@pytest.mark.parametrize("shape", [6, [2, 3], (2, 3), -1, np.int64(6)], ids=repr)
def test_a_shape_may_be_a_number_or_any_sequence(shape):
    x = random((6,))
    np.testing.assert_array_equal(ad.reshape(x, shape), np.reshape(x, shape))
    assert is_adjoint(lambda x: ad.reshape(x, shape), x)


@pytest.mark.parametrize("shape", [(3, 2), [3, 2]])
def test_broadcast_to_takes_any_sequence(shape):
    x = Tensor(random((2,)), requires_grad=True)
    ad.broadcast_to(x, shape).backward(np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(x.grad.data, [6.0, 9.0])


def test_squeeze_of_a_longer_axis_is_an_error():
    with pytest.raises(ValueError, match="squeeze"):
        ad.squeeze(Tensor(X), 0)


# ── picking ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "index",
    [
        [0, 0, 1],
        np.array([1, 1]),
        (np.array([0, 1]), np.array([2, 2])),
        ((0, 0),),
        ((0, 0), (1, 1)),
        (slice(None), (2, 2)),
        (Ellipsis, [3, -1]),
        np.array([[0, 0], [1, 0]]),
        (0, [1, 1], 2),
        ([0, 0], None, [1, 1]),
    ],
    ids=repr,
)
def test_an_element_picked_twice_gets_both_cotangents(index):
    g = random(X[index].shape, 2)
    want = np.zeros_like(X)
    np.add.at(want, index, g)
    (gradient,) = ad.vjp(lambda x: x[index], X)[1](g)
    np.testing.assert_allclose(gradient.data, want, rtol=1e-14)


def test_take_along_axis_is_numpys_by_default():
    x, i = random((3, 4)), np.array([[0], [1], [3]])
    np.testing.assert_array_equal(ad.take_along_axis(x, i), np.take_along_axis(x, i, axis=-1))
    np.testing.assert_array_equal(
        ad.take_along_axis(Tensor(x), Tensor(i), axis=1).data, np.take_along_axis(x, i, axis=1)
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), st.data())
def test_take_along_any_axis(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = shape[axis]
    chosen = list(shape)
    chosen[axis] = data.draw(st.integers(0, 5))
    i = data.draw(hnp.arrays(np.int64, tuple(chosen), elements=st.integers(-n, n - 1)))
    x = random(shape)
    out, pullback = ad.vjp(lambda x: ad.take_along_axis(x, i, axis=axis), x)
    np.testing.assert_array_equal(out.data, np.take_along_axis(x, i, axis=axis))
    g = random(out.shape, 1)
    want = np.zeros(shape)
    for place in np.ndindex(i.shape):
        target = list(place)
        target[axis] = i[place] % n
        want[tuple(target)] += g[place]
    np.testing.assert_allclose(pullback(g)[0].data, want, rtol=1e-13, atol=1e-15)


def test_the_adjoints_of_picking_are_primitives_of_their_own():
    assert {"scatter", "add_along_axis"} <= registry.keys()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_one_hot(dtype):
    i = np.array([[0, 2], [1, -1]])
    result = ad.one_hot(i, 3, dtype=dtype)
    assert (result.shape, result.dtype) == ((2, 2, 3), dtype)
    np.testing.assert_array_equal(result[:, 0], np.eye(3)[[0, 1]])
    np.testing.assert_array_equal(result[1, 1], np.zeros(3))
    np.testing.assert_array_equal(ad.one_hot(5, 3), np.zeros(3))
    assert ad.one_hot(i, 3).dtype == np.float32


# ── joining ─────────────────────────────────────────────────────────────────────────────────────────────


def test_parts_of_a_concatenation_get_their_own_dtypes():
    a, b = Tensor(np.ones(2, np.float32), requires_grad=True), Tensor(np.ones(3), requires_grad=True)
    out = ad.concat([a, b])
    assert out.dtype == np.float64
    g = random((5,))
    out.backward(g)
    assert a.grad.dtype == np.float32
    np.testing.assert_array_equal(a.grad.data, g[:2].astype(np.float32))
    np.testing.assert_array_equal(b.grad.data, g[2:])


@pytest.mark.parametrize("join", [ad.concat, ad.stack])
@pytest.mark.parametrize(
    "kind", [list, tuple, lambda parts: Tensor(np.stack([p.data for p in parts]), requires_grad=True)]
)
def test_what_is_joined_may_be_a_list_a_tuple_or_a_tensor(join, kind):
    parts = kind([Tensor(random((2, 2), i), requires_grad=True) for i in range(3)])
    result = join(parts)
    assert result.requires_grad
    g = random(result.shape, 7)
    result.backward(g)
    if isinstance(parts, Tensor):
        np.testing.assert_array_equal(parts.grad.data, g.reshape(3, 2, 2))
    else:
        np.testing.assert_array_equal(parts[1].grad.data, g.reshape(3, 2, 2)[1])


def test_tensors_and_arrays_are_joined_and_the_arrays_get_nothing():
    t = Tensor(random((2,)), requires_grad=True)
    for result in (ad.concat([np.ones(2), t, np.ones(3)]), ad.concat([np.zeros(2), t * 1.0])):
        t.grad = None
        g = random(result.shape, 3)
        result.backward(g)
        np.testing.assert_array_equal(t.grad.data, g[2:4])


def test_the_same_tensor_twice_gets_both_parts():
    t = Tensor(random((2,)), requires_grad=True)
    g = random((6,), 3)
    ad.concat([t, 2 * t, t]).backward(g)
    np.testing.assert_allclose(t.grad.data, g[:2] + 2 * g[2:4] + g[4:], rtol=1e-15)


def test_padding_is_zeros():
    padded = ad.pad(Tensor(np.ones((2, 2), np.float32)), ((1, 0), (0, 2)))
    assert padded.dtype == np.float32
    np.testing.assert_array_equal(padded.data, [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]])


# ── comparisons ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_of_equal_extremes_is_found():
    x = Tensor([2.0, 3.0, 3.0, 2.0])
    assert x.argmax().item() == 1
    assert x.argmin().item() == 0
    assert x.argmax().dtype == np.int64


def test_comparisons_with_nan_are_false():
    x = Tensor([np.nan, 1.0])
    assert (x == x).tolist() == [False, True]
    assert (x < 2).tolist() == [False, True]
    assert (x != x).tolist() == [True, False]


# ── the matrix product ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.bool_])
def test_matmul_keeps_the_dtype(dtype):
    a, b = np.ones((2, 3), dtype), np.ones((3, 4), dtype)
    result = ad.matmul(Tensor(a), Tensor(b))
    assert result.dtype == (a @ b).dtype
    np.testing.assert_array_equal(result.data, a @ b)


def test_matmul_of_mixed_dtypes():
    a, b = (
        Tensor(np.ones((2, 3), np.float32), requires_grad=True),
        Tensor(np.ones((3, 4)), requires_grad=True),
    )
    out = a @ b
    g = random((2, 4))
    out.backward(g)
    assert (out.dtype, a.grad.dtype, b.grad.dtype) == (np.float64, np.float32, np.float64)
    np.testing.assert_allclose(a.grad.data, g @ b.data.T, rtol=1e-6)


def test_stacks_of_matrices_broadcast_and_their_gradients_are_summed():
    a, b = Tensor(random((5, 1, 2, 3)), requires_grad=True), Tensor(random((4, 3, 2), 1), requires_grad=True)
    out = a @ b
    g = random(out.shape, 2)
    out.backward(g)
    np.testing.assert_allclose(a.grad.data, np.einsum("abij,bkj->aik", g, b.data)[:, None], rtol=1e-12)
    np.testing.assert_allclose(b.grad.data, np.einsum("acji,abjk->bik", a.data, g), rtol=1e-12)


@pytest.mark.parametrize("shape", [(3, 1), [3, 1]])
def test_sum_to_takes_any_sequence(shape):
    x = Tensor(random((2, 3, 4)), requires_grad=True)
    out = ad.sum_to(x, shape)
    g = random((3, 1), 1)
    out.backward(g)
    np.testing.assert_allclose(out.data, x.data.sum((0, 2))[:, None], rtol=1e-14)
    np.testing.assert_array_equal(x.grad.data, np.broadcast_to(g, x.shape))


def test_one_hot_is_flat_in_real_numbers_too():
    assert not ad.one_hot(Tensor([0.0, 2.0], requires_grad=True), 3).requires_grad
