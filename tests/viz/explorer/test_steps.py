"""The steps that the explorer takes through a graph."""

import numpy as np

import autodiff as ad
import nets
from autodiff.graph import Graph
from viz.explorer.steps import gradients_complete, steps_of


def kinds(steps):
    """The kinds of steps in order, each with how many follow each other."""
    runs = []
    for step in steps:
        if runs and runs[-1][0] == step.kind:
            runs[-1][1] += 1
        else:
            runs.append([step.kind, 1])
    return runs


def training_step(widths, optimizer):
    model = nets.MLP(widths, rng=np.random.default_rng(0), dtype=np.float64)
    optimizer = optimizer(model.parameters())

    def step(X, y):
        loss = nets.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return ad.trace(step, np.ones((2, widths[0])), np.array([0, 1]))


def test_every_operation_of_the_trace_is_done_in_exactly_one_step():
    for optimizer in (lambda p: nets.SGD(p, 0.1), lambda p: nets.Adam(p, 0.1)):
        graph = training_step([3, 4, 5, 2], optimizer)
        done = [operation for step in steps_of(graph) for operation in step.operations]
        assert {id(o) for o in done} == {id(o) for o in graph}
        assert len(done) == len(graph)


def test_a_step_is_an_operation_forward_a_rule_backward_or_an_update():
    graph = training_step([3, 4, 2], lambda p: nets.SGD(p, 0.1))
    assert kinds(steps_of(graph)) == [["start", 1], ["forward", 10], ["seed", 1], ["backward", 9], ["update", 4]]


def test_rules_that_only_pass_on_are_steps_too():
    def f(a, b):
        ((a + b) - a).backward()

    a, b = (ad.Tensor(x, requires_grad=True) for x in (1.0, 2.0))
    steps = steps_of(ad.trace(f, a, b))
    assert kinds(steps) == [["start", 1], ["forward", 2], ["seed", 1], ["backward", 2]]
    assert [step.subject.operation.primitive.name for step in steps[-2:]] == ["subtract", "add"]


def test_steps_of_a_backward_pass_come_in_reverse_order():
    def f(x):
        y = ad.exp(x)
        (ad.sin(y) * y + (y - x)).sum().backward()

    graph = ad.trace(f, ad.Tensor([1.0, 2.0], requires_grad=True))
    steps = [step for step in steps_of(graph) if step.kind == "backward"]
    places = {id(o): i for i, o in enumerate(graph)}
    order = [places[id(step.subject.operation)] for step in steps]
    assert order == list(range(len(graph.in_pass("forward"))))[::-1]


def test_a_gradient_is_complete_when_its_last_user_has_contributed():
    def f(x):
        y = ad.exp(x)
        (ad.sin(y) * y).sum().backward()

    graph = ad.trace(f, ad.Tensor([1.0, 2.0], requires_grad=True))
    steps = steps_of(graph)
    complete = gradients_complete(graph, steps)
    (y,) = (o.output for o in graph if o.primitive.name == "exp")
    step = steps[complete[y.id]]
    assert step.subject.operation.primitive.name == "sin"
    assert y.cotangent.operation in step.operations


def test_a_gradient_of_a_gradient_has_a_seed_for_each_pass():
    graph = ad.trace(lambda x: ad.grad(ad.grad(lambda x: ad.sum(ad.sin(x) * x)))(x), 2.0)
    assert [step.kind for step in steps_of(graph)].count("seed") == 2
    done = [operation for step in steps_of(graph) for operation in step.operations]
    assert len(done) == len(graph)


def test_two_backward_passes_one_after_the_other_are_both_walked():
    def f(x):
        ad.sum(ad.exp(x)).backward()
        ad.sum(ad.sin(x)).backward()

    graph = ad.trace(f, ad.Tensor([1.0], requires_grad=True))
    assert [kind for kind, _ in kinds(steps_of(graph))] == [
        "start",
        "forward",
        "seed",
        "backward",
        "forward",
        "seed",
        "backward",
    ]


def test_a_tape_without_a_pass_ends_with_the_gradients_that_are_there():
    w = ad.Tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    assert kinds(steps_of(Graph.of(loss))) == [["start", 1], ["forward", 2]]
    loss.backward()
    assert kinds(steps_of(Graph.of(loss))) == [["start", 1], ["forward", 2], ["gradients", 1]]


def test_an_empty_graph_has_a_start():
    assert kinds(steps_of(Graph())) == [["start", 1]]
