"""A graph reads as mathematics writes it, whatever the network and whatever the names."""

import functools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad
import nets
from autodiff.explain import simplify
from autodiff.explain.notation import NOTATION
from autodiff.graph import Graph as PlainGraph
from tests.autodiff.cases import CASES, random
from tests.autodiff.explain.networks import traced_step

PLAIN = """\
given
  X (3, 4), y (3,), W1 (4, 3), b1 (3,), W2 (3, 2), b2 (2,)

forward
  Z1  = X·W1 + b1                      (3, 3)
  A1  = relu(Z1)                       (3, 3)
  Z2  = A1·W2 + b2                     (3, 2)
  t1  = log_softmax(Z2)                (3, 2)
  L   = (Σ t1[i, yᵢ]) / (−3)           ()

backward
  dL  = 1                              ()
  dt1 = add_along_axis(broadcast_to(dL / (−3), shape=(3, 1)), y[:, None], axis=1, shape=(3, 2))  (3, 2)
  dZ2 = log_softmax_backward(dt1, t1)  (3, 2)
  db2 = sum_to(dZ2, shape=(2,))        (2,)
  dA1 = dZ2·W2ᵀ                        (3, 3)
  dW2 = A1ᵀ·dZ2                        (3, 2)
  dZ1 = dA1 ∘ [Z1 > 0]                 (3, 3)
  db1 = sum_to(dZ1, shape=(3,))        (3,)
  dW1 = Xᵀ·dZ1                         (4, 3)

update
  W1  ← W1 + dW1·(−0.1)                (4, 3)
  b1  ← b1 + db1·(−0.1)                (3,)
  W2  ← W2 + dW2·(−0.1)                (3, 2)
  b2  ← b2 + db2·(−0.1)                (2,)"""

SIMPLE = """\
given
  X (3, 4), y (3,), W1 (4, 3), b1 (3,), W2 (3, 2), b2 (2,), m = 3

forward
  Y   = onehot(y)                        (3, 2)
  Z1  = X·W1 + b1                        (3, 3)
  A1  = relu(Z1)                         (3, 3)
  Z2  = A1·W2 + b2                       (3, 2)
  A2  = softmax(Z2)                      (3, 2)
  L   = −(Σ log_softmax(Z2)[i, yᵢ]) / m  ()

backward
  dZ2 = (A2 − Y) / m                     (3, 2)
  db2 = Σ rows dZ2                       (2,)
  dW2 = A1ᵀ·dZ2                          (3, 2)
  dZ1 = dZ2·W2ᵀ ∘ [Z1 > 0]               (3, 3)
  db1 = Σ rows dZ1                       (3,)
  dW1 = Xᵀ·dZ1                           (4, 3)

update
  W1  ← W1 − 0.1·dW1                     (4, 3)
  b1  ← b1 − 0.1·db1                     (3,)
  W2  ← W2 − 0.1·dW2                     (3, 2)
  b2  ← b2 − 0.1·db2                     (2,)"""


def lines(text, section=None):
    """The equations by what they define, without their shapes, of one section if it is named."""
    blocks = [block.splitlines() for block in text.split("\n\n")]
    found = [line for title, *rest in blocks for line in rest if title == section or (not section and title != "given")]
    parts = (re.fullmatch(r"\s+(\S+) +[=←] (.*?) +\([\d, ]*\)", line) for line in found)
    return {part[1]: part[2] for part in parts}


def test_a_training_step_as_it_is():
    assert traced_step(optimizer=nets.SGD).equations() == PLAIN


def test_a_training_step_simplified():
    assert traced_step(optimizer=nets.SGD).equations(simplify=True) == SIMPLE


BY_HAND = {"relu": "[Z{l} > 0]", "tanh": "(1 − A{l} ∘ A{l})", "sigmoid": "A{l} ∘ (1 − A{l})"}
"""φ′(Z), in the words of nets/manual.py."""


@pytest.mark.parametrize("activation", BY_HAND)
@pytest.mark.parametrize("depth", [2, 3, 4, 7])
def test_the_backward_half_reads_as_the_derivation_by_hand_reads(depth, activation):
    text = traced_step((4, *[3] * (depth - 1), 2), activation).equations(simplify=True)
    wanted = {f"dZ{depth}": f"(A{depth} − Y) / m"}
    for l in range(depth, 0, -1):  # noqa: E741
        below = f"A{l - 1}" if l > 1 else "X"
        wanted |= {f"db{l}": f"Σ rows dZ{l}", f"dW{l}": f"{below}ᵀ·dZ{l}"}
        if l > 1:
            wanted[f"dZ{l - 1}"] = f"dZ{l}·W{l}ᵀ ∘ {BY_HAND[activation].format(l=l - 1)}"
    assert lines(text, "backward") == wanted
    forward = lines(text, "forward")
    assert forward[f"A{depth}"] == f"softmax(Z{depth})"
    assert forward["Y"] == "onehot(y)"


