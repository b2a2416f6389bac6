"""Assemble the explorer's page: the data of a graph and the page's own files, in one HTML file."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from autodiff.explain.javascript import to_javascript
from autodiff.graph import Graph
from nets.files import replacing
from viz.explorer.data import Witnesses, as_data
from viz.explorer.numbers import Sampling, Side

_SCRIPTS = [
    f"{name}.js" for name in ("numbers", "matrix", "drawing", "zoom", "panel", "step", "value", "edit", "script")
]
"""The page's scripts, in the order in which they are put together."""


@dataclass(frozen=True, repr=False)
class Page:
    """A page in one HTML file, which needs no network and no server."""

    html: str

    def save(self, path: str | Path) -> None:
        """Write the page to a file, whole or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        with replacing(Path(path)) as draft:
            draft.write_text(self.html, encoding="utf-8")

    def __repr__(self) -> str:
        return f"<a page of {len(self.html.encode()):,} bytes; page.save('graph.html') writes it to a file>"

    def _repr_html_(self) -> str:
        """Show the page in a notebook, in a frame of its own."""
        return f'<iframe srcdoc="{html.escape(self.html)}" width="100%" height="760" style="border: 0"></iframe>'


def assemble(graph: Graph, title: str, witnesses: Witnesses, side: Side | None, notes: Sequence[str]) -> Page:
    """Return the page of a graph."""
    sampling = Sampling([value.data for value in graph.values], side)
    code, problem = _code_of(graph, sampling)
    data = as_data(graph, sampling, witnesses)
    data |= {"title": title, "notes": [*notes, *([sampling.note] if sampling.is_needed else []), problem]}
    data["editable"] = [v.id for kind in ("input", "parameter") for v in graph.of_kind(kind)] if code else []
    parts = {
        "title": html.escape(title),
        "style": _read("style.css"),
        "data": _escaped(json.dumps(data, allow_nan=False, separators=(",", ":"))),
        "script": "\n".join([code, *map(_read, _SCRIPTS)]),
    }
    text = re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _read("page.html"))
    return Page(text.encode("utf-8", "replace").decode())


def _code_of(graph: Graph, sampling: Sampling) -> tuple[str, str]:
    """Return the code that computes the graph again, and a note: on what can be changed, or on why nothing can."""
    if sampling.is_needed:
        return "", "Numbers cannot be changed here: not all of them are in the page."
    for value in graph.values:
        if value.dtype.kind == "f" and value.dtype != np.float64:
            return "", f"Numbers cannot be changed here: the page computes in float64, and this is {value.dtype}."
    try:
        code = to_javascript(graph)
    except NotImplementedError as error:
        return "", f"Numbers cannot be changed here: {error}."
    wrapped = f"const engine = (() => {{\n{code}\nreturn {{ recompute }};\n}})();"
    return wrapped, "Choose an input or a parameter to change its numbers: everything is computed again."


def _read(name: str) -> str:
    return (files("viz.explorer") / "page" / name).read_text(encoding="utf-8")


def _escaped(text: str) -> str:
    """Write JSON such that no part of it can be taken for markup."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
