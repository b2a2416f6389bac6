"""What is seen on a terminal while one waits: a bar, and a line for each epoch. Elsewhere nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm


class Progress:
    """A bar that counts epochs."""

    def __init__(self, bar: tqdm) -> None:
        self._bar = bar

    def waits_for(self, what: str) -> None:
        """Say what is being done."""
        self._bar.set_description(what)

    def passed(self, line: str = "") -> None:
        """Count an epoch, and leave a line above the bar, if there is one to be left."""
        if line and not self._bar.disable:
            self._bar.write(line, file=sys.stderr)
        self._bar.update()


@contextmanager
def counting(epochs: int) -> Iterator[Progress]:
    """Show the bar on stderr if that is a terminal, and wipe it away at the end."""
    with tqdm(total=epochs, unit="epoch", leave=False, disable=None, dynamic_ncols=True) as bar:
        yield Progress(bar)
