"""Every rewrite says what it should, alone, and changes no number; what it is not sure of it leaves as it is."""

import importlib
import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff.explain import simplify
from autodiff.explain.rewrites import RULES, algebra, arrays, networks
from autodiff.ops.elementwise import relu_backward
from autodiff.ops.indexing import add_along_axis
from autodiff.ops.softmax import log_softmax_backward
from autodiff.tape import registry
from tests.autodiff.cases import random

LABELS = np.array([1, 0, 3])
S = (3, 4)
"""The shape of most operands; () is a number that is not known, and so no constant."""


def spread(c, y):
    return add_along_axis(ad.broadcast_to(c, (3, 1)), y[:, None], axis=1, shape=S)


EXAMPLES = {
    "exp_of_log_softmax": [
        (lambda z: ad.exp(ad.log_softmax(z)), [S], "exp(log_softmax(z))", "softmax(z)"),
        (lambda z: ad.exp(ad.log_softmax(z, 0)), [S], "exp(log_softmax(z, axis=0))", "softmax(z, axis=0)"),
    ],
    "rule_of_log_softmax": [
        (log_softmax_backward, [S, S], "log_softmax_backward(cotangent, log_p)",
         "cotangent − exp(log_p) ∘ (Σ columns cotangent)"),
    ],
    "scatter_of_number": [
        (spread, [(), LABELS], "add_along_axis(broadcast_to(c, shape=(3, 1)), y[:, None], axis=1, shape=(3, 4))",
         "c·Y"),
        (lambda c, y: add_along_axis(ad.broadcast_to(c, (3, 1)), y, axis=1, shape=S), [(), LABELS[:, None]],
         "add_along_axis(broadcast_to(c, shape=(3, 1)), y, axis=1, shape=(3, 4))", "c·Y"),
    ],
    "sum_of_one_hot": [
        (lambda y: ad.one_hot(y, 4, np.float64).sum(-1, keepdims=True), [LABELS], "Σ columns onehot(y)",
         "broadcast_to(1, shape=(3, 1))"),
    ],
    "sum_to_as_sum": [
        (lambda a: ad.sum_to(a, (4,)), [S], "sum_to(a, shape=(4,))", "Σ rows a"),
        (lambda a: ad.sum_to(a, ()), [S], "sum_to(a, shape=())", "Σ a"),
        (lambda a: ad.sum_to(a, (3, 1)), [S], "sum_to(a, shape=(3, 1))", "Σ columns a"),
        (lambda a: ad.sum_to(a, (3, 1, 1)), [(3, 4, 5)], "sum_to(a, shape=(3, 1, 1))", "Σ axes 1, 2 a"),
    ],
    "needless_broadcast": [
        (lambda a, b: a * ad.broadcast_to(b, S), [S, (4,)], "a ∘ broadcast_to(b, shape=(3, 4))", "a ∘ b"),
        (lambda a, b: ad.broadcast_to(a, (5, 3, 4)) * ad.broadcast_to(b, S), [S, (4,)],
         "broadcast_to(a, shape=(5, 3, 4)) ∘ broadcast_to(b, shape=(3, 4))", "broadcast_to(a, shape=(5, 3, 4)) ∘ b"),
        (lambda a, c: ad.reshape(c, (1, 1)) - a, [S, ()], "reshape(c, shape=(1, 1)) − a", "c − a"),
    ],
    "broadcast_of_broadcast": [
        (lambda a: ad.broadcast_to(ad.broadcast_to(a, S), (2, 3, 4)), [(4,)],
         "broadcast_to(broadcast_to(a, shape=(3, 4)), shape=(2, 3, 4))", "broadcast_to(a, shape=(2, 3, 4))"),
        (lambda c: ad.reshape(ad.broadcast_to(c, S), (12,)), [()],
         "reshape(broadcast_to(c, shape=(3, 4)), shape=(12,))", "broadcast_to(c, shape=(12,))"),
        (lambda a: ad.reshape(ad.broadcast_to(a, S), (12,)), [(4,)],
         "reshape(broadcast_to(a, shape=(3, 4)), shape=(12,))", "reshape(broadcast_to(a, shape=(3, 4)), shape=(12,))"),
    ],
    "decided_where": [
        (lambda a, b: ad.where(ad.logical_and(ad.equal(a, 0), ad.equal(2.0, 0)), b, a), [S, S],
         "where([a = 0] ∧ [2 = 0], b, a)", "a"),
        (lambda a, b: ad.where(ad.logical_and(ad.equal(a, a), ad.equal(2.0, 2)), b, a), [S, S],
         "where([a = a] ∧ [2 = 2], b, a)", "where([a = a] ∧ [2 = 2], b, a)"),
    ],
    "double_transpose": [
        (lambda a: ad.exp(a.mT.mT), [S], "exp(aᵀᵀ)", "exp(a)"),
        (lambda a: ad.exp(a.T.mT), [S], "exp(aᵀᵀ)", "exp(a)"),
    ],
    "transpose_of_product": [
        (lambda a, b: (a.mT @ b).mT, [S, (3, 2)], "(aᵀ·b)ᵀ", "bᵀ·aᵀᵀ"),
        (lambda a, b: (a @ b.mT).mT, [S, (3, 4)], "(a·bᵀ)ᵀ", "bᵀᵀ·aᵀ"),
    ],
    "neutral": [
        (lambda a: ad.exp(a * 1.0), [S], "exp(a·1)", "exp(a)"),
        (lambda a: ad.exp(a * (1 + 1e-12)), [S], "exp(a·1)", "exp(a·1)"),
        (lambda a: ad.exp(1 * a), [S], "exp(1·a)", "exp(a)"),
        (lambda a: ad.exp(a / 1.0), [S], "exp(a / 1)", "exp(a)"),
        (lambda a: ad.exp(a**1.0), [S], "exp(a¹)", "exp(a)"),
        (lambda a: ad.exp(0.0 + a), [S], "exp(0 + a)", "exp(a)"),
        (lambda a: ad.exp(a + 0.0), [S], "exp(a + 0)", "exp(a)"),
        (lambda a: ad.exp(a - 0.0), [S], "exp(a − 0)", "exp(a)"),
        (lambda a: a * (0.1 / (1 - 0.9)), [S], "a·1", "a"),
    ],
    "arithmetic": [
        (lambda a: a * ad.multiply(ad.Tensor(2.0), 3.0), [S], "a·(2·3)", "a·6"),
        (lambda a: a * ad.divide(ad.Tensor(6.0), 3.0), [S], "a·(6 / 3)", "a·2"),
        (lambda a: a - ad.negative(ad.Tensor(3.0)), [S], "a − (−3)", "a − (−3)"),
    ],
    "number_first": [(lambda a: a * 3.0, [S], "a·3", "3·a")],
    "negative_number": [
        (lambda a: -3.0 * a, [S], "−3·a", "−3·a"),
        (lambda a: a * -3.0, [S], "a·(−3)", "−a·3"),
        (lambda a: a / -3, [S], "a / (−3)", "−a / 3"),
        (lambda a: a + -3.0, [S], "a + (−3)", "a − 3"),
        (lambda a: a - -3.0, [S], "a − (−3)", "a + 3"),
    ],
    "number_times_number": [
        (lambda a: 2.0 * (3.0 * a), [S], "2·(3·a)", "6·a"),
        (lambda a: 6.0 * (a / 3.0), [S], "6·(a / 3)", "2·a"),
        (lambda a: 2.0 * (a / 6.0), [S], "2·(a / 6)", "a / 3"),
        (lambda a: 2.0 * a / 6.0, [S], "2·a / 6", "a / 3"),
        (lambda a: a / 2.0 / 4.0, [S], "a / 2 / 4", "a / 8"),
    ],
    "twice": [(lambda a: a + a, [S], "a + a", "2·a")],
    "sign_of_sum": [
        (lambda a, b: a + -b, [S, S], "a + (−b)", "a − b"),
        (lambda a, b: -a + b, [S, S], "−a + b", "b − a"),
        (lambda a, b: a - -b, [S, S], "a − (−b)", "a + b"),
        (lambda a, b: -a - b, [S, S], "−a − b", "−(a + b)"),
        (lambda a, b: -a - -b, [S, S], "−a − (−b)", "b − a"),
    ],
    "sign_of_product": [
        (lambda a, b: -a * b, [S, S], "(−a) ∘ b", "−a ∘ b"),
        (lambda a, b: a * -b, [S, S], "a ∘ (−b)", "−a ∘ b"),
        (lambda a, b: -a / b, [S, S], "−a / b", "−a / b"),
        (lambda a, b: a / -b, [S, S], "a / (−b)", "−a / b"),
        (lambda a, b: a @ -b, [S, (4, 2)], "a·(−b)", "−a·b"),
        (lambda a: (-a).sum(0), [S], "Σ rows (−a)", "−(Σ rows a)"),
        (lambda a: (-a)[1:], [S], "(−a)[1:]", "−a[1:]"),
        (relu_backward, [S, S], "cotangent ∘ [a > 0]", "cotangent ∘ [a > 0]"),
        (lambda g, z: relu_backward(-g, z), [S, S], "(−g) ∘ [z > 0]", "−g ∘ [z > 0]"),
    ],
    "sign_turns_difference": [
        (lambda a: ad.exp(ad.negative(-a)), [S], "exp(−(−a))", "exp(a)"),
        (lambda a, b: -(a - b), [S, S], "−(a − b)", "b − a"),
        (lambda a, b: -((a - b) / 3.0), [S, S], "−(a − b) / 3", "(b − a) / 3"),
    ],
    "factor_of_product": [
        (lambda a, b: (a / 3.0) * b, [S, S], "(a / 3) ∘ b", "a ∘ b / 3"),
        (lambda a, b: a * (b / 3.0), [S, S], "a ∘ (b / 3)", "a ∘ b / 3"),
        (lambda a, b: (3.0 * a) * b, [S, S], "3·a ∘ b", "3·(a ∘ b)"),
        (lambda a, b: a * (3.0 * b), [S, S], "a ∘ 3·b", "3·(a ∘ b)"),
    ],
    "factor_of_linear": [
        (lambda a: (a / 3.0).sum(), [S], "Σ (a / 3)", "(Σ a) / 3"),
        (lambda a, b: (3.0 * a) @ b, [S, (4, 2)], "(3·a)·b", "3·a·b"),
        (lambda a, b: a @ (b / 3.0), [S, (4, 2)], "a·(b / 3)", "a·b / 3"),
        (lambda a: (3.0 * a)[:, 0], [S], "(3·a)[:, 0]", "3·a[:, 0]"),
    ],
    "common_factor": [
        (lambda a, b: a / 3.0 + b / 3.0, [S, S], "a / 3 + b / 3", "(a + b) / 3"),
        (lambda a, b: a / 3.0 - b / 3.0, [S, S], "a / 3 − b / 3", "(a − b) / 3"),
        (lambda a, b: 3.0 * a - 3.0 * b, [S, S], "3·a − 3·b", "3·(a − b)"),
    ],
    "number_through_relu": [
        (lambda z: relu_backward(2.0, z), [S], "2 ∘ [z > 0]", "2·[z > 0]"),
    ],
    "complement_of_sigmoid": [(lambda a: ad.sigmoid(-a), [S], "sigmoid(−a)", "1 − sigmoid(a)")],
}  # fmt: skip
EACH = [(rule, *example) for rule, examples in EXAMPLES.items() for example in examples]


