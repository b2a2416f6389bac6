"""What an exhibit is, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

import viz
from autodiff import explain
from autodiff.graph import Graph
from mnist.lessons.showing import saving_in, show
from mnist.lessons.walk import WIDTH

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Exhibit:
    """A classic mistake, which a switch makes on the real engine."""

    name: str
    """By which it is asked for: `overwrite`."""
    title: str
    story: str
    """What happens, in Markdown."""
    switch: Callable[[], AbstractContextManager[Any]]
    """Within it the mistake is made."""
    numbers: Callable[[], Numbers]
    """What to look at; it gives other numbers within the switch."""
    graph: Callable[[], Graph]
    """The computation concerned."""
    caught_by: str
    """A test that fails within the switch: `tests/autodiff/test_backward.py::test_a_node_used_twice_accumulates`."""
    wrong: str
    right: str
    """The line that makes the mistake, and the one that cures it."""
    lesson: int | None = None
    """The number of the lesson that explains why."""

    def compared(self) -> list[tuple[str, str, str]]:
        """Return what is looked at, its right value and its wrong one, each in words."""
        with np.errstate(all="ignore"):
            right = self._measured(nullcontext())
            wrong = self._measured(self.switch())
        return [(what, _told(right[what]), _told(wrong[what])) for what in right]

    def _measured(self, switch: AbstractContextManager[Any]) -> Numbers:
        with switch:
            return self.numbers()

    def present(self, console: Console, folder: Path, pause: Callable[[str], None]) -> None:
        """Show the story and the graph, then, after a pause, the numbers, the test and the cure."""
        console.print(Markdown(f"# {self.title}\n\n{self.story}"), width=min(console.width, WIDTH))
        graph = self.graph()
        console.print(f"\n{escape(explain.equations(explain.simplify(graph)))}\n", highlight=False)
        with saving_in(folder):
            show(viz.explore(graph, title=self.title), f"museum_{self.name}")
        pause("What will go wrong, and how would you notice? Enter shows the numbers")
        table = Table("", "right", "wrong", box=None, padding=(0, 3, 0, 0), header_style="bold")
        for what, right, wrong in self.compared():
            table.add_row(escape(what), escape(right), f"[red]{escape(wrong)}[/]" if wrong != right else wrong)
        console.print()
        console.print(table)
        console.print(f"\nCaught by [bold]{escape(self.caught_by)}[/]\n", highlight=False, soft_wrap=True)
        diff = "".join(f"{sign} {line}\n" for sign, line in (("-", self.wrong), ("+", self.right)))
        console.print(Syntax(diff, "diff", theme="ansi_dark", background_color="default", word_wrap=True))
        if self.lesson:
            console.print(f"Why it must be so: [bold]python -m mnist.lessons {self.lesson}[/]", highlight=False)


def _told(value: Any) -> str:
    """Write a value: floats shortly, arrays whole."""
    if isinstance(value, np.ndarray):
        return np.array2string(value, precision=4, separator=", ", suppress_small=True).replace("\n", "")
    return f"{value:.6g}" if isinstance(value, float) else str(value)
