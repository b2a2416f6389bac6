"""The user's face: operators, methods, indexing, conversions, copies, and what a Tensor refuses."""

import copy
import operator
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autodiff as ad
from autodiff import GradientError, Tensor
from tests.autodiff.cases import random

X = random((3, 4))


def leaf(data=X):
    return Tensor(data, requires_grad=True)


# ── making one ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_])
def test_a_tensor_shares_the_memory_of_its_array(dtype):
    array = np.ones((2, 3), dtype)
    t = Tensor(array)
    assert t.data is array
    assert (t.shape, t.dtype, t.ndim, t.size) == ((2, 3), dtype, 2, 6)
    assert (t.requires_grad, t.grad, t.name, t.node) == (False, None, None, None)


def test_a_view_stays_a_view():
    array = np.arange(6.0)
    t = Tensor(array[::-2])
    array[5] = 9
    assert t.tolist() == [9, 3, 1]


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (1.0, np.float64, ()),
        (2, np.int64, ()),
        (True, np.bool_, ()),
        (np.float32(1.5), np.float32, ()),
        ([1, 2.5], np.float64, (2,)),
        ([[1], [2]], np.int64, (2, 1)),
        ((1.0, 2.0), np.float64, (2,)),
        ([], np.float64, (0,)),
        (np.zeros((0, 3), np.float32), np.float32, (0, 3)),
        ([np.ones(2, np.float32)] * 3, np.float32, (3, 2)),
        ([Tensor(1.0), 2.0], np.float64, (2,)),
        (Tensor(np.ones(2, np.float32)), np.float32, (2,)),
    ],
)
def test_numbers_lists_and_tensors_become_tensors(data, dtype, shape):
    t = Tensor(data)
    assert type(t.data) is np.ndarray
    assert (t.dtype, t.shape) == (dtype, shape)


@pytest.mark.parametrize(
    "data", ["a", ["a", "b"], b"a", 1j, [1j, 2], None, object(), {"a": 1}, np.array("2020", "M8[D]")]
)
def test_what_is_not_numeric_is_refused(data):
    with pytest.raises(TypeError, match="Tensor: needs real numbers"):
        Tensor(data)


@pytest.mark.parametrize("data", [[[1], [1, 2]], [1, [2]], [[1.0, 2.0], 3.0]])
def test_ragged_lists_are_refused(data):
    with pytest.raises((TypeError, ValueError), match=r"Tensor|inhomogeneous"):
        Tensor(data)


@pytest.mark.parametrize("data", [1, [1, 2], np.zeros(2, np.uint8), True, np.zeros(2, bool)])
def test_integers_and_booleans_have_no_gradient(data):
    with pytest.raises(TypeError, match=r"floating-point.*astype"):
        Tensor(data, requires_grad=True)


def test_a_tensor_of_a_tracked_tensor_is_refused():
    with pytest.raises(TypeError, match="detach"):
        Tensor(leaf())


def test_a_name_is_kept_and_shown():
    t = Tensor([1.0], requires_grad=True, name="weight")
    assert t.name == "weight"
    assert "name='weight'" in repr(t)


def test_a_tensor_takes_no_other_attributes():
    with pytest.raises(AttributeError):
        leaf().gradient = 1


# ── operators ───────────────────────────────────────────────────────────────────────────────────────────

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
OTHERS = {
    "array": random((3, 4), 1) ** 2 + 0.5,
    "row": np.array([1.5, 2.5, 0.5, 1.0]),
    "0-d array": np.array(1.5),
    "float": 1.5,
    "integer": 2,
    "True": True,
    "float64": np.float64(1.5),
    "float32": np.float32(1.5),
    "int64": np.int64(2),
    "integers": np.array([1, 2, 3, 4]),
    "booleans": np.array([True, False, True, True]),
    "tensor": Tensor(np.array([1.5, 2.5, 0.5, 1.0])),
}
others = pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def plain(value):
    return value.data if isinstance(value, Tensor) else value


@dtypes
@others
@pytest.mark.parametrize("op", ARITHMETIC, ids=lambda op: op.__name__)
def test_arithmetic_with_anything_on_either_side(op, other, dtype):
    base = np.abs(X).astype(dtype) + dtype(0.5)
    t = leaf(base)
    with np.errstate(divide="ignore"):
        pairs = ((op(t, other), op(base, plain(other))), (op(other, t), op(plain(other), base)))
    for result, want in pairs:
        assert type(result) is Tensor
        assert result.requires_grad
        assert result.dtype == want.dtype
        np.testing.assert_allclose(result.data, want, rtol=1e-6 if want.dtype == np.float32 else 1e-14)


