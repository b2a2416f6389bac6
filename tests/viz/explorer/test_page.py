"""One file that needs nothing else: small, whole, safe whatever is in it, and the same each time."""

import re
from importlib.resources import files

import numpy as np
import pytest

import autodiff as ad
import viz
from autodiff.graph import Graph
from mnist import presets
from tests.viz.explorer.conftest import page_of
from viz.explorer.numbers import MOST_BYTES, Sampling

MEGABYTE = 1_000_000


@pytest.mark.parametrize("kind", ["toy_page", "digits_page"])
def test_the_page_is_one_small_file_that_names_nothing_outside(request, kind):
    text = request.getfixturevalue(kind).html
    assert len(text.encode()) < 2 * MEGABYTE
    outside = re.sub(r"http://www\.w3\.org/2000/svg", "", text)
    assert not re.search(r"https?:|//[a-z]+\.|\bimport\b|\bfetch\(|XMLHttpRequest|<link|src=", outside)
    assert "default-src 'none'" in text


def test_a_wide_and_deep_network_stays_small_and_the_page_says_that_it_is_sampled():
    widths = (784, 500, 500, 200, 200, 100, 10)
    model = presets.nets.MLP(widths, rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    scene = presets._scene(model, rng.random((4, 784), np.float32), rng.integers(0, 10, 4))
    page = page_of(scene, pictures=(28, 28))
    assert len(page.html.encode()) < 2 * MEGABYTE
    assert "Large arrays are sampled" in page.html


def test_the_same_step_gives_the_same_page():
    first, second = (page_of(presets.toy((3, 4, 2), 2, 0)).html for _ in range(2))
    assert first == second
    assert page_of(presets.toy((3, 4, 2), 2, 1)).html != first


def test_a_page_is_written_whole_or_not_at_all(tmp_path, toy_page):
    path = tmp_path / "page.html"
    path.write_text("what was there")
    toy_page.save(path)
    assert path.read_text(encoding="utf-8") == toy_page.html
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(OSError):
        toy_page.save(tmp_path / "missing" / "page.html")
    toy_page.save(str(path))


def test_in_a_notebook_the_page_is_a_frame_and_in_a_shell_a_line(toy_page):
    frame = toy_page._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert "<script" not in frame
    assert len(repr(toy_page)) < 120


def test_the_files_of_the_page_are_installed_with_the_package():
    names = {path.name for path in (files("viz.explorer") / "page").iterdir()}
    assert {"page.html", "style.css", "script.js"} <= names


def test_a_function_that_runs_no_backward_pass_is_differentiated():
    page = viz.explore(lambda x, n: ad.sum(x * x) * n, np.array([1.0, 2.0]), 3)
    assert '"caption":"backward 1 of 3: multiply"' in page.html
    assert "lambda" in page.html
    page = viz.explore(lambda x: x * x, np.array([1.0, 2.0]))
    assert "backward 1 of" not in page.html, "what is no scalar has no gradient"


def test_a_tensor_has_a_page_on_its_tape():
    x = ad.Tensor([1.0, 2.0], requires_grad=True, name="x")
    loss = (x * x).sum()
    loss.backward()
    assert viz.explore(loss).html == viz.explore(Graph.of(loss)).html


def test_the_gradient_of_a_function_leaves_that_of_its_variables_alone():
    w = ad.Tensor([1.0, 2.0], requires_grad=True)
    viz.explore(lambda x: ad.sum(w * x), np.array([3.0, 4.0]))
    assert w.grad is None


@pytest.mark.parametrize(
    "f",
    [
        lambda x: None,
        lambda x: (x, x * 2.0),
        lambda x: ad.grad(lambda z: ad.sum(ad.grad(lambda y: ad.sum(y**3.0))(z)))(x),
        lambda x: ad.sum(ad.grad(lambda y: ad.sum(ad.sin(y)))(x) ** 2.0),
        lambda x: ad.sum(x[:0]),
        lambda x: ad.sum(ad.reshape(x, (1, 1, 1, -1)) > 0),
        lambda x: ad.sum(ad.concat([x, ad.pad(x, 1)])),
    ],
)
def test_odd_computations_have_pages_too(visit, f):
    tab = visit(viz.explore(f, np.array([0.5, -1.0])))
    for _ in range(tab.evaluate("page.steps.length")):
        tab.keyboard.press("ArrowRight")


def test_errors_of_the_function_are_its_own():
    with pytest.raises(ValueError, match="matmul"):
        viz.explore(lambda x: x @ x, np.ones((2, 3)))


# ── sampling ────────────────────────────────────────────────────────────────────────────────────────────────


def test_small_arrays_are_not_sampled():
    sampling = Sampling([np.zeros((8, 8)), np.zeros(32)])
    assert not sampling.is_needed
    assert "places" not in sampling.encode(np.zeros((8, 8)))


def test_a_sample_is_evenly_spaced_and_the_same_along_axes_of_one_length():
    sampling = Sampling([np.zeros((1000, 300), np.float32)])
    assert sampling.is_needed
    places = sampling.places(1000)
    assert len(places) == sampling.limit
    assert (places[0], places[-1]) == (0, 999)
    assert np.ptp(np.diff(places)) <= 1
    encoded = sampling.encode(np.arange(300_000.0).reshape(1000, 300))
    assert encoded["places"][0] == places.tolist()
    assert encoded["statistics"]["most"] == 299_999


def test_pictures_are_kept_whole():
    sampling = Sampling([np.zeros((784, 3000))], (28, 28))
    assert sampling.sampled((784, 3000)) == (784, sampling.limit)
    assert sampling.view((784, 3000)).mode == "pictures"
    assert sampling.view((4, 784)).mode == "pictures"
    assert sampling.view((784,)).mode == "cells"
    assert Sampling([np.zeros((784, 30))]).view((784, 30)).mode == "cells"


def test_all_samples_together_are_held_to_their_size():
    arrays = [np.zeros((500, 500))] * 40
    sampling = Sampling(arrays)
    assert sum(8 * np.prod(sampling.sampled(array.shape)) for array in arrays) <= MOST_BYTES


@pytest.mark.parametrize("shape", [(), (0,), (3,), (1, 1), (2, 3, 4), (8, 8), (9, 2), (30,), (0, 5), (2, 0)])
def test_a_view_has_a_cell_for_each_number(shape):
    view = Sampling([np.zeros(shape)]).view(shape)
    assert view.rows * view.columns == np.prod(shape)


def test_a_gradient_can_be_explored_too(tmp_path):
    page = viz.explore(ad.grad(lambda x: x * x * x), ad.Tensor(2.0, name="x"))
    page.save(tmp_path / "gradient.html")
    assert "<svg" in (tmp_path / "gradient.html").read_text(encoding="utf-8")