def definition(graph):
    """The last equation's right side."""
    line = graph.equations().splitlines()[-1]
    return line.split(" = ", 1)[1].rpartition("  (")[0].strip()


def operand(given):
    return random(given) if isinstance(given, tuple) else given


def assert_same(graph, simple):
    for value, new in zip(graph.outputs, simple.outputs, strict=True):
        assert (new.shape, new.dtype) == (value.shape, value.dtype)
        np.testing.assert_allclose(new.data, value.data, rtol=1e-12, atol=1e-14)


@pytest.fixture
def only(monkeypatch):
    """Let one rule apply alone."""

    def choose(name):
        rules = tuple(rule for rule in RULES if rule.__name__ == name)
        monkeypatch.setattr(importlib.import_module("autodiff.explain.simplify"), "RULES", rules)

    return choose


def test_every_rule_is_listed_and_has_examples():
    functions = [f for module in (algebra, arrays, networks) for f in vars(module).values() if inspect.isfunction(f)]
    rules = {f for f in functions if "build" in inspect.signature(f).parameters and not f.__name__.startswith("_")}
    assert len(RULES) == len(set(RULES))
    assert rules == set(RULES)
    assert list(EXAMPLES) == [rule.__name__ for rule in RULES]
    assert all(rule.__doc__ for rule in RULES)


