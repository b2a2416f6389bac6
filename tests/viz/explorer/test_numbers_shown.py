"""Every number in the page is the engine's: in the panel, in the cells, and in the colours of the pixels."""

import math

import numpy as np
import pytest

import autodiff as ad
import viz
from nets import manual
from tests.viz.explorer.conftest import replayed
from viz.explorer.numbers import Sampling

END = "#step=999999"


def parsed(text):
    """A number as the page writes it."""
    return float(text.replace("−", "-").replace("∞", "inf").rstrip(" %"))


def statistics(tab, role):
    """The statistics in the panel of a value or of its gradient."""
    rows = tab.evaluate(
        f"[...document.querySelectorAll('#value-content section.array')].filter(s => s.querySelector('h3.{role}'))"
        ".flatMap(s => [...s.querySelectorAll('.statistics div')]).map(d => [...d.children].map(c => c.textContent))"
    )
    return {name: parsed(text) for name, text in rows}


def expected_statistics(array):
    array = np.asarray(array, np.float64)
    zeros = 100 * np.mean(array == 0)
    return {"min": array.min(), "max": array.max(), "mean": array.mean(), "norm": np.linalg.norm(array), "zeros": zeros}


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, x in expected.items():
        assert found[name] == pytest.approx(x, rel=2e-5, abs=1e-7), name


@pytest.mark.parametrize("kind", ["toy", "digits"])
def test_for_every_value_the_panel_gives_the_statistics_of_the_recomputed_numbers(visit, request, kind):
    scene = request.getfixturevalue("toy" if kind == "toy" else "digits_scene")
    tab = visit(request.getfixturevalue(f"{kind}_page"), END)
    numbers = replayed(scene.graph)
    new = {value.id: after.id for value, after in scene.graph.assignments}
    drawn = tab.evaluate("[...nodes.keys()]")
    assert len(drawn) == len([v for v in scene.graph.values if v.kind in ("input", "parameter")]) + 1 + len(
        scene.graph.in_pass("forward")
    )
    for value in (scene.graph.values[i] for i in drawn):
        tab.evaluate(f"choose({value.id})")
        assert_close(statistics(tab, "value"), expected_statistics(numbers[new.get(value.id, value.id)]))
        gradient = statistics(tab, "gradient")
        assert_close(gradient, expected_statistics(numbers[value.cotangent.id]) if value.cotangent else {})


def test_the_gradients_are_those_of_the_derivation_by_hand(visit, toy, toy_page):
    tab = visit(toy_page, END)
    W, b = ([toy.model.state_dict()[f"layers.{i}.{name}"] for i in (0, 2)] for name in ("weight", "bias"))
    _, dW, db = manual.loss_and_gradients(W, b, toy.x, toy.y)
    by_path = {value.path: value for value in toy.graph.of_kind("parameter")}
    for path, gradient in zip(by_path, (g for pair in zip(dW, db, strict=True) for g in pair), strict=True):
        shown = tab.evaluate(f"[...numbers[shownIn({by_path[path].id}, 'gradient')].data]")
        np.testing.assert_allclose(shown, gradient.ravel(), rtol=1e-12, atol=1e-16)


def test_every_cell_of_the_toy_is_written_out_and_has_the_colour_of_its_sign(visit, toy, toy_page):
    tab = visit(toy_page, END)
    numbers = replayed(toy.graph)
    cells = tab.evaluate(
        "[...document.querySelectorAll('#drawing .matrix')].map(m => [Number(m.dataset.array),"
        " [...m.querySelectorAll('.number')].map(t => t.textContent),"
        " [...m.querySelectorAll('.cell')].map(r => r.getAttribute('fill').match(/[0-9]+/g).map(Number))])"
    )
    assert len(cells) == tab.locator(".node .box").count()
    for value, texts, colours in cells:
        array = np.asarray(numbers[value], float).ravel()
        assert [parsed(text) for text in texts] == pytest.approx(array, rel=6e-3)
        assert_colours(array, np.array(colours))


