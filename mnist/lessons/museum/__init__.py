"""The museum of bugs: the classic mistakes, each a switch on the real engine, which knows nothing of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mnist.errors import UserError
from mnist.lessons.museum import numbers, reading, training
from mnist.lessons.museum.exhibit import Exhibit
from mnist.lessons.walk import pause

EXHIBITS: dict[str, Exhibit] = {
    exhibit.name: exhibit
    for exhibit in (
        reading.OVERWRITE,
        reading.DEPTH_FIRST,
        reading.NO_UNBROADCASTING,
        reading.CHANGED_IN_PLACE,
        numbers.NAIVE_SOFTMAX,
        numbers.WIDENED,
        numbers.RELU_BY_MAXIMUM,
        numbers.HOLLOW_CHECK,
        training.NOT_RESET,
        training.DEAD_RELU,
        training.RATE_TOO_HIGH,
        training.SHUFFLED_LABELS,
    )
}


def visit(names: Sequence[str], folder: Path) -> None:
    """Show the exhibits of these names, with pictures in a folder; without a name, list them all.

    Raises:
        UserError: there is no such exhibit.
    """
    console = Console()
    for name in names:
        if name not in EXHIBITS:
            raise UserError(f"museum {name}: no such exhibit; there are {', '.join(EXHIBITS)}")
        EXHIBITS[name].present(console, folder, lambda told: pause(console, told))
    if not names:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for exhibit in EXHIBITS.values():
            table.add_row(f"[bold]{exhibit.name}[/]", exhibit.title)
        console.print(table)
        console.print("\nSee one with [bold]python -m mnist.lessons museum NAME[/].")
