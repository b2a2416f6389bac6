"""Wrong use raises at the line that is wrong, naming the operation, shapes, dtypes and the way out."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import describe

X = ad.Tensor(np.ones((2, 3), np.float32), requires_grad=True)
A = np.ones((2, 3), np.float32)

WRONG = {
    # what is called: the call, its kind of exception, and what the message must say
    "broadcast": (
        lambda x: x + np.ones(4),
        ValueError,
        ["add", "float32(2, 3)", "float64(4,)", "expand_dims"],
    ),
    "broadcast on the right": (
        lambda x: np.ones(4) * x,
        ValueError,
        ["multiply", "float64(4,)", "float32(2, 3)", "reshape"],
    ),
    "comparison": (lambda x: x < np.ones(4), ValueError, ["less", "float32(2, 3)", "float64(4,)"]),
    "where": (
        lambda x: ad.where(np.ones(2, bool), x, 0.0),
        ValueError,
        ["where", "bool(2,)", "float32(2, 3)", "expand_dims"],
    ),
    "maximum": (lambda x: ad.maximum(x, np.ones(2)), ValueError, ["maximum", "float32(2, 3)", "float64(2,)"]),
    "matmul": (
        lambda x: x @ np.ones((2, 4)),
        ValueError,
        ["matmul", "float32(2, 3)", "float64(2, 4)", ".mT"],
    ),
    "matmul of stacks": (
        lambda x: ad.matmul(ad.broadcast_to(x, (4, 2, 3)), np.ones((5, 3, 1))),
        ValueError,
        ["matmul", "(4, 2, 3)"],
    ),
    "matmul of a number": (lambda x: x @ 2.0, ValueError, ["matmul", "float32(2, 3)"]),
    "sum": (lambda x: x.sum(axis=2), ValueError, ["sum", "float32(2, 3)", "axis=2"]),
    "mean": (lambda x: ad.mean(x, axis=-3), ValueError, ["float32(2, 3)", "axis=-3"]),
    "max": (lambda x: ad.max(x, axis=(0, 5)), ValueError, ["max", "float32(2, 3)", "axis=(0, 5)"]),
    "max of nothing": (lambda x: ad.max(x[:0]), ValueError, ["max", "float32(0, 3)"]),
    "argmax": (lambda x: x.argmax(axis=2), ValueError, ["argmax", "float32(2, 3)", "axis=2"]),
    "cumsum": (lambda x: x.cumsum(axis=2), ValueError, ["cumsum", "float32(2, 3)", "axis=2"]),
    "softmax": (lambda x: ad.softmax(x, axis=2), ValueError, ["softmax", "float32(2, 3)", "axis=2"]),
    "log_softmax": (
        lambda x: ad.log_softmax(x, axis=2),
        ValueError,
        ["log_softmax", "float32(2, 3)", "axis=2"],
    ),
    "prod": (lambda x: x.prod(axis=2), ValueError, ["prod", "(2, 3)", "2"]),
    "var": (lambda x: x.var(axis=2), ValueError, ["float32(2, 3)", "axis=2"]),
    "swapaxes": (lambda x: x.swapaxes(0, 2), (ValueError, IndexError), ["swapaxes", "(2, 3)", "2"]),
    "swapaxes of one": (lambda x: x.swapaxes(2, 2), (ValueError, IndexError), ["swapaxes", "(2, 3)", "2"]),
    "expand_dims": (lambda x: ad.expand_dims(x, 5), ValueError, ["expand_dims", "(2, 3)", "5"]),
    "squeeze": (lambda x: x.squeeze(axis=0), ValueError, ["squeeze", "axis 0", "(2, 3)"]),
    "squeeze out of range": (lambda x: x.squeeze(axis=5), ValueError, ["squeeze", "(2, 3)", "5"]),
    "flatten": (lambda x: ad.flatten(x, 5), (ValueError, IndexError), ["flatten", "(2, 3)", "5"]),
    "reshape": (lambda x: x.reshape(4, 2), ValueError, ["reshape", "float32(2, 3)", "(4, 2)"]),
    "reshape with a gap": (lambda x: x.reshape(-1, 4), ValueError, ["reshape", "float32(2, 3)", "(-1, 4)"]),
    "permute_dims": (lambda x: x.transpose(0, 0), ValueError, ["permute_dims", "float32(2, 3)", "(0, 0)"]),
    "mT": (lambda x: x[0].mT, ValueError, ["matrix_transpose", "float32(3,)"]),
    "broadcast_to": (
        lambda x: ad.broadcast_to(x, (3, 3)),
        ValueError,
        ["broadcast_to", "float32(2, 3)", "(3, 3)"],
    ),
    "sum_to": (lambda x: ad.sum_to(x, (2,)), ValueError, ["sum_to", "float32(2, 3)", "(2,)"]),
    "sum_to of more": (
        lambda x: ad.sum_to(x, (4, 2, 3)),
        ValueError,
        ["sum_to", "float32(2, 3)", "(4, 2, 3)"],
    ),
    "sum_to of another length": (
        lambda x: ad.sum_to(x, (2, 2)),
        ValueError,
        ["sum_to", "float32(2, 3)", "(2, 2)"],
    ),
    "index": (lambda x: x[2], IndexError, ["getitem", "float32(2, 3)", "index=2"]),
    "indices": (lambda x: x[0, 0, 0], IndexError, ["getitem", "float32(2, 3)", "(0, 0, 0)"]),
    "array index": (lambda x: x[[0, 2]], IndexError, ["getitem", "float32(2, 3)"]),
    "mask": (lambda x: x[np.ones((2, 2), bool)], IndexError, ["getitem", "float32(2, 3)"]),
    "take_along_axis": (
        lambda x: ad.take_along_axis(x, np.array([[3]]), axis=1),
        IndexError,
        ["take_along_axis", "float32(2, 3)"],
    ),
    "take along no axis": (
        lambda x: ad.take_along_axis(x, np.array([[0]]), axis=2),
        (ValueError, IndexError),
        ["take_along_axis", "float32(2, 3)", "axis=2"],
    ),
    "take of other axes": (
        lambda x: ad.take_along_axis(x, np.array([0]), axis=1),
        ValueError,
        ["take_along_axis", "(2, 3)", "int64(1,)"],
    ),
    "take of reals": (
        lambda x: ad.take_along_axis(x, np.array([[0.0]]), axis=1),
        IndexError,
        ["take_along_axis", "float64(1, 1)"],
    ),
    "concat": (
        lambda x: ad.concat([x, np.ones((2, 2))]),
        ValueError,
        ["concat", "float32(2, 3)", "float64(2, 2)", "axis=0"],
    ),
    "concat of nothing": (lambda x: ad.concat([]), ValueError, ["concat"]),
    "stack": (lambda x: ad.stack([x, np.ones((2, 2))]), ValueError, ["(1, 2, 3)", "(1, 2, 2)"]),
    "pad": (lambda x: ad.pad(x, ((1, 2), (3, 4), (5, 6))), ValueError, ["pad", "float32(2, 3)"]),
    "negative pad": (lambda x: ad.pad(x, -1), ValueError, ["pad", "float32(2, 3)", "-1"]),
    "unknown attribute": (lambda x: x.sum(axes=0), TypeError, ["sum", "axes"]),
    "too many arguments": (lambda x: ad.cumsum(x, 0, 1), TypeError, ["cumsum", "2"]),
    "too many operands": (lambda x: ad.exp(x, x), TypeError, ["exp", "float32(2, 3)"]),
    "too few operands": (lambda x: ad.multiply(x), TypeError, ["multiply", "float32(2, 3)"]),
    "text": (lambda x: x * "a", TypeError, ["multiply", "float32(2, 3)", "'a'"]),
    "nothing": (lambda x: x + None, TypeError, ["add", "float32(2, 3)", "None"]),
    "negative power of integers": (lambda x: ad.Tensor([2]) ** -1, ValueError, ["power", "int64(1,)", "-1"]),
    "dtype": (lambda x: x.astype("nonsense"), TypeError, ["astype", "float32(2, 3)", "nonsense"]),
}


@pytest.mark.parametrize(("call", "kind", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_call_is_told_in_terms_of_the_operation(call, kind, words):
    with pytest.raises(kind) as error:
        call(X)
    missing = [word for word in words if word not in str(error.value)]
    assert not missing, str(error.value)


ON_ARRAYS = {
    "broadcast": lambda: ad.add(A, np.ones(4)),
    "matmul": lambda: ad.matmul(A, np.ones((2, 4))),
    "sum": lambda: ad.sum(A, axis=2),
    "reshape": lambda: ad.reshape(A, (4, 2)),
    "index": lambda: ad.getitem(A, 2),
    "concat": lambda: ad.concat([A, np.ones((2, 2))]),
}


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_it_is_told_alike_of_plain_arrays(name):
    _, kind, words = WRONG[name]
    with pytest.raises(kind) as error:
        ON_ARRAYS[name]()
    assert all(word in str(error.value) for word in words)


def test_numpys_own_exception_is_the_cause():
    with pytest.raises(ValueError) as error:
        X + np.ones(4)
    assert isinstance(error.value.__cause__, ValueError)
    assert "broadcast" in str(error.value.__cause__)


def test_large_attributes_and_operands_are_cut_short():
    with pytest.raises(IndexError) as error:
        X[np.arange(10_000).reshape(1, -1)]
    assert len(str(error.value)) < 400


def test_describe():
    assert describe(np.ones((2, 3), np.float32)) == "float32(2, 3)"
    assert describe(np.float64(1)) == "float64()"
    assert describe(2.5) == "2.5"
    assert len(describe([1.0] * 100)) <= 40


def test_a_gradient_error_is_a_runtime_error():
    assert issubclass(ad.GradientError, RuntimeError)


def test_a_failed_operation_leaves_nothing_behind():
    x = ad.Tensor(np.ones((2, 3)), requires_grad=True)
    y = x * 2
    with pytest.raises(ValueError):
        y + np.ones(4)
    g = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    y.backward(g)
    np.testing.assert_array_equal(x.grad.data, 2 * g)
