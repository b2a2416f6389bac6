"""Change a number in the page, and the page computes what the engine computes; its code is emitted from the graph."""

import numpy as np
import pytest

import autodiff as ad
import nets
import viz
from autodiff.explain.javascript import KERNELS, to_javascript
from mnist import presets
from tests.autodiff.cases import CASES
from tests.viz.explorer.conftest import page_of

TOLERANCE = 1e-12

RUN = """
  const v = leaves.map((leaf) => leaf && { shape: leaf.shape, data: Float64Array.from(leaf.data, Number) });
  recompute(v);
  return v.map(({ shape, data }) => [shape, [...data]]);
"""


@pytest.fixture(scope="module")
def compute(browser):
    """A function that computes a graph by its JavaScript, and returns the numbers of all values."""
    tab = browser.new_page()

    def run(graph):
        leaves = [
            None if v.operation else {"shape": list(v.shape), "data": np.ravel(v.data).tolist()} for v in graph.values
        ]
        script = f"leaves => {{ {to_javascript(graph)} {RUN} }}"
        return [np.array(data, float).reshape(shape) for shape, data in tab.evaluate(script, leaves)]

    yield run
    tab.close()


def assert_same(graph, numbers):
    for value, found in zip(graph.values, numbers, strict=True):
        assert found.shape == value.shape
        np.testing.assert_allclose(found, np.asarray(value.data, float), rtol=TOLERANCE, atol=TOLERANCE)


def can_be_written(case):
    arrays = [np.asarray(x) for x in case.operands]
    return all(array.dtype.kind in "biu" or array.dtype == np.float64 for array in arrays)


def test_every_operation_that_has_a_kernel_gives_the_engine_s_numbers(compute):
    met = set()
    for case in filter(can_be_written, CASES):
        graph = ad.trace(case.f, *case.operands)
        try:
            to_javascript(graph)
        except NotImplementedError:
            continue
        assert_same(graph, compute(graph))
        met |= {operation.primitive.name for operation in graph}
    in_rules = {"add_along_axis", "astype", "log_softmax_backward", "relu_backward", "scatter", "sum_to"}
    assert met >= KERNELS.keys() - in_rules


def training_step(activation, make_optimizer, one_hot=False):
    model = nets.MLP([5, 4, 3], activation, rng=np.random.default_rng(1), dtype=np.float64)
    optimizer = make_optimizer(model.parameters())
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((3, 5)), np.array([2, 0, 1])

    def step(x, y):
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return ad.trace(step, x, np.eye(3, dtype=int)[y] if one_hot else y)