def test_a_network_of_one_layer_needs_no_numbers():
    text = traced_step((4, 2)).equations(simplify=True)
    assert lines(text, "backward") == {"dZ": "(A − Y) / m", "db": "Σ rows dZ", "dW": "Xᵀ·dZ"}
    assert lines(text, "forward")["Z"] == "X·W + b"


def test_without_biases_the_gradients_of_layers_have_lines_of_their_own_all_the_same():
    text = traced_step((4, 3, 2), bias=False).equations(simplify=True)
    backward = {"dZ2": "(A2 − Y) / m", "dW2": "A1ᵀ·dZ2", "dZ1": "dZ2·W2ᵀ ∘ [Z1 > 0]", "dW1": "Xᵀ·dZ1"}
    assert lines(text, "backward") == backward


def test_a_parameter_has_the_number_of_its_layer():
    rng = np.random.default_rng(0)
    first, second = nets.Linear(4, 3, bias=False, rng=rng), nets.Linear(3, 3, rng=rng)
    model = nets.Sequential(first, second, nets.Tanh(), nets.Linear(3, 2, rng=rng))
    text = ad.trace(lambda x: model(x), random((5, 4)).astype(np.float32)).equations()
    assert lines(text) == {"Z1": "x·W1", "Z2": "Z1·W2 + b2", "A2": "tanh(Z2)", "Z3": "A2·W3 + b3"}


def test_a_layer_used_twice_keeps_its_parameters_names():
    layer = nets.Linear(3, 3, rng=np.random.default_rng(0))
    text = ad.trace(lambda x: layer(layer(x)), random((5, 3)).astype(np.float32)).equations()
    assert lines(text) == {"Z1": "x·W + b", "Z2": "Z1·W + b"}


def test_layers_that_share_a_weight_have_their_own_numbers_and_it_has_none():
    class Tied(nets.Module):
        def __init__(self):
            self.layer = nets.Linear(3, 3, bias=False, rng=np.random.default_rng(0))

        def forward(self, x):
            return self.layer(ad.tanh(self.layer(x)))

    text = ad.trace(Tied(), random((5, 3)).astype(np.float32)).equations()
    assert lines(text) == {"Z1": "x·W", "Z2": "tanh(Z1)·W"}


def test_what_is_updated_and_read_again_has_a_prime():
    text = traced_step(optimizer=nets.SGD, steps=2).equations(simplify=True)
    update, again = (block for block in text.split("\n\n") if block.startswith("update"))
    assert lines(update)["W1′"] == "W1 − 0.1·dW1"
    assert lines(again)["W1′"] == "W1′ − 0.1·dW1′"
    assert "W1′ =" in update.replace("  ", " ")
    assert "W1′ ←" in again.replace("  ", " ")
    assert "Z3  = X·W1′ + b1′" in re.sub(" +=", "  =", text)


def test_the_batch_size_is_told_from_numbers_that_happen_to_equal_it():
    def f(w, x):
        return ad.mean(x @ w, 0).sum() / 2 + (w * w).sum() * 2

    text = ad.trace(ad.value_and_grad(f), random((3, 1)), random((2, 3))).equations(simplify=True)
    assert lines(text, "forward") == {"t1": "(Σ (Σ rows x·w)) / m / 2", "L": "t1 + 2·(Σ w ∘ w)"}
    assert "m = 2" in text
    only_a_two = ad.trace(ad.value_and_grad(lambda x: (x * x).sum() / 2), random((2, 3)))
    assert lines(only_a_two.equations(simplify=True)) == {"L": "(Σ x ∘ x) / 2", "dx": "x"}