@others
@pytest.mark.parametrize("op", ARITHMETIC, ids=lambda op: op.__name__)
def test_gradients_of_arithmetic_with_anything_on_either_side(op, other):
    base = np.abs(X) + 0.5
    if not (op is operator.truediv and np.any(plain(other) == 0)):
        ad.check_gradients(lambda t: op(t, other), base)
    ad.check_gradients(lambda t: op(other, t), base)


@others
@pytest.mark.parametrize("op", COMPARISONS, ids=lambda op: op.__name__)
def test_comparisons_are_element_by_element_and_unrecorded(op, other):
    base = np.round(X * 2) / 2
    t = leaf(base)
    for result, want in ((op(t, other), op(base, plain(other))), (op(other, t), op(plain(other), base))):
        assert type(result) is Tensor
        assert not result.requires_grad
        assert result.dtype == bool
        np.testing.assert_array_equal(result.data, want)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
@pytest.mark.parametrize("scalar", [2, 2.5, True, 10**3])
def test_python_scalars_never_widen(dtype, shape, scalar):
    t = leaf(np.full(shape, 1.5, dtype))
    results = [op(*pair) for op in ARITHMETIC[:4] for pair in ((t, scalar), (scalar, t))]
    results += [
        t**2,
        t**0.5,
        ad.where(t > 1, t, 0),
        ad.where(t > 1, 0.0, t),
        ad.clip(t, 0, 1.0),
        ad.maximum(t, scalar),
    ]
    results += [
        ad.mean(t),
        ad.var(t),
        ad.relu(t),
        ad.sigmoid(t),
        ad.softplus(t),
        ad.log1p(t),
        ad.logsumexp(t, axis=None),
    ]
    for result in results:
        assert result.dtype == dtype
        t.grad = None
        result.backward(np.ones(result.shape), create_graph=True)
        assert t.grad.dtype == dtype


@dtypes
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("shapes", [((3, 4), (4, 2)), ((4,), (4,)), ((2, 3, 4), (4,)), ((4,), (4, 2))])
def test_matmul_with_an_array_on_either_side(shapes, swap, dtype):
    a, b = (random(shape, i).astype(dtype) for i, shape in enumerate(shapes))
    result = (a @ leaf(b)) if swap else (leaf(a) @ b)
    assert type(result) is Tensor
    assert result.requires_grad
    assert result.dtype == dtype
    np.testing.assert_allclose(result.data, a @ b, rtol=1e-5, atol=1e-5)


def test_unary_operators():
    t = leaf()
    np.testing.assert_array_equal((-t).data, -X)
    np.testing.assert_array_equal(abs(t).data, np.abs(X))
    assert (+t) is t


def test_augmented_assignment_to_a_result_makes_a_new_tensor():
    t = leaf(X.copy())
    u = first = t + 1
    u *= 2
    u -= X
    u /= 4
    u **= 2
    np.testing.assert_array_equal(first.data, X + 1)
    np.testing.assert_allclose(u.data, ((X + 2) / 4) ** 2)
    g = random((3, 4), 3)
    u.backward(g)
    np.testing.assert_allclose(t.grad.data, g * (X + 2) / 4, rtol=1e-13)


AUGMENTED = {
    "+=": (operator.iadd, operator.add),
    "-=": (operator.isub, operator.sub),
    "*=": (operator.imul, operator.mul),
    "/=": (operator.itruediv, operator.truediv),
    "**=": (operator.ipow, operator.pow),
    "@=": (operator.imatmul, operator.matmul),
}


@pytest.mark.parametrize("sign", AUGMENTED)
def test_augmented_assignment_to_a_leaf_is_refused_and_says_what_to_write(sign):
    t = leaf(np.abs(random((3, 3))) + 1)
    before = t.data.copy()
    with pytest.raises(TypeError, match="leaf") as error:
        AUGMENTED[sign][0](t, t.detach())
    assert f"x {sign} y" in str(error.value)
    assert f"z = x {sign[:-1]} y" in str(error.value)
    assert "no_grad" in str(error.value)
    np.testing.assert_array_equal(t.data, before)


