"""What the page looks like: nothing cut, nothing on top of anything else, and everything readable, at any size."""

import itertools
import json

import numpy as np
import pytest

WAYS = list(itertools.product([360, 1280], ["light", "dark"]))
STEPS = ("start", "middle", "end")


def places(tab, selector):
    """The rectangles of the elements that are seen, in pixels of the screen."""
    return np.array(
        tab.evaluate(
            "s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect())"
            ".map(r => [r.left, r.top, r.right, r.bottom])",
            selector,
        )
    ).reshape(-1, 4)


def assert_apart(rectangles, slack=0.5):
    """No two of the rectangles overlap; they may touch."""
    left, top, right, bottom = rectangles.T
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    down = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    overlap = (across > slack) & (down > slack)
    np.fill_diagonal(overlap, False)
    assert not overlap.any(), np.argwhere(overlap)[:5]


CUT = """() => {
  const bad = [];
  const inside = (inner, outer, slack) => inner.left >= outer.left - slack && inner.right <= outer.right + slack
    && inner.top >= outer.top - slack && inner.bottom <= outer.bottom + slack;
  const slack = camera.scale;
  const check = (text, frame) => { if (!inside(text.getBoundingClientRect(), frame.getBoundingClientRect(), slack)) bad.push(text.textContent); };
  for (const box of document.querySelectorAll('.node .box')) {
    const outline = box.querySelector('.outline'), [name, shape] = [box.querySelector('.name'), box.querySelector('.shape')];
    check(name, outline); check(shape, outline);
    if (name.getBoundingClientRect().right > shape.getBoundingClientRect().left) bad.push('name on shape: ' + name.textContent);
    box.querySelectorAll('.number').forEach((number, i) => check(number, box.querySelectorAll('.cell')[i]));
    if (box.querySelector('.matrix')) check(box.querySelector('.cells'), outline);
  }
  for (const pill of document.querySelectorAll('.pill')) check(pill.querySelector('text'), pill.querySelector('rect'));
  for (const layer of document.querySelectorAll('.layer')) check(layer.querySelector('text'), layer.querySelector('rect'));
  for (const matrix of document.querySelectorAll('.panel-matrix'))
    matrix.querySelectorAll('.number').forEach((number, i) => check(number, matrix.querySelectorAll('.cell')[i]));
  const page = document.scrollingElement;
  if (page.scrollWidth > innerWidth) bad.push('the page scrolls sideways: ' + page.scrollWidth);
  for (const element of document.querySelectorAll('header *, #controls *, #panel *, footer *')) {
    if (!element.checkVisibility() || element.closest('svg')) continue;
    const box = element.getBoundingClientRect();
    if (box.left < -0.5 || box.right > innerWidth + 0.5) bad.push('beyond the screen: ' + element.outerHTML.slice(0, 80));
    if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth && getComputedStyle(element).overflowX !== 'visible')
      bad.push('cut: ' + element.outerHTML.slice(0, 80));
  }
  for (const svg of document.querySelectorAll('#panel svg'))
    if (svg.getBoundingClientRect().right > document.getElementById('panel').getBoundingClientRect().right + 0.5) bad.push('svg cut');
  return bad;
}"""

CONTRASTS = """() => {
  const rgb = (text) => { const c = document.createElement('canvas').getContext('2d'); c.fillStyle = text; c.fillRect(0, 0, 1, 1);
    return [...c.getImageData(0, 0, 1, 1).data]; };
  const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgb(getComputedStyle(document.body).backgroundColor);
  };
  const found = {};
  const note = (what, a, b) => { const c = contrast(a, b); if (!(found[what] <= c)) found[what] = c; };
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('svg, script, style') || !element.checkVisibility()) continue;
    if (![...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && element.tagName !== 'INPUT') continue;
    note(element.tagName + '.' + element.className + '#' + element.id, rgb(getComputedStyle(element).color), ground(element));
  }
  const style = (element, name) => rgb(getComputedStyle(element)[name]);
  const paper = rgb(getComputedStyle(document.body).backgroundColor);
  for (const box of document.querySelectorAll('.node .box')) {
    for (const part of ['name', 'shape']) note('box ' + part + ' ' + box.classList, style(box.querySelector('.' + part), 'fill'), style(box.querySelector('.outline'), 'fill'));
  }
  for (const matrix of document.querySelectorAll('.matrix'))
    matrix.querySelectorAll('.number').forEach((n, i) => note('number', style(n, 'fill'), style(matrix.querySelectorAll('.cell')[i], 'fill')));
  for (const pill of document.querySelectorAll('.pill')) note('pill', style(pill.querySelector('text'), 'fill'), style(pill.querySelector('rect'), 'fill'));
  for (const layer of document.querySelectorAll('.layer')) {
    const raised = style(layer.querySelector('rect'), 'fill'), share = Number(getComputedStyle(layer.querySelector('rect')).fillOpacity);
    const mixed = raised.map((c, i) => share * c + (1 - share) * paper[i]);
    note('layer', style(layer.querySelector('text'), 'fill'), mixed);
  }
  return found;
}"""


