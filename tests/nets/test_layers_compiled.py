"""Compiled, every layer computes what it computes otherwise, call after call: statistics and random numbers go on."""

import copy

import numpy as np
import pytest

import autodiff as ad
import nets
from tests.autodiff.compiler.conftest import let_python_run_it
from tests.nets.layer_cases import CASES

TOLERANCES = {np.float32: 1e-5, np.float64: 1e-12}
both_precisions = pytest.mark.parametrize("dtype", TOLERANCES, ids=["float32", "float64"])


@pytest.fixture(autouse=True, params=[np.inf, 0], ids=["alone", "shared"])
def _by_python(request, monkeypatch):
    """Run the emitted loops as Python, by one thread or as three would."""
    let_python_run_it(monkeypatch, request.param)


def assert_close(results, wanted, tolerance):
    for result, want in zip(results, wanted, strict=True):
        assert (result.shape, result.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(
            result.data, want.data, rtol=tolerance, atol=tolerance * max(np.abs(want.data).max(initial=0), 1)
        )


@both_precisions
@pytest.mark.parametrize("case", [c for c in CASES if "Dropout" not in c.name], ids=lambda case: case.name)
def test_values_and_gradients_are_those_of_the_layer(case, dtype):
    cotangent = np.random.default_rng(1).standard_normal(np.shape(case.here(*case.operands()))).astype(dtype)

    def f(*operands):
        out, pullback = ad.vjp(case.here, *operands)
        return out, *pullback(cotangent)

    compiled = ad.jit(f)
    for seed in range(2):
        operands = [x.astype(dtype) for x in case.operands(seed)]
        assert_close(compiled(*operands), f(*operands), TOLERANCES[dtype])


def network(dtype):
    """A small network with everything that goes on from call to call."""
    given = {"rng": np.random.default_rng(0), "dtype": dtype}
    return nets.Sequential(
        nets.Conv2d(1, 3, 3, padding=1, bias=False, **given),  # whose gradient would be a rounding error, under Adam
        nets.BatchNorm2d(3, dtype=dtype),
        nets.GELU(),
        nets.MaxPool2d(2),
        nets.Conv2d(3, 2, 2, **given),
        nets.ELU(),
        nets.Flatten(),
        nets.Dropout(0.3, rng=given["rng"]),
        nets.Linear(8, 3, **given),
    )


def training(model):
    """A step with all that there is, and the average of weights and running statistics."""
    optimizer = nets.AdamW(model.parameters(), 0.01)
    statistics = [buffer for _, buffer in model.named_buffers() if buffer.dtype.kind == "f"]
    average = nets.ExponentialMovingAverage([*model.parameters(), *statistics], 0.9)

    def step(x, y):
        loss = nets.cross_entropy(model(x), y, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        norm = nets.clip_grad_norm_(model.parameters(), 0.5)
        nets.clip_grad_value_(model.parameters(), 0.2)
        optimizer.step()
        average.update()
        return loss, norm

    return step, average


def batch(seed, dtype, m=4):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, 1, 6, 6)).astype(dtype), rng.integers(0, 3, m)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-4), (np.float64, 1e-11)], ids=["float32", "float64"])
def test_a_training_takes_the_same_course(dtype, tolerance):
    """Within what the rounding of some steps adds up to."""
    model = network(dtype)
    twin = copy.deepcopy(model)
    (step, average), (same_step, same_average) = training(model), training(twin)
    compiled = ad.jit(step)
    for seed in range(4):
        assert_close(compiled(*batch(seed, dtype)), same_step(*batch(seed, dtype)), tolerance)
        assert model[7].state.data.tolist() == twin[7].state.data.tolist()
        with average.applied(), same_average.applied():
            assert_states_equal(model, twin, tolerance)
    assert int(model[7].state.data[1]) == 4
    assert_states_equal(model, twin, tolerance)
    assert_close(average.averages, same_average.averages, tolerance)


def assert_states_equal(model, twin, tolerance):
    state = twin.state_dict()
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(array, state[name], rtol=tolerance, atol=tolerance)


@both_precisions
def test_in_use_the_running_statistics_are_read_anew_at_each_call(dtype):
    model = network(dtype)
    use = ad.jit(lambda x: model(x))
    for seed in range(3):
        x, _ = batch(seed, dtype)
        model.train()(x)
        model.eval()
        assert_close([use(x)], [model(x)], TOLERANCES[dtype])


@both_precisions
def test_the_masks_of_a_compiled_dropout_are_those_of_any_other(dtype):
    layer = nets.Dropout(0.4, rng=np.random.default_rng(0))
    twin = copy.deepcopy(layer)
    compiled = ad.jit(lambda x: layer(x))
    x = np.random.default_rng(1).standard_normal((5, 6)).astype(dtype)
    masks = []
    for _ in range(4):
        result, want = compiled(x).data, twin(x).data
        np.testing.assert_array_equal(result, want)
        masks.append(tuple(np.ravel(result != 0)))
    assert len(set(masks)) == 4
    layer.eval()
    np.testing.assert_array_equal(compiled(x).data, x)
    layer.train()
    np.testing.assert_array_equal(compiled(x).data, twin(x).data)


def test_a_step_of_a_network_is_compiled_into_loops_and_products():
    """All but what neither loops nor two-dimensional products can do."""
    model = network(np.float32)
    step, _ = training(model)
    compiled = ad.jit(step)
    for seed in range(2):
        compiled(*batch(seed, np.float32))
    kinds = {operation.primitive.name for operation in compiled.graph}
    assert {"sliding_windows", "uniform", "erf", "add_windows"} <= kinds
    left = [line for line in compiled.report().splitlines() if "left to their own kernels" in line]
    assert int(left[0].split("; ")[1].split()[0]) <= 4
    assert "uniform_at(" in compiled.source
    assert "erf(" in compiled.source