@pytest.mark.parametrize(
    ("rule", "f", "operands", "before", "after"), EACH, ids=[f"{rule}: {before}" for rule, _, _, before, _ in EACH]
)
def test_a_rule_says_what_it_should_and_changes_no_number(only, rule, f, operands, before, after):
    only(rule)
    graph = ad.trace(f, *map(operand, operands))
    simple = simplify(graph)
    assert definition(graph) == before
    assert (definition(simple) if simple.operations else "a") == after
    assert_same(graph, simple)


def test_a_rule_keeps_the_precision_of_numbers():
    x = random(S).astype(np.float32)
    graph = ad.trace(lambda a: 2.0 * (a * 3.0) - -1.0, x)
    simple = simplify(graph)
    assert definition(simple) == "6·a + 1"
    assert simple.outputs[0].dtype == np.float32


def test_a_rewrite_that_would_change_a_dtype_is_not_made():
    graph = ad.trace(lambda a: a * np.float64(1.0), random(S).astype(np.float32))
    assert simplify(graph).outputs[0].dtype == graph.outputs[0].dtype == np.float64


def test_a_rewrite_that_would_change_a_shape_is_not_made(monkeypatch):
    graph = ad.trace(lambda a: ad.exp(a * ad.broadcast_to(1.0, (5, 3, 4))), random(S))
    assert simplify(graph).outputs[0].shape == (5, 3, 4)
    rules = (lambda operation, build: operation.inputs[0],)
    monkeypatch.setattr(importlib.import_module("autodiff.explain.simplify"), "RULES", rules)
    assert definition(simplify(ad.trace(lambda a: ad.exp(a).sum(0), random(S)))) == "Σ rows a"


