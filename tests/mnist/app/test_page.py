"""The page in a real browser: drawn on with the mouse, given pictures and what is none, in light and dark."""

import base64
import io
import os
import shutil
import zlib

import numpy as np
import pytest
from PIL import Image

from mnist import images

SEVEN = [(60, 70), (205, 65), (125, 235)]
ONE = [(140, 40), (140, 240)]


def draw(tab, points):
    """Draw a line with the mouse, in the coordinates of the canvas."""
    canvas = tab.locator("#pad canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    places = [(box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280) for x, y in points]
    tab.mouse.move(*places[0])
    tab.mouse.down()
    for place in places[1:]:
        tab.mouse.move(*place, steps=10)
    tab.mouse.up()


def wait_for(tab, condition):
    tab.wait_for_function(condition)


def wait_for_seen(tab, digit):
    wait_for(tab, f"document.querySelector('#seen')?.textContent === '{digit}'")


def assert_pictures_are_whole(tab, least):
    pictures = "[...document.querySelectorAll('main img')]"
    wait_for(tab, f"{pictures}.length >= {least} && {pictures}.every(i => i.complete && i.naturalWidth > 0)")
    assert tab.evaluate(f"{pictures}.every(i => i.getBoundingClientRect().right <= innerWidth)")


def file_of(image, format="PNG"):
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


def give(tab, name, content):
    tab.set_input_files("#pad input", {"name": name, "mimeType": "application/octet-stream", "buffer": content})


def choose_run(tab, name):
    tab.get_by_label("Network, by its run").fill(name)
    tab.keyboard.press("Enter")


@pytest.fixture
def digit(digits):
    """A digit of the test set that the network knows, and its label."""
    row = int(np.flatnonzero(digits.test.labels == 3)[0])
    return Image.fromarray(digits.test.images[row].reshape(28, 28))


@pytest.fixture
def clothes(runs_folder):
    """The name of one more run, whose classes have names of several lengths."""
    folder = shutil.copytree(runs_folder / "mlp", runs_folder / "clothes")
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('"mnist-5k"', '"fashion-mnist"'))
    os.utime(folder / "model.safetensors", (0, 0))
    yield folder.name
    shutil.rmtree(folder)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_seven_drawn_with_the_mouse_is_seen_as_a_seven(visit, width, scheme):
    tab = visit(width=width, scheme=scheme)
    choose_run(tab, "mlp")
    draw(tab, SEVEN)
    wait_for_seen(tab, 7)
    assert tab.locator(".bars li").count() == 10
    assert tab.locator(".bars .best span").first.inner_text() == "7"
    shares = tab.eval_on_selector_all(".bars i", "all => all.map(i => +i.style.getPropertyValue('--size'))")
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert tab.locator(".stages figure").count() == 2
    tab.locator(".evidence").wait_for()
    assert tab.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert_pictures_are_whole(tab, 4)


def test_what_is_seen_changes_while_one_draws_and_clear_begins_anew(visit):
    tab = visit()
    choose_run(tab, "mlp")
    draw(tab, ONE)
    wait_for_seen(tab, 1)
    tab.click("#pad .clear")
    wait_for(tab, "!document.querySelector('#seen')")
    assert not tab.locator(".stages").is_visible()
    assert tab.locator("#pad .hint").is_visible()
    draw(tab, SEVEN)
    wait_for_seen(tab, 7)


def test_the_network_sees_the_digit_drawn_prepared(visit, digits):
    tab = visit()
    choose_run(tab, "mlp")
    draw(tab, ONE)
    wait_for_seen(tab, 1)
    source = tab.get_attribute(".verdict img", "src")
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("L"))
    assert image.shape == (28, 28)
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert np.ptp(rows) + 1 == 20
    assert 1 <= np.ptp(columns) + 1 <= 4
    assert 13 <= columns.mean() <= 15


