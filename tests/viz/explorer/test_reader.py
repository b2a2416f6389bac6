"""What a reader does with the page besides walking: the keyboard alone, search, the quiz, saving, and odd names."""

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np

import autodiff as ad
import viz
from autodiff.graph import Graph
from tests.viz.explorer.test_look import LOOK

HOSTILE = [
    "</script><script>alert(1)</script>",
    "</script hidden",
    "<!--<script ",
    "<img src=x onerror=alert(1)>",
    "a:b",
    "\"quoted\" 'twice'",
    "back\\slash`${1}`",
    "naïve Ünïcödé 数学 🙂",
    "&amp;&lt;",
    "{{data}}",
    "]]>",
    "x" * 200,
    "line\nbreak",
    "\u2028",
]


ROWS = """[...document.querySelectorAll('.witnesses tbody tr')]
  .map(row => [...row.children].map(cell => cell.textContent))"""


def focused(tab):
    """What has the focus: its id, or its role; and whether it is seen to have it."""
    return tab.evaluate(
        "(() => { const e = document.activeElement, s = getComputedStyle(e);"
        " const o = e.matches('.node') ? getComputedStyle(e.querySelector('.outline')) : null;"
        " const seen = o ? parseFloat(o.strokeWidth) >= 4 : s.outlineStyle === 'solid';"
        " return [e.id || e.getAttribute('role') || e.tagName, seen]; })()"
    )


def test_the_keyboard_alone_reaches_everything_in_the_order_of_the_page(visit, toy_page):
    tab = visit(toy_page, "#step=4")
    order = []
    for _ in range(40):
        tab.keyboard.press("Tab")
        what, is_seen = focused(tab)
        if what == "BODY":
            break
        assert is_seen, what
        order.append(what)
    wanted = ["search", "quiz", "theme", "download", "first", "back", "play", "next", "last", "zoom-in", "zoom-out",
              "fit", "slider", "option"]  # fmt: skip
    assert order[: len(wanted)] == wanted
    assert order.count("option") == 1, "the graph is one stop; the arrows go on within it"
    assert order.count("application") >= 4, "the matrices of the panel"
    assert order[-1] == "SUMMARY"


def test_the_arrows_go_from_value_to_value_and_the_panel_follows(visit, toy, toy_page):
    tab = visit(toy_page, "#step=999")
    tab.locator("#slider").focus()
    tab.keyboard.press("Tab")
    drawn = tab.evaluate("page.drawing.nodes.map(n => n.value)")
    tab.evaluate(f"choose({drawn[0]})")
    names = [tab.inner_text("#value-title")]
    tab.locator(".node[tabindex='0']").focus()
    for _ in drawn[1:]:
        tab.keyboard.press("ArrowDown")
        assert focused(tab) == ["option", True]
        names.append(tab.inner_text("#value-title"))
    assert names == tab.evaluate("page.drawing.nodes.map(n => page.values[n.value].name)")
    tab.keyboard.press("ArrowDown")
    assert tab.inner_text("#value-title") == names[-1]
    tab.keyboard.press("ArrowUp")
    assert tab.inner_text("#value-title") == names[-2]
    tab.keyboard.press("ArrowLeft")
    assert tab.evaluate("state.step") == tab.evaluate("page.steps.length - 2"), "left and right still step"
    tab.keyboard.press("Escape")
    assert tab.evaluate("state.chosen") is None


def test_the_arrows_walk_the_cells_of_a_matrix(visit, toy_page):
    tab = visit(toy_page, "#step=4")
    tab.locator("#step .panel-matrix").first.focus()
    tab.keyboard.press("ArrowRight")
    readouts = [tab.inner_text("#readout")]
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowUp"):
        tab.keyboard.press(key)
        readouts.append(tab.inner_text("#readout"))
    places = [re.search(r"\[(.*?)\]", text)[1] for text in readouts]
    assert places == ["0, 0", "0, 1", "1, 1", "1, 1", "1, 0", "0, 0"]
    assert tab.evaluate("state.step") == 4
    assert tab.locator("#step .lit").count() == 3, "the cell, the row and the column"