@pytest.mark.parametrize("sign", AUGMENTED)
def test_augmented_assignment_to_a_leaf_within_no_grad_changes_its_numbers_in_place(sign):
    in_place, operation = AUGMENTED[sign]
    t, other = leaf(np.abs(random((3, 3))) + 1), random((3, 3), 1)
    array, before = t.data, t.data.copy()
    y = (t * t).sum()
    with ad.no_grad():
        assert in_place(t, ad.Tensor(other)) is t
    assert t.data is array
    assert t.requires_grad
    np.testing.assert_array_equal(array, operation(before, other))
    with pytest.raises(ad.GradientError, match="changed"):
        y.backward()


@pytest.mark.parametrize("convert", [float, int, lambda t: t.item(), bool])
def test_many_numbers_are_no_number_and_the_message_says_what_to_write(convert):
    with pytest.raises(ValueError, match=r"W float64\(3, 4\)") as error:
        convert(ad.Tensor(X, requires_grad=True, name="W"))
    assert ".data.all()" in str(error.value) or "t.sum().item()" in str(error.value)


def test_a_step_can_be_written_as_in_pytorch():
    w = leaf(X.copy())
    for _ in range(3):
        (w * w).sum().backward()
        with ad.no_grad():
            w -= 0.25 * w.grad
        w.grad = None
    np.testing.assert_allclose(w.data, X / 8, rtol=1e-15)


def test_augmented_assignment_to_what_needs_no_gradient_makes_a_new_tensor():
    t = u = ad.Tensor(X.copy())
    u += 1
    np.testing.assert_array_equal(t.data, X)
    np.testing.assert_array_equal(u.data, X + 1)


def test_pythons_sum_adds():
    ts = [leaf(random((2,), i)) for i in range(3)]
    g = random((2,), 9)
    sum(ts).backward(g)
    for t in ts:
        np.testing.assert_array_equal(t.grad.data, g)


def test_integers_compute():
    t = Tensor([1, 2, 3])
    assert (t + 1).dtype == np.int64
    assert (t / 2).dtype == np.float64
    assert (t @ t).item() == 14
    assert (t**2).tolist() == [1, 4, 9]
    assert t.mean().item() == 2
    assert (t > 1).sum().item() == 2
    assert (leaf(np.ones(3)) * t).requires_grad


@pytest.mark.parametrize("other", ["a", None, object(), [1, 2, 3]])
def test_arithmetic_with_nonsense_is_an_error(other):
    with pytest.raises((TypeError, ValueError), match="add"):
        leaf() + other


def test_a_tensor_is_hashable_by_identity():
    t, u = leaf(), leaf()
    assert {t: 1, u: 2}[t] == 1
    assert hash(t) != hash(u)


# ── methods ─────────────────────────────────────────────────────────────────────────────────────────────

POSITIVE = np.abs(random((2, 3, 4))) + 0.1
METHODS = {
    "argmax": lambda t: t.argmax(axis=1),
    "argmin": lambda t: t.argmin(),
    "astype": lambda t: t.astype(np.float32),
    "clip": lambda t: t.clip(0.5, 1.0),
    "clip below": lambda t: t.clip(0.5),
    "copy": lambda t: t.copy(),
    "cumsum": lambda t: t.cumsum(axis=1),
    "flatten": lambda t: t.flatten(),
    "max": lambda t: t.max(axis=(0, 2)),
    "mean": lambda t: t.mean(axis=-1, keepdims=True),
    "min": lambda t: t.min(),
    "prod": lambda t: t.prod(axis=0),
    "ravel": lambda t: t.ravel(),
    "reshape": lambda t: t.reshape(4, 6),
    "reshape of a tuple": lambda t: t.reshape((-1, 2)),
    "reshape of one": lambda t: t.reshape(-1),
    "squeeze": lambda t: t[:1].squeeze(),
    "std": lambda t: t.std(axis=1, ddof=1),
    "sum": lambda t: t.sum(axis=(0, 1)),
    "sum of all": lambda t: t.sum(),
    "swapaxes": lambda t: t.swapaxes(0, -1),
    "T": lambda t: t.T,
    "mT": lambda t: t.mT,
    "transpose": lambda t: t.transpose(),
    "transpose of axes": lambda t: t.transpose(1, 2, 0),
    "transpose of a tuple": lambda t: t.transpose((0, -1, 1)),
    "transpose of NumPy's integers": lambda t: t.transpose(*np.argsort([3, 1, 2])),
    "reshape of NumPy's integers": lambda t: t.reshape(*np.array([4, 6])),
    "transpose of a vector": lambda t: t[0, 0].transpose(0),
    "var": lambda t: t.var(axis=0),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_methods_do_what_those_of_ndarray_do(method):
    result, want = method(Tensor(POSITIVE)), method(POSITIVE)
    assert type(result) is Tensor
    assert result.dtype == np.asarray(want).dtype
    np.testing.assert_allclose(result.data, want, rtol=1e-14)


@pytest.mark.parametrize("name", [n for n in METHODS if n not in ("argmax", "argmin", "astype")])
def test_methods_are_differentiated(name):
    ad.check_gradients(METHODS[name], POSITIVE)


# ── indexing ────────────────────────────────────────────────────────────────────────────────────────────


def check_index(index, shape):
    array = random(shape)
    t = leaf(array)
    picked = t[index]
    np.testing.assert_array_equal(picked.data, array[index])
    assert picked.shape == array[index].shape
    g = random(picked.shape, 2)
    want = np.zeros(shape)
    np.add.at(want, index, g)
    picked.backward(g)
    np.testing.assert_allclose(t.grad.data, want, rtol=1e-13, atol=1e-15)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
def test_basic_indexing_is_numpys(data, shape):
    check_index(data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)), shape)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_indexing_by_arrays_of_integers_is_numpys(data, shape):
    check_index(data.draw(hnp.integer_array_indices(shape)), shape)


