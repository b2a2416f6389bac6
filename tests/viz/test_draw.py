"""Pictures of computations: what they say is so, whoever renders them, and whatever things are called."""

import importlib.util
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from collections import Counter

import graphviz
import numpy as np
import pytest

import autodiff as ad
import nets
import viz
from autodiff.explain import formula
from viz import picture, style
from viz.labels import text
from viz.picture import DrawingError, NoRendererError

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    'say "x"',
    r"back\slash \n \N \l",
    r"ends in \\",
    r"both \" and \\\"",
    "a:b:c",
    "</script><script>alert(1)</script>",
    "<b>",
    "&lt;&amp;amp; & co",
    "Ω̄ 張量 ‖∇‖ 🙂",
    "{record|<port>}",
    "digraph { a -> b; }",
    "subgraph",
    "%3",
]


def renderer(name):
    """One of the renderers, or the reason to go without."""
    missing = shutil.which("dot") is None if name == "dot" else importlib.util.find_spec("pygraphviz") is None
    return pytest.param(
        getattr(picture, f"by_{name}"), id=name, marks=pytest.mark.skipif(missing, reason=f"{name} is not installed")
    )


RENDERERS = [renderer("dot"), renderer("pygraphviz")]
SOME_RENDERER = pytest.mark.skipif(not picture.renderers(), reason="neither dot nor pygraphviz is installed")


@pytest.fixture
def no_renderer(monkeypatch):
    monkeypatch.setattr(picture, "renderers", list)


def mlp(widths=(3, 4, 2), backward=True):
    """A model, and the trace of its loss on two rows."""
    model = nets.MLP(list(widths), rng=np.random.default_rng(0), dtype=np.float64)

    def loss_of(X, y):
        loss = nets.cross_entropy(model(X), y)
        if backward:
            loss.backward()
        return loss

    return model, ad.trace(loss_of, np.random.default_rng(1).normal(size=(2, widths[0])), np.array([0, 1]))


def nodes(drawing):
    """The attributes of each node, as the text has them."""
    found = {}
    for line in drawing.dot.splitlines():
        if match := re.match(r"\s*([vos]\d+|legend_\w+) \[(.*)\]$", line):
            found[match[1]] = attributes(match[2])
    return found


def edges(drawing):
    matches = (re.match(r"\s*(\w+) -> (\w+) \[(.*)\]$", line) for line in drawing.dot.splitlines())
    return [(match[1], match[2], attributes(match[3])) for match in matches if match]


def attributes(text):
    pairs = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', text)
    return {name: value[1:-1] if value.startswith('"') else value for name, value in pairs}


def lines(label):
    return [line.strip() for line in label.split(r"\n")]


def heading(drawing):
    """The lines of the title: what is drawn, and what was folded."""
    what, bracket, note = drawing.title.partition(" (")
    return [what, *([f"({note}"] if bracket else [])]


def rendered_text(svg):
    return Counter(element.text.replace("\xa0", " ").strip() for element in ET.fromstring(svg).iter(f"{SVG}text"))


# ── rendering ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("render", RENDERERS)
@pytest.mark.parametrize("passes", ["forward", "backward", "both"])
@pytest.mark.parametrize("depth", ["op", "layer"])
def test_every_label_is_in_the_rendered_picture(monkeypatch, render, passes, depth):
    monkeypatch.setattr(picture, "renderers", lambda: [render])
    drawing = viz.draw(mlp()[1], passes, depth)
    seen = rendered_text(drawing.render("svg"))
    labels = [node["label"] for node in nodes(drawing).values()] + [
        e["label"] for *_, e in edges(drawing) if "label" in e
    ]
    wanted = Counter(line for label in labels for line in lines(label) if line)
    assert len(labels) > 15
    assert not wanted - seen
    assert all(seen[line] == 1 for line in heading(drawing))


@pytest.mark.parametrize("render", RENDERERS)
def test_hostile_names_are_drawn_as_they_are(render):
    names = [ad.Tensor(1.0, requires_grad=True, name=name) for name in HOSTILE]
    drawing = viz.draw(ad.sum(ad.stack(names)))
    seen = [re.sub(r"\w+ \((.*)\)$", r"\1", line) for line in rendered_text(render(drawing.dot, "svg"))]
    assert all(seen.count(" ".join(name.split())) == 1 for name in HOSTILE), seen
    assert len(ET.fromstring(render(drawing.dot, "svg")).findall(f".//{SVG}script")) == 0


