"""What a lesson is: a plain script whose cells, marked `# %%`, are prose in Markdown comments or code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import jupytext
from nbformat import NotebookNode

_FOLDER = Path(__file__).parent
_QUESTION = "**Predict.**"
_CHECK = "exercise.check("
_TELLING = ("print(", "show(", "point(")


@dataclass(frozen=True)
class Cell:
    """A cell of a lesson: its text, and the line of the script, counted from 1, on which the text begins."""

    text: str
    is_code: bool
    line: int

    @property
    def asks(self) -> bool:
        """Whether the next cell answers a question that this one asks."""
        return not self.is_code and _QUESTION in self.text

    @property
    def tells(self) -> bool:
        """Whether this prints or draws something, which takes a while to look at."""
        return self.is_code and any(word in self.text for word in _TELLING)

    @property
    def is_exercise(self) -> bool:
        """Whether this is left to the learner."""
        return self.is_code and _CHECK in self.text


@dataclass(frozen=True)
class Lesson:
    """A script of this folder, `lesson_04_why_gradients_add.py`."""

    path: Path

    @property
    def number(self) -> int:
        """Its place in the order of the lessons."""
        return int(self.path.stem.split("_")[1])

    @property
    def title(self) -> str:
        """The heading of its first cell, without the number."""
        return self.cells[0].text.splitlines()[0].split(" · ")[1]

    @property
    def idea(self) -> str:
        """The lesson in one sentence: the paragraph below the heading."""
        return " ".join(self.cells[0].text.split("\n\n")[1].splitlines())

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells, from top to bottom."""
        return list(self._read())

    def _read(self) -> Iterator[Cell]:
        lines = self.path.read_text(encoding="utf-8").splitlines()
        line = 0
        for cell in self.notebook().cells:
            is_code = cell.cell_type == "code"
            first = cell.source.splitlines()[0]
            line = lines.index(first if is_code else f"# {first}", line) + 1
            yield Cell(cell.source, is_code, line)

    def notebook(self) -> NotebookNode:
        """Return the lesson as a Jupyter notebook, nothing of it run. What answers a question is tagged `answer`."""
        notebook: NotebookNode = jupytext.read(self.path, fmt="py:percent")
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        for before, cell in pairwise(notebook.cells):
            if _QUESTION in before.source:
                cell.metadata["tags"] = ["answer"]
        return notebook

    def exercise(self) -> str:
        """Return the exercise as a script that runs by itself: below the lesson's imports, which are its first code."""
        code = [cell for cell in self.cells if cell.is_code]
        imports = next(cell.text for cell in code)
        return f"{imports}\n\n{next(cell.text for cell in code if cell.is_exercise)}\n"


def lessons() -> list[Lesson]:
    """Return all lessons in their order."""
    return [Lesson(path) for path in sorted(_FOLDER.glob("lesson_*.py"))]