ENDS = {1: [196, 88, 8], -1: [36, 99, 176]}


def assert_colours(array, colours):
    """Orange is above 0, blue below, white 0; the more of it the larger, and all of it at the extreme."""
    most = np.abs(array).max()
    tint = colours[..., 0] - colours[..., 2]
    plain = np.abs(array) > 0.02 * most
    np.testing.assert_array_equal(np.sign(tint)[plain], np.sign(array)[plain])
    np.testing.assert_array_equal(colours[array == 0], 255)
    if most:
        place = np.unravel_index(np.abs(array).argmax(), array.shape)
        assert colours[place].tolist() == ENDS[int(np.sign(array[place]))]
        order = np.argsort(np.abs(array), axis=None)
        strength = 255.0 * 3 - colours.sum(-1).ravel()[order]
        for sign in (1, -1):
            of_sign = strength[np.sign(array.ravel()[order]) == sign]
            assert (np.diff(of_sign) >= -2).all(), "a larger number is not paler"


PIXELS = """async () => Promise.all([...document.querySelectorAll('#drawing .matrix image')].map(async (element) => {
  const image = new Image();
  image.src = element.getAttribute('href');
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const data = [...context.getImageData(0, 0, image.width, image.height).data];
  return [Number(element.parentNode.dataset.array), image.height, image.width, data];
}))"""


def mosaic(rows, side, across):
    """Pictures, a row each, put side by side with gaps of NaN."""
    height, width = side
    down = -(-len(rows) // across)
    whole = np.full((down * (height + 1), across * (width + 1)), np.nan)
    for i, row in enumerate(rows):
        y, x = i // across * (height + 1), i % across * (width + 1)
        whole[y : y + height, x : x + width] = row.reshape(side)
    return whole


def test_the_pixels_of_every_heat_map_have_the_right_sign_and_extreme(visit, digits_scene, digits_page):
    tab = visit(digits_page, END)
    numbers = replayed(digits_scene.graph)
    sampling = Sampling([value.data for value in digits_scene.graph.values], (28, 28))
    maps = tab.evaluate(PIXELS)
    assert len(maps) > 20
    pictures = 0
    for value, height, width, data in maps:
        whole = np.asarray(numbers[value], float)
        part = whole[np.ix_(*(sampling.places(n) for n in whole.shape))]
        if 784 in part.shape:
            pictures += 1
            part = mosaic(part if part.shape[1] == 784 else part.T, (28, 28), 4)
        part = part.reshape(height, width)
        pixels = np.array(data).reshape(height, width, 4)
        shown = ~np.isnan(part)
        np.testing.assert_array_equal(pixels[..., 3], 255 * shown)
        assert_colours(part[shown], pixels[shown][:, :3])
    assert pictures == 3, "the digits, the first layer's weights, and their gradient"


def test_the_first_layer_s_weights_are_pictures_and_larger_arrays_are_said_to_be_sampled(
    visit, digits_scene, digits_page
):
    tab = visit(digits_page, END)
    assert "sampled" in tab.inner_text("#notes")
    assert "cannot be changed" in tab.inner_text("#notes")
    weight = next(value for value in digits_scene.graph.values if value.path == "layers.0.weight")
    assert tab.evaluate(f"page.values[{weight.id}].view.mode") == "pictures"
    tab.evaluate(f"choose({weight.id})")
    assert "shown: 784×16 of 784×128" in tab.inner_text("#value-content")


def test_no_number_and_infinity_are_shown_as_such(visit):
    def f(x):
        return ad.sum(ad.log(x) * 2.0)

    with np.errstate(all="ignore"):
        page = viz.explore(f, np.array([-1.0, 0.0, 1.0, 2.0]))
    tab = visit(page, END)
    log = tab.evaluate("page.values.findIndex(v => v.name === 'log(x)')")
    texts = tab.locator(f".node[data-value='{log}'] .box[data-role=value] .number").all_text_contents()
    assert texts == ["NaN", "−∞", "0", "0.693"]
    tab.evaluate(f"choose({log})")
    shown = statistics(tab, "value")
    assert [shown["NaN"], shown["±∞"]] == [1, 1]
    assert math.isnan(shown["mean"])
    assert shown["min"] == -math.inf
    assert tab.locator(".statistics .alarm").count() == 2
    fills = tab.evaluate(
        f"[...document.querySelectorAll('.node[data-value=\"{log}\"] .box[data-role=value] .cell')]"
        ".map(c => c.getAttribute('fill'))"
    )
    assert fills[0] == "rgb(176 30 120)", "a colour that is on no scale"
    assert fills[1] == "rgb(36 99 176)"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (-0.0, "0"), (1, "1"), (-12, "−12"), (0.5, "0.5"), (-0.0123456, "−0.0123"), (123.456, "123"),
     (12345.6, "12346"), (99999.9, "1e5"), (1e-3, "1e-3"), (-1.26e-3, "−1.3e-3"), (-1.2e-10, "−1e-10"),
     (1.5e300, "2e300"), (-5e-324, "−5e-324"), (math.inf, "∞"), (0.009999, "1e-2"), (9.999, "10"), (100.0, "100")],
)  # fmt: skip
def test_a_number_is_written_in_seven_characters_or_fewer(brief_of, number, text):
    assert brief_of(number) == text
    assert len(text) <= 7