KNOWN = {
    "least squares": (
        lambda w, x, t: ad.mean((x @ w - t) ** 2), [(3, 2), (4, 3), (4, 2)],
        {"t1": "x·w − t", "L": "(Σ t1²) / 8", "dw": "xᵀ·t1 / 4"},
    ),
    "a product with a vector": (
        lambda w, x: ad.sum(ad.tanh(x @ w)), [(3,), (4, 3)],
        {"t1": "tanh(x·w)", "L": "Σ t1", "dw": "xᵀ·(1 − t1 ∘ t1)"},
    ),
    "x sin x": (lambda x: (x * ad.sin(x)).sum(), [(3,)], {"t1": "sin(x)", "L": "Σ x ∘ t1", "dx": "t1 + x ∘ cos(x)"}),
    "a gradient that is another leaf": (lambda w, x: (w * x).sum(), [(3,), (3,)], {"L": "Σ w ∘ x", "dw": "x"}),
    "a gradient that is a number": (lambda w, c: w - c, [(), ()], {"L": "w − c", "dL": "1", "dw": "dL"}),
    "a product that is reshaped otherwise": (
        lambda w, x: ad.sum(ad.reshape(x @ ad.expand_dims(w, 1), (1, 4))), [(3,), (4, 3)],
        {"L": "Σ reshape(x·reshape(w, shape=(3, 1)), shape=(1, 4))",
         "dw": "reshape(xᵀ·broadcast_to(1, shape=(4, 1)), shape=(3,))"},
    ),
    "attention": (
        lambda q, k, v: ad.sum(ad.softmax(q @ k.mT / 2.0) @ v), [(4, 3), (4, 3), (4, 3)],
        {"t1": "softmax(q·kᵀ / 2)", "L": "Σ t1·v", "dt1": "broadcast_to(1, shape=(4, 3))·vᵀ",
         "dq": "(t1 ∘ (dt1 − (Σ columns dt1 ∘ t1)))·k / 2"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("f", "shapes", "wanted"), KNOWN.values(), ids=KNOWN)
def test_gradients_of_functions_simplified(f, shapes, wanted):
    graph = ad.trace(ad.value_and_grad(f), *(random(shape, i) for i, shape in enumerate(shapes)))
    assert lines(graph.equations(simplify=True)) == wanted


def test_the_gradient_of_what_has_no_name_is_an_output_nonetheless():
    def f(x, g):
        _, pullback = ad.vjp(ad.negative, x * 2.0)
        return pullback(g)[0]

    text = ad.trace(f, random((3,)), random((3,), 1)).equations()
    assert lines(text) == {"t1": "−x·2", "out": "−g"}


def test_second_derivatives():
    graph = ad.trace(ad.grad(ad.grad(lambda x: x**3)), 2.0)
    assert lines(graph.equations(simplify=True)) == {"dx": "6·x"}


def test_a_function_that_gives_its_argument():
    assert ad.trace(lambda x: x, 1.0).equations() == "given\n  x ()\n\nforward\n  out = x  ()"
    assert ad.trace(lambda: None).equations() == ""


def test_constants_are_written_as_numbers_and_arrays_by_name():
    c = ad.Tensor(random((3,)), name="shift")
    text = ad.trace(lambda x: x * 2.0 + np.float32(1e-5) + random((3,), 1) + c, random((3,))).equations()
    assert text.splitlines()[1] == "  x (3,), c (3,), shift (3,)"
    assert lines(text) == {"out": "x·2 + 1e−05 + c + shift"}


# ── tapes ───────────────────────────────────────────────────────────────────────────────────────────────


def a_loss():
    x, w = ad.Tensor(random((2, 3)), name="x"), ad.Tensor(random((3, 4)), requires_grad=True, name="W")
    loss = ad.relu(x @ w + 1.0).sum()
    loss.name = "loss"
    return loss, w


def test_the_tape_of_a_tensor_reads_forward():
    loss, w = a_loss()
    assert lines(ad.Graph.of(loss).equations()) == {"loss": "Σ relu(x·W + 1)"}
    assert ad.Graph.of(loss).equations().splitlines()[1] == "  x (2, 3), W (3, 4)"
    loss.backward()
    assert lines(ad.Graph.of(loss).equations()) == {"loss": "Σ relu(x·W + 1)"}
    assert w.grad is not None


def test_the_tape_of_a_tensor_can_be_given_its_backward_pass():
    loss, w = a_loss()
    graph = ad.Graph.of(loss, backward=True)
    assert lines(graph.equations(), "backward") == {
        "dloss": "1",
        "dt1": "broadcast_to(dloss, shape=(2, 4)) ∘ [t1 > 0]",
        "dW": "xᵀ·dt1",
    }
    assert lines(graph.equations(simplify=True), "backward") == {"dW": "xᵀ·[t1 > 0]"}
    assert w.grad is None
    loss.backward()
    (parameter,) = graph.of_kind("parameter")
    np.testing.assert_array_equal(parameter.cotangent.data, w.grad.data)


def test_a_backward_pass_of_what_is_not_recorded_is_refused():
    with pytest.raises(ad.GradientError, match="not recorded"):
        ad.Graph.of(ad.Tensor([1.0]), backward=True)


# ── any graph ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_text_is_the_same_each_time():
    assert traced_step().equations() == traced_step().equations()
    assert traced_step().equations(simplify=True) == traced_step().equations(simplify=True)


def test_each_line_has_the_shape_of_its_value():
    text = ad.trace(lambda x: (ad.sum(x, 0), x[:, None], x.mT), random((2, 5))).equations()
    assert [line.rpartition("  ")[2] for line in text.splitlines() if " = " in line] == ["(5,)", "(2, 1, 5)", "(5, 2)"]


def test_lines_stay_short_whatever_the_expression():
    y = ad.Tensor(random((3,)), name="x")
    for _ in range(50):
        y = ad.sin(y) * y + 1.0
    assert max(map(len, ad.Graph.of(y).equations().splitlines())) < 120


INVERSE = {"∘": "*", "−": "-", "·": "**"}


class Matrix:
    """A matrix whose operators bind as the notation does: ** is the matrix product, or that with a number."""

    def __init__(self, array):
        self.array = np.asarray(array)

    @property
    def T(self):
        return Matrix(self.array.T)

    def __add__(self, other):
        return Matrix(self.array + other.array)

    def __sub__(self, other):
        return Matrix(self.array - other.array)

    def __mul__(self, other):
        return Matrix(self.array * other.array)

    def __truediv__(self, other):
        return Matrix(self.array / other.array)

    def __neg__(self):
        return Matrix(-self.array)

    def __pow__(self, other):
        is_scaling = 0 in (self.array.ndim, other.array.ndim)
        return Matrix(self.array * other.array if is_scaling else self.array @ other.array)


LEAVES = {"x": random((2, 2)), "y": random((2, 2), 1)}
expressions = st.recursive(
    st.sampled_from(["x", "y"]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "@", "/"]), inner, inner),
        st.tuples(st.sampled_from(["*", "+", "-", "/"]), inner, st.sampled_from([2.0, -3.0, 0.5])),
        st.tuples(st.sampled_from(["neg", "T"]), inner),
    ),
    max_leaves=7,
)


