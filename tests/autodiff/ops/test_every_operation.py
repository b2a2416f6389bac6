"""What holds for every operation: values, gradients to second order, dtypes, and what it leaves alone."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import ops
from autodiff.tape import registry
from tests.autodiff import oracles
from tests.autodiff.cases import CASES, DIFFERENTIABLE
from tests.autodiff.oracles import assert_near

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
every_gradient = pytest.mark.parametrize("case", DIFFERENTIABLE, ids=lambda case: case.id)
both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def first(case, operands):
    """The gradients of an operation for the case's cotangent."""
    return oracles.first(case.f, operands, case.cotangent())[1]


def second(case, operands):
    """The gradients of the sum of the weighted first ones."""
    return oracles.second(case.f, operands, case.cotangent(), case.weights())


def test_the_table_covers_every_operation():
    assert {case.operation for case in CASES} == set(ops.__all__)


def test_the_table_reaches_every_rule():
    """Second order runs every rule of the engine's primitives, those that only rules use included."""
    counts = {
        name: 0 for name, primitive in registry.items() if primitive.kernel.__module__.startswith("autodiff.")
    }
    kernels = {name: registry[name].kernel for name in counts}

    def counting(name, kernel):
        def count(*operands, **attributes):
            counts[name] += 1
            return kernel(*operands, **attributes)

        return count

    try:
        for name, kernel in kernels.items():
            registry[name].kernel = counting(name, kernel)
        for case in CASES:
            case.f(*map(ad.Tensor, case.operands))
        for case in DIFFERENTIABLE:
            second(case, case.operands)
    finally:
        for name, kernel in kernels.items():
            registry[name].kernel = kernel
    assert not [name for name, count in counts.items() if count == 0]


@both_precisions
@every_case
def test_values_are_numpys_in_value_shape_and_dtype(case, dtype):
    operands = case.of(dtype)
    result, want = case.f(*map(ad.Tensor, operands)), np.asarray(case.numpy(*operands))
    assert type(result) is ad.Tensor
    assert (result.shape, result.dtype) == (want.shape, want.dtype)
    np.testing.assert_allclose(result.data, want, rtol=30 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps)


@every_case
def test_plain_arrays_in_give_plain_arrays_out(case):
    result = case.f(*case.operands)
    assert isinstance(result, np.ndarray | np.generic)
    np.testing.assert_allclose(result, case.numpy(*case.operands), rtol=1e-13, atol=1e-14)


AS_IT_IS = {"alias", "astype", "getitem"}  # of a number there is nothing to copy, to convert or to pick


@pytest.mark.parametrize(
    "case",
    [
        c
        for c in CASES
        if c.operation not in AS_IT_IS and all(x.ndim == 0 and x.dtype == float for x in c.operands)
    ],
    ids=lambda case: case.id,
)
def test_numbers_are_operands_too(case):
    want = case.numpy(*case.operands)
    for number in (float, np.float64):
        result = case.f(*(number(x) for x in case.operands))
        assert isinstance(result, np.ndarray | np.generic)
        np.testing.assert_allclose(result, want, rtol=1e-14)


def backwards(x):
    """The same numbers, laid out in memory from the last to the first."""
    return np.flip(np.ascontiguousarray(np.flip(x))) if x.ndim else x


def spread(x):
    """The same numbers with others between them, in the order of columns."""
    wide = np.repeat(x, 2, axis=-1) if x.ndim else x
    return np.asfortranarray(wide)[..., ::2] if x.ndim else x


@pytest.mark.parametrize("layout", [backwards, spread])
@every_gradient
def test_strides_change_nothing(case, layout):
    there, here = [layout(x) for x in case.operands], case.operands
    assert_near([case.f(*map(ad.Tensor, there)).data], [case.f(*map(ad.Tensor, here)).data], 1e-14)
    assert_near([g.data for g in first(case, there)], [g.data for g in first(case, here)], 1e-13)


@every_gradient
def test_operands_may_be_read_only_and_are_not_changed(case):
    operands = [x.copy() for x in case.operands]
    for x in operands:
        x.flags.writeable = False
    for gradient in (*first(case, operands), *second(case, operands)):
        assert gradient.data.flags.writeable
        assert not any(np.shares_memory(gradient.data, x) for x in operands)
    for x, before in zip(operands, case.operands, strict=True):
        np.testing.assert_array_equal(x, before)


@every_gradient
def test_derivatives_agree_with_finite_differences_to_second_order(case):
    ad.check_gradients(case.f, *case.operands, order=2)


@pytest.mark.parametrize(
    "case", [c for c in DIFFERENTIABLE if c.operands[0].size <= 6], ids=lambda case: case.id
)
def test_derivatives_agree_with_finite_differences_to_third_order(case):
    ad.check_gradients(case.f, *case.operands, order=3, tolerance=1e-5)


@every_gradient
def test_float32_gradients_are_near_those_of_float64(case):
    single = case.of(np.float32)
    double = [x.astype(np.float64) if x.dtype == np.float32 else x for x in single]
    for order, tolerance in ((first, 1e-5), (second, 1e-4)):
        gradients = order(case, single)
        assert all(g.dtype == np.float32 for g in gradients)
        assert_near([g.data for g in gradients], [g.data for g in order(case, double)], tolerance)


@pytest.mark.parametrize("case", [c for c in DIFFERENTIABLE if len(c.operands) > 1], ids=lambda case: case.id)
def test_an_operand_has_the_same_gradient_when_it_alone_is_tracked(case):
    together = first(case, case.operands)
    for place, want in zip(case.varied, together, strict=True):
        operands = list(case.operands)
        alone = operands[place] = ad.Tensor(operands[place], requires_grad=True)
        case.f(*operands).backward(case.cotangent())
        np.testing.assert_array_equal(alone.grad.data, want.data)


@pytest.mark.parametrize("case", [c for c in CASES if not c.differentiable], ids=lambda case: case.id)
def test_what_has_no_gradient_is_not_recorded(case):
    operands = [ad.Tensor(x, requires_grad=x.dtype.kind == "f") for x in case.operands]
    result = case.f(*operands)
    assert not result.requires_grad
    assert result.node is None


@every_gradient
def test_what_has_a_gradient_is_recorded_only_if_one_is_asked_for(case):
    assert not case.f(*map(ad.Tensor, case.operands)).requires_grad
    tensors = [ad.Tensor(x, requires_grad=i in case.varied) for i, x in enumerate(case.operands)]
    result = case.f(*tensors)
    assert result.requires_grad
    assert result.node is not None or result is tensors[0]


@every_gradient
def test_the_gradient_is_linear_in_the_cotangent(case):
    _, pullback = ad.vjp(lambda *xs: case.f(*filled(case, xs)), *(case.operands[i] for i in case.varied))
    g, h = case.cotangent(), case.weights()[0].sum() + case.cotangent() ** 2
    both = pullback(2 * g - h)
    for left, right, result in zip(pullback(g), pullback(h), both, strict=True):
        np.testing.assert_allclose(result.data, 2 * left.data - right.data, rtol=1e-9, atol=1e-9)


def filled(case, xs):
    """The case's operands, with those that vary replaced."""
    operands = list(case.operands)
    for place, x in zip(case.varied, xs, strict=True):
        operands[place] = x
    return operands