def test_everything_has_a_name_for_those_who_listen(visit, toy_page):
    tab = visit(toy_page, "#step=6&node=2")
    nameless = tab.evaluate(
        "[...document.querySelectorAll('button, input, [role=option], [role=application], [role=img]')].filter(e =>"
        " !(e.getAttribute('aria-label') || e.textContent.trim())).map(e => e.outerHTML)"
    )
    assert nameless == []
    assert tab.get_attribute("#caption", "aria-live") == "polite"
    assert tab.get_attribute("#slider", "aria-valuetext") == tab.inner_text("#caption")
    for role, name in (
        ("button", "Step on"),
        ("button", "Play"),
        ("slider", "Step"),
        ("searchbox", "Search"),
        ("listbox", "Values"),
    ):
        assert tab.get_by_role(role, name=name).count() == 1, name
    labels = tab.evaluate("[...document.querySelectorAll('[role=option]')].map(e => e.getAttribute('aria-label'))")
    assert "W1, parameter, 3×4" in labels
    assert "dW2" not in " ".join(labels)
    assert any(label.startswith("L, result of divide, 1, not computed before step 10") for label in labels)


def test_search_finds_names_operations_paths_and_shapes(visit, toy_page):
    tab = visit(toy_page)
    for text, count in (
        ("w", 4),
        ("W1", 2),
        ("matmul", 2),
        ("layers.2", 4),
        ("4×2", 1),
        ("4x2", 1),
        ("dW2", 1),
        ("relu", 1),
        ("nothing such", 0),
        ("", 0),
    ):
        tab.fill("#search", text)
        assert tab.locator(".node.found").count() == count, text
        assert tab.inner_text("#found") == (f"{count} found" if text else "")
    tab.keyboard.press("Escape")
    tab.fill("#search", "matmul")
    titles = []
    for _ in range(3):
        tab.press("#search", "Enter")
        titles.append(tab.inner_text("#value-title"))
    assert titles == ["X·W1", "A1·W2", "X·W1"]
    tab.press("#search", "ArrowRight")
    assert tab.evaluate("state.step") == 0, "what is typed does not step"
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "search"


def test_the_quiz_hides_the_formula_until_asked_and_again_at_the_next_step(visit, toy_page):
    tab = visit(toy_page, "#step=17")
    assert "dA1 = dZ2·W2ᵀ" in tab.inner_text("#step-content")
    tab.click("#quiz")
    assert tab.get_attribute("#quiz", "aria-pressed") == "true"
    hidden = tab.inner_text("#step-content")
    assert "dA1" not in hidden
    assert "ȳ" not in hidden
    tab.locator("#drawing .node.active .gradient .cells").hover()
    assert "·" not in tab.inner_text("#readout").partition("=")[2], "nor does the graph tell"
    tab.focus("#show-formula")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "step-title", "the focus is not lost with the button"
    assert "dA1 = dZ2·W2ᵀ" in tab.inner_text("#step-content")
    tab.keyboard.press("ArrowRight")
    assert "dZ1" not in tab.inner_text("#step-content")
    tab.click("#quiz")
    assert "dZ1 = dA1 ∘ [Z1 > 0]" in tab.inner_text("#step-content")


def test_formulas_shapes_and_the_source_line_are_told(visit, toy, toy_page):
    tab = visit(toy_page)
    told = {}
    for step in range(tab.evaluate("page.steps.length")):
        tab.evaluate(f"goTo({step})")
        told[tab.inner_text("#caption")] = tab.inner_text("#step-content")
    assert "Z1 = X·W1 + b1" in told["forward 2 of 10: add"]
    assert "(2×4) = (2×4) + (4)" in told["forward 2 of 10: add"]
    assert "dL = 1" in told["seed: dL = 1"]
    product = told["backward 6 of 9: matmul"]
    for text in ("dA1 = dZ2·W2ᵀ", "ā = ȳ·bᵀ", "(2×4) = (2×2)·(4×2)ᵀ", "dW2 = A1ᵀ·dZ2", "b̄ = aᵀ·ȳ"):
        assert text in product
    bias = told["backward 8 of 9: add"]
    assert "db1 = dZ1" in bias
    assert "summed to (4), since broadcasting had repeated it" in bias
    assert "W1′ = W1 + dW1·(−0.1)" in told["update 1 of 4: W1"]
    assert "presets.py" in product
    assert "nets.cross_entropy(actor(X), y)" in product
    assert "optimizer.step()" in told["update 1 of 4: W1"]


