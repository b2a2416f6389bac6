"""What every primitive promises, tried on whatever operands and attributes Hypothesis can think of.

The primitives are read from the registry and their domains from `domains.py`, so that a new one is held to all
of this by being registered. Each test is one promise, asked of each primitive in turn. Where a derivative is
measured, it is along a random direction and against a random cotangent, both in any layout, as the operands are.
"""

import contextlib
import gc
import pickle
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff import ops
from autodiff.tape import primitive, registry
from tests.autodiff.domains import DOMAINS, dtypes, singles
from tests.autodiff.trials import Trial, arrays, inner, is_real, random_like, trials

EXAMPLES = 30
"""For each promise of each primitive."""


def engine_primitives():
    """Every primitive of the engine's own, by its name."""
    return {name: p for name, p in registry.items() if p.kernel.__module__.startswith("autodiff.")}


def without_domain():
    """The primitives of which nobody has said where to try them."""
    return sorted(engine_primitives().keys() - DOMAINS.keys())


def each(wanted=lambda domain: True):
    """Ask a promise of each primitive whose domain is of the kind wanted; `data` draws what it is tried on."""
    names = [name for name in engine_primitives() if name in DOMAINS and wanted(DOMAINS[name])]

    def decorate(promise):
        tried = settings(max_examples=EXAMPLES, deadline=None)(given(data=st.data())(promise))
        return pytest.mark.parametrize("name", names)(tried)

    return decorate


def differentiable(domain):
    return domain.differentiable


# ── the promises ────────────────────────────────────────────────────────────────────────────────────────


@each()
def test_the_value_is_numpys(name, data):
    trial = data.draw(trials(name, dtypes))
    result, want = trial.of(map(ad.Tensor, trial.operands)), trial.numpy(*trial.points)
    assert type(result) is ad.Tensor
    assert (result.shape, result.dtype) == (want.shape, want.dtype)
    eps = max((np.finfo(x.dtype).eps for x in (want, *trial.points) if is_real(want)), default=0)
    np.testing.assert_allclose(result.data, want, rtol=16 * eps, atol=32 * eps * np.abs(want).max(initial=1))


@each(differentiable)
def test_the_gradient_is_the_adjoint_of_the_measured_derivative(name, data):
    trial = data.draw(trials(name))
    out, pullback = ad.vjp(trial.engine, *trial.points)
    g, *directions = data.draw(random_like(out.data, *trial.points))
    got, _ = inner(arrays(pullback(g)), directions)
    want, scale = inner([g], [trial.along(trial.points, directions)])
    assert abs(got - want) <= trial.tolerance(exact=1e-12) * scale, (got, want)


@each(differentiable)
def test_the_gradient_of_the_gradient_is_the_adjoint_of_its_measured_derivative(name, data):
    trial = data.draw(trials(name))
    (g,) = data.draw(random_like(trial.numpy(*trial.points)))
    weights, directions = (data.draw(random_like(*trial.points)) for _ in range(2))
    _, pullback = ad.vjp(trial.weighted_gradient(g, weights), *trial.points)
    got, _ = inner(arrays(pullback(1.0)), directions)
    want, scale = inner([g], [trial.along_twice(directions, weights)])
    assert abs(got - want) <= trial.tolerance(exact=1e-9) * scale, (got, want)


@each(differentiable)
def test_the_derivative_forwards_is_the_measured_one(name, data):
    trial = data.draw(trials(name))
    directions = data.draw(random_like(*trial.points))
    out, tangent = ad.jvp(trial.engine, trial.points, directions)
    want = trial.along(trial.points, directions)
    assert (tangent.shape, tangent.dtype) == (out.shape, out.dtype)
    np.testing.assert_allclose(tangent.data, want, rtol=0, atol=trial.tolerance(1e-12) * np.abs(want).max(initial=1))


@each(differentiable)
def test_rules_are_linear_in_the_cotangent_and_widen_nothing(name, data):
    trial = data.draw(trials(name, dtypes))
    out = trial.of(map(ad.Tensor, trial.operands)).data
    g, h = data.draw(random_like(out, out))
    for rule in trial.rules(out):
        want, widest = 2 * rule(g) - 3 * rule(h), np.result_type(g, *trial.points)
        assert np.result_type(want, widest) == widest
        atol = 64 * np.finfo(want.dtype).eps * np.abs(want).max(initial=1)
        np.testing.assert_allclose(rule(np.asarray(2 * g - 3 * h)), want, rtol=0, atol=atol)


