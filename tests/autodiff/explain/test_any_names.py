"""Whatever people write for a name, a program can be run, an equation is one line, and LaTeX can be typeset."""

import ast
import functools
import keyword
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff.explain.labels import Labels
from autodiff.explain.program import _identifier
from autodiff.tape import registry
from tests.autodiff.explain.witness import is_near, run

NASTY = ["a_b", "50%", "{", "}", "\\", "\\frac", "$x$", "#1", "a&b", "x^2", "~", '"', "'", "\n", "\\\\", "</script>",
         "a:b", "]]>", "%s", "\u2028", "\u202e", "x₁", "ﬁ", "日本", "🙂", "θ", "W′", "dW", "t1", "L", "Y", "_1", "c",
         "np", "computation", "float", "out", "_lambda_", *keyword.kwlist[:9], "match", "a\u0304", "\0"]  # fmt: skip
COMMANDS = "begin|end|in|text|mathrm|mathbb|times|circ|sum|frac|left|right|cdot|top|leftarrow|theta|sin|cos"
names = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=8), st.lists(st.sampled_from(NASTY), max_size=3).map("".join)
)


@pytest.fixture(scope="module")
def parse():
    """Matplotlib's parser of LaTeX."""
    mathtext = pytest.importorskip("matplotlib.mathtext")
    return functools.cache(mathtext.MathTextParser("path").parse)


@pytest.fixture(scope="module")
def odd():
    """An operation with a name and an attribute that nobody should give, and a kernel that has no name."""
    rule = lambda g, out, a, text: g * 2.0
    yield ad.primitive("an od\nd_na%me{\\", rule)(lambda a, text: np.stack([x * 2.0 for x in a]))
    del registry["an od\nd_na%me{\\"]


def assert_well_formed(latex):
    """Braces are balanced, delimiters are paired, and nothing stands there that LaTeX would take for a command."""
    depth = 0
    for token in re.findall(r"\\.|[{}]", latex, re.DOTALL):
        depth += (token == "{") - (token == "}")
        assert depth >= 0
    assert depth == 0
    assert latex.count(r"\left(") == latex.count(r"\right)")
    assert not re.search(r"(?<!\\)[%$#~]", latex)
    assert not re.sub(rf"\\({COMMANDS})(?![a-z])|\\[_ ,\\]", "", latex).count("\\")


@settings(max_examples=25, deadline=None)
@given(st.lists(names, min_size=1, max_size=4), names, names)
def test_no_name_breaks_a_program_an_equation_or_latex(parse, odd, leaves, result, attribute):
    xs = [ad.Tensor(np.array([1.0, -2.0]) * (i + 1), requires_grad=True, name=x) for i, x in enumerate(leaves)]
    total = odd(xs[0], text=attribute)
    for x in xs:
        total = ad.sin(x) * total + x
        total.name = result
    graph = ad.Graph.of(ad.sum(total), backward=True)
    labels = Labels(graph)
    assert all(labels.of.values())
    for simplify in (False, True):
        lines = graph.equations(simplify=simplify).splitlines()
        assert sum("an od?d_na%me{\\(" in line for line in lines) == 1
        assert all(re.fullmatch(r"\w+|  .+|", line) for line in lines)
        lefts = [line.split()[0] for line in lines if re.match(r"  \S+ += ", line)]
        assert len(set(lefts)) == len(lefts)
        text = graph.equations(simplify=simplify, latex=True)
        assert_well_formed(text)
        for row in text.splitlines()[1:-1]:
            for cell in row.removesuffix(r" \\").split("&"):
                if cell.isascii() and (cell := cell.strip()):  # its fonts lack much of Unicode
                    parse(f"${cell}$")
        ast.parse(graph.to_python(simplify=simplify))
        results = run(graph, simplify)
        assert len(results) == 1 + len(xs)
        assert any(np.allclose(value, graph.outputs[0].data, rtol=1e-12) for value in results.values())
        for x in graph.of_kind("parameter"):
            assert any(is_near(np.asarray(value), x.cotangent.data) for value in results.values())


@given(names)
def test_every_text_becomes_an_identifier(text):
    found = _identifier(text)
    assert found.isidentifier()
    assert not keyword.iskeyword(found)
    assert found == ast.parse(found, mode="eval").body.id, "Python would read another name"
