"""`python -m mnist.lessons`: the lessons, in the terminal, as a notebook or as a page, and the museum of bugs."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from mnist.cli import parse, run
from mnist.errors import UserError

if TYPE_CHECKING:
    from mnist.lessons.script import Lesson

COMMAND = "python -m mnist.lessons"
_NEEDS = ("rich", "jupytext", "nbclient", "nbconvert", "ipykernel")


@dataclasses.dataclass(frozen=True)
class LessonsConfig:
    """Walk through a lesson on the engine, or through the museum of bugs. Without a word it lists them all."""

    what: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="LESSON")] = ()
    """The number of a lesson; or museum, and the name of an exhibit."""
    notebook: Path | None = None
    """Write the lesson to this file instead, as a Jupyter notebook."""
    html: Path | None = None
    """Run the lesson and write it to this file instead, as a page."""
    out: Path = Path("lessons")
    """Folder for the pictures and the exercises."""

    def __post_init__(self) -> None:
        """Raise UserError where the words make no sense together."""
        museum = self.what[:1] == ("museum",)
        if len(self.what) > 1 + museum:
            raise UserError(f"{' '.join(self.what)}: too many words; name one lesson, or museum and one exhibit")
        if (self.notebook or self.html) and (museum or not self.what):
            raise UserError("--notebook and --html: name a lesson to write, by its number")


def lesson_of(word: str) -> Lesson:
    """Return the lesson of a number."""
    from mnist.lessons.script import lessons

    found = {str(lesson.number): lesson for lesson in lessons()}
    if word not in found:
        raise UserError(f"{word}: no such lesson; there are 1 to {len(found)}, and museum")
    return found[word]


def list_all() -> None:
    """Print the lessons and how to go on."""
    from rich.console import Console
    from rich.table import Table

    from mnist.lessons.script import lessons

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right", style="bold")
    table.add_column()
    for lesson in lessons():
        table.add_row(str(lesson.number), f"[bold]{lesson.title}[/]\n{lesson.idea}")
    console = Console()
    console.print(table)
    console.print(f"\nBegin with [bold]{COMMAND} 1[/]; then [bold]{COMMAND} museum[/] shows the classic mistakes.")


def take(config: LessonsConfig) -> None:
    """Walk through a lesson, or write it to the files asked for."""
    lesson = lesson_of(config.what[0])
    if config.notebook or config.html:
        from mnist.lessons.exporting import write_notebook, write_page

        for path, write in ((config.notebook, write_notebook), (config.html, write_page)):
            if path:
                write(lesson, path)
                print(path)
        return
    from rich.console import Console

    from mnist.lessons.walk import Walk

    Walk(lesson, config.out, Console()).run()


def main() -> int:
    """Do as the words and flags say, and return the exit status."""
    config = parse(LessonsConfig, COMMAND)
    require(*_NEEDS)
    if not config.what:
        list_all()
    elif config.what[0] == "museum":
        from mnist.lessons.museum import visit

        visit(config.what[1:], config.out)
    else:
        take(config)
    return 0


def require(*packages: str) -> None:
    """Raise UserError, with what to install, unless the packages of the extra `lessons` are there."""
    if missing := [package for package in packages if not find_spec(package)]:
        raise UserError(f"the lessons need {', '.join(missing)}: pip install -e '.[lessons]'")


if __name__ == "__main__":
    run(main)
