"""A lesson as a notebook, and as a page on which every cell has been run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from mnist.lessons.script import Lesson
from mnist.lessons.showing import writing

_MOST_SECONDS = 120


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
    # Nothing is fetched from the network: the lessons need neither MathJax nor widgets.
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="")  # type: ignore[no-untyped-call]
    html, _ = exporter.from_notebook_node(executed(lesson))
    with writing(path):
        path.write_text(html, encoding="utf-8")


def executed(lesson: Lesson) -> NotebookNode:
    """Return the lesson as a notebook run from top to bottom; raise CellExecutionError where a cell fails."""
    notebook = lesson.notebook()
    with tempfile.TemporaryDirectory() as folder:
        quiet = ["--log-level=ERROR"]
        place = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=_MOST_SECONDS, resources=place, extra_arguments=quiet)
        client.execute()
    return notebook
