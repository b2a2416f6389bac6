"""Within `anomaly` the first NaN or infinity raises where it arises, and so does a change behind the engine's back."""

import contextlib
import threading

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.tape import registry

X = np.array([0.0, 1.0, 4.0])


def leaf(data=X, name=None):
    return ad.Tensor(np.array(data, float), requires_grad=True, name=name)


pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def raised(f):
    """The message with which f fails."""
    with pytest.raises(FloatingPointError) as error:
        f()
    return str(error.value)


def test_an_infinity_in_a_forward_pass_is_told_at_its_operation():
    x = leaf(name="pixels")

    def f():
        with ad.anomaly():
            y = x * 2.0
            z = ad.log(y)  # here
            return z * 0.0

    message = raised(f)
    for words in ("log(float64(3,))", "test_anomaly.py:", "z = ad.log(y)  # here", "1 infinite among 3"):
        assert words in message
    assert "from 0 to 8, mean 3.33333" in message


@pytest.mark.parametrize(
    ("f", "count"),
    [
        (lambda x: ad.sqrt(x - 2.0), "2 NaN among 3"),
        (lambda x: 1.0 / x, "1 infinite among 3"),
        (lambda x: ad.exp(x * 1e3), "2 infinite among 3"),
        (lambda x: x * np.array([np.nan, np.inf, 1.0]), "2 NaN among 3"),
        (lambda x: (x + np.inf).sum(), "3 infinite among 3"),
    ],
)
def test_what_is_not_finite_is_counted(f, count):
    with ad.anomaly():
        assert count in raised(lambda: f(leaf()))


def test_operands_are_described_with_what_is_wrong_in_them():
    x = ad.Tensor(np.array([np.nan, 1.0, np.inf, 3.0]), name="x")
    with ad.anomaly():
        message = raised(lambda: x + 1.0)
    assert "x float64(4,) from 1 to 3, mean 2, 1 NaN and 1 infinite" in message


def test_it_holds_for_plain_arrays_and_unrecorded_tensors_too():
    with ad.anomaly():
        raised(lambda: ad.log(np.zeros(2)))
        with ad.no_grad():
            raised(lambda: ad.log(leaf()))


def test_an_infinity_in_a_backward_pass_is_told_with_its_rule_and_the_line_of_its_operation():
    with ad.anomaly():
        y = ad.sqrt(leaf(name="x"))  # recorded here
        message = raised(lambda: y.sum().backward())
    for words in ("ȳ / (y·2)", "sqrt(x float64(3,))", '(name="x"))  # recorded here', "1 infinite among 3"):
        assert words in message


def test_a_rule_that_does_not_use_the_engines_operations_is_looked_at_too():
    @ad.primitive("poisoned_test", lambda g, out, a: np.full(3, np.nan))
    def poisoned(a):
        return a * 1.0

    try:
        with ad.anomaly():
            y = poisoned(leaf()).sum()
            message = raised(y.backward)
        assert "3 NaN among 3" in message
        assert "poisoned_test(float64(3,))" in message
    finally:
        del registry["poisoned_test"]


@pytest.mark.parametrize("transform", [ad.grad, ad.hessian, ad.value_and_grad])
def test_it_holds_within_transformations(transform):
    with ad.anomaly():
        raised(lambda: transform(lambda x: (x**1.5).sum() if transform is ad.hessian else ad.sqrt(x).sum())(X))


def test_a_leaf_is_left_without_a_gradient_by_a_failed_backward():
    x, w = leaf(), leaf(X + 1)
    with ad.anomaly():
        y = (ad.sqrt(x) * w).sum()
        raised(y.backward)
    assert x.grad is None
    assert w.grad is None


def test_outside_of_it_nothing_is_raised():
    x = leaf()
    with ad.anomaly():
        pass
    y = ad.sqrt(x)
    y.sum().backward()
    assert np.isinf(x.grad.data[0])


def test_it_is_over_when_an_exception_ends_it_and_unknown_to_other_threads():
    results = []
    thread = threading.Thread(target=lambda: results.append(ad.log(leaf()).data[0]))
    with contextlib.suppress(KeyError), ad.anomaly():
        thread.start()
        thread.join()
        raise KeyError
    assert results == [-np.inf]
    assert ad.log(leaf()).data[0] == -np.inf


def test_sound_numbers_give_the_same_gradients():
    def gradients():
        model = nets.MLP([7, 5, 3], rng=np.random.default_rng(0))
        x, y = np.random.default_rng(1).standard_normal((4, 7)), np.array([0, 2, 1, 1])
        nets.cross_entropy(model(x), y).backward()
        return [p.grad.data for p in model.parameters()]

    with ad.anomaly():
        watched = gradients()
    for a, b in zip(watched, gradients(), strict=True):
        np.testing.assert_array_equal(a, b)


# ── changes behind the engine's back ────────────────────────────────────────────────────────────────────


def poke(array):
    array[..., 0] += 1.0


ARRAYS = {
    "a leaf": lambda x, c, y: x.data,
    "an inner result": lambda x, c, y: y.node.inputs[0].data,
    "the result itself": lambda x, c, y: y.data,
    "a plain array": lambda x, c, y: c,
}


@pytest.mark.parametrize("which", ARRAYS)
def test_a_change_by_another_name_of_the_memory_is_an_error(which):
    def compute():
        x, c = leaf(X + 1), X + 3
        return x, c, ad.exp(x * c)

    x, c, y = compute()
    poke(ARRAYS[which](x, c, y))
    y.sum().backward()  # outside of anomaly it goes unnoticed, as the docs say
    with ad.anomaly():
        x, c, y = compute()
        total = y.sum()
    poke(ARRAYS[which](x, c, y))
    with pytest.raises(ad.GradientError, match="behind the engine's back") as error:
        total.backward()
    assert "test_anomaly.py:" in str(error.value)
    assert x.grad is None


def test_a_changed_index_is_an_error():
    x, i = leaf(), np.array([0, 2])
    with ad.anomaly():
        y = x[i]
    i[0] = 1
    with pytest.raises(ad.GradientError, match="getitem"):
        y.backward(np.ones(2))


def test_unchanged_arrays_are_no_error_in_or_out_of_it():
    x = leaf()
    with ad.anomaly():
        y = (x * x).sum()
        y.backward()
    y.backward()
    np.testing.assert_array_equal(x.grad.data, 4 * X)


def test_a_changed_result_that_nothing_has_used_is_an_error():
    with ad.anomaly():
        y = ad.exp(leaf())
    poke(y.data)
    with pytest.raises(ad.GradientError, match="behind the engine's back"):
        y.backward(np.ones(3))
