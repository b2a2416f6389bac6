"""What the page looks like: nothing cut, nothing on top of anything else, and everything readable, at any size."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from tests.viz.explorer.conftest import wait_until

LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
WAYS = list(itertools.product([360, 1280], ["light", "dark"]))


def places(tab, selector):
    """The rectangles of the elements that are seen, in pixels of the screen."""
    return np.array(
        tab.evaluate(
            "s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility())"
            ".map(e => e.getBoundingClientRect()).map(r => [r.left, r.top, r.right, r.bottom])",
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


def contrasts_of(tab):
    """The contrast of each text that is seen with the ground that it stands on; of those alike, the lowest."""
    return tab.evaluate(f"(() => {{ {LOOK} return contrasts(); }})()")


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
        assert tab.evaluate(f"(() => {{ {LOOK} return [...whatIsCut(), ...whatIsCovered()]; }})()") == []
        boxes = places(tab, ".node .box .outline")
        assert len(boxes) > 20
        assert_apart(boxes)
        assert_apart(places(tab, "button, input, summary, h1, #caption, #graph"))
        assert_apart(places(tab, "header, #controls, #graph, #panel, footer"))
        assert_apart(places(tab, "#panel figure"))
        contrasts = contrasts_of(tab)
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
    assert not [c for c in contrasts_of(tab).values() if c < 4.5]
    tab.click("#theme")
    assert tab.evaluate(f"[{ground}, {cell}]") == light
    tab.emulate_media(color_scheme="dark")
    assert tab.evaluate(f"[{ground}, {cell}]") == light, "the reader's switch holds"


def test_a_change_of_the_system_s_scheme_is_followed(visit, toy_page):
    tab = visit(toy_page, "#step=5")
    cell = "document.querySelector('#drawing .cell').getAttribute('fill')"
    light = tab.evaluate(cell)
    tab.emulate_media(color_scheme="dark")
    wait_until(tab, f"{cell} !== '{light}'")


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
    assert all(
        word in legend
        for word in ("input", "parameter", "constant", "result", "the loss", "gradient", "not computed yet")
    )


def test_with_reduced_motion_nothing_glides(visit, toy_page):
    assert visit(toy_page, motion="reduce").evaluate("goTo(9), getComputedStyle(scene).transitionDuration") == "0s"
    assert (
        visit(toy_page, motion="no-preference").evaluate("goTo(9), getComputedStyle(scene).transitionDuration")
        == "0.35s"
    )


@pytest.mark.parametrize("width", [360, 1280])
def test_each_step_brings_its_value_into_sight(visit, toy_page, width):
    tab = visit(toy_page, width=width, height=740)
    count = tab.evaluate("page.steps.length")
    for step in range(1, count):
        tab.evaluate(f"goTo({step})")
        seen = tab.evaluate(
            "(() => { const s = stage(), r = document.querySelector('.node.active .outline').getBoundingClientRect();"
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
    wait_until(tab, f"camera.y === {moved['y'] - 50}")
    tab.click("#zoom-in")
    assert tab.evaluate("camera.scale") == pytest.approx(1.25 * before["scale"])
    tab.click("#fit")
    whole = places(tab, "#drawing .node .box, #drawing .layer")
    area = places(tab, "#drawing")[0]
    assert (whole[:, :2].min(0) >= area[:2] - 1).all()
    assert (whole[:, 2:].max(0) <= area[2:] + 1).all()


@pytest.mark.parametrize("width", [360, 1280])
def test_the_hint_in_the_search_box_is_not_cut(visit, toy_page, width):
    room, needed = visit(toy_page, width=width).evaluate(
        "(() => { const box = document.getElementById('search'), style = getComputedStyle(box);"
        " const context = document.createElement('canvas').getContext('2d'); context.font = style.font;"
        " return [box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),"
        " context.measureText(box.placeholder).width]; })()"
    )
    assert needed < room


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_legend_tells_the_colours_of_the_cells(visit, toy_page, scheme):
    tab = visit(toy_page, scheme=scheme)
    assert "below 0" in tab.inner_text("#legend")
    ends = tab.evaluate(
        "getComputedStyle(document.getElementById('scale')).backgroundImage.match(/rgb\\([^)]*\\)/g)"
        ".map(c => c.match(/[0-9]+/g).map(Number))"
    )
    palette = tab.evaluate(f"PALETTES.{scheme}")
    assert ends == [palette["negative"], palette["zero"], palette["positive"]]