def computed(expression, leaves):
    """A random expression, computed."""
    if not isinstance(expression, tuple):
        return leaves.get(expression, expression)
    sign, *operands = expression
    a, b = [computed(operand, leaves) for operand in operands] + [None] * (2 - len(operands))
    does = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "@": lambda: a @ b}
    return does.get(sign, lambda: -a if sign == "neg" else a.mT)()


@settings(max_examples=150, deadline=None)
@given(expressions, st.booleans())
def test_the_text_put_back_into_numbers_gives_the_numbers(expression, is_simple):
    with np.errstate(all="ignore"):
        graph = ad.trace(lambda x, y: ad.exp(0.0) * computed(expression, {"x": x, "y": y}), *LEAVES.values())
    found = {name: Matrix(array) for name, array in LEAVES.items()} | {"exp": lambda a: Matrix(np.exp(a.array))}
    for left, text in lines(graph.equations(simplify=is_simple)).items():
        code = re.sub(r"(\d[\d.]*)", r"M(\1)", re.sub(r"t(\d)", lambda name: f"t{chr(ord('a') + int(name[1]))}", text))
        code = re.sub(r"ᵀ", ".T", "".join(INVERSE.get(character, character) for character in code))
        left = re.sub(r"t(\d)", lambda name: f"t{chr(ord('a') + int(name[1]))}", left)
        with np.errstate(all="ignore"):
            found[left] = eval(code, found | {"M": Matrix})
    np.testing.assert_allclose(found["out"].array, graph.outputs[0].data, rtol=1e-9, atol=1e-12)


# ── names that nobody should give ───────────────────────────────────────────────────────────────────────

HOSTILE = ['"', "'", "a\nb", "a\\b", "</script>", "α β", "日本", "W{0}", "%s", "a_b^c", "x₁", "$x$", "#", "&", "",
           "  ", "\0", "lambda", "np", "W1", "é", "🙂", "x" * 50, "t1", "dW", "1", "a:b", "‮x"]  # fmt: skip


