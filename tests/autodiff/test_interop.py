"""NumPy's own functions on Tensors: recorded, or refused with the way out, and never silently detached."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import Tensor
from autodiff.interop import FUNCTIONS, UFUNCS
from tests.autodiff.cases import positive

A, B = positive((3, 4)), positive((3, 4), 1)


def leaf(data=A):
    return Tensor(data, requires_grad=True)


# ── what is recorded ────────────────────────────────────────────────────────────────────────────────────

ONE = ["abs", "cos", "exp", "expm1", "log", "log1p", "negative", "sign", "sin", "sqrt", "square", "tanh"]
TWO = ["add", "divide", "maximum", "minimum", "multiply", "power", "subtract", "true_divide", "pow"]
FLAT = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and"]


@pytest.mark.parametrize("name", [*ONE, "absolute"])
def test_ufuncs_of_one_operand_are_recorded(name):
    f = getattr(np, name)
    result = f(leaf())
    assert type(result) is Tensor
    assert result.requires_grad
    np.testing.assert_allclose(result.data, f(A))
    ad.check_gradients(f, A)


@pytest.mark.parametrize("name", TWO)
def test_ufuncs_of_two_operands_are_recorded_on_either_side(name):
    f = getattr(np, name)
    for result in (f(leaf(), B), f(A, leaf(B)), f(leaf(), leaf(B))):
        assert type(result) is Tensor
        assert result.requires_grad
        np.testing.assert_allclose(result.data, f(A, B))
    ad.check_gradients(f, A, B)


@pytest.mark.parametrize("name", FLAT)
def test_comparing_ufuncs_give_unrecorded_tensors(name):
    f = getattr(np, name)
    for result in (f(leaf(), B), f(A, leaf(B))):
        assert type(result) is Tensor
        assert not result.requires_grad
        np.testing.assert_array_equal(result.data, f(A, B))


@pytest.mark.parametrize(
    "f",
    [
        lambda t: A * t,
        lambda t: A + t,
        lambda t: A - t,
        lambda t: A / t,
        lambda t: A**t,
        lambda t: A.T @ t,
        lambda t: np.float64(2) * t,
        lambda t: np.float32(2) + t,
        lambda t: np.int64(2) ** t,
        lambda t: np.float64(2) / t,
        lambda t: np.float64(2) - t,
        lambda t: np.array(2.0) * t,
        lambda t: np.matmul(A.T, t),
        lambda t: np.matmul(t, A.T),
        lambda t: np.dot(A.T, t),
        lambda t: np.dot(t, 2.0),
        lambda t: np.dot(t, A[0]),
    ],
)
def test_arrays_and_numpy_scalars_on_the_left_are_recorded(f):
    result = f(leaf(B))
    assert type(result) is Tensor
    assert result.requires_grad
    np.testing.assert_allclose(result.data, f(B))
    ad.check_gradients(f, B)


CALLS = {
    "sum": lambda t: np.sum(t),
    "sum of an axis": lambda t: np.sum(t, axis=0, keepdims=True),
    "sum by position": lambda t: np.sum(t, 1),
    "mean": lambda t: np.mean(t, axis=(0, 1)),
    "max": lambda t: np.max(t, axis=1),
    "min": lambda t: np.min(t),
    "prod": lambda t: np.prod(t, axis=0),
    "var": lambda t: np.var(t, axis=1, ddof=1),
    "std": lambda t: np.std(t, axis=0),
    "cumsum": lambda t: np.cumsum(t, axis=1),
    "clip": lambda t: np.clip(t, 0.5, 1.0),
    "clip by name": lambda t: np.clip(t, a_min=0.5, a_max=1.0),
    "concatenate": lambda t: np.concatenate([t, 2 * t], axis=1),
    "concatenate with arrays": lambda t: np.concatenate((A, t)),
    "stack": lambda t: np.stack([t, A], axis=-1),
    "where": lambda t: np.where(A > 1, t, 0.0),
    "where of a tensor": lambda t: np.where(t > 1, A, t),
    "reshape": lambda t: np.reshape(t, (4, 3)),
    "ravel": lambda t: np.ravel(t),
    "transpose": lambda t: np.transpose(t),
    "transpose of axes": lambda t: np.transpose(t, (1, 0)),
    "swapaxes": lambda t: np.swapaxes(t, 0, 1),
    "expand_dims": lambda t: np.expand_dims(t, 1),
    "squeeze": lambda t: np.squeeze(np.expand_dims(t, 0)),
    "broadcast_to": lambda t: np.broadcast_to(t, (2, 3, 4)),
    "pad": lambda t: np.pad(t, ((1, 0), (0, 2))),
    "take_along_axis": lambda t: np.take_along_axis(t, np.array([[0], [3], [3]]), axis=1),
}


@pytest.mark.parametrize("f", CALLS.values(), ids=CALLS)
def test_array_functions_are_recorded(f):
    result = f(leaf(B))
    assert type(result) is Tensor
    assert result.requires_grad
    np.testing.assert_allclose(result.data, f(B), rtol=1e-13)
    ad.check_gradients(f, B)


@pytest.mark.parametrize("name", ["concat", "permute_dims", "matrix_transpose"])
def test_the_array_apis_names_are_recorded(name):
    if not hasattr(np, name):
        pytest.skip(f"this NumPy has no {name}")
    f = getattr(np, name)
    argument = [leaf(), leaf()] if name == "concat" else leaf()
    assert f(argument).requires_grad


def test_searches_give_unrecorded_tensors():
    for f in (np.argmax, np.argmin):
        result = f(leaf(), axis=1)
        assert not result.requires_grad
        np.testing.assert_array_equal(result.data, f(A, axis=1))


def test_shapes_are_asked_of_recorded_tensors():
    assert (np.shape(leaf()), np.ndim(leaf()), np.size(leaf())) == ((3, 4), 2, 12)


@pytest.mark.parametrize("function", [*UFUNCS, *FUNCTIONS], ids=lambda f: f.__name__)
def test_the_tables_name_functions_of_numpy(function):
    assert getattr(np, function.__name__) is function


# ── what would lose a gradient ──────────────────────────────────────────────────────────────────────────


def fill_by_index(t):
    np.zeros((3, 4))[...] = t


def fill_rows(t):
    np.zeros((3, 4))[:2] = t[:2]


def augment(t, op="__iadd__"):
    array = A.copy()
    getattr(array, op)(t)


REFUSED = {
    "asarray": np.asarray,
    "array": np.array,
    "asarray of a list": lambda t: np.asarray([t, t]),
    "array of numbers": lambda t: np.array([t[0, 0], 1.0]),
    "asanyarray": np.asanyarray,
    "ascontiguousarray": np.ascontiguousarray,
    "copy": np.copy,
    "dot of an array": lambda t: A.T.dot(t),
    "dot of vectors": lambda t: A[0].dot(t[0]),
    "+=": augment,
    "-=": lambda t: augment(t, "__isub__"),
    "*=": lambda t: augment(t, "__imul__"),
    "/=": lambda t: augment(t, "__itruediv__"),
    "**=": lambda t: augment(t, "__ipow__"),
    "out": lambda t: np.add(A, t, out=A.copy()),
    "where": lambda t: np.add(A, t, where=A > 1),
    "dtype": lambda t: np.add(A, t, dtype=np.float64),
    "reduce": np.add.reduce,
    "accumulate": np.add.accumulate,
    "outer": lambda t: np.multiply.outer(A, t),
    "at": lambda t: np.add.at(A.copy(), (0, 0), t[0, 0]),
    "assignment": fill_by_index,
    "assignment of rows": fill_rows,
    "floor": np.floor,
    "isnan": np.isnan,
    "arctan": np.arctan,
    "hypot": lambda t: np.hypot(A, t),
    "arctan2": lambda t: np.arctan2(t, A),
    "einsum": lambda t: np.einsum("ij->i", t),
    "tensordot": lambda t: np.tensordot(t, A.T, 1),
    "inner": lambda t: np.inner(A, t),
    "outer product": lambda t: np.outer(t, A),
    "kron": lambda t: np.kron(A, t),
    "norm": np.linalg.norm,
    "inv": lambda t: np.linalg.inv(t[:3, :3]),
    "sort": np.sort,
    "median": np.median,
    "vstack": lambda t: np.vstack([A, t]),
    "hstack": lambda t: np.hstack([t, A]),
    "column_stack": lambda t: np.column_stack([t, A]),
    "split": lambda t: np.split(t, 2, axis=1),
    "take": lambda t: np.take(t, [0, 1]),
    "repeat": lambda t: np.repeat(t, 2),
    "tile": lambda t: np.tile(t, 2),
    "flip": np.flip,
    "diff": np.diff,
    "allclose": lambda t: np.allclose(t, A),
    "nansum": np.nansum,
    "linspace": lambda t: np.linspace(0, t[0, 0], 3),
    "full": lambda t: np.full((3, 4), t),
    "zeros_like": np.zeros_like,
    "dot of stacks": lambda t: np.dot(t.reshape(1, 3, 4), A.T),
    "sum with a dtype": lambda t: np.sum(t, dtype=np.float32),
    "sum with where": lambda t: np.sum(t, where=A > 1),
    "sum with an output": lambda t: np.sum(t, out=np.zeros(())),
    "max with initial": lambda t: np.max(t, initial=0.0),
    "reshape in another order": lambda t: np.reshape(t, (4, 3), order="F"),
    "pad of another mode": lambda t: np.pad(t, 1, mode="edge"),
    "searchsorted": lambda t: np.searchsorted(A[0], t[0]),
    "vander": lambda t: np.vander(t[0]),
    "interp": lambda t: np.interp(t[0], A[0], A[0]),
}


@pytest.mark.parametrize("f", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("recorded", [False, True], ids=["leaf", "result"])
def test_what_would_lose_a_gradient_is_a_type_error(f, recorded):
    with pytest.raises(TypeError):
        f(leaf(B) * 2 if recorded else leaf(B))


@pytest.mark.parametrize(
    "name", ["asarray", "dot of an array", "+=", "floor", "reduce", "einsum", "norm", "vstack", "sort"]
)
def test_the_refusal_says_what_to_do_instead(name):
    with pytest.raises(TypeError, match="gradient would be lost") as error:
        REFUSED[name](leaf(B))
    assert "detach()" in str(error.value)


@pytest.mark.parametrize(
    ("f", "name"), [(np.floor, "floor"), (np.sort, "sort"), (np.add.reduce, "add"), (np.linalg.norm, "norm")]
)
def test_the_refusal_names_the_function(f, name):
    with pytest.raises(TypeError, match=name):
        f(leaf(B))


def test_a_refused_augmented_assignment_leaves_the_array_as_it_was():
    array = A.copy()
    with pytest.raises(TypeError):
        array += leaf(B)
    np.testing.assert_array_equal(array, A)


@pytest.mark.parametrize("t", [leaf(), Tensor(A.copy())], ids=["tracked", "untracked"])
def test_a_tensor_is_never_the_output_of_a_ufunc(t):
    with pytest.raises(TypeError, match="in place"):
        np.add(B, 1, out=t)
    with pytest.raises(TypeError, match="in place"):
        np.exp(t, out=t)
    np.testing.assert_array_equal(t.data, A)


@pytest.mark.parametrize(
    "f", [lambda t: A.clip(t), lambda t: A.clip(None, t), lambda t: (A > 1).choose([t, A])]
)
def test_methods_of_arrays_record_or_refuse(f):
    try:
        result = f(leaf(B))
    except TypeError:
        return
    assert result.requires_grad


# ── tensors that need no gradient ───────────────────────────────────────────────────────────────────────


def test_asarray_of_an_untracked_tensor_is_its_array():
    t = Tensor(A)
    assert np.asarray(t) is A or np.shares_memory(np.asarray(t), A)
    assert not np.shares_memory(np.array(t), A)
    assert np.asarray(t, dtype=np.float32).dtype == np.float32
    assert np.asarray(leaf().detach()).base is A or np.asarray(leaf().detach()) is A
    with pytest.raises(ValueError):
        np.array(t, dtype=np.float32, copy=False)


ANY = {
    **{
        name: f
        for name, f in REFUSED.items()
        if name not in ("inv", "vander", "interp", "searchsorted", "where")
    },
    "where of a condition": lambda t: np.where(t > 1),
    "nonzero": lambda t: np.nonzero(t > 1),
    "quantile": lambda t: np.quantile(t, 0.3),
    "histogram": lambda t: np.histogram(t)[0],
    "isfinite": np.isfinite,
    "round": lambda t: np.round(t, 1),
    "unique": np.unique,
    "sum in another dtype": lambda t: np.sum(t, dtype=np.float32),
    "concatenate in another dtype": lambda t: np.concatenate([t, t], dtype=np.float32),
}


@pytest.mark.parametrize("f", ANY.values(), ids=ANY)
def test_untracked_tensors_work_with_any_function_of_numpy(f):
    result, want = f(Tensor(B)), f(B)
    if want is None:
        assert result is None
        return
    for one, other in zip(
        *((x if isinstance(x, tuple | list) else [x]) for x in (result, want)), strict=True
    ):
        np.testing.assert_allclose(one.data if isinstance(one, Tensor) else one, other)


def test_an_untracked_tensor_may_be_added_to_an_array():
    array = A.copy()
    array += Tensor(B)
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(array, A + B)


def test_within_no_grad_a_leaf_is_still_tracked():
    with ad.no_grad():
        assert not np.exp(leaf()).requires_grad
        with pytest.raises(TypeError, match="detach"):
            np.asarray(leaf())


def test_assertions_of_numpy_take_tensors():
    np.testing.assert_allclose(Tensor(A), A)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(Tensor(A), A + 1)
