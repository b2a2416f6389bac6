"""The steps that the explorer takes through a graph, and the names that it gives to what it meets."""

import numpy as np

import autodiff as ad
import nets
from autodiff.graph import Graph
from viz.explorer.names import Names, expression, rule_in_shapes, rule_of
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

    def step(x, y):
        loss = nets.cross_entropy(model(x), y)
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


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────


def named(graph):
    names = Names(graph)
    return names, [names.of[value.id] for value in graph.values]


def test_values_are_named_as_the_derivation_by_hand_names_them():
    graph = training_step([3, 4, 2], lambda p: nets.SGD(p, 0.1))
    names, of = named(graph)
    assert of[:11] == ["x", "y", "W₁", "x·W₁", "b₁", "Z₁", "A₁", "W₂", "A₁·W₂", "b₂", "Z₂"]
    assert names.of[graph.outputs[0].id] == "L"
    assert {"dL", "dZ₂", "dA₁", "dZ₁", "dW₁", "dW₂", "db₁", "db₂", "W₁′", "b₂′", "xᵀ", "W₂ᵀ"} <= set(of)
    assert names.gradient[graph.outputs[0].id] == "dL"


def test_every_value_has_a_name_and_no_two_in_the_forward_pass_the_same():
    for graph in (
        training_step([3, 4, 4, 4, 2], lambda p: nets.Adam(p, 0.1)),
        ad.trace(lambda x, y: ad.grad(lambda x: ad.sum(ad.exp(x) * ad.exp(x) + ad.exp(y)))(x), np.ones(2), np.ones(2)),
    ):
        _, of = named(graph)
        assert all(of)
        forward = [
            name for name, v in zip(of, graph.values, strict=True) if v.operation and v.operation.during == "forward"
        ]
        assert len(set(forward)) == len(forward)


def test_rules_are_written_with_the_names_and_with_the_shapes_at_hand():
    graph = training_step([3, 4, 2], lambda p: nets.SGD(p, 0.1))
    names = Names(graph)
    product = graph.operations[3]
    rule = rule_of(product, 1)
    assert rule == "b̄ = aᵀ·ȳ"
    assert names.write_rule(rule, product, 1) == "dW₂ = A₁ᵀ·dZ₂"
    assert rule_in_shapes(rule, product, 1) == "(4×2) = (2×4)ᵀ·(2×2)"


def test_parentheses_stand_where_they_are_needed_and_nowhere_else():
    def f(a, b, c):
        return (a + b) * c, (a * b) + c, a * (b @ c), (a @ b) @ c, a - (b - c), -(a + b)

    a, b, c = (ad.Tensor(np.ones((2, 2)), name=name) for name in "abc")
    graph = ad.trace(f, a, b, c)
    names = Names(graph)
    written = [names.write(value.operation) for value in graph.outputs]
    assert written == ["(a + b)₁ ∘ c", "a ∘ b + c", "a ∘ b·c", "a·b·c", "a − (b − c)", "−(a + b)₂"]


def test_an_expression_is_text_and_places_in_turn():
    graph = ad.trace(lambda x: (x[:, None], ad.sum(x, axis=(0, 1), keepdims=True), x @ x.mT), np.ones((2, 2)))
    parts = [expression(operation) for operation in graph]
    assert parts == [[0, "[:, None]"], ["sum(", 0, ", axis=(0, 1), keepdims=True)"], [0, "ᵀ"], [0, "·", 1]]


def test_a_rule_that_cannot_be_run_on_symbols_is_named_at_least():
    @ad.primitive("moody_test", lambda g, out, a: g * (1.0 if float(np.asarray(a.data).flat[0]) > 1 else 1 / 0))
    def moody(a):
        return a * 1.0

    try:
        graph = ad.trace(lambda x: ad.sum(moody(x)), ad.Tensor([2.0], requires_grad=True))
        assert rule_of(graph.operations[0], 0) == "ā = rule 0 of moody_test"
    finally:
        del ad.tape.registry["moody_test"]