def parts(n):
    """An index of one axis: an integer, a slice, an array or list of integers, or booleans."""
    number = st.integers(-n, n - 1)
    return st.one_of(
        number,
        st.slices(n),
        st.lists(number, min_size=3, max_size=3),
        st.lists(number, min_size=3, max_size=3).map(np.array),
        st.lists(number, min_size=3, max_size=3).map(tuple),
        number.map(np.array),
    )


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.data(), st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple))
def test_every_mixture_of_indices_is_numpys(data, shape):
    count = data.draw(st.integers(1, len(shape)))
    index = [data.draw(parts(n)) for n in shape[:count]]
    for extra in data.draw(st.lists(st.sampled_from([None, Ellipsis]), max_size=2, unique_by=id)):
        index.insert(data.draw(st.integers(0, len(index))) if extra is None else len(index), extra)
    check_index(tuple(index), shape)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_indexing_by_booleans_is_numpys(data, shape):
    axes = data.draw(st.integers(1, len(shape)))
    check_index(data.draw(hnp.arrays(bool, shape[:axes])), shape)


def test_a_tensor_may_be_an_index():
    array = random((4, 3))
    t, rows = leaf(array), Tensor([3, 3, 0])
    np.testing.assert_array_equal(t[rows].data, array[[3, 3, 0]])
    np.testing.assert_array_equal(t[rows, Tensor(1)].data, array[[3, 3, 0], 1])
    np.testing.assert_array_equal(t[t > 0].data, array[array > 0])
    np.testing.assert_array_equal(t[:, t.argmax(axis=1)[0]].data, array[:, array.argmax(axis=1)[0]])
    g = random((3, 3), 5)
    t[rows].backward(g)
    np.testing.assert_allclose(t.grad.data, [g[2], [0] * 3, [0] * 3, g[0] + g[1]])


def test_a_tensor_that_is_tracked_is_no_index():
    with pytest.raises(TypeError, match="index"):
        leaf()[leaf(np.array(1.0))]


@pytest.mark.parametrize(
    "index", [5, -4, (0, 4), (0, 0, 0), [3], "a", 1.0, np.array([0.5]), np.ones((2, 4), bool)], ids=repr
)
def test_a_wrong_index_is_an_index_error_that_names_it(index):
    with pytest.raises(IndexError, match=r"getitem\(float64\(3, 4\)"):
        leaf()[index]


def test_item_assignment_is_refused():
    t = leaf()
    with pytest.raises(TypeError, match=r"float64\(3, 4\).*ad\.where"):
        t[0] = 1.0
    with pytest.raises(TypeError, match="in place"):
        t[0] += 1.0
    np.testing.assert_array_equal(t.data, X)


# ── conversions ─────────────────────────────────────────────────────────────────────────────────────────


def test_numpy_gives_the_array_itself():
    t = Tensor(X)
    assert t.numpy() is X
    assert leaf().detach().numpy() is X
    zero = Tensor(2.0, requires_grad=True).detach().numpy()
    assert type(zero) is np.ndarray
    assert zero.shape == ()