def test_whole_numbers_are_left_alone():
    graph = ad.trace(lambda a: ad.negative(-a) + 0, np.array([1, 2], np.uint8))
    assert [o.primitive.name for o in simplify(graph)] == ["negative", "negative", "add"]


@pytest.mark.parametrize("labels", [[1, 0, -1], [1, 0, 3]])
def test_labels_that_count_from_the_end_are_no_one_hot_rows(labels):
    simple = simplify(ad.trace(spread, 2.0, np.array(labels)))
    assert ("onehot" in simple.equations()) == (min(labels) >= 0)


def test_a_label_that_is_out_of_range_sums_to_no_one():
    graph = ad.trace(lambda y: ad.one_hot(y, 3, np.float64).sum(-1), np.array([1, 7]))
    assert definition(simplify(graph)) == "Σ columns onehot(y)"
    assert_same(graph, simplify(graph))


def test_numbers_that_would_overflow_are_not_put_together():
    graph = ad.trace(lambda a: 1e200 * (1e200 * a), random(S) * 1e-300)
    assert_same(graph, simplify(graph))
    assert np.isfinite(simplify(graph).outputs[0].data).all()


def test_rules_do_not_recurse_along_a_chain():
    def f(x):
        for _ in range(3000):
            x = x / 1e300
        return x.sum()

    graph = ad.trace(f, random((3,)))
    assert_same(graph, simplify(graph))


def test_large_attributes_are_told_apart():
    first, second = np.arange(2000), np.arange(2000)
    second[1000] = 0
    graph = ad.trace(lambda x: x[first] - x[second], random((2000,)))
    assert_same(graph, simplify(graph))
    assert np.abs(graph.outputs[0].data).max() > 0


@pytest.mark.parametrize("kind", [np.array, np.float64, float])
def test_numbers_are_told_apart_by_all_their_digits(kind):
    graph = ad.trace(lambda x: x * kind(0.12345678901) - x * kind(0.12345678999), random(S))
    assert_same(graph, simplify(graph))
    assert np.abs(simplify(graph).outputs[0].data).max() > 0


