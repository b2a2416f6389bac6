"""A lesson as a notebook, and as a page on which every cell has been run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import jupytext
from jinja2 import DictLoader
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from mnist.lessons.script import Lesson
from mnist.lessons.showing import writing

_MOST_SECONDS = 120

_TEMPLATE = """
{% extends 'lab/index.html.j2' %}
{% block output_group %}
{% if 'answer' in cell.metadata.tags %}
<details style="margin: 1em 6.5em; font-family: sans-serif">
<summary>Say it aloud or write it down; click to see the answer</summary>
{{ super() }}
</details>
{% else %}{{ super() }}{% endif %}
{% endblock %}
"""
"""nbconvert's own, but what answers a question is folded."""


def write_notebook(lesson: Lesson, path: Path) -> None:
    """Write a notebook with nothing run yet: the answers to the questions come when the learner runs it.

    Raises:
        UserError: the file cannot be written.
    """
    with writing(path):
        path.write_text(jupytext.writes(lesson.notebook(), fmt="ipynb"), encoding="utf-8")


def write_page(lesson: Lesson, path: Path) -> None:
    """Run a lesson and write prose, code and results as an HTML file.

    Raises:
        UserError: the file cannot be written.
    """
    nothing_fetched = {"mathjax_url": "", "require_js_url": "", "jquery_url": ""}  # no lesson needs any of them
    loaders, template = [DictLoader({"lesson.html.j2": _TEMPLATE})], "lesson.html.j2"
    exporter = HTMLExporter(extra_loaders=loaders, template_file=template, **nothing_fetched)  # type: ignore[no-untyped-call]
    html, _ = exporter.from_notebook_node(executed(lesson))
    with writing(path):
        path.write_text(html, encoding="utf-8")


def executed(lesson: Lesson) -> NotebookNode:
    """Return the lesson as a notebook run from top to bottom; raise CellExecutionError where a cell fails."""
    notebook = lesson.notebook()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=_MOST_SECONDS, coalesce_streams=True)
        client.resources = {"metadata": {"path": folder}}
        client.extra_arguments = ["--log-level=ERROR"]
        client.execute()
    return notebook