def test_numpy_of_what_is_tracked_is_refused():
    for t in (leaf(), leaf() * 2):
        with pytest.raises(TypeError, match="detach"):
            t.numpy()


def test_detach_shares_memory_and_has_no_history():
    t = leaf()
    y = t * 2
    d = y.detach()
    assert d.data is y.data
    assert (d.requires_grad, d.node, d.grad) == (False, None, None)
    assert y.requires_grad


def test_item_and_tolist():
    assert type(Tensor([[2.5]]).item()) is float
    assert type(Tensor(3).item()) is int
    assert leaf(np.array(2.5)).item() == 2.5
    assert leaf(np.array([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]
    with pytest.raises(ValueError):
        leaf().item()


def test_numbers_of_one_element():
    t = leaf(np.array([2.75]))
    assert float(t) == 2.75
    assert int(t) == 2
    assert bool(t) is True
    assert bool(Tensor(0.0)) is False
    assert type(float(t)) is float
    assert [10, 20, 30][Tensor(1)] == 20
    assert list(range(5))[Tensor(1) : Tensor(3)] == [1, 2]


@pytest.mark.parametrize("convert", [float, int, operator.index])
def test_many_elements_are_no_number(convert):
    with pytest.raises((TypeError, ValueError)):
        convert(leaf())


def test_a_real_number_is_no_index():
    with pytest.raises(TypeError):
        operator.index(Tensor(1.0))


@pytest.mark.parametrize("shape", [(3, 4), (0,)])
def test_many_elements_have_no_truth(shape):
    with pytest.raises(ValueError, match="ambiguous") as error:
        bool(Tensor(np.zeros(shape)))
    assert str(shape) in str(error.value)
    assert "ad.where" in str(error.value)


def test_len_and_iteration():
    t = leaf()
    assert len(t) == 3
    rows = list(t)
    assert all(type(row) is Tensor and row.requires_grad for row in rows)
    a, b, c = t
    g = random((4,), 4)
    (a * b + c).backward(g)
    np.testing.assert_allclose(t.grad.data, [g * X[1], g * X[0], g], rtol=1e-14)
    for scalar in (Tensor(1.0), leaf(np.array(1.0))):
        with pytest.raises(TypeError):
            len(scalar)
        with pytest.raises(TypeError):
            iter(scalar)


def test_contains_looks_at_the_elements():
    assert 2.0 in Tensor([1.0, 2.0])
    assert 3.0 not in Tensor([1.0, 2.0])


def test_repr_shows_what_matters():
    assert repr(Tensor([1.0, 2.5])) == "Tensor([1. , 2.5])"
    assert repr(Tensor(np.ones(2, np.float32))) == "Tensor([1., 1.], dtype=float32)"
    assert repr(Tensor(3)) == "Tensor(3, dtype=int64)"
    assert repr(leaf(np.array(2.0))) == "Tensor(2., requires_grad=True)"
    assert repr(leaf(np.array(2.0)) * 2) == "Tensor(4., requires_grad=True)"
    assert "\n        [" in repr(Tensor(X))
    assert repr(Tensor(np.zeros((0, 3)))).startswith("Tensor([]")


def test_format_takes_the_format_of_a_number():
    assert f"{leaf(np.array(2.34567)):.2f}" == "2.35"
    assert f"{Tensor([[3]]):03d}" == "003"
    assert f"{Tensor([1.0, 2.0])}" == "Tensor([1., 2.])"
    with pytest.raises(ValueError):
        format(Tensor([1.0, 2.0]), ".2f")


# ── the data setter ─────────────────────────────────────────────────────────────────────────────────────


def test_data_is_replaced_by_data_of_the_same_shape_and_dtype():
    t = leaf(X.copy())
    new = random((3, 4), 8)
    t.data = new
    assert t.data is new
    assert t.requires_grad
    t.data = Tensor(X)
    assert t.data is X
    scalar = leaf(np.array(1.0))
    scalar.data = scalar.data - 0.5
    assert type(scalar.data) is np.ndarray
    assert scalar.item() == 0.5


def test_data_changes_in_place_by_augmented_assignment():
    for array in (X.copy(), np.array(1.0)):
        before = array.copy()
        t = leaf(array)
        t.data -= 0.5
        t.data *= 2
        assert t.data is array
        np.testing.assert_array_equal(array, (before - 0.5) * 2)


@pytest.mark.parametrize(
    "value",
    [
        np.ones((4, 3)),
        np.ones(4),
        1.0,
        np.ones((3, 4), np.float32),
        np.ones((3, 4), int),
        np.ones((3, 4), bool),
    ],
)
def test_data_of_another_shape_or_dtype_is_refused(value):
    t = leaf()
    with pytest.raises(ValueError, match=r"data: .*float64\(3, 4\)") as error:
        t.data = value
    assert str(np.shape(value)) in str(error.value) or str(value) in str(error.value)
    assert t.data is X


def test_data_of_a_tracked_tensor_or_of_nonsense_is_refused():
    t = leaf()
    for value in (leaf(), "a", None):
        with pytest.raises(TypeError):
            t.data = value
    assert t.data is X


def test_other_properties_cannot_be_set():
    t = leaf()
    for name in ("shape", "dtype", "ndim", "size", "T"):
        with pytest.raises(AttributeError):
            setattr(t, name, getattr(t, name))


# ── copies ──────────────────────────────────────────────────────────────────────────────────────────────


class Weight(Tensor):
    """A class that pickle finds by name."""

    __slots__ = ()


@pytest.mark.parametrize("kind", [Tensor, Weight])
@pytest.mark.parametrize(
    "data", [X, X.astype(np.float32), np.array(2.0), np.zeros((0, 2))], ids=lambda x: f"{x.dtype}{x.shape}"
)
@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["deepcopy", "pickle"]
)
def test_leaves_can_be_copied_and_pickled(again, data, kind):
    t = kind(data.copy(), requires_grad=True, name="w")
    ad.sum(t * t).backward()
    u = again(t)
    assert type(u) is kind
    assert (u.requires_grad, u.name, u.node) == (True, "w", None)
    assert u.dtype == t.dtype
    np.testing.assert_array_equal(u.data, t.data)
    np.testing.assert_array_equal(u.grad.data, t.grad.data)
    assert not np.shares_memory(u.data, t.data)
    ad.sum(u * u).backward()
    np.testing.assert_array_equal(u.grad.data, 2 * t.grad.data)


def test_a_copy_can_be_changed_and_differentiated():
    t = leaf(X.copy())
    u = copy.deepcopy(t)
    y = t * 2
    u.data -= 1.0
    y.sum().backward()
    assert u.grad is None
    np.testing.assert_array_equal(t.data, X)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle.dumps])