def test_an_accumulation_shows_its_addends(visit):
    def f(x):
        y = ad.exp(x)
        return (y * y + y).sum()

    tab = visit(viz.explore(f, np.array([0.0, 1.0])), "#step=8")
    assert tab.inner_text("#caption") == "backward 3 of 4: multiply"
    text = tab.inner_text("#step-content")
    assert text.count("dt1 += ") == 2
    assert "added up" in text
    sums = tab.evaluate(
        "page.steps[state.step].sums.map(i => page.operations[i])"
        ".map(o => [o.output, ...o.inputs].map(v => [...numbers[v].data]))"
    )
    assert len(sums) == 2
    for total, a, b in sums:
        np.testing.assert_allclose(total, np.add(a, b))
    y = np.exp([0.0, 1.0])
    np.testing.assert_allclose(sums[0][1:], [np.ones(2), y])
    np.testing.assert_allclose(sums[1][0], 2 * y + 1)


def test_the_witnesses_are_told_with_their_largest_difference(visit, toy, toy_page):
    tab = visit(toy_page, "#step=999")
    weight = next(value for value in toy.graph.values if value.path == "layers.2.weight")
    tab.evaluate(f"choose({weight.id})")
    rows = tab.evaluate(ROWS)
    assert [row[0] for row in rows] == ["this engine", "by hand", "finite differences"]
    assert len({row[1] for row in rows}) == 1
    for _, _, difference in rows[1:]:
        assert float(difference.replace("−", "-")) < 1e-9


def test_a_witness_that_lies_is_seen_to_lie(visit, toy):
    weight = next(value for value in toy.graph.values if value.path == "layers.2.weight")
    page = viz.explore(toy.graph, witnesses={"a liar": {weight.cotangent: weight.cotangent.data + 0.5}})
    tab = visit(page, f"#step=999&node={weight.id}")
    rows = tab.evaluate(ROWS)
    assert rows[1][::2] == ["a liar", "0.5"]


COLOURS = """[...document.querySelectorAll('text, .outline, .edge, .cell')].map(element => {
  const style = getComputedStyle(element);
  return [style.fill, style.stroke, style.strokeDasharray, style.fontSize, style.textAnchor];
})"""


OUTSIDE = """(() => {
  const { width, height } = document.documentElement.viewBox.baseVal;
  return [...document.querySelectorAll('.outline, .pill rect, .layer rect')]
    .map(element => element.getBoundingClientRect())
    .filter(({ left, top, right, bottom }) => !(left >= -1 && top >= -1 && right <= width + 1 && bottom <= height + 1))
    .map(({ left, top }) => [left, top]);
})()"""


def test_the_drawing_is_saved_as_an_svg_that_stands_alone(visit, browser, toy_page, tmp_path):
    tab = visit(toy_page, "#step=999")
    tab.evaluate("moveCamera({ x: -200, y: -300, scale: 2 })")
    with tab.expect_download() as download:
        tab.click("#download")
    assert download.value.suggested_filename == "graph.svg"
    text = download.value.path().read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    shown = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    drawn = tab.evaluate("[...document.querySelectorAll('#drawing text')].map(t => t.textContent)")
    assert shown == drawn
    assert {"W1′", "dZ2", "matmul", "layers.0 · Linear"} <= set(shown)
    assert not re.search(r"var\(|light-dark|https?://(?!www\.w3\.org)", text), "its styles are written out"
    path = tmp_path / "graph.svg"
    path.write_text(text, encoding="utf-8")
    alone = browser.new_page()
    alone.goto(path.as_uri())
    within = COLOURS.replace("querySelectorAll('", "querySelectorAll('#drawing ").replace(", .", ", #drawing .")
    assert alone.evaluate(COLOURS) == tab.evaluate(within)
    assert alone.evaluate(OUTSIDE) == [], "all of it is in the picture, wherever the page had been moved to"
    alone.close()
    assert root.get("viewBox").split()[2:] == [root.get("width"), root.get("height")]