def test_a_name_stops_the_rewriting():
    """exp(A) of a named A stays what it is, though A is a log_softmax."""
    z = ad.Tensor(random(S), requires_grad=True)
    log_p = ad.log_softmax(z)
    log_p.name = "P"
    out = ad.exp(log_p)
    assert ad.Graph.of(out).equations(simplify=True).splitlines()[-2:] == [
        "  P   = log_softmax(w)  (3, 4)",
        "  out = exp(P)          (3, 4)",
    ]


def test_what_is_computed_twice_is_computed_once():
    graph = ad.trace(lambda a, b: ad.sin(a @ b) + ad.cos(a @ b), random(S), random((4, 2)))
    assert [o.primitive.name for o in simplify(graph)] == ["matmul", "sin", "cos", "add"]


def test_gradients_of_what_was_computed_twice_are_not_mistaken_for_the_whole():
    def f(w):
        return (ad.sin(w * w) + ad.cos(w * w)).sum()

    text = ad.trace(ad.value_and_grad(f), random((3,))).equations(simplify=True)
    assert "dt1" not in text


def test_what_leads_to_nothing_is_dropped():
    def f(a):
        ad.exp(a)
        return ad.sin(a)

    graph = ad.trace(f, random(S))
    assert [o.primitive.name for o in graph] == ["exp", "sin"]
    assert [o.primitive.name for o in simplify(graph)] == ["sin"]


def test_the_graph_itself_is_not_touched():
    graph = ad.trace(lambda a: ad.negative(-a) * 1.0, random(S))
    before = (list(map(repr, graph)), list(map(repr, graph.values)))
    simplify(graph)
    assert (list(map(repr, graph)), list(map(repr, graph.values))) == before


def test_ids_count_the_values_in_order():
    simple = simplify(ad.trace(ad.value_and_grad(lambda a: (a * 2.0 * a).sum()), random(S)))
    assert [value.id for value in simple.values] == list(range(len(simple.values)))


def test_the_engines_rules_do_not_hold_for_somebody_elses_operation_of_the_same_name():
    engines = registry["negative"]

    @ad.primitive("negative", lambda g, out, a: g)
    def confirm(a):
        return a + 0

    try:
        assert len(simplify(ad.trace(lambda a: ad.exp(confirm(confirm(a))), random(S)))) == 3
        assert len(simplify(ad.trace(lambda a: ad.exp(ad.negative(confirm(a))), random(S)))) == 3
    finally:
        registry["negative"] = engines


LEAVES = {"x": random((2, 2)), "y": random((2, 2), 1), "z": random((2, 2), 2)}
numbers = st.sampled_from([1.0, -1.0, 2.0, -3.0, 0.5, 4, -2])
expressions = st.recursive(
    st.sampled_from(sorted(LEAVES)),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "@"]), inner, inner),
        st.tuples(st.sampled_from(["+", "-", "*", "/", "r*"]), inner, numbers),
        st.tuples(st.sampled_from(["neg", "T", "rows", "tanh"]), inner),
    ),
    max_leaves=8,
)


def computed(expression, leaves):
    """A random expression, computed."""
    if isinstance(expression, str):
        return leaves[expression]
    sign, first, *rest = expression
    a = computed(first, leaves)
    b = rest[0] if rest and isinstance(rest[0], int | float) else computed(rest[0], leaves) if rest else None
    does = {
        "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "@": lambda: a @ b,
        "r*": lambda: b * a, "neg": lambda: -a, "T": lambda: a.mT, "tanh": lambda: ad.tanh(a),
        "rows": lambda: ad.broadcast_to(ad.sum_to(a, (2,)), (2, 2)),
    }  # fmt: skip
    return does[sign]()


@settings(max_examples=100, deadline=None)
@given(expressions)
def test_all_rules_together_change_no_number_and_no_gradient(expression):
    def f(x, y, z):
        return ad.sum(computed(expression, {"x": x, "y": y, "z": z}) * np.array([[1.0, -2.0], [0.5, 3.0]]))

    graph = ad.trace(ad.value_and_grad(f, (0, 1, 2)), *LEAVES.values())
    simple = simplify(graph)
    size = max(1.0, *(np.abs(value.data).max() for value in graph.values))
    for value, new in zip(graph.outputs, simple.outputs, strict=True):
        np.testing.assert_allclose(new.data, value.data, rtol=1e-12, atol=1e-13 * size)
