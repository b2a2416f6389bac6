"""Formulas say what the rules do: they are read off the rules, and put back into numbers they agree with them."""

import re
import unicodedata

import numpy as np
import pytest

import autodiff as ad
from autodiff.backward import ancestry
from autodiff.explain import formula
from autodiff.tape import registry, unwrap
from tests.autodiff.cases import DIFFERENTIABLE, random


def formulas(f, *arrays):
    """The formulas of the operation that gives f(*arrays), one for each operand that has a rule."""
    out = f(*(ad.Tensor(array, requires_grad=True) for array in arrays))
    node = out.node
    rules = node.primitive.rules_of(node.inputs)
    return [formula(node.primitive, node.inputs, node.attributes, out, i) for i, rule in enumerate(rules) if rule]


KNOWN = {
    "matmul": (lambda a, b: a @ b, [(2, 3), (3, 4)], ["ā = ȳ·bᵀ", "b̄ = aᵀ·ȳ"]),
    "add": (lambda a, b: a + b, [(3,), (3,)], ["ā = ȳ", "b̄ = ȳ"]),
    "subtract": (lambda a, b: a - b, [(3,), (3,)], ["ā = ȳ", "b̄ = −ȳ"]),
    "multiply": (lambda a, b: a * b, [(3,), (3,)], ["ā = ȳ ∘ b", "b̄ = ȳ ∘ a"]),
    "multiply by a number": (lambda a: a * 2.0, [(3,)], ["ā = ȳ·2", "b̄ = ȳ ∘ a"]),
    "divide": (lambda a, b: a / b, [(3,), (3,)], ["ā = ȳ / b", "b̄ = −ȳ ∘ (y / b)"]),
    "exp": (ad.exp, [(3,)], ["ā = ȳ ∘ y"]),
    "log1p": (ad.log1p, [(3,)], ["ā = ȳ / (a + 1)"]),
    "tanh": (ad.tanh, [(3,)], ["ā = ȳ ∘ (1 − y ∘ y)"]),
    "relu": (ad.relu, [(3,)], ["ā = ȳ ∘ [a > 0]"]),
    "cos": (ad.cos, [(3,)], ["ā = −ȳ ∘ sin(a)"]),
    "sum": (lambda a: ad.sum(a, axis=1), [(2, 3)], ["ā = broadcast_to(reshape(ȳ, shape=(2, 1)), shape=(2, 3))"]),
    "softmax": (ad.softmax, [(2, 3)], ["ā = y ∘ (ȳ − (Σ columns ȳ ∘ y))"]),
    "mT": (lambda a: a.mT, [(2, 3)], ["ā = ȳᵀ"]),
    "slice": (lambda a: a[1:, ::2], [(2, 3)], ["ā = scatter(ȳ, index=1:, ::2, shape=(2, 3))"]),
    "pad": (lambda a: ad.pad(a, 1), [(2,)], ["ā = ȳ[1:3]"]),
    "maximum": (ad.maximum, [(3,), (3,)], ["ā = where([a ≥ b], ȳ, 0)", "b̄ = where([a ≥ b], 0, ȳ)"]),
    "concat": (lambda a, b: ad.concat([a, b]), [(2,), (3,)], ["ārrays₀ = ȳ[0:2]", "ārrays₁ = ȳ[2:5]"]),
}


@pytest.mark.parametrize(("f", "shapes", "wanted"), KNOWN.values(), ids=KNOWN)
def test_rules_read_as_mathematics_writes_them(f, shapes, wanted):
    written = formulas(f, *(random(shape) for shape in shapes))
    assert written == wanted


LATEX = {
    "matmul": r"\bar{b} = {a}^{\top} \, \bar{y}",
    "divide": r"\bar{b} = -\bar{y} \circ \left(\frac{y}{b}\right)",
    "softmax": r"\bar{a} = y \circ \left(\bar{y} - \left(\sum_{\text{columns}} \bar{y} \circ y\right)\right)",
    "maximum": r"\bar{b} = \mathrm{where}([a \geq b], 0, \bar{y})",
    "concat": r"\bar{\mathrm{arrays}}_{1} = {\bar{y}}[2:5]",
}


