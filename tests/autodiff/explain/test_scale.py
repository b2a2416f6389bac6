"""However long a computation is, or however wide, it is read and written without recursion and in linear time."""

from functools import partial

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.explain import simplify
from autodiff.explain.labels import Labels
from tests.work import lines_run


def leaf(name=None, x=1.5):
    return ad.Tensor([float(x)], requires_grad=True, name=name)


def chain(n):
    y = leaf("x")
    for i in range(n):
        y = ad.sin(y) if i % 2 else y * 1.0001
    return ad.Graph.of(ad.sum(y), backward=True)


def chain_of_numbers_and_signs(n):
    x = y = leaf("x")
    for _ in range(n // 5):
        y = -(y / 3.0) * 2.0 - x / 3.0
    return ad.Graph.of(ad.sum(y), backward=True)


def chain_of_the_same_names(n):
    y = leaf("x")
    for i in range(n):
        y = ad.exp(-y)
        y.name = ("A", "W", "dA", "t1")[i % 4]
    return ad.Graph.of(ad.sum(y), backward=True)


def fan_in(n):
    """One operation of n operands."""
    return ad.Graph.of(ad.sum(ad.concat([leaf("x", i) for i in range(n)])), backward=True)


def fan_out(n):
    """One value used n times."""
    y = total = ad.sin(leaf("x"))
    for i in range(n // 3):
        total = total + ad.sin(y) * float(i)
    return ad.Graph.of(ad.sum(total), backward=True)


def sum_of_leaves(n):
    """One cotangent that is the gradient of n leaves, and of n sums that have names."""
    total = leaf()
    for i in range(n):
        total = total + leaf(x=i)
        total.name = "A"
    return ad.Graph.of(ad.sum(total), backward=True)


def updates(n):
    parameters = [nets.Parameter(np.ones(2), name="W") for _ in range(n // 4)]
    optimizer = nets.SGD(parameters, 0.1)

    def step(x):
        optimizer.zero_grad()
        sum(ad.sum(p * x) for p in parameters).backward()
        optimizer.step()

    return ad.trace(step, np.ones(2))


def twins(n):
    """Values that are written alike, but have gradients of their own."""
    x, y = leaf("x"), leaf("y")
    total = x
    for _ in range(n // 5):
        total = total + (x + 1.0) * y
    return ad.Graph.of(ad.sum(total), backward=True)


GRAPHS = (
    chain, chain_of_numbers_and_signs, chain_of_the_same_names, fan_in, fan_out, sum_of_leaves, updates, twins
)  # fmt: skip
TEXTS = {
    "equations": lambda graph: graph.equations(),
    "simplified": lambda graph: graph.equations(simplify=True),
    "LaTeX": lambda graph: graph.equations(latex=True),
    "program": lambda graph: graph.to_python(),
    "labels": lambda graph: list(Labels(graph).of.values()),
}


@pytest.mark.parametrize("make", GRAPHS)
def test_four_times_the_graph_is_at_most_little_more_than_four_times_the_work(make):
    make(10)  # what is read once
    small, large = (lines_run(partial(make, n)) for n in (50, 200))
    assert large < 4.2 * small
    graphs = make(50), make(200)
    for name, write in TEXTS.items():
        write(make(10))
        small, large = (lines_run(partial(write, graph)) for graph in graphs)
        assert large < 4.2 * small, name


@pytest.fixture(scope="module")
def long():
    graph = chain(8_000)
    assert len(graph) > 20_000
    return graph


@pytest.mark.parametrize("text", TEXTS)
def test_a_long_chain_is_written(long, text):
    written = TEXTS[text](long)
    assert len(written if text == "labels" else written.splitlines()) > 3_000


def test_a_long_chain_is_simplified_and_its_program_runs(long):
    simple = simplify(long)
    assert len(simple) < len(long)
    gradient = long.of_kind("parameter")[0].cotangent.data
    for graph in (long, simple):
        scope = {}
        exec(graph.to_python(), scope)
        results = scope["computation"](**graph.arguments())
        np.testing.assert_allclose(results["L"], long.outputs[0].data, rtol=1e-9)
        np.testing.assert_allclose(results["dx"], gradient, rtol=1e-9)


def test_a_fan_in_of_thousands_is_written_and_its_program_runs():
    graph = fan_in(2_000)
    assert all(text(graph) for text in TEXTS.values())
    scope = {}
    exec(graph.to_python(simplify=True), scope)
    results = scope["computation"](**graph.arguments(simplify=True))
    assert results["L"] == 1_999_000
    assert len(results) == 2_001
