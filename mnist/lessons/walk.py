"""Walk through a lesson in the terminal: prose, code, and what it prints, cell by cell."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.syntax import Syntax

from mnist.lessons.script import Cell, Lesson
from mnist.lessons.showing import saving_in, writing

WIDTH = 92
"""Of prose, at most; code may be wider."""


def pause(console: Console, told: str) -> None:
    """Wait for Enter, if somebody sits there."""
    if console.is_terminal and sys.stdin.isatty():
        with contextlib.suppress(EOFError):
            console.input(f"\n[dim]⏎ {told} [/]")


class Walk:
    """A walk through one lesson.

    Args:
        lesson: which.
        folder: where its drawings and its exercise go.
        console: where it is shown. On a terminal the walk waits for Enter, after a question above all.
    """

    def __init__(self, lesson: Lesson, folder: Path, console: Console) -> None:
        self.lesson = lesson
        self.folder = folder
        self.console = console
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def run(self) -> None:
        """Walk from the first cell to the last."""
        before: Cell | None = None
        with saving_in(self.folder):
            for cell in self.lesson.cells:
                if before and before.tells and not cell.is_code:
                    pause(self.console, "Enter goes on")
                self._show(cell)
                before = cell

    def _show(self, cell: Cell) -> None:
        self.console.print()
        if not cell.is_code:
            self.console.print(Markdown(cell.text), width=min(self.console.width, WIDTH))
            if cell.asks:
                pause(self.console, "Say it aloud or write it down; Enter shows the answer")
            return
        code = Syntax(cell.text, "python", theme="ansi_dark", background_color="default", word_wrap=True)
        self.console.print(Padding(code, (0, 0, 0, 4)))
        if cell.is_exercise:
            self._hand_out()
        else:
            self._execute(cell)

    def _execute(self, cell: Cell) -> None:
        """Run a cell as the part of the script that it is, so that the engine's messages name the right line."""
        self.console.print()
        code = compile("\n" * (cell.line - 1) + cell.text, str(self.lesson.path), "exec")
        exec(code, self.names)

    def _hand_out(self) -> None:
        """Write the exercise to a file, unless the learner has begun it."""
        path = self.folder / f"exercise_{self.lesson.number:02}.py"
        if not path.exists():
            with writing(path):
                path.write_text(self.lesson.exercise(), encoding="utf-8")
        self.console.print(
            f"\nThis is now [bold]{path}[/]. Put your answer there and run `python {path}` until it says “Right”.",
            highlight=False,
        )