def with_hostile_names():
    leaves = [ad.Tensor(random((2, 2), i), requires_grad=True, name=name) for i, name in enumerate(HOSTILE)]
    total = leaves[0]
    for leaf in leaves[1:] + leaves[:3]:
        total = ad.tanh(total * leaf)
        total.name = HOSTILE[len(HOSTILE) // 2]
    return ad.Graph.of(total.sum(), backward=True)


@pytest.mark.parametrize("is_simple", [False, True])
def test_hostile_names_break_no_line(is_simple):
    graph = with_hostile_names()
    text = graph.equations(simplify=is_simple)
    lefts = [line.split()[0] for block in text.split("\n\n")[1:] for line in block.splitlines()[1:]]
    assert len(set(lefts)) == len(lefts)
    assert len(lefts) == len(lines(text))
    assert not set(text) & set("\0\\\"'<$#&%\u202e")


# ── LaTeX ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def typeset():
    """What typesets LaTeX, or raises ValueError: matplotlib's mathtext, which knows all of it but `aligned`."""
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parse_cell = functools.cache(mathtext.MathTextParser("path").parse)

    def parse(text):
        first, *rows, last = text.splitlines()
        assert (first, last) == (r"\begin{aligned}", r"\end{aligned}")
        for row in rows:
            assert row.endswith(r" \\")
            assert row.count("&") <= 3
            assert len(re.findall(r"(?<!\\)\{", row)) == len(re.findall(r"(?<!\\)\}", row))
            for cell in row.removesuffix(r" \\").split("&"):
                parse_cell(f"${cell.strip() or 'x'}$")

    return parse


LATEX = r"""
Y &= \mathrm{onehot}(y) && (3, 2) \\
A_{2} &= \mathrm{softmax}(Z_{2}) && (3, 2) \\
L &= -\frac{\sum {\mathrm{log\_softmax}(Z_{2})}_{i, {y}_{i}}}{m} && () \\
dZ_{2} &= \frac{A_{2} - Y}{m} && (3, 2) \\
db_{2} &= \sum_{\text{rows}} dZ_{2} && (2,) \\
dW_{2} &= {A_{1}}^{\top} \, dZ_{2} && (3, 2) \\
dZ_{1} &= dZ_{2} \, {W_{2}}^{\top} \circ [Z_{1} > 0] && (3, 3) \\
W_{1} &\leftarrow W_{1} - 0.1 \, dW_{1} && (4, 3) \\
X &\in \mathbb{R}^{3 \times 4} \\
y &\in \mathbb{Z}^{3} \\
m &= 3 \\
&\text{backward} \\
"""


def test_a_training_step_in_latex(typeset):
    graph = traced_step(optimizer=nets.SGD)
    text = graph.equations(simplify=True, latex=True)
    assert set(LATEX.split("\n")) - {""} <= set(text.splitlines())
    typeset(text)
    typeset(graph.equations(latex=True))


def test_every_operation_can_be_typeset(typeset):
    one_of_each = {case.operation: case for case in CASES if np.size(case.operands[0]) > 1}
    for case in one_of_each.values():
        typeset(ad.trace(case.f, *case.operands).equations(latex=True))


def test_every_notation_has_its_latex():
    for name, (template, tightness, latex) in NOTATION.items():
        assert re.findall(r"\{\w+", template.replace("{{", "")) == re.findall(r"\{\d|\{index", latex), name
        assert tightness in range(1, 8)
        assert latex.isascii()


def test_hostile_names_can_be_typeset(typeset):
    rows = with_hostile_names().equations(latex=True).splitlines()
    typeset("\n".join([rows[0], *(row for row in rows if r"\in" in row), rows[-1]]))


def test_greek_and_primes_in_latex(typeset):
    θ = ad.Tensor(random((2,)), requires_grad=True, name="θ")
    text = ad.Graph.of(ad.sum(θ * θ * 1e-7), backward=True).equations(latex=True)
    assert r"\theta " in text
    assert r"1 \cdot 10^{-7}" in text.replace("1e-07", "")
    typeset(text)
    prime = ad.trace(lambda x: x**2, ad.Tensor(random((2,)), name="W′"))
    assert r"\mathrm{out} &= {\mathrm{W'}}^{2}" in prime.equations(latex=True)
    typeset(prime.equations(latex=True))


def test_a_simplified_graph_is_a_graph_of_the_same_kind():
    graph = traced_step()
    assert type(simplify(graph)) is type(graph) is ad.Graph
    assert isinstance(graph, PlainGraph)