def test_results_cannot_be_copied_or_pickled(again):
    y = leaf() * 2
    with pytest.raises(TypeError, match=r"leaf.*detach"):
        again(y)
    again(y.detach())


def test_copy_is_recorded_and_owns_its_memory():
    t = leaf()
    u = t.copy()
    assert u.requires_grad
    assert not np.shares_memory(u.data, X)
    g = random((3, 4), 3)
    u.backward(g)
    np.testing.assert_array_equal(t.grad.data, g)


def test_masks_combine_as_those_of_numpy():
    x = Tensor([-1.0, 0.5, 2.0])
    np.testing.assert_array_equal(((x > 0) & (x < 1)).data, [False, True, False])
    np.testing.assert_array_equal(((x < 0) | (x > 1)).data, [True, False, True])
    np.testing.assert_array_equal((~(x > 0)).data, [True, False, False])
    with pytest.raises(TypeError):
        _ = x & x
    with pytest.raises(TypeError, match="mask"):
        _ = ~x


def test_a_gradient_cannot_be_asked_of_integers_later_either():
    t = Tensor([1, 2])
    with pytest.raises(TypeError, match="floating-point"):
        t.requires_grad = True
    recorded = Tensor([1.0], requires_grad=True) * 2
    with pytest.raises(GradientError, match="detach"):
        recorded.requires_grad = False


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.copyto(t, 0.0),
        lambda t: np.add.at(t, 0, 5.0),
        lambda t: np.put(t, 0, 5.0),
        lambda t: np.sum(np.ones((2, 2)), axis=0, out=t),
    ],
    ids=["copyto", "at", "put", "out"],
)
def test_numpy_does_not_write_to_a_tensor(call):
    t = Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="in place"):
        call(t)
    np.testing.assert_array_equal(t.data, [1.0, 2.0])


def test_operands_may_be_given_by_name():
    x = Tensor([[1.0, 2.0]], requires_grad=True)
    ad.take_along_axis(x, indices=np.array([[1]]), axis=1).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [[0.0, 1.0]])
    with pytest.raises(TypeError, match="sum"):
        ad.sum(x, 0, axis=1)