@pytest.mark.parametrize("rule", LATEX)
def test_rules_read_as_mathematics_in_latex_too(rule):
    f, shapes, _ = KNOWN[rule]
    out = f(*(ad.Tensor(random(shape), requires_grad=True) for shape in shapes))
    node = out.node
    written = formula(node.primitive, node.inputs, node.attributes, out, len(node.inputs) - 1, latex=True)
    assert written == LATEX[rule]


def test_a_formula_changes_with_its_rule(monkeypatch):
    monkeypatch.setattr(registry["exp"], "rules", (lambda g, out, a: 3.0 * g - out,))
    assert formulas(ad.exp, random((3,))) == ["ā = 3·ȳ − y"]


def test_a_rule_of_ones_own_has_a_formula():
    @ad.primitive("cube_test", lambda g, out, a: 3 * g * a * a)
    def cube(a):
        return a**3

    try:
        assert formulas(cube, random((3,))) == ["ā = 3·ȳ ∘ a ∘ a"]
    finally:
        del registry["cube_test"]


def test_an_operand_without_a_rule_has_no_formula():
    x = ad.Tensor(random((2, 3)), requires_grad=True)
    out = ad.take_along_axis(x, np.array([[0], [1]]), 1)
    with pytest.raises(TypeError, match="no rule for operand 1"):
        formula(out.node.primitive, out.node.inputs, out.node.attributes, out, 1)


INVERSE = {"∘": "*", "·": "*", "−": "-", "^": "**", "≥": ">=", "≤": "<=", "≠": "!=", "∧": "&", "∨": "|", "¬": "~"}
ELEMENTWISE = {"exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "sigmoid", "softplus", "abs", "negative",
               "add", "subtract", "multiply", "divide", "power", "relu", "maximum", "minimum", "softmax"}  # fmt: skip


def as_code(text):
    """A formula as an expression of Python."""
    text = re.sub(r"\(Σ (rows|columns) ([^()]*)\)", r"sum(\2, axis=\1, keepdims=True)", text)
    text = re.sub(r"[⁻⁰¹²³]+", lambda power: f"**({unicodedata.normalize('NFKC', power[0]).replace('−', '-')})", text)
    text = re.sub(r"\[([^\]]* [=<>≥≤≠] [^\]]*)\]", lambda m: f"({m[1].replace(' = ', ' == ')})", text)
    for sign, code in INVERSE.items():
        text = text.replace(sign, code)
    return text


@pytest.mark.parametrize(
    "case",
    [c for c in DIFFERENTIABLE if c.operation in ELEMENTWISE and all(x.shape == (3, 4) for x in c.operands)],
    ids=lambda case: case.id,
)
def test_a_formula_put_back_into_numbers_gives_what_the_rule_gives(case):
    out = case.f(*(ad.Tensor(x, requires_grad=True) for x in case.operands))
    for variable in ancestry(out):
        node = variable.node
        if node is None:
            continue
        g = random(variable.shape, 5)
        operands = [unwrap(x) for x in node.inputs]
        names = {"g": ad.Tensor(g), "y": ad.Tensor(variable.data)}
        names |= {name: ad.Tensor(x) for name, x in zip("ab", operands, strict=False)}
        functions = {name: getattr(ad, name) for name in ad.__all__}
        for i, rule in enumerate(node.primitive.rules_of(node.inputs)):
            written = formula(node.primitive, node.inputs, node.attributes, variable, i).replace("ȳ", "g")
            value = eval(as_code(written.split(" = ", 1)[1]), functions | names | {"rows": 0, "columns": 1})
            np.testing.assert_allclose(
                np.broadcast_to(value.data, g.shape),
                np.broadcast_to(rule(g, variable.data, *operands, **node.attributes), g.shape),
                rtol=1e-12,
            )
