"""A report: a table, what its columns mean, and pictures; as text, as Markdown and as a page."""

from __future__ import annotations

import base64
import io
import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from matplotlib.figure import Figure

from viz import figures

MARKDOWN, PAGE, FIGURES = "report.md", "report.html", "report.json"

_COLUMNS = 100


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _COLUMNS, subsequent_indent="  ", break_on_hyphens=False)


@dataclass(frozen=True)
class Picture:
    """A picture: the name of its file, what it shows, and it itself as PNG, for a light page and for a dark one."""

    name: str
    caption: str
    light: bytes
    dark: bytes

    @classmethod
    def of(cls, name: str, caption: str, draw: Callable[[bool], Figure]) -> Picture:
        """Draw a picture, by a function that is told whether it is for a dark page."""
        return cls(name, caption, _png(draw(False)), _png(draw(True)))

    @property
    def uris(self) -> dict[str, str]:
        """Addresses that hold all of it."""
        return {
            ground: f"data:image/png;base64,{base64.b64encode(png).decode()}"
            for ground, png in (("light", self.light), ("dark", self.dark))
        }


def _png(figure: Figure) -> bytes:
    written = io.BytesIO()
    figures.save(figure, written)
    return written.getvalue()


@dataclass(frozen=True)
class Report:
    """What is reported. `rows` have a cell for each column of `head`; `figures` are for programs, as JSON has them."""

    title: str
    verdict: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]
    facts: Sequence[str]
    figures: dict[str, Any]
    pictures: Sequence[Picture]

    def text(self) -> str:
        """Write the table and the verdict for a terminal."""
        return "\n".join([*self._aligned(), "", *map(_wrapped, self.notes), "", _wrapped(self.verdict)])

    def _aligned(self) -> Iterator[str]:
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        for row in (self.head, *self.rows):
            first, *others = (
                f"{cell:<{width}}" if column == 0 else f"{cell:>{width}}"
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            yield "  ".join([first, *others]).rstrip()

    def files(self) -> dict[str, bytes]:
        """Return the contents of all files of the report, by their names."""
        written = {
            MARKDOWN: self._rendered(MARKDOWN).encode(),
            PAGE: self._rendered(PAGE).encode(),
            FIGURES: json.dumps(self.figures, indent=2, allow_nan=False).encode(),
        }
        return written | {picture.name: picture.light for picture in self.pictures}

    def _rendered(self, template: str) -> str:
        environment = Environment(
            loader=FunctionLoader(lambda name: (files("mnist.compare") / "page" / name).read_text(encoding="utf-8")),
            autoescape=template == PAGE,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        return environment.get_template(template).render(report=self)