def test_another_run_shows_its_own_layers_and_another_digit_its_own_evidence(visit):
    tab = visit(width=360)
    draw(tab, SEVEN)
    wait_for(tab, "document.querySelectorAll('.stages figure').length === 7")
    assert_pictures_are_whole(tab, 8)
    assert "Conv2d 1 → 6" in tab.inner_text(".stages")
    choose_run(tab, "mlp")
    wait_for(tab, "document.querySelectorAll('.stages figure').length === 2")
    before = tab.get_attribute(".pile img:last-child", "src")
    tab.get_by_label("3", exact=True).check()
    wait_for(tab, "document.querySelector('.evidence').textContent.includes('“3”')")
    assert tab.get_attribute(".pile img:last-child", "src") != before


@pytest.mark.parametrize("width", [1280, 360])
def test_bars_begin_below_one_another_and_long_names_fit(visit, clothes, width):
    tab = visit(width=width)
    choose_run(tab, clothes)
    draw(tab, SEVEN)
    wait_for_seen(tab, "sneaker")
    tab.locator(".logits").wait_for()
    for bars in (".bars i", ".logits i"):
        places = tab.eval_on_selector_all(bars, "all => all.map(i => i.getBoundingClientRect().left)")
        assert len(places) == 10
        assert max(places) - min(places) < 0.5
    assert tab.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    image, name = tab.locator(".verdict img").bounding_box(), tab.locator("#seen").bounding_box()
    assert image["width"] == image["height"]
    assert name["x"] + name["width"] <= width


def test_one_asks_for_the_evidence_of_a_class_by_its_name(visit, clothes):
    tab = visit()
    choose_run(tab, clothes)
    draw(tab, SEVEN)
    tab.get_by_label("ankle boot", exact=True).check()
    wait_for(tab, "document.querySelector('.evidence').textContent.includes('“ankle boot”')")
    assert tab.locator("input[type=radio]").count() == 11
    choose_run(tab, "mlp")
    wait_for(tab, "document.querySelector('.evidence').textContent.includes('“9”')")
    assert tab.get_by_label("9", exact=True).is_checked()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_a_picture_that_is_chosen_is_seen_whether_or_not_the_browser_can_read_it(visit, digit, format):
    tab = visit()
    choose_run(tab, "mlp")
    inverted = digit.resize((224, 224), Image.Resampling.BICUBIC).point(lambda v: 255 - v)
    give(tab, f"three.{format.lower()}", file_of(inverted, format))
    wait_for_seen(tab, 3)


def test_what_is_no_picture_is_told_and_the_page_goes_on(visit, digit):
    bomb = bytearray(file_of(digit))
    bomb[16:24] = (50_000).to_bytes(4, "big") * 2  # the size that its header says, and the header's checksum
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    tab = visit()
    choose_run(tab, "mlp")
    for name, content, told in (
        ("notes.txt", b"seven", "This file is not an image."),
        ("void.png", b"", "This file is empty."),
        ("half.png", file_of(digit.resize((300, 300)))[:-3000], "This file is a damaged image"),
        ("bomb.png", bytes(bomb), "This file is too large"),
        ("blank.png", file_of(Image.new("L", (50, 50), 255)), "There is nothing to see on this picture."),
        ("<b>&.png", b"<img src=x onerror=alert(1)>", "This file is not an image."),
    ):
        give(tab, name, content)
        wait_for(tab, f"document.querySelector('.message')?.textContent.startsWith({told!r})")
        assert "Traceback" not in tab.inner_text("body")
        tab.click("#pad .clear")
        wait_for(tab, "document.querySelector('.message')?.textContent.startsWith('Draw')")
    draw(tab, SEVEN)
    wait_for_seen(tab, 7)


def test_a_file_of_too_many_bytes_is_not_even_sent(visit, tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(images.MOST_BYTES + 1)
    tab = visit()
    tab.set_input_files("#pad input", tmp_path / "huge.png")
    wait_for(tab, "document.querySelector('#pad .hint').textContent.includes('too large: 32 MiB are the most')")
    draw(tab, SEVEN)
    tab.locator("#seen").wait_for()
    tab.click("#pad .clear")
    assert tab.inner_text("#pad .hint").startswith("Draw a digit")


def test_a_run_that_is_not_there_is_told(visit):
    tab = visit()
    draw(tab, SEVEN)
    tab.locator("#seen").wait_for()
    choose_run(tab, "../../etc")
    wait_for(tab, "document.querySelector('.message')?.textContent.startsWith('There is no run of that name')")