def moments(tab):
    """Go to the first, a middle and the last step, and to a moment with an input chosen."""
    for step in (0, "Math.floor(0.7 * (page.steps.length - 1))", "page.steps.length - 1"):
        tab.evaluate(f"goTo({step})")
        yield
    tab.evaluate("choose(2)")
    yield


@pytest.mark.parametrize(("width", "scheme"), WAYS)
@pytest.mark.parametrize("kind", ["toy", "digits"])
def test_no_text_is_cut_nothing_overlaps_and_all_can_be_read(visit, request, kind, width, scheme):
    tab = visit(request.getfixturevalue(f"{kind}_page"), width=width, height=740, scheme=scheme)
    for _ in moments(tab):
        assert tab.evaluate(CUT) == []
        boxes = places(tab, ".node .box .outline")
        assert len(boxes) > 20
        assert_apart(boxes)
        assert_apart(places(tab, "button:not(.zoom button), input, summary, h1, #caption"))
        assert_apart(places(tab, "header, #controls, #graph, #panel, footer"))
        assert_apart(places(tab, "#panel figure"))
        contrasts = tab.evaluate(CONTRASTS)
        assert len(contrasts) > 20
        too_faint = {what: round(c, 2) for what, c in contrasts.items() if c < 4.5}
        assert not too_faint, json.dumps(too_faint, ensure_ascii=False)


def test_the_switch_turns_light_into_dark_and_back(visit, toy_page):
    tab = visit(toy_page, "#step=5")
    ground = "getComputedStyle(document.body).backgroundColor"
    cell = "document.querySelector('#drawing .cell').getAttribute('fill')"
    light = tab.evaluate(f"[{ground}, {cell}]")
    tab.click("#theme")
    dark = tab.evaluate(f"[{ground}, {cell}]")
    assert dark[0] != light[0]
    assert dark[1] != light[1]
    assert tab.get_attribute("#theme", "aria-pressed") == "true"
    assert not [c for c in tab.evaluate(CONTRASTS).values() if c < 4.5]
    tab.click("#theme")
    assert tab.evaluate(f"[{ground}, {cell}]") == light
    tab.emulate_media(color_scheme="dark")
    assert tab.evaluate(f"[{ground}, {cell}]") == light, "the reader's switch holds"


def test_a_change_of_the_system_s_scheme_is_followed(visit, toy_page):
    tab = visit(toy_page, "#step=5")
    cell = "document.querySelector('#drawing .cell').getAttribute('fill')"
    light = tab.evaluate(cell)
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function(f"{cell} !== '{light}'")


def test_kinds_differ_by_shape_and_not_by_colour_alone(visit, toy_page):
    tab = visit(toy_page)
    kinds = ("input", "parameter", "constant", "result", "loss")
    shapes = [tab.evaluate(f"OUTLINES.{kind}(100, 50)") for kind in kinds]
    assert len(set(shapes)) == len(kinds)
    drawn = tab.evaluate("[...new Set([...document.querySelectorAll('.node .box')].map(b => b.classList[1]))]")
    assert set(drawn) == {*kinds, "gradient"}
    dashes = "k => getComputedStyle(document.querySelector(`.node .${k} .outline`)).strokeDasharray"
    assert tab.evaluate(dashes, "gradient") != tab.evaluate(dashes, "result")
    legend = tab.inner_text("#legend")
    assert all(word in legend for word in ("input", "parameter", "constant", "result", "the loss", "gradient", "not computed yet"))


def test_with_reduced_motion_nothing_glides(visit, toy_page):
    assert visit(toy_page, motion="reduce").evaluate("goTo(9), getComputedStyle(scene).transitionDuration") == "0s"
    assert visit(toy_page, motion="no-preference").evaluate("goTo(9), getComputedStyle(scene).transitionDuration") == "0.35s"


@pytest.mark.parametrize("width", [360, 1280])
def test_each_step_brings_its_value_into_sight(visit, toy_page, width):
    tab = visit(toy_page, width=width, height=740)
    count = tab.evaluate("page.steps.length")
    for step in range(1, count):
        tab.evaluate(f"goTo({step})")
        seen = tab.evaluate(
            "(() => { const r = document.querySelector('.node.active .box .outline').getBoundingClientRect(), s = stage();"
            " return r.left >= s.left && r.right <= s.right && r.top >= s.top && r.bottom <= s.bottom; })()"
        )
        assert seen, step


def test_dragging_the_wheel_and_the_buttons_move_and_zoom(visit, toy_page):
    tab = visit(toy_page)
    before = tab.evaluate("({...camera})")
    tab.mouse.move(100, 400)
    tab.mouse.down()
    tab.mouse.move(160, 370)
    tab.mouse.up()
    moved = tab.evaluate("({...camera})")
    assert (moved["x"] - before["x"], moved["y"] - before["y"]) == (60, -30)
    tab.mouse.wheel(0, 50)
    tab.wait_for_function(f"camera.y === {moved['y'] - 50}")
    tab.click("#zoom-in")
    assert tab.evaluate("camera.scale") == pytest.approx(1.25 * before["scale"])
    tab.click("#fit")
    whole = places(tab, "#drawing .node .box, #drawing .layer")
    area = places(tab, "#drawing")[0]
    assert (whole[:, :2].min(0) >= area[:2] - 1).all()
    assert (whole[:, 2:].max(0) <= area[2:] + 1).all()
