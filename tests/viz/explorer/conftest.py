"""Pages opened in the browser, and those of both presets."""

from collections.abc import Iterator

import numpy as np
import pytest

import viz
from mnist import data, presets
from mnist.errors import UserError


@pytest.fixture
def visit(browser, tmp_path) -> Iterator:
    """A function that opens a page; at the end it must have asked for nothing else, and have complained of nothing."""
    contexts, problems = [], []

    def open_page(page, fragment="", width=1280, height=800, scheme="light", motion="reduce"):
        path = tmp_path / f"{len(contexts)}.html"
        page.save(path)
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion=motion
        )
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(5000)
        tab.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: problems.append(f"error: {error}"))
        tab.on(
            "request", lambda r: None if r.url.startswith((path.as_uri(), "data:", "blob:")) else problems.append(r.url)
        )
        tab.goto(path.as_uri() + fragment)
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def wait_until(tab, condition):
    """Wait until an expression holds in the page; Playwright's own way would be an eval, which the page forbids."""
    for _ in range(200):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(25)
    raise AssertionError(f"it never came to be that {condition}")


def without_tensorflow(name):
    """An engine that is not there: it takes seconds to import, and other tests ask it."""
    raise UserError(f"{name} is not asked here")


def page_of(scene, **options):
    """The page of a scene, with the witnesses that take no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presets, "load_engine", without_tensorflow)
        return viz.explore(scene.graph, title="A training step", witnesses=presets.witnesses(scene), **options)


@pytest.fixture(scope="session")
def toy():
    """The scene of the preset toy."""
    return presets.toy((3, 4, 2), 2, 0)


@pytest.fixture(scope="session")
def toy_page(toy):
    """Its page."""
    return page_of(toy)


@pytest.fixture(scope="session")
def digits_scene():
    """The scene of the preset mnist, on a network that has just begun to learn."""
    digits = data.load("mnist-5k", announce=lambda line: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presets, "STEPS", 40)
        model = presets.train((784, 128, 64, 10), digits, 0)
    return presets.trained(model, digits, 4)


@pytest.fixture(scope="session")
def digits_page(digits_scene):
    """Its page."""
    return page_of(digits_scene, pictures=(28, 28))


def replayed(graph):
    """The numbers of all values, computed again from the leaves alone by the kernels."""
    numbers = {value.id: value.data for value in graph.values if value.operation is None}
    for operation in graph:
        operands = [numbers[value.id] for value in operation.inputs]
        numbers[operation.output.id] = np.asarray(operation.primitive.kernel(*operands, **operation.attributes))
    return numbers