@SOME_RENDERER
def test_what_cannot_be_printed_is_shown_as_such_and_long_names_are_cut():
    names = ["two\nlines", "nul\0", "\x1b[31mred", "lone \ud800", "x" * 10_000, ""]
    drawing = viz.draw(ad.sum(ad.stack([ad.Tensor(1.0, requires_grad=True, name=name) for name in names])))
    seen = rendered_text(drawing.render("svg"))
    told = {"two_lines (two�lines)", "nul (nul�)", "31mred (�[31mred)", "lone (lone �)", "x" * 79 + "…", "w"}
    assert told <= set(seen)


@SOME_RENDERER
@pytest.mark.parametrize(
    ("suffix", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG\r\n"), ("pdf", b"%PDF"), ("dot", b"digraph")]
)
def test_the_suffix_says_what_is_written(tmp_path, suffix, magic):
    path = tmp_path / f"picture.{suffix}"
    viz.draw(mlp()[1]).save(path)
    assert path.read_bytes().startswith(magic)
    assert list(tmp_path.iterdir()) == [path]


@SOME_RENDERER
def test_the_svg_has_a_title_and_a_description():
    drawing = viz.draw(mlp()[1])
    root = ET.fromstring(drawing.render("svg"))
    title, description = list(root)[:2]
    assert (title.tag, title.text) == (f"{SVG}title", "MLP: forward and backward pass")
    assert (description.tag, description.text) == (f"{SVG}desc", drawing.description)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    assert "matmul, add, relu, matmul, add, log_softmax" in description.text
    assert "4 × parameter" in description.text


def test_without_a_renderer_dot_is_written_and_anything_else_says_what_to_install(tmp_path, no_renderer):
    drawing = viz.draw(mlp()[1])
    drawing.save(tmp_path / "a.dot")
    assert (tmp_path / "a.dot").read_text(encoding="utf-8") == drawing.dot
    with pytest.raises(NoRendererError, match="pip install pygraphviz") as raised:
        drawing.save(tmp_path / "a.png")
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.dot"]


def test_a_disk_that_fills_up_leaves_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "a.dot"
    path.write_text("old")

    def half(draft, content):
        with draft.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError("no space left")

    monkeypatch.setattr(type(path), "write_bytes", half)
    with pytest.raises(OSError, match="no space"):
        viz.draw(mlp()[1]).save(path)
    assert path.read_text() == "old"


def test_a_label_in_angle_brackets_is_no_markup():
    assert graphviz.quoting.quote(text("<b>")) == '"<b>"'


def test_jupyter_shows_the_text_where_nothing_renders(no_renderer):
    drawing = viz.draw(mlp()[1])
    shown = drawing._repr_mimebundle_()
    assert list(shown) == ["text/plain"]
    assert "pip install pygraphviz" in shown["text/plain"].splitlines()[0]
    assert shown["text/plain"].endswith(drawing.dot)
    assert drawing._repr_svg_() is None


@SOME_RENDERER
def test_jupyter_shows_the_picture():
    drawing = viz.draw(mlp()[1])
    assert ET.fromstring(drawing._repr_mimebundle_()["image/svg+xml"]).tag == f"{SVG}svg"
    assert drawing._repr_svg_() == drawing._repr_mimebundle_()["image/svg+xml"]


@pytest.mark.parametrize("render", RENDERERS)
def test_a_renderer_that_fails_is_told_in_one_line(render):
    with pytest.raises(DrawingError) as raised:
        render("digraph { a -> }", "svg")
    assert "\n" not in str(raised.value)


def test_other_formats_passes_depths_and_things_are_refused(tmp_path):
    _, graph = mlp()
    with pytest.raises(ValueError, match="svg, png, pdf, dot"):
        viz.draw(graph).save(tmp_path / "a.gif")
    with pytest.raises(ValueError, match="sideways"):
        viz.draw(graph, "sideways")
    with pytest.raises(ValueError, match="atom"):
        viz.draw(graph, depth="atom")
    with pytest.raises(TypeError, match="ndarray"):
        viz.draw(np.ones(3))
    assert not list(tmp_path.iterdir())


# ── what is said ────────────────────────────────────────────────────────────────────────────────────────


def test_the_text_is_the_same_each_time():
    assert viz.draw(mlp()[1]).dot == viz.draw(mlp()[1]).dot


def test_tensors_have_names_shapes_dtypes_and_the_norms_of_their_gradients():
    model, graph = mlp()
    drawing = nodes(viz.draw(graph))
    for name, value in zip(("W1", "b1", "W2", "b2"), graph.of_kind("parameter"), strict=True):
        gradient = dict(model.named_parameters())[value.path].grad.data
        norm = np.sqrt(np.sum(gradient**2))
        found = lines(drawing[f"v{value.id}"]["label"])
        assert found[:3] == [f"{name} ({value.path})", f"{value.shape} float64", f"‖grad‖ = {norm:.4g}"]
    inner = [o.output for o in graph.in_pass("forward") if o.output.cotangent]
    assert len(inner) == 9
    for value in inner:
        norm = np.sqrt(np.sum(np.square(value.cotangent.data)))
        assert f"‖grad‖ = {norm:.4g}" in lines(drawing[f"v{value.id}"]["label"])
    loss = graph.outputs[0]
    assert lines(drawing[f"v{loss.id}"]["label"]) == [f"L = {loss.data:.4g}", "scalar float64", "‖grad‖ = 1"]


def test_a_gradient_that_was_not_computed_is_not_said_to_be_zero():
    drawing = viz.draw(mlp(backward=False)[1])
    assert "‖grad‖" not in drawing.dot
    assert drawing.dot.count("grad: not computed") == 1 + 4 + 9  # the data, parameters and results
    x = ad.Tensor([1.0, 2.0], requires_grad=True, name="x")
    zero = (x * 0.0).sum()
    zero.backward()
    (label,) = (n["label"] for n in nodes(viz.draw(zero)).values() if lines(n["label"])[0] == "x")
    assert "‖grad‖ = 0" in lines(label)


def test_operations_carry_the_rules_that_they_have():
    _, graph = mlp()
    drawing = nodes(viz.draw(graph))
    product, *_ = graph.in_pass("forward")
    found = lines(drawing[f"o{product.output.id}"]["label"])
    out = ad.Tensor(product.output.data)
    rules = [formula(product.primitive, [v.data for v in product.inputs], {}, out, i) for i in range(2)]
    assert found == ["matmul", f"{rules[0]}  (not needed here)", rules[1]]  # no gradient of the data is wanted
    assert rules == ["ā = ȳ·bᵀ", "b̄ = aᵀ·ȳ"]


def test_operations_tell_their_attributes_where_these_are_short():
    x = ad.Tensor(np.ones((3, 2)), requires_grad=True)
    drawing = viz.draw(ad.sum(x[np.array([0, 1, 1])], axis=0))
    names = [lines(node["label"])[0] for name, node in nodes(drawing).items() if name[0] == "o"]
    assert names == ["getitem", "sum (axis=0)"]


def test_one_rule_speaks_for_all_of_very_many_operands():
    drawing = viz.draw(ad.concat([ad.Tensor([1.0], requires_grad=True) for _ in range(20)]))
    (label,) = (lines(node["label"]) for name, node in nodes(drawing).items() if name[0] == "o")
    assert len(label) == 8
    assert label[-1] == "… and so for each operand"
    assert sum(e.get("style") == "dashed" for *_, e in edges(drawing)) == 20 + 1


def test_each_kind_differs_by_shape_and_every_text_is_legible():
    looks = style.STYLES | {"operation": style.OPERATION, "fold": style.FOLD, "sum": style.SUM}
    shapes = [look["shape"] for look in looks.values()]
    assert len(set(shapes)) == len(shapes) == 8
    assert style.SAVED["peripheries"] == "2"  # a second outline is a shape of its own
    assert not any("peripheries" in look for look in looks.values())
    for look in looks.values():
        assert contrast(look.get("fontcolor", style.NODE["fontcolor"]), look["fillcolor"]) >= 4.5
    for edge in (style.EDGE, style.BACKWARD):
        assert contrast(edge["fontcolor"], "#FFFFFF") >= 4.5


def contrast(one, other):
    """The ratio of contrast as the Web Content Accessibility Guidelines define it."""

    def luminance(colour):
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_values_have_the_shapes_of_their_kinds():
    _, graph = mlp()
    drawing = nodes(viz.draw(graph))
    for value in graph.of_kind("input") + graph.of_kind("parameter"):
        assert drawing[f"v{value.id}"]["shape"] == style.STYLES[value.kind]["shape"]
    assert drawing[f"v{graph.outputs[0].id}"]["shape"] == "octagon"
    constants = {v.id for o in graph.in_pass("forward") for v in o.inputs if v.kind == "constant"}
    assert constants
    assert all(drawing[f"v{key}"]["shape"] == "note" for key in constants)


@pytest.mark.parametrize("backward", [True, False])
def test_values_are_marked_as_saved_that_the_backward_pass_computes_with(backward):
    _, graph = mlp()
    forward = {v.id for o in graph.in_pass("forward") for v in (*o.inputs, o.output)}
    used = {v.id for o in graph.in_pass("backward") for v in o.inputs} & forward
    used -= {v.id for v in graph.of_kind("constant")}
    drawing = nodes(viz.draw(mlp(backward=backward)[1]))
    marked = {int(name[1:]) for name, node in drawing.items() if name[0] == "v" and "peripheries" in node}
    assert marked == used
    assert len(used) == 6  # x, Z, A, W of the second layer, the logarithms of the softmax and the labels


# ── arrows ──────────────────────────────────────────────────────────────────────────────────────────────


def test_solid_arrows_go_forward_with_shapes_and_dashed_ones_back():
    _, graph = mlp()
    operations = graph.in_pass("forward")
    both = edges(viz.draw(graph, "both"))
    solid = {(a, b): e["label"].strip() for a, b, e in both if "style" not in e}
    into = {(f"v{v.id}", f"o{o.output.id}") for o in operations for v in o.inputs}
    out = {(f"o{o.output.id}", f"v{o.output.id}") for o in operations}
    assert set(solid) == into | out
    product = operations[0]
    assert solid[f"v{product.inputs[1].id}", f"o{product.output.id}"] == "b (3, 4)"
    dashed = {(a, b): e["label"].strip() for a, b, e in both if e.get("style") == "dashed"}
    backward = {(f"v{v.id}", f"o{o.output.id}") for o in operations for v in o.inputs if v.cotangent}
    getitem = next(o for o in operations if o.primitive.name == "getitem")  # of the labels, which have no gradient
    assert set(dashed) == backward | out - {(f"o{getitem.output.id}", f"v{getitem.output.id}")}
    assert all(e["dir"] == "back" for *_, e in both if e.get("style") == "dashed")
    assert dashed[f"v{product.inputs[1].id}", f"o{product.output.id}"] == "b̄ (3, 4)"
    assert not any(e.get("style") == "dashed" for *_, e in edges(viz.draw(graph, "forward")))
    back = viz.draw(graph, "backward")
    assert {e["style"] for *_, e in edges(back)} == {"dashed", "dotted", "invis"}
    assert f"o{getitem.output.id}" not in nodes(back)


def test_fan_out_shows_the_sum_and_broadcasting_the_reduction():
    x = ad.Tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
    b = ad.Tensor([0.5], requires_grad=True, name="b")
    drawing = viz.draw((ad.exp(x) * x + x * b).sum())
    graph_nodes = nodes(drawing)
    (x_node,) = (name for name, node in graph_nodes.items() if lines(node["label"])[0] == "x")
    (total,) = (e for a, target, e in edges(drawing) if a == x_node and target[0] == "s")
    assert total["label"].strip() == "sum of 3: (3,)"
    assert sum(a == f"s{x_node[1:]}" for a, *_ in edges(drawing)) == 3
    (b_node,) = (name for name, node in graph_nodes.items() if lines(node["label"])[0] == "b")
    (label,) = (e["label"] for a, _, e in edges(drawing) if a == b_node and e.get("style") == "dashed")
    assert lines(label) == ["b̄ (1,)", "broadcast, so summed: (3,) → (1,)"]


def test_no_gradient_flows_through_what_does_not_lead_to_the_output():
    weight = nets.Parameter(np.ones(2), name="W")

    class Net(nets.Module):
        def __init__(self):
            self.weight = weight

        def forward(self, x):
            ad.exp(self.weight)
            return (x * self.weight).sum()

    graph = ad.trace(Net(), np.ones(2))
    dead = next(o for o in graph if o.primitive.name == "exp")
    dashed = {b for _, b, e in edges(viz.draw(graph)) if e.get("style") == "dashed"}
    assert f"o{dead.output.id}" not in dashed
    assert len(dashed) == 4  # both operations and their results


# ── layers ──────────────────────────────────────────────────────────────────────────────────────────────


def test_layers_are_clusters_with_what_belongs_to_them():
    _, graph = mlp()
    text = viz.draw(graph).dot
    parts = re.findall(r"subgraph cluster_\d+ \{(.*?)\n\t\}", text, re.DOTALL)
    clusters = {re.search(r'label="(.*?)(?:\\n)?"', part)[1]: part for part in parts}
    assert list(clusters) == ["layers.0 · Linear", "layers.1 · ReLU", "layers.2 · Linear"]
    first = next(iter(clusters.values()))
    weight, bias = graph.of_kind("parameter")[:2]
    assert f"v{weight.id} " in first
    assert f"v{bias.id} " in first
    assert "matmul" in first
    assert "relu" not in first


def test_modules_within_modules_are_clusters_within_clusters():
    rng = np.random.default_rng(0)

    class Block(nets.Module):
        def __init__(self):
            self.inner = nets.MLP([3, 3], rng=rng)

        def forward(self, x):
            return self.inner(x) + x

    class Net(nets.Module):
        def __init__(self):
            self.block = Block()

        def forward(self, x):
            return self.block(x)

    drawing = viz.draw(ad.trace(Net(), np.ones((1, 3), np.float32)))
    outer = drawing.dot.index("block · Block")
    inner = drawing.dot.index("block.inner.layers.0 · Linear")
    between = drawing.dot[min(outer, inner) : max(outer, inner)]
    assert outer < inner
    assert "\n\t}" not in between  # the outer one has not been closed


def test_a_folded_layer_is_one_node_with_its_parameters():
    model, graph = mlp()
    drawing = viz.draw(graph, depth="layer")
    assert drawing.title == "MLP: forward and backward pass (layers folded)"
    folds = [lines(n["label"]) for n in nodes(drawing).values() if n["shape"] == "box3d" and "layers" in n["label"]]
    assert [fold[:2] for fold in folds] == [
        ["layers.0 · Linear", "matmul, add"],
        ["layers.1 · ReLU", "relu"],
        ["layers.2 · Linear", "matmul, add"],
    ]
    norm = np.linalg.norm(model.layers[0].weight.grad.data)
    assert folds[0][2] == f"W1 (layers.0.weight), (3, 4) float64, ‖grad‖ = {norm:.4g}"
    drawn = nodes(drawing)
    assert not any(f"v{v.id}" in drawn for v in graph.of_kind("parameter"))
    assert all(f"v{v.id}" in drawn for v in graph.values if v.name in ("X", "Z", "A", "y"))
    assert all({a, b} <= set(drawn) | {"legend_arrows"} for a, b, _ in edges(drawing))


def test_many_nodes_fold_by_themselves_and_the_picture_says_so():
    few, many = (mlp([2] * depth)[1] for depth in (30, 70))
    assert "folded" not in viz.draw(few).title
    folded = viz.draw(many)
    count = len(many.in_pass("forward")) + len({v.id for o in many.in_pass("forward") for v in (*o.inputs, o.output)})
    assert count > 300
    assert folded.title.endswith(f"(layers folded, for it has {count} nodes)")
    assert f"folded, for it has {count} nodes" in folded.dot
    assert len(nodes(folded)) < count
    assert "folded" not in viz.draw(many, depth="op").title


def test_a_long_tape_is_drawn_without_recursion():
    x = y = ad.Tensor(1.0, requires_grad=True, name="x")
    for _ in range(1_000):
        y = y * 1.5
    drawing = viz.draw(y, depth="op")
    assert sum(name[0] == "o" for name in nodes(drawing)) == 1_000
    assert x.grad is None


def chain(x, n):
    y = x
    for _ in range(n // 2):
        y = ad.tanh(y * 1.01)
    return y


def recurrent(x, n):
    """One parameter that all of a tape takes."""
    y = x
    for _ in range(n // 2):
        y = ad.tanh(y * x)
    return y


def wide(x, n):
    return ad.stack([ad.Tensor(1.0, requires_grad=True, name=f"w{i}") for i in range(n)]) * x


@pytest.mark.parametrize("make", [chain, recurrent, wide])
def test_a_tape_of_a_thousand_nodes_without_layers_is_folded_in_a_row_and_says_so(make):
    y = make(ad.Tensor(0.5, requires_grad=True, name="x"), 1_000)
    y.sum().backward()
    drawing = viz.draw(y)
    graph = ad.graph.Graph.of(y)
    count = len(graph) + len({v.id for o in graph for v in (*o.inputs, o.output)})
    assert drawing.title.endswith(f"(operations folded, for it has {count} nodes)")
    drawn = {name: node for name, node in nodes(drawing).items() if not name.startswith("legend")}
    assert len(drawn) <= 300
    assert all({a, b} <= set(drawn) for a, b, _ in edges(drawing) if not a.startswith("legend"))
    arrows = Counter(end for a, b, _ in edges(drawing) for end in (a, b))
    assert max(arrows.values()) < 20, "no thicket of arrows, which would take minutes to lay"
    folds = [lines(node["label"]) for node in drawn.values() if node["shape"] == "box3d"]
    told = Counter()
    for head, names, *_ in folds:
        parts = re.findall(r"(?:(\d+) × )?(\w+)", names)
        assert head == f"{sum(int(n or 1) for n, _ in parts)} operations".replace("1 operations", "1 operation")
        told.update({name: int(n or 1) for n, name in parts} if "×" in names else Counter(name for _, name in parts))
    assert told == Counter(o.primitive.name for o in graph)
    told_of_x = [
        line for node in drawn.values() for line in lines(node["label"]) if line == "x" or line.startswith("x, ")
    ]
    assert told_of_x or make is wide, "it is told as it is, or in the folds that take it"
    assert all(len(fold) <= 2 + 12 + 1 for fold in folds)


@pytest.mark.parametrize("render", RENDERERS)
def test_a_long_tape_folded_is_rendered_by_each_renderer(render):
    drawing = viz.draw(recurrent(ad.Tensor(0.5, requires_grad=True, name="x"), 1_000))
    seen = rendered_text(render(drawing.dot, "svg"))
    assert all(seen[line] == 1 for line in heading(drawing))
    assert "folded, for it has" in heading(drawing)[1]


def test_many_layers_fold_and_then_operations_in_a_row():
    drawing = viz.draw(mlp([2] * 150)[1])
    assert "(operations folded" in drawing.title
    assert len(nodes(drawing)) < 310


def test_a_parameter_that_two_folded_layers_share_is_drawn_with_the_sum_of_its_gradient():
    class Tied(nets.Module):
        def __init__(self):
            self.layer = nets.Linear(2, 2, rng=np.random.default_rng(0))

        def forward(self, x):
            return self.layer(ad.tanh(self.layer(x)))

    drawing = viz.draw(ad.trace(Tied(), np.ones((1, 2), np.float32)), depth="layer")
    (weight,) = (name for name, node in nodes(drawing).items() if node["label"].startswith("W (layer.weight)"))
    assert sum(a == f"s{weight[1:]}" for a, *_ in edges(drawing)) == 2


@SOME_RENDERER
def test_layers_stand_below_each_other_and_the_picture_is_narrow():
    def size(widths):
        root = ET.fromstring(viz.draw(mlp(widths)[1]).render("svg"))
        return [float(n) for n in root.get("viewBox").split()[2:]]

    few, many = size([3, 4, 2]), size([3, 4, 4, 4, 3, 2])
    assert many[0] < 1.1 * few[0]
    assert many[1] > 1.5 * few[1]


def test_the_tape_of_a_tensor_is_drawn_as_it_is_left():
    w = ad.Tensor(np.arange(3.0), requires_grad=True, name="W")
    loss = (w * w).sum()
    assert "grad: not computed" in viz.draw(loss).dot
    loss.backward()
    found = [lines(node["label"]) for node in nodes(viz.draw(loss)).values()]
    assert next(line for line in found if line[0] == "W")[:3] == ["W", "(3,) float64", f"‖grad‖ = {np.sqrt(20):.4g}"]
    np.testing.assert_array_equal(w.grad.data, [0, 2, 4])  # looking changes nothing


def test_a_leaf_alone_is_a_picture():
    drawing = viz.draw(ad.Tensor([1.0], name="x"))
    assert [name for name in nodes(drawing) if name[0] == "v"] == ["v0"]


@SOME_RENDERER
def test_a_renderer_that_is_broken_leaves_no_traceback_in_a_notebook(monkeypatch):
    drawing = viz.draw(mlp()[1])
    monkeypatch.setitem(sys.modules, "pygraphviz", None)  # it is found, and cannot be imported
    monkeypatch.setattr(picture, "renderers", lambda: [picture.by_pygraphviz])
    assert drawing._repr_svg_() is None
    assert drawing._repr_mimebundle_()["text/plain"].startswith("pygraphviz could not draw the picture")