@pytest.fixture(scope="module")
def brief_of(browser, toy_page):
    """The page's way to write a number."""
    tab = browser.new_page()
    tab.set_content(toy_page.html)
    yield lambda x: tab.evaluate("x => brief(x)", x)
    tab.close()


def test_hovering_a_cell_of_a_product_lights_the_row_and_the_column_that_made_it(visit, toy, toy_page):
    tab = visit(toy_page, "#step=4")
    product = toy.graph.in_pass("forward")[3]
    assert product.primitive.name == "matmul"
    a, b = (value.id for value in product.inputs)
    cells = tab.locator(f"#drawing [data-array='{product.output.id}'] .cells")
    box = cells.bounding_box()
    tab.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])  # row 0, column 1 of 2×2
    lit = "id => [...document.querySelector(`#drawing [data-array='${id}']`).querySelectorAll('.lit')].map(r =>" \
          " ['x', 'y', 'width', 'height'].map(n => Number(r.getAttribute(n))))"  # fmt: skip
    assert tab.evaluate(lit, a) == [[0, 0, 4 * 46, 18]]
    assert tab.evaluate(lit, b) == [[46, 0, 46, 4 * 18]]
    assert tab.evaluate(lit, product.output.id) == [[46, 0, 46, 18]]
    A, W = (np.asarray(value.data) for value in product.inputs)
    text = tab.inner_text("#readout")
    assert text.startswith("(A1·W2)[0, 1] = ")
    terms = text.split(" = ")[1].replace("(", "").replace(")", "").split(" + ")
    factors = [[parsed(x) for x in term.split("·")] for term in terms]
    np.testing.assert_allclose(factors, np.stack([A[0], W[:, 1]], 1), rtol=6e-3)
    assert parsed(text.split(" = ")[2]) == pytest.approx((A @ W)[0, 1], rel=1e-5)
    tab.mouse.move(2, 2)
    assert tab.locator(".lit").count() == 0


