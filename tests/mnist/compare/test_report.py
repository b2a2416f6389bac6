"""The report as text, as Markdown and as a page: complete, offline, and safe."""

import base64
import io
import json
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from mnist.compare.report import Picture, Report

HOSTILE = "<script>alert(1)</script> & \"quotes\""


class Page(HTMLParser):
    """Collects what a page shows and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.cells, self.texts, self.images = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.tags.append(tag)
        self.addresses += [named[key] for key in ("src", "srcset", "href", "action", "data") if key in named]
        if tag == "img":
            self.images.append(named)
        if tag in ("td", "th"):
            self.cells.append("")
        if tag == "meta" and "content" in named:
            self.texts.append(named["content"])

    def handle_data(self, text):
        self.texts.append(text)
        if self.cells and text.strip():
            self.cells[-1] = self.cells[-1] or text


@pytest.fixture
def report():
    """A report of two rows, with a picture."""

    def draw(dark):
        figure = Figure(figsize=(2, 1), facecolor="black" if dark else "white")
        figure.subplots().plot([1, 2])
        return figure

    return Report(
        title=HOSTILE,
        verdict="All is well.",
        head=["", "gradients", "lines"],
        rows=[["by hand", "reference", "69"], [HOSTILE, "1.0e-07", "7"]],
        notes=["lines: of code", "a " * 100],
        facts=["2 threads", "numpy 2"],
        figures={"a": [1.5, None]},
        pictures=[Picture.of("loss.png", "The losses", draw)],
    )


def test_the_text_is_aligned_and_no_line_of_a_note_is_too_long(report):
    head, first, second, *others = report.text().splitlines()
    assert len(head) == len(first) == len(second)
    assert first.startswith("by hand  ")
    assert first.endswith("  reference     69")
    assert max(map(len, others)) <= 100
    assert others[-1] == "All is well."


def test_the_page_shows_all_of_it_and_asks_nobody_for_anything(report):
    page = Page(report.files()["report.html"].decode())
    assert page.cells[1:3] == ["gradients", "lines"]
    assert page.cells[3:6] == ["by hand", "reference", "69"]
    assert HOSTILE in page.cells
    assert "script" not in page.tags
    assert page.addresses
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert any(text.startswith("default-src 'none';") for text in page.texts)
    assert {image["alt"] for image in page.images} == {"The losses"}
    for shown in ("All is well.", "lines: of code", "2 threads; numpy 2"):
        assert shown in page.texts


def test_the_page_has_each_picture_for_light_and_for_dark(report):
    page = Page(report.files()["report.html"].decode())
    files = [io.BytesIO(base64.b64decode(address.partition(",")[2])) for address in page.addresses]
    dark, light = (imread(file, format="png")[0, 0, :3].tolist() for file in files)
    assert (dark, light) == ([0, 0, 0], [1, 1, 1])


def test_the_markdown_has_a_table_and_names_the_pictures_beside_it(report):
    files = report.files()
    lines = files["report.md"].decode().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert table[0] == "|  | gradients | lines |"
    assert table[1] == "|---|---:|---:|"
    assert table[2] == "| by hand | reference | 69 |"
    assert len({line.count("|") for line in table}) == 1
    assert "![The losses](loss.png)" in lines
    assert files["loss.png"].startswith(b"\x89PNG")
    assert json.loads(files["report.json"]) == {"a": [1.5, None]}
