"""What lessons show beside numbers: drawings, and the lines of the engine that do it in earnest."""

from __future__ import annotations

import contextlib
import inspect
import io
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import autodiff
from mnist.errors import UserError
from viz import Page, figures

FOLDER = Path("lessons")
"""Where drawings go by default, in the folder in which the command is run."""

_ROOT = Path(autodiff.__file__).parents[1]
_folder: ContextVar[Path] = ContextVar("folder", default=FOLDER)


@contextlib.contextmanager
def saving_in(folder: Path) -> Iterator[None]:
    """Let drawings go to another folder within a `with`."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def show(drawing: Figure | Page, name: str) -> None:
    """Show a figure or a page: in a notebook where it stands, otherwise as a file, which is named.

    Args:
        drawing: the figure, which becomes a PNG, or the page, which becomes an HTML file.
        name: of the file, without ending.

    Raises:
        UserError: the file cannot be written.
    """
    if _is_notebook():
        _display(drawing)
        return
    path = _folder.get() / f"{name}.{'png' if isinstance(drawing, Figure) else 'html'}"
    with writing(path):
        if isinstance(drawing, Figure):
            figures.save(drawing, path)
        else:
            drawing.save(path)
    print(f"→ {path}  (open it in a browser)" if path.suffix == ".html" else f"→ {path}")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make the folder of a file about to be written, and tell in one line what goes wrong."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error}); name another place") from error


def _is_notebook() -> bool:
    """Whether a notebook's kernel runs this."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


def _display(drawing: Figure | Page) -> None:
    """Show a drawing in a notebook."""
    from IPython.display import Image, display

    if isinstance(drawing, Figure):
        image = io.BytesIO()
        drawing.savefig(image, format="png")
        display(Image(image.getvalue()))  # type: ignore[no-untyped-call]
    else:
        display(drawing)  # type: ignore[no-untyped-call]


def point(symbol: Any, text: str) -> None:
    """Print where the engine does it: the file and the number of the line that holds the text, and that line.

    Args:
        symbol: the module, class or function in whose source the line is; of an operation, its rules included.
        text: what the line holds.

    Raises:
        LookupError: no line of the symbol holds the text.
    """
    path, number, line = find(symbol, text)
    print(f"{path}:{number}\n    {line.strip()}")


def find(symbol: Any, text: str) -> tuple[str, int, str]:
    """Return the file, the number and the line that `point` prints."""
    symbol = inspect.unwrap(symbol)
    lines, first = inspect.getsourcelines(symbol)
    for number, line in enumerate(lines, max(first, 1)):
        if text in line:
            return Path(inspect.getfile(symbol)).relative_to(_ROOT).as_posix(), number, line
    raise LookupError(f"no line of {symbol.__name__} holds {text!r}")