def test_hostile_names_do_no_harm_and_are_told(visit):
    xs = [ad.Tensor(np.array([1.0, 2.0]), requires_grad=True, name=name) for name in HOSTILE]

    def f(*values):
        sum((v * v).sum() for v in values).backward()

    title = " ".join(HOSTILE)
    tab = visit(
        viz.explore(f, *xs, title=title, notes=HOSTILE, witnesses={name: {} for name in HOSTILE}), "#step=2&node=0"
    )
    assert tab.evaluate("document.title").split() == title.split()
    assert tab.text_content("h1") == title
    for i, name in enumerate(HOSTILE):
        called = tab.evaluate(f"page.values[{i}].name")
        assert called == name or tab.evaluate(f"page.values[{i}].path") == name
        tab.evaluate(f"choose({i})")
        assert tab.text_content("#value-title") == called
        assert name in tab.text_content("#value-content")
        label = tab.text_content(f".node[data-value='{i}'] .name")
        assert label == called or ("…" in label and len(name) > 28)
    assert tab.locator("script").count() == 2
    assert tab.locator("img").count() == 0
    assert tab.evaluate(f"(() => {{ {LOOK} return whatIsCut(); }})()") == []


def test_hostile_attributes_and_sources_do_no_harm(visit):
    @ad.primitive("</script>", lambda g, out, a, text: g)
    def odd(a, text):
        """<b>odd</b>."""
        return a * 1.0

    try:
        tab = visit(viz.explore(lambda x: ad.sum(odd(x, text="</script><b>'\"")), np.ones(2)), "#step=1")
        assert "</script><b>" in tab.text_content("#step-content")
        assert tab.locator("#step-content dd b").count() == 0
    finally:
        del ad.tape.registry["</script>"]


def test_a_graph_without_a_backward_pass_shows_the_gradients_that_variables_hold(visit):
    w = ad.Tensor([1.0, -2.0], requires_grad=True, name="w")
    loss = (w * w).sum()
    tab = visit(viz.explore(Graph.of(loss)), "#step=999&node=0")
    assert "never computed" not in tab.inner_text("#value-content")
    assert "Gradient: not computed" in tab.inner_text("#value-content")
    loss.backward()
    tab = visit(viz.explore(Graph.of(loss)), "#step=999&node=0")
    assert tab.inner_text("#caption") == "gradients: as the variables hold them"
    assert tab.evaluate("[...numbers[shownIn(0, 'gradient')].data]") == [2, -4]


def test_a_notebook_shows_the_page_in_a_frame(visit, browser, toy_page):
    tab = browser.new_page()
    problems = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.set_content(toy_page._repr_html_())
    frame = tab.frame_locator("iframe")
    frame.locator("#next").click()
    assert frame.locator("#caption").inner_text() == "forward 1 of 10: matmul"
    assert problems == []
    tab.close()


def test_a_page_of_a_thousand_operations_can_be_walked(visit):
    def f(x):
        for _ in range(500):
            x = ad.tanh(x * 1.01)
        return ad.sum(x)

    tab = visit(viz.explore(f, np.array([0.5])), "#step=1000")
    assert tab.inner_text("#caption") == "forward 1000 of 1001: tanh"
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("page.steps.length") == 1 + 1001 + 1 + 1001
    assert json.loads(tab.evaluate("JSON.stringify(page.editable)")) == [0]
