"""A traced computation as plain data: done again from the data alone, it gives the same numbers."""

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.graph import Graph
from autodiff.source import describe_place
from tests.autodiff.cases import CASES, random


def replayed(graph):
    """The graph's values, computed again from its leaves by the kernels."""
    values = {v.id: v.data for v in graph.values if v.operation is None}
    for operation in graph:
        inputs = [values[v.id] for v in operation.inputs]
        values[operation.output.id] = np.asarray(operation.primitive.kernel(*inputs, **operation.attributes))
    return values


def a_training_step(optimizer=nets.SGD, dtype=np.float64):
    model = nets.MLP([6, 5, 4, 3], rng=np.random.default_rng(0), dtype=dtype)
    optimizer = optimizer(model.parameters(), 0.1)

    def step(x, y):
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, step, random((2, 6)).astype(dtype), np.array([0, 2])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_operation_is_traced_and_done_again_bit_for_bit(case):
    graph = ad.trace(case.f, *case.operands)
    values = replayed(graph)
    (output,) = graph.outputs
    np.testing.assert_array_equal(values[output.id], case.f(*map(ad.Tensor, case.operands)).data)
    assert [value.id for value in graph.values] == list(range(len(graph.values)))


@pytest.mark.parametrize("optimizer", [nets.SGD, nets.Adam, nets.AdamW])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_whole_step_is_traced_and_done_again(optimizer, dtype):
    model, step, x, y = a_training_step(optimizer, dtype)
    twin, same_step, _, _ = a_training_step(optimizer, dtype)
    graph = ad.trace(step, x, y)
    loss = same_step(x, y)
    values = replayed(graph)
    np.testing.assert_array_equal(values[graph.outputs[0].id], loss.data)
    for operation in graph:
        np.testing.assert_array_equal(values[operation.output.id], operation.output.data)
    assert [v.path for v, _ in graph.assignments] == [name for name, _ in twin.named_parameters()]
    for (_, new), p, q in zip(graph.assignments, model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, new.data)
        np.testing.assert_allclose(p.data, q.data, rtol=10 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(p.grad.data, q.grad.data)


def test_passes_scopes_names_and_lines_are_told():
    _, step, x, y = a_training_step()
    graph = ad.trace(step, x, y)
    assert [(v.name, v.shape) for v in graph.of_kind("input")] == [("x", (2, 6)), ("y", (2,))]
    assert [v.path for v in graph.of_kind("parameter")][:2] == ["layers.0.weight", "layers.0.bias"]
    assert [v.name for v in graph.values if v.kind == "result" and v.name] == ["Z", "A", "Z", "A", "Z"]
    assert list(graph.modules) == ["", *(f"layers.{i}" for i in range(5))]
    assert list(graph.modules.values()) == ["MLP", "Linear", "ReLU", "Linear", "ReLU", "Linear"]
    forward, backward, update = (graph.in_pass(during) for during in ("forward", "backward", "update"))
    assert len(forward) + len(backward) + len(update) == len(graph)
    assert [o.primitive.name for o in forward[:3]] == ["matmul", "add", "relu"]
    assert [o.scope for o in forward[:4]] == ["layers.0", "layers.0", "layers.1", "layers.2"]
    assert not any(o.scope for o in backward + update)
    assert "model(x)" in describe_place(forward[0].place)
    assert "loss.backward()" in describe_place(backward[0].place)
    assert "optimizer.step()" in describe_place(update[0].place)


def test_each_operation_of_the_backward_pass_knows_whose_rule_it_belongs_to():
    _, step, x, y = a_training_step()
    graph = ad.trace(step, x, y)
    positions = {id(operation): i for i, operation in enumerate(graph)}
    differentiated = [o.differentiates for o in graph.in_pass("backward")]
    assert None not in differentiated
    order = [positions[id(operation)] for operation, _ in differentiated]
    assert order == sorted(order, reverse=True)
    products = [o for o in graph.in_pass("backward") if o.primitive.name == "matmul"]
    assert [o.differentiates[1] for o in products] == [0, 1, 0, 1, 1]  # the images need no gradient


def test_cotangents_belong_to_their_values():
    model, step, x, y = a_training_step()
    graph = ad.trace(step, x, y)
    by_path = {v.path: v for v in graph.of_kind("parameter")}
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(by_path[name].cotangent.data, parameter.grad.data)
    assert graph.outputs[0].cotangent.data == 1
    assert graph.of_kind("input")[0].cotangent is None


def test_contributions_added_up_are_told_from_rules():
    def f(x):
        y = ad.exp(x)
        (y * y + y).sum().backward()

    graph = ad.trace(f, ad.Tensor(random((3,)), requires_grad=True))
    sums = [o for o in graph.in_pass("backward") if o.differentiates and o.differentiates[1] is None]
    assert [o.primitive.name for o in sums] == ["add", "add"]


def test_a_trace_is_the_same_each_time():
    def text():
        _, step, x, y = a_training_step()
        return [repr(operation) for operation in ad.trace(step, x, y)]

    assert text() == text()


def test_gradients_within_gradients_are_traced():
    graph = ad.trace(lambda x: ad.grad(ad.grad(lambda x: (x**3.0).sum()))(x), 2.0)
    assert replayed(graph)[graph.outputs[0].id] == pytest.approx(12.0)


def test_several_outputs_and_none():
    assert len(ad.trace(lambda x: (x, x + 1), 1.0).outputs) == 2
    assert ad.trace(lambda x: None, 1.0).outputs == []


def test_tracing_leaves_no_watcher_behind_when_f_fails():
    with pytest.raises(ValueError, match="matmul"):
        ad.trace(lambda x: x @ x, np.ones((2, 3)))
    assert len(ad.trace(ad.exp, 1.0)) == 1


def test_the_graph_of_a_tensor_is_its_tape():
    x, w = ad.Tensor(random((2, 3)), name="x"), ad.Tensor(random((3, 4)), requires_grad=True, name="W")
    y = ad.relu(x @ w + 1.0)
    loss = y.sum()
    graph = Graph.of(loss)
    assert [o.primitive.name for o in graph] == ["matmul", "add", "relu", "sum"]
    assert [(v.name, v.kind) for v in graph.values if v.name] == [("x", "input"), ("W", "parameter")]
    assert all(v.cotangent is None for v in graph.values)
    np.testing.assert_array_equal(replayed(graph)[graph.outputs[0].id], loss.data)
    loss.backward()
    (parameter,) = Graph.of(loss).of_kind("parameter")
    np.testing.assert_array_equal(parameter.cotangent.data, w.grad.data)
    assert "y = ad.relu(x @ w + 1.0)" in describe_place(graph.operations[0].place)


def test_the_graph_of_a_long_chain_is_read_without_recursion():
    x = y = ad.Tensor(1.0, requires_grad=True)
    for _ in range(20_000):
        y = y + 1.0
    assert len(Graph.of(y)) == 20_000
    del x


def test_the_gradient_of_a_number_is_known_for_what_a_rule_has_made():
    """NumPy makes a number of an array without axes, and an array of a number again: another one."""

    def f(x):
        (x * x).backward()
        return x.grad

    graph = ad.trace(f, ad.Tensor(3.0, requires_grad=True))
    (gradient,) = graph.outputs
    assert gradient.kind == "result"
    assert gradient.data == 6.0