OPTIMIZERS = {
    "sgd": lambda p: nets.SGD(p, 0.1),
    "momentum": lambda p: nets.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: nets.Adam(p, 0.1),
    "adamw": lambda p: nets.AdamW(p, 0.1),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_a_training_step_is_computed_to_the_same_numbers(compute, activation, optimizer):
    graph = training_step(activation, OPTIMIZERS[optimizer], one_hot=optimizer == "adam")
    assert_same(graph, compute(graph))


def test_rules_with_indices_and_broadcasting_are_computed_to_the_same_numbers(compute):
    def f(x, b):
        picked = x[::-1, [0, 2, 2]] + b
        (ad.permute_dims(ad.softmax(picked * x.reshape(3, 2)[0, 1], 0), (1, 0)) ** 2.0).sum().backward()

    names = {"x": np.array([[1.0, -2.0, 0.5], [0.3, 0.7, -1.1]]), "b": np.array([[0.5], [2.0]])}
    with pytest.raises(NotImplementedError, match="permute_dims"):
        to_javascript(ad.trace(f, *(ad.Tensor(x, requires_grad=True, name=n) for n, x in names.items())))

    def g(x, b):
        picked = x[::-1, [0, 2, 2]] + b
        (ad.sum(picked * x.reshape(3, 2)[0, 1], axis=0, keepdims=True).mT * 2.0).sum().backward()

    graph = ad.trace(g, *(ad.Tensor(x, requires_grad=True, name=n) for n, x in names.items()))
    assert {"getitem", "scatter", "reshape", "sum_to", "broadcast_to"} <= {o.primitive.name for o in graph}
    assert_same(graph, compute(graph))


@pytest.mark.parametrize(
    ("f", "x", "message"),
    [
        (ad.cumsum, np.ones(3), "cumsum at .*test_editing.py.* has no kernel in JavaScript"),
        (ad.exp, np.ones(3, np.float32), "exp .* computes in float32, and JavaScript in float64"),
        (lambda x: x @ x, np.ones((2, 2, 2)), "stacks of matrices"),
        (lambda x: ad.log_softmax(x, (0, 1)), np.ones((2, 2)), "several axes"),
        (lambda x: ad.astype(x, np.int64), np.ones(2), "rounds to int64"),
    ],
)
def test_what_javascript_cannot_do_is_refused_in_so_many_words(f, x, message):
    with pytest.raises(NotImplementedError, match=message):
        to_javascript(ad.trace(f, x))


def test_the_page_of_what_javascript_cannot_do_says_so_and_offers_no_inputs(visit):
    tab = visit(viz.explore(lambda x: ad.sum(ad.cumsum(x)), np.arange(3.0)))
    assert "cannot be changed here: cumsum" in tab.inner_text("#notes")
    tab.evaluate("choose(0)")
    assert tab.locator(".edit").count() == 0


# ── in the page ─────────────────────────────────────────────────────────────────────────────────────────────


def change(tab, value, cell, text):
    tab.evaluate(f"choose({value.id})")
    field = tab.locator(".edit input").nth(cell)
    field.fill(text)
    field.press("Enter")


def traced_again(scene, changed):
    """The graph of the step that the engine takes when leaves have other numbers."""
    model = nets.MLP(scene.model.layer_dims, rng=np.random.default_rng(0), dtype=np.float64)
    by_path = {v.path: changed.get(v.id, v.data) for v in scene.graph.of_kind("parameter")}
    model.load_state_dict(by_path)
    x, y = (changed.get(v.id, v.data) for v in scene.graph.of_kind("input"))
    return presets._scene(model, np.asarray(x), np.asarray(y)).graph


def test_editing_recomputes_forward_backward_and_update_as_the_engine_does(visit, toy, toy_page):
    tab = visit(toy_page, "#step=999")
    by_name = {value.path or value.name: value for value in toy.graph.values if value.operation is None}
    changed = {}
    edits = (
        ("X", 4, "−1.75"),
        ("layers.0.weight", 5, "3e-1"),
        ("layers.2.bias", 1, "-2"),
        ("y", 0, "1"),
        ("X", 4, "0"),
    )
    for name, cell, text in edits:
        value = by_name[name]
        array = changed.setdefault(value.id, np.array(value.data))
        array.flat[cell] = float(text.replace("−", "-"))
        change(tab, value, cell, text)
        again = traced_again(toy, changed)
        found = tab.evaluate("numbers.map(a => [a.shape, [...a.data]])")
        assert_same(again, [np.array(data, float).reshape(shape) for shape, data in found])
        shown = tab.locator(f"#drawing [data-array='{value.id}'] .number")
        assert value.kind == "parameter" or shown.nth(cell).text_content() == tab.evaluate(
            "x => brief(x)", float(array.flat[cell])
        )
    assert not np.allclose(again.outputs[0].data, toy.graph.outputs[0].data)


def test_witnesses_are_struck_out_after_an_edit_and_come_back_with_the_numbers(visit, toy, toy_page):
    tab = visit(toy_page, "#step=999")
    weight = next(value for value in toy.graph.values if value.path == "layers.0.weight")
    before = tab.evaluate("numbers.map(a => [...a.data])")
    change(tab, weight, 0, "5")
    assert tab.locator(".witnesses.stale").count() == 1
    assert "after your edit" in tab.inner_text("#value-content")
    tab.click("#reset")
    assert tab.evaluate("numbers.map(a => [...a.data])") == before
    assert tab.locator(".witnesses.stale").count() == 0
    assert tab.locator("#reset").is_disabled()


def test_a_number_that_makes_no_sense_is_refused_and_changes_nothing(visit, toy, toy_page):
    tab = visit(toy_page, "#step=999")
    before = tab.evaluate("numbers.map(a => [...a.data])")
    for name, text, problem in (
        ("X", "abc", "abc is no number"),
        ("X", "nan", "nan is no number"),
        ("X", " ", "nothing is no number"),
        ("y", "0.5", "y holds whole numbers"),
        ("y", "2", "2 is no index from 0 to 1"),
        ("y", "-3", "-3 is no index from 0 to 1"),
    ):
        change(tab, next(v for v in toy.graph.values if v.name == name), 0, text)
        assert tab.inner_text(".edit .problem") == problem
        assert tab.get_attribute(".edit input >> nth=0", "aria-invalid") == "true"
        assert tab.evaluate("numbers.map(a => [...a.data])") == before


def test_an_edit_that_overflows_shows_infinity(visit, toy, toy_page):
    tab = visit(toy_page, "#step=999")
    change(tab, next(v for v in toy.graph.values if v.name == "X"), 0, "1e308")
    change(tab, next(v for v in toy.graph.values if v.path == "layers.0.weight"), 0, "1e308")
    texts = tab.locator("#drawing .number").all_text_contents()
    assert {"NaN"} & set(texts)
    assert {"∞", "−∞"} & set(texts)


def test_another_seed_and_depth_can_be_edited_too(visit):
    scene = presets.toy((2, 3, 3, 2), 3, 7)
    tab = visit(page_of(scene), "#step=999")
    weight = next(value for value in scene.graph.values if value.path == "layers.4.weight")
    change(tab, weight, 1, "0.25")
    array = np.array(weight.data)
    array.flat[1] = 0.25
    found = tab.evaluate("numbers.map(a => [a.shape, [...a.data]])")
    assert_same(traced_again(scene, {weight.id: array}), [np.array(d, float).reshape(s) for s, d in found])
