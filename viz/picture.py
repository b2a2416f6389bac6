"""A picture in the DOT language, and the ways to render it."""

from __future__ import annotations

import importlib.util
import shutil
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import graphviz

from nets.files import in_short, replacing

FORMATS = ("svg", "png", "pdf", "dot")

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"


class DrawingError(RuntimeError):
    """A picture could not be rendered, told in one line."""


class NoRendererError(DrawingError):
    """Nothing on this machine renders the DOT language."""


@dataclass(frozen=True, repr=False)
class Picture:
    """A drawing: its text in the DOT language, and what it shows in words. Jupyter shows it as it is."""

    dot: str
    title: str
    description: str

    def save(self, path: str | Path) -> None:
        """Write the picture to a file, whole or not at all, in the format that the suffix names: svg, png, pdf or dot.

        Raises:
            ValueError: another suffix.
            NoRendererError: the format needs a renderer, and there is none; dot needs none.
            DrawingError: the renderer failed.
            OSError: the file cannot be written.
        """
        path = Path(path)
        content = self.render(path.suffix.lower().removeprefix("."))
        with replacing(path) as draft:
            draft.write_bytes(content)

    def render(self, format: str) -> bytes:
        """Return the picture as svg, png, pdf or dot; raise as `save` does."""
        if format not in FORMATS:
            raise ValueError(f"a picture can be one of {', '.join(FORMATS)}, not {format!r}")
        if format == "dot":
            return self.dot.encode()
        rendered = renderer(format)(self.dot, format)
        return self._made_accessible(rendered) if format == "svg" else rendered

    def _made_accessible(self, svg: bytes) -> bytes:
        """Give an SVG the title and the description that a screen reader reads out."""
        root = ET.fromstring(svg)
        key = f"{zlib.crc32(self.dot.encode()):08x}"  # a page may hold several pictures
        root.set("role", "img")
        root.set("aria-labelledby", f"title-{key} description-{key}")
        for name, tag, text in (("description", "desc", self.description), ("title", "title", self.title)):
            element = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{key}"})
            element.text = text
            root.insert(0, element)
        ET.register_namespace("", _SVG)
        ET.register_namespace("xlink", _XLINK)
        return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))

    def _repr_svg_(self) -> str | None:
        try:
            return self.render("svg").decode()
        except DrawingError:
            return None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return what a notebook shows: the picture, or its text where it cannot be rendered."""
        try:
            return {"image/svg+xml": self.render("svg").decode(), "text/plain": repr(self)}
        except DrawingError as error:
            return {"text/plain": f"{error}\n\n{self.dot}"}

    def __repr__(self) -> str:
        return f"<Picture: {self.title}>"


Renderer = Callable[[str, str], bytes]


def by_dot(source: str, format: str) -> bytes:
    """Render with the `dot` program."""
    try:
        return bytes(graphviz.Source(source).pipe(format=format, quiet=True))
    except (graphviz.CalledProcessError, OSError) as error:
        raise DrawingError(f"dot could not draw the picture: {in_short(error)}") from error


def by_pygraphviz(source: str, format: str) -> bytes:
    """Render with the library that the package pygraphviz brings along."""
    try:
        from pygraphviz import AGraph

        return bytes(AGraph(string=source).draw(format=format, prog="dot"))
    except (ImportError, ValueError, OSError) as error:
        raise DrawingError(f"pygraphviz could not draw the picture: {in_short(error)}") from error


def renderers() -> list[Renderer]:
    """Return the ways to render that are open here, the best first."""
    found: list[Renderer] = []
    if shutil.which("dot"):
        found.append(by_dot)
    if importlib.util.find_spec("pygraphviz"):
        found.append(by_pygraphviz)
    return found


def renderer(format: str) -> Renderer:
    """Return the best way to render a format. Raises NoRendererError if there is none."""
    if not (found := renderers()):
        raise NoRendererError(
            f"to draw a {format}, install Graphviz: `pip install pygraphviz`, or your system's package graphviz for "
            "its program dot. A .dot file needs neither."
        )
    return found[0]
