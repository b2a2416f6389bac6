"""The drawing has no box on another and no arrow over a box, and takes work that grows with the graph and no faster."""

from collections import Counter

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.explain.labels import Labels
from tests.viz.explorer.test_steps import training_step
from tests.work import lines_run
from viz.explorer.layout import lay_out
from viz.explorer.numbers import Sampling
from viz.explorer.shapes import shortened, text_width


def drawing_of(graph):
    sampling = Sampling([value.data for value in graph.values])
    return lay_out(graph, Labels(graph), {value.id: sampling.view(value.shape) for value in graph.values})


class Residual(nets.Module):
    """Layers with shortcuts around them, two branches, and a weight used twice."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.inner = [nets.Linear(3, 3, rng=rng, dtype=np.float64) for _ in range(2)]
        self.shared = nets.Linear(3, 3, bias=False, rng=rng, dtype=np.float64)

    def forward(self, x):
        y = ad.relu(self.inner[0](x)) + x
        left, right = ad.tanh(self.shared(y)), ad.sigmoid(self.inner[1](y))
        return self.shared(left * right + x) + y


def residual():
    module = Residual()

    def f(x):
        (module(x) * x).sum().backward()

    return ad.trace(f, ad.Tensor(np.ones((2, 3)), requires_grad=True))


def chain(n):
    def f(x):
        for _ in range(n // 2):
            x = ad.tanh(x * 1.5)
        return ad.sum(x)

    return ad.trace(lambda x: ad.value_and_grad(f)(x)[0], np.ones(2))


def recurrent(n):
    """One weight used at all times, and a state that all later ones add to."""

    def f(w):
        h = first = w * 0.5
        for _ in range(n // 3):
            h = ad.tanh(h * w) + first
        return ad.sum(h)

    return ad.trace(lambda w: ad.value_and_grad(f)(w)[0], np.ones(2))


def wide(n):
    def f(x):
        return ad.sum(ad.stack([ad.sin(x * float(i)) for i in range(n // 2)]))

    return ad.trace(lambda x: ad.value_and_grad(f)(x)[0], np.ones(2))


def fan(n):
    """Random operations on random values that came before."""

    def f(x):
        rng = np.random.default_rng(0)
        values = [x]
        for _ in range(n):
            i, j = rng.integers(len(values), size=2)
            values.append(
                values[i] * values[j] if rng.random() < 0.5 else ad.sin(values[i]) if i % 2 else values[j] + values[i]
            )
        return ad.sum(ad.stack(values[-3:]))

    return ad.trace(lambda x: ad.value_and_grad(f)(x)[0], np.full(2, 0.5))


GRAPHS = {
    "mlp": lambda: training_step([3, 4, 4, 2], lambda p: nets.SGD(p, 0.1)),
    "residual": residual,
    "chain": lambda: chain(20),
    "recurrent": lambda: recurrent(30),
    "wide": lambda: wide(20),
    "fan": lambda: fan(60),
    "two outputs": lambda: ad.trace(lambda x, y: (x + y, x * 2.0), 1.0, 2.0),
    "an input that nothing uses": lambda: ad.trace(lambda x, y: ad.exp(x), 1.0, 2.0),
    "nothing": lambda: ad.trace(lambda x: None, 1.0),
}


@pytest.fixture(params=GRAPHS, scope="module")
def drawing(request):
    return drawing_of(GRAPHS[request.param]())


def boxes(drawing):
    return np.array([[b.x, b.y, b.x + b.width, b.y + b.height] for node in drawing.nodes for b in node.boxes])


def test_no_two_boxes_overlap_and_all_are_within_the_drawing(drawing):
    left, top, right, bottom = boxes(drawing).T
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    down = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    overlap = (across > 0) & (down > 0)
    np.fill_diagonal(overlap, False)
    assert not overlap.any()
    assert min(left.min(), top.min()) >= 0
    assert right.max() <= drawing.width
    assert bottom.max() <= drawing.height


def test_no_arrow_runs_over_a_box(drawing):
    left, top, right, bottom = boxes(drawing).T
    for edge in drawing.edges:
        for (x1, y1), (x2, y2) in zip(edge.points, edge.points[1:], strict=False):
            assert x1 == x2 or y1 == y2, "arrows run straight down and across"
            over = (
                (max(x1, x2) > left + 1)
                & (min(x1, x2) < right - 1)
                & (max(y1, y2) > top + 1)
                & (min(y1, y2) < bottom - 1)
            )
            assert not over.any(), (edge, np.argwhere(over))


def test_arrows_of_different_sources_do_not_run_on_top_of_each_other(drawing):
    stretches = {}
    for edge in drawing.edges:
        source = edge.source if edge.during == "forward" else edge.target
        for (x1, y1), (x2, y2) in zip(edge.points, edge.points[1:], strict=False):
            if y1 == y2 and len(edge.points) > 2:
                stretches.setdefault((y1, edge.during), []).append((min(x1, x2), max(x1, x2), source.id))
    for line in stretches.values():
        for a_start, a_end, a in line:
            for b_start, b_end, b in line:
                assert a == b or min(a_end, b_end) <= max(a_start, b_start), (a, b)


def test_the_forward_pass_runs_down_and_the_backward_pass_up(drawing):
    for edge in drawing.edges:
        (_, start), (_, end) = edge.points[0], edge.points[-1]
        assert start <= end if edge.during == "forward" else start >= end


def test_there_is_an_arrow_for_each_operand_and_for_each_contribution():
    graph = GRAPHS["residual"]()
    drawing = drawing_of(graph)
    forward = Counter((e.source.id, e.target.id) for e in drawing.edges if e.during == "forward")
    assert forward == Counter((v.id, o.output.id) for o in graph.in_pass("forward") for v in o.inputs)
    backward = Counter((e.target.id, e.source.id) for e in drawing.edges if e.during == "backward")
    assert backward == Counter(
        (v.id, o.output.id) for o in graph.in_pass("forward") for v in o.inputs if v.cotangent and o.output.cotangent
    )


def test_layers_are_boxes_that_hold_their_own_operations_and_no_others():
    for graph in (GRAPHS["mlp"](), GRAPHS["residual"]()):
        drawing = drawing_of(graph)
        assert drawing.layers
        for layer in drawing.layers:
            scope = layer.label.split(" · ")[0]
            assert layer.label == f"{scope} · {graph.modules[scope]}"
            for node in drawing.nodes:
                card = node.boxes[0]
                within = layer.x < card.x < layer.x + layer.width and layer.y < card.y < layer.y + layer.height
                if node.value.operation and within:
                    assert node.value.operation.scope == scope
        for operation in graph.in_pass("forward"):
            card = next(node for node in drawing.nodes if node.value is operation.output).boxes[0]
            around = [
                layer for layer in drawing.layers
                if layer.x <= card.x and card.x + card.width <= layer.x + layer.width
                and layer.y <= card.y and card.y + card.height <= layer.y + layer.height
            ]  # fmt: skip
            assert [layer.label.split(" · ")[0] for layer in around] == ([operation.scope] if operation.scope else [])


def test_the_drawing_is_the_same_each_time():
    def numbers():
        drawing = drawing_of(GRAPHS["residual"]())
        return boxes(drawing).tolist(), [edge.points for edge in drawing.edges]

    assert numbers() == numbers()


def work_of_layout(graph):
    """How many lines of Python the layout takes for a graph."""
    labels, sampling = Labels(graph), Sampling([value.data for value in graph.values])
    views = {value.id: sampling.view(value.shape) for value in graph.values}
    return lines_run(lambda: lay_out(graph, labels, views))


@pytest.mark.parametrize("make", [chain, recurrent, wide, fan])
def test_twice_the_graph_is_at_most_little_more_than_twice_the_work(make):
    small, large = (work_of_layout(make(n)) for n in (150, 300))
    assert large < 2.4 * small


def test_a_graph_of_a_thousand_operations_is_laid_out():
    graph = chain(1000)
    assert len(graph.in_pass("forward")) == 1001
    assert len(drawing_of(graph).nodes) > 1001


@pytest.mark.parametrize(("text", "width"), [("", 0), ("abc", 3), ("数学", 4), ("b̄", 1), ("W1ᵀ", 3)])
def test_labels_are_as_wide_as_their_characters(text, width):
    assert text_width(text) == pytest.approx(6.75 * width)


def test_a_long_label_keeps_its_beginning_and_its_end():
    assert shortened("layers.0.weight") == "layers.0.weight"
    assert shortened("a\n b") == "a b"
    short = shortened("encoder.blocks.17.attention.query.weight")
    assert len(short) == 28
    assert short.startswith("encoder.blocks")
    assert short.endswith("…y.weight")
