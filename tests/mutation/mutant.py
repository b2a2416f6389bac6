"""One deliberate fault in the engine: what it is called, where it bites, and how to put it there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType


@dataclass(frozen=True)
class Mutant:
    """One fault, told apart from all others by its name.

    Attributes:
        subject: the primitive or the function that is at fault.
        place: which of its rules, by the name of the operand; empty for a function.
        operator: the kind of fault.
        detail: what tells it from the others of its kind.
        site: the function that runs wherever the fault bites: a test that never enters it cannot notice.
        apply: puts the fault into the engine of this process, for good.
        sameness: why the function stays the same, where that is provable from the code.
    """

    subject: str
    place: str
    operator: str
    detail: str
    site: FunctionType
    apply: Callable[[], None]
    sameness: str | None = None

    @property
    def name(self) -> str:
        """`subject, place: operator, detail`."""
        where = ", ".join(filter(None, (self.subject, self.place)))
        return f"{where}: " + ", ".join(filter(None, (self.operator, self.detail)))
