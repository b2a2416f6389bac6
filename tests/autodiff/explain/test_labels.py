"""What pictures call the values of a graph: what the equations call them, and something short for the rest."""

import re

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.explain.formula import Rule, Symbols, usual_symbols
from autodiff.explain.labels import LONGEST, Labels
from autodiff.explain.writing import Part
from tests.autodiff.cases import CASES, random
from tests.autodiff.explain.networks import traced_step


def labelled(graph):
    """The labels of a graph, and those of its values in order."""
    labels = Labels(graph)
    return labels, [labels.of[value.id] for value in graph.values]


def rule_of(operation, index):
    out = ad.Tensor(operation.output.data)
    return Rule(operation.primitive, [v.data for v in operation.inputs], operation.attributes, out, index)


def test_values_are_called_as_the_derivation_by_hand_calls_them():
    graph = traced_step(optimizer=nets.SGD)
    labels, of = labelled(graph)
    assert of[:11] == ["X", "y", "W1", "X·W1", "b1", "Z1", "A1", "W2", "A1·W2", "b2", "Z2"]
    assert of[of.index("Z2") + 1 : of.index("L") + 1] == ["t1", "y[:, None]", "t1[i, yᵢ]", "Σ t1[i, yᵢ]", "−3", "L"]
    gradients = {"dL", "dt1", "dZ2", "db2", "dW2", "dA1", "dZ1", "db1", "dW1"}
    assert gradients | {"W1′", "b2′", "Xᵀ", "W2ᵀ", "dW1·(−0.1)"} <= set(of)
    assert labels.gradient[graph.outputs[0].id] == "dL"
    product = graph.operations[0].output
    assert (labels.gradient[product.id], labels.of[product.cotangent.id]) == ("d(X·W1)", "dZ1")


@pytest.mark.parametrize("optimizer", [None, nets.SGD, nets.Adam])
@pytest.mark.parametrize("widths", [(4, 2), (4, 3, 2), (4, 3, 3, 2)])
def test_the_labels_are_the_names_of_the_equations(widths, optimizer):
    graph = traced_step(widths, optimizer=optimizer)
    _, of = labelled(graph)
    text = graph.equations()
    lefts = set(re.findall(r"^  (\S+) +=", text, re.MULTILINE))
    given = set(re.findall(r"(\w+) \([\d, ]*\)", text.partition("\n\n")[0]))
    assert len(lefts | given) > 8
    assert lefts | given <= set(of)


def test_the_program_takes_and_returns_what_the_labels_say():
    graph = traced_step(optimizer=nets.SGD)
    _, of = labelled(graph)
    scope = {}
    exec(graph.to_python(), scope)
    results = scope["computation"](**graph.arguments())
    assert {name.replace("_new", "′") for name in (*graph.arguments(), *results)} <= set(of)


def test_every_value_has_a_label_and_none_with_a_gradient_shares_it():
    for graph in (
        traced_step((3, 4, 4, 4, 2), optimizer=nets.Adam),
        ad.trace(lambda x, y: ad.grad(lambda x: ad.sum(ad.exp(x) * ad.exp(x) + ad.exp(y)))(x), np.ones(2), np.ones(2)),
        *(ad.trace(case.f, *case.operands) for case in CASES[::7]),
    ):
        labels, of = labelled(graph)
        assert all(of)
        differentiated = [labels.of[v.id] for v in graph.values if v.operation and v.cotangent]
        assert len(set(differentiated)) == len(differentiated)
        assert set(labels.gradient) == {value.id for value in graph.values if value.cotangent}


def test_what_is_too_long_is_called_by_its_operation_and_numbered_if_need_be():
    def f(x, y):
        return (ad.reshape(x, (2, 1, 3)) @ ad.reshape(y, (2, 3, 1))).sum() + ad.sin(ad.sin(ad.sin(ad.sin(x)))).sum()

    _, of = labelled(ad.trace(f, np.ones((2, 3)), np.ones((2, 3))))
    assert of == ["x", "y", "reshape1", "reshape2", "matmul", "sum", "sin(x)", "sin(sin(x))", "sin(sin(sin(x)))",
                  "sin", "t1", "out"]  # fmt: skip
    assert max(map(len, of)) <= LONGEST


def test_what_is_written_alike_is_told_apart_where_gradients_differ():
    def f(x, y, z):
        return ad.sum((x + 1.0) * y + (x + 1.0) * z)

    graph = ad.trace(ad.value_and_grad(f), *np.ones((3, 2)))
    labels, of = labelled(graph)
    assert "x + 1" not in of
    assert {"add1", "add2"} <= set(of)
    assert {"d(add1)", "d(add2)"} <= set(labels.gradient.values())
    _, of = labelled(ad.trace(f, *np.ones((3, 2))))
    assert of.count("x + 1") == 2