def test_hovering_a_cell_of_a_sampled_product_lights_pictures(visit, digits_scene, digits_page):
    tab = visit(digits_page, "#step=1")
    product = digits_scene.graph.in_pass("forward")[0]
    tab.evaluate(f"lightCell({product.output.id}, 2, 3)")
    lit = "id => [...document.querySelector(`#drawing [data-array='${id}']`).querySelectorAll('.lit')].map(r =>" \
          " ['x', 'y', 'width', 'height'].map(n => Number(r.getAttribute(n))))"  # fmt: skip
    x, y, width, height = tab.evaluate(lit, product.inputs[0].id)[0]
    pixel = width / 28
    assert (x, y, height) == pytest.approx((2 * 29 * pixel, 0, 28 * pixel)), "the third digit"
    ((x, y, width, height),) = tab.evaluate(lit, product.inputs[1].id)
    assert (x, y, width, height) == pytest.approx((3 * 29 * pixel, 0, 28 * pixel, 28 * pixel)), "the fourth unit"
    assert "a sum of" not in tab.inner_text("#readout"), "all 784 pixels are there"
    assert "784 products" in tab.inner_text("#readout")


@pytest.mark.parametrize("shapes", [((2, 3, 4), (2, 4, 3)), ((2, 2, 1, 3), (2, 2, 3, 2)), ((2, 3, 4), (4, 2))])
def test_in_a_stack_of_matrices_a_cell_lights_the_row_and_the_column_that_made_it(visit, shapes):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape) for shape in shapes)
    tab = visit(viz.explore(lambda a, b: ad.sum(a @ b), a, b), "#step=1")
    product = a @ b
    page = "page.values.findIndex(v => v.operation === 0)"
    for index in np.ndindex(product.shape):
        row = np.ravel_multi_index(index[:-1], product.shape[:-1])
        tab.evaluate(f"lightCell({page}, {row}, {index[-1]})")
        assert tab.inner_text("#readout").split(" = ")[0] == f"(a·b)[{', '.join(map(str, index))}]"
        lit = [cells_under(tab, value, array) for value, array in enumerate((a, b))]
        assert np.dot(*lit) == pytest.approx(product[index], rel=1e-12)
        row, column = (a[index[:-1]], b[(*index[:-2], slice(None), index[-1])] if b.ndim > 2 else b[:, index[-1]])
        np.testing.assert_array_equal(lit[0], row)
        np.testing.assert_array_equal(lit[1], column)


def cells_under(tab, value, array):
    """The numbers of an array that are lit in the drawing."""
    x, y, width, height = tab.evaluate(
        "id => { const m = document.querySelector(`#drawing [data-array='${id}']`), r = m.querySelector('.lit');"
        " const [w, h] = m.matrix.cell; return ['x', 'y', 'width', 'height'].map((n, i) =>"
        " Math.round(Number(r.getAttribute(n)) / (i % 2 ? h : w))); }",
        value,
    )
    return array.reshape(-1, array.shape[-1])[y : y + height, x : x + width].ravel()


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 3, 4), (2, 1, 3, 2)])
def test_arrays_of_any_shape_are_shown_with_every_number_and_its_index(visit, shape):
    array = np.random.default_rng(0).normal(size=shape)
    tab = visit(viz.explore(lambda x: ad.sum(x * 2.0), array), END + "&node=0")
    texts = tab.locator("#value-content .array >> nth=0 >> .number").all_text_contents()
    np.testing.assert_allclose([parsed(text) for text in texts], array.ravel(), rtol=6e-3)
    names = tab.evaluate("[...document.querySelectorAll('.edit input')].map(e => e.getAttribute('aria-label'))")
    assert names == [f"x[{', '.join(map(str, index)) or 0}]" for index in np.ndindex(shape)]
    assert not {"undefined", "null", "NaN"} & set(tab.inner_text("body").split())


def test_norms_of_huge_numbers_do_not_overflow(visit):
    tab = visit(viz.explore(ad.Tensor(np.array([3e307, 4e307])) * 1.0), END + "&node=0")
    assert statistics(tab, "value")["norm"] == pytest.approx(5e307)
    big = Sampling([np.zeros((1000, 1000))]).encode(np.full((1000, 1000), 1e300))
    assert big["statistics"]["norm"] == pytest.approx(1e303)
