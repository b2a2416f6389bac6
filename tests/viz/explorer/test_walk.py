"""The page walks through the trace, step by step, forth and back, and an address names the moment."""

from tests.viz.explorer.conftest import replayed, wait_until
from viz.explorer.steps import steps_of


def snapshot(tab):
    """All that a reader sees of the graph, the controls and the panel."""
    return tab.evaluate(
        "['drawing', 'caption', 'step-content', 'value-title', 'value-content'].map(id =>"
        ' document.getElementById(id).outerHTML.replace(/ style="transform[^"]*"/, \'\'))'
    )


def captions(tab, key, count):
    """The captions that are met by pressing a key so many times."""
    met = []
    for _ in range(count):
        met.append(tab.inner_text("#caption"))
        tab.keyboard.press(key)
    return met


def test_there_is_a_step_for_each_operation_forward_each_rule_and_each_update_of_the_trace(visit, toy, toy_page):
    tab = visit(toy_page)
    graph = toy.graph
    forward = len(graph.in_pass("forward"))
    differentiated = [o for o in graph.in_pass("forward") if o.output.cotangent is not None]
    assert int(tab.get_attribute("#slider", "max")) == forward + 1 + len(differentiated) + len(graph.assignments)
    met = captions(tab, "ArrowRight", len(steps_of(graph)))
    assert met[0].startswith("start")
    names = [o.primitive.name for o in graph.in_pass("forward")]
    assert met[1 : forward + 1] == [f"forward {i} of {forward}: {name}" for i, name in enumerate(names, 1)]
    assert met[forward + 1] == "seed: dL = 1"
    backward = [o.primitive.name for o in reversed(differentiated)]
    of = len(backward)
    assert met[forward + 2 : forward + 2 + of] == [f"backward {i} of {of}: {n}" for i, n in enumerate(backward, 1)]
    assert met[-4:] == [f"update {i} of 4: {name}" for i, name in enumerate(("W1", "b1", "W2", "b2"), 1)]


def test_a_walk_to_the_end_and_back_leads_to_where_it_began(visit, toy_page):
    tab = visit(toy_page)
    last = int(tab.get_attribute("#slider", "max"))
    there = []
    for _ in range(last):
        there.append(snapshot(tab))
        tab.keyboard.press("ArrowRight")
    end = snapshot(tab)
    assert len({tuple(moment) for moment in there}) == last, "every step looks different"
    for moment in reversed(there):
        tab.keyboard.press("ArrowLeft")
        assert snapshot(tab) == moment
    tab.keyboard.press("End")
    assert snapshot(tab) == end
    tab.keyboard.press("Home")
    assert snapshot(tab) == there[0]


def test_buttons_and_slider_step_as_the_keys_do(visit, toy_page):
    tab = visit(toy_page)
    last = int(tab.get_attribute("#slider", "max"))
    for button, step in (
        ("next", 1),
        ("next", 2),
        ("back", 1),
        ("last", last),
        ("next", last),
        ("first", 0),
        ("back", 0),
    ):
        tab.click(f"#{button}", force=True)  # at an end, a button stays but does nothing
        assert tab.evaluate("state.step") == step
    tab.locator("#slider").fill("7")
    assert tab.evaluate("state.step") == 7
    tab.focus("#slider")
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("state.step") == 8


def test_what_is_not_computed_yet_is_hatched_and_nothing_else(visit, toy, toy_page):
    tab = visit(toy_page)
    steps = steps_of(toy.graph)
    known = {value.id for value in toy.graph.values if value.operation is None}
    for i, step in enumerate(steps):
        tab.evaluate(f"goTo({i})")
        known |= {operation.output.id for operation in step.operations}
        hatched = tab.evaluate(
            "[...document.querySelectorAll('.node .box.unknown[data-role=value]')]"
            ".map(box => Number(box.parentNode.dataset.value))"
        )
        drawn = tab.evaluate("[...nodes.keys()]")
        assert set(hatched) == set(drawn) - known, i
    assert tab.locator(".node .box.unknown").count() == 0, "at the end all is known"


def test_a_gradient_stays_hatched_until_the_last_rule_that_adds_to_it(visit, toy, toy_page):
    tab = visit(toy_page)
    steps = steps_of(toy.graph)
    for i, step in enumerate(steps):
        tab.evaluate(f"goTo({i})")
        hatched = tab.evaluate(
            "[...document.querySelectorAll('.node .box.gradient.unknown')].map(b => Number(b.parentNode.dataset.value))"
        )
        gone = {s.subject.id for s in steps[: i + 1] if s.kind == "backward"}
        for value in toy.graph.values:
            if value.cotangent is None or value.kind == "constant":
                continue
            users = {o.output.id for o in toy.graph.in_pass("forward") if value in o.inputs}
            complete = users <= gone and (bool(users) or i >= len(toy.graph.in_pass("forward")) + 1)
            assert hatched.count(value.id) == (0 if complete else 1), (i, value)
        assert step.kind


def test_an_update_shows_the_new_numbers_from_its_step_on(visit, toy, toy_page):
    tab = visit(toy_page)
    numbers = replayed(toy.graph)
    last = len(steps_of(toy.graph)) - 1
    (weight, new), *_ = toy.graph.assignments
    shown = f"[...numbers[shownIn({weight.id}, 'value')].data]"
    tab.evaluate(f"goTo({last - 4})")
    assert tab.evaluate(shown) == numbers[weight.id].ravel().tolist()
    tab.evaluate(f"goTo({last - 3})")
    assert tab.evaluate(shown) == numbers[new.id].ravel().tolist() != numbers[weight.id].ravel().tolist()
    assert tab.locator(f".node[data-value='{weight.id}'] .box.updated .name").text_content() == "W1′"


def test_play_walks_on_and_space_stops_it(visit, toy_page):
    tab = visit(toy_page)
    tab.clock.install()
    tab.keyboard.press("Space")
    assert tab.get_attribute("#play", "aria-label") == "Pause"
    tab.clock.run_for(3 * 1600 + 100)
    assert tab.evaluate("state.step") == 3
    tab.keyboard.press("Space")
    tab.clock.run_for(5000)
    assert tab.evaluate("state.step") == 3
    tab.click("#play")
    tab.clock.run_for(100 * 1600)
    assert tab.evaluate("[state.step, state.playing]") == [int(tab.get_attribute("#slider", "max")), None]


def test_the_address_names_the_moment_and_restores_it(visit, toy, toy_page):
    tab = visit(toy_page)
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    weight = next(value.id for value in toy.graph.values if value.path == "layers.2.weight")
    tab.locator(f".node[data-value='{weight}']").click(position={"x": 5, "y": 5})
    address = tab.evaluate("location.hash")
    assert address == f"#step=5&node={weight}"
    other = visit(toy_page, address)
    assert snapshot(other) == snapshot(tab)
    assert other.inner_text("#value-title") == "W2"
    other.evaluate("location.hash = '#step=9'")
    wait_until(other, "state.step === 9 && state.chosen === null")
    other.keyboard.press("Escape")
    assert other.evaluate("location.hash") == "#step=9"


def test_an_address_that_names_nothing_does_no_harm(visit, toy_page):
    tab = visit(toy_page, "#step=99999")
    assert tab.evaluate("state.step") == tab.evaluate("page.steps.length - 1")
    for address in ("#step=-4", "#step=x&node=y", "#node=12345", "#=&&", "#step=1.5", "#"):
        tab.evaluate(f"history.replaceState(null, '', {address!r}), readAddress()")
        assert tab.evaluate("state.step") in (0, 1), address
        assert tab.evaluate("state.chosen") is None