def test_a_gradient_of_what_has_no_name_is_called_after_it():
    graph = ad.trace(ad.value_and_grad(lambda x: ad.sum(ad.cos(ad.sin(x)))), np.ones(2))
    labels, of = labelled(graph)
    assert of == ["x", "t1", "cos(t1)", "L", "dL", "d(cos(t1))", "sin(t1)", "multiply", "dt1", "cos(x)", "dx"]
    assert labels.gradient == {0: "dx", 1: "dt1", 2: "d(cos(t1))", 3: "dL"}


def test_gradients_that_variables_hold_have_labels():
    w = ad.Tensor([1.0, 2.0], requires_grad=True, name="W")
    (w * w).sum().backward()
    graph = ad.Graph.of((w * w).sum())
    labels, of = labelled(graph)
    assert of == ["W", "dW", "W ∘ W", "out"]
    assert labels.gradient == {0: "dW"}


def test_a_pullback_of_ones_own_cotangent():
    def f(x, g):
        _, pullback = ad.vjp(ad.exp, x)
        return pullback(ad.reshape(ad.exp(ad.reshape(g, (1, 2))), (2,)))[0]

    _, of = labelled(ad.trace(f, np.ones(2), np.ones((2, 1))))
    assert len(of) == len(set(of))


def test_a_name_that_is_changed_is_told():
    names = ["W", "W1", "a:b", "</script>", "", "1"]
    leaves = [ad.Tensor(1.0, requires_grad=True, name=name) for name in names]
    graph = ad.Graph.of(ad.sum(ad.stack(leaves)))
    labels = Labels(graph)
    found = {labels.of[value.id]: labels.given(value) for value in graph.of_kind("parameter")}
    assert found == {
        "W": None, "W1": None, "a_b": "a:b", "script": "</script>", "w1": None, "w2": "1"
    }  # fmt: skip


def test_rules_are_written_with_the_labels_and_with_the_shapes_at_hand():
    graph = traced_step(optimizer=nets.SGD)
    product = graph.operations[3]
    rule = rule_of(product, 1)
    assert rule.write(usual_symbols(product.primitive, 2, 1)) == "b̄ = aᵀ·ȳ"
    assert Labels(graph).write_rule(rule, product, 1) == "dW2 = A1ᵀ·dZ2"
    shapes = Symbols([Part("(3×3)"), Part("(3×2)")], Part("(3×2)"), Part("(3×2)"), "(3×2)")
    assert rule.write(shapes) == "(3×2) = (3×3)ᵀ·(3×2)"


def test_parentheses_stand_where_they_are_needed_and_nowhere_else():
    def f(a, b, c):
        return (a + b) * c, (a * b) + c, a * (b @ c), (a @ b) @ c, a - (b - c), -(a + b), ad.exp(a) * -b

    a, b, c = (ad.Tensor(np.ones((2, 2)), name=name) for name in "abc")
    graph = ad.trace(f, a, b, c)
    written = []
    for value in graph.outputs:
        parts, operands = Labels(graph).write(value.operation)
        written.append("".join(part if isinstance(part, str) else operands[part] for part in parts))
    assert written == ["(a + b) ∘ c", "a ∘ b + c", "a ∘ b·c", "a·b·c", "a − (b − c)", "−(a + b)", "exp(a) ∘ (−b)"]


def test_a_rules_parentheses_follow_the_labels():
    def f(a, b):
        return ad.sum((a + b) / (b - 1.0))

    graph = ad.trace(ad.value_and_grad(f), random((2,)), random((2,), 1))
    quotient = next(o for o in graph if o.primitive.name == "divide")
    assert Labels(graph).write_rule(rule_of(quotient, 0), quotient, 0) == "d(a + b) = d((a + b) / t1) / t1"


def test_an_operation_in_pieces_is_text_and_operands_in_turn():
    def f(x):
        return x[:, None], ad.sum(x, axis=(0, 1), keepdims=True), x @ x.mT, x[..., np.array([0, 1])]

    graph = ad.trace(f, np.ones((2, 2)))
    parts = [Labels(graph).write(operation)[0] for operation in graph]
    assert parts == [[0, "[:, None]"], ["Σ ", 0], [0, "ᵀ"], [0, "·", 1], [0, "[…, array(2,)]"]]


def test_an_operation_that_is_written_with_an_operands_operands_is_told_by_its_own():
    graph = ad.trace(lambda x, y: ad.take_along_axis(x, y[:, None], 1) + 1.0, np.ones((2, 3)), np.array([0, 1]))
    labels, of = labelled(graph)
    assert of == ["x", "y", "y[:, None]", "x[i, yᵢ]", "1", "out"]
    parts, operands = labels.write(graph.operations[1])
    assert (parts, operands) == (["take_along_axis(", 0, ", ", 1, ", axis=1)"], ["x", "y[:, None]"])
