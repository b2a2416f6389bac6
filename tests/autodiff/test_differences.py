"""Finite differences of a graph agree with its cotangents where these are right, and do not where they are wrong."""

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.differences import finite_differences
from tests.autodiff.cases import random


def a_step(dtype=np.float64):
    model = nets.MLP([5, 4, 3], "tanh", rng=np.random.default_rng(0), dtype=dtype)

    def step(x, y):
        loss = nets.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return ad.trace(step, random((2, 5)).astype(dtype), np.array([0, 2]))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-5)])
def test_every_cotangent_of_a_step_is_confirmed_inner_ones_too(dtype, tolerance):
    graph = a_step(dtype)
    found = finite_differences(graph)
    wanted = {value for value in graph.values if value.cotangent is not None}
    assert found.keys() == wanted
    assert {"matmul", "log_softmax"} <= {value.operation.primitive.name for value in wanted if value.operation}
    for value, differences in found.items():
        assert not np.ma.is_masked(differences)
        np.testing.assert_allclose(differences, value.cotangent.data, atol=tolerance)


def test_a_wrong_rule_is_contradicted(monkeypatch):
    rule = ad.tape.registry["tanh"].rules[0]
    monkeypatch.setattr(ad.tape.registry["tanh"], "rules", (lambda g, out, a: rule(g, out, a) * 1.01,))
    graph = a_step()
    weight = next(value for value in graph.of_kind("parameter") if value.path == "layers.0.weight")
    found = finite_differences(graph)[weight]
    assert np.abs(found - weight.cotangent.data).max() > 1e-4


def test_of_a_large_array_some_numbers_are_looked_at_and_the_others_masked():
    graph = ad.trace(lambda x: ad.value_and_grad(lambda x: ad.sum(x * x * x))(x)[0], random((40, 30)))
    (x,) = graph.of_kind("input")
    differences = finite_differences(graph, most=10)[x]
    assert differences.count() == 10
    np.testing.assert_allclose(differences.compressed(), (3 * x.data**2)[~differences.mask], atol=1e-9)
    assert not differences.mask.flat[0]
    assert not differences.mask.flat[-1]


def test_a_long_graph_is_differenced_at_its_leaves_or_not_at_all(monkeypatch):
    def f(x):
        for _ in range(1000):
            x = ad.sin(x)
        return ad.sum(x)

    graph = ad.trace(lambda x: ad.value_and_grad(f)(x)[0], random((3,)))
    ((x, differences),) = finite_differences(graph).items()
    assert x.kind == "input"
    np.testing.assert_allclose(differences, x.cotangent.data, atol=1e-9)
    monkeypatch.setattr("autodiff.differences._BUDGET", 1e6)
    assert finite_differences(graph) == {}


def test_what_has_no_scalar_output_has_no_differences():
    assert finite_differences(ad.trace(ad.exp, random((3,)))) == {}
    assert finite_differences(ad.trace(lambda x: None, 1.0)) == {}


def test_no_number_stays_no_number_without_a_warning():
    with np.errstate(all="ignore"):
        graph = ad.trace(lambda x: ad.value_and_grad(lambda x: ad.sum(ad.log(x)))(x)[0], np.array([-1.0, 2.0]))
    (differences,) = (finite_differences(graph)[x] for x in graph.of_kind("input"))
    assert np.isnan(differences[0])


def test_a_graph_that_ends_in_a_gradient_has_none():
    assert finite_differences(ad.trace(ad.grad(lambda x: x * x * x), 2.0)) == {}