@each(differentiable)
def test_gradients_have_the_shapes_and_dtypes_of_their_operands_to_second_order(name, data):
    trial = data.draw(trials(name, dtypes))
    assert_gradients_fit(trial, data)


@each(lambda domain: domain.takes_numbers)
def test_a_python_number_never_widens(name, data):
    trial = data.draw(trials(name, singles))
    operands = list(trial.operands)
    place = data.draw(st.sampled_from([i for i, x in enumerate(operands) if is_real(x)]))
    operands[place] = data.draw(st.sampled_from((0.625, 2)))
    trial = Trial(name, tuple(operands), trial.attributes)
    assert trial.engine(*map(ad.Tensor, trial.points)).dtype == np.float32
    assert_gradients_fit(trial, data)


def assert_gradients_fit(trial, data):
    """Gradients of first and second order are of their operands' shapes and dtypes, and the first are right."""
    g, *directions = data.draw(random_like(trial.numpy(*trial.points), *trial.points))
    firsts = ad.vjp(trial.engine, *trial.points)[1](g)
    seconds = ad.vjp(trial.weighted_gradient(g, directions), *trial.points)[1](1.0)
    for gradients in (firsts, seconds):
        assert [(dx.shape, dx.dtype) for dx in gradients] == [(x.shape, x.dtype) for x in trial.points]
    got, _ = inner(arrays(firsts), directions)
    want, scale = inner([g], [trial.along(trial.points, directions)])
    assert abs(got - want) <= trial.tolerance(exact=1e-12) * scale, (got, want)


@each()
def test_nothing_given_is_changed(name, data):
    trial = data.draw(trials(name, dtypes))
    (g,) = data.draw(random_like(trial.numpy(*trial.points)))
    given = [*trial.operands, g]
    before = contents(given, trial.attributes)
    out = trial.of(map(ad.Tensor, trial.operands)).data
    value = out.tobytes()
    if trial.domain.differentiable:
        for rule in trial.rules(out):
            rule(g)
        gradients, _ = trial.gradients(g, create_graph=True)
        total = sum((ops.sum(dx * dx) for dx in gradients if dx is not None), 0.0)
        if total.requires_grad:
            total.backward()
    assert out.tobytes() == value
    assert contents(given, trial.attributes) == before


def contents(given, attributes):
    """All bytes of the memory that arrays lie in, and of attributes."""
    return pickle.dumps(([x if x.base is None else x.base for x in given], attributes))


@each(differentiable)
@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_are_arrays_of_their_own(name, data, create_graph):
    trial = data.draw(trials(name))
    (g,) = data.draw(random_like(trial.numpy(*trial.points)))
    gradients, out = trial.gradients(g, create_graph=create_graph)
    held = [*trial.operands, g, out.data]
    for dx in gradients:
        if dx is not None:
            assert dx.data.flags.writeable
            assert not any(np.may_share_memory(dx.data, x) for x in held)
            held.append(dx.data)


@each(differentiable)
def test_a_tape_goes_with_its_result(name, data):
    trial = data.draw(trials(name))
    g, *weights = data.draw(random_like(trial.numpy(*trial.points), *trial.points))

    def forward():
        return weakref.ref(trial.engine(*trial.leaves()))

    def backward():
        return weakref.ref(trial.gradients(g)[1])

    def twice():
        gradient = trial.weighted_gradient(g, weights)
        out, pullback = ad.vjp(gradient, *trial.points)
        pullback(1.0)
        return weakref.ref(out)

    for use in (forward, backward, twice):
        use()  # what is made only once, the first time, is not counted
        with collector_off():
            assert use()() is None
            assert gc.collect(0) == 0


@contextlib.contextmanager
def collector_off():
    """Without the garbage collector, and with nothing left for it."""
    gc.collect(0)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@each(lambda domain: not domain.differentiable)
def test_what_is_flat_is_not_recorded(name, data):
    trial = data.draw(trials(name, dtypes))
    result = trial.of(ad.Tensor(x, requires_grad=is_real(x)) for x in trial.operands)
    assert not result.requires_grad
    assert result.node is None


# ── that all of them are asked ──────────────────────────────────────────────────────────────────────────


def test_every_primitive_has_a_domain_and_every_domain_a_primitive():
    assert without_domain() == []
    assert DOMAINS.keys() <= engine_primitives().keys()


def test_a_primitive_without_a_domain_is_named():
    def cube(a):
        return a**3

    cube.__module__ = "autodiff.ops.elementwise"
    try:
        primitive("cube", lambda g, out, a: 3 * g * a * a)(cube)
        assert without_domain() == ["cube"]
    finally:
        del registry["cube"]
