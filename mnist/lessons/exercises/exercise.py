"""What an exercise is, and what its checkers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


class Wrong(Exception):  # noqa: N818
    """What is wrong with an answer, told to the learner."""


@dataclass(frozen=True)
class Exercise:
    """A question whose answer is a function.

    `judge` is given the answer and raises Wrong; `hints` say more and more; `moral` is said when the answer is right.
    """

    judge: Callable[[Any], None]
    hints: tuple[str, ...]
    moral: str

    def check(self, answer: Any) -> None:
        """Print what is wrong with an answer, or that it is right."""
        complaint = self.complaint(answer)
        if complaint is None:
            print(f"Right. {self.moral}")
        else:
            print(f"Not yet: {complaint}\n(exercise.hint(1) … exercise.hint({len(self.hints)}) say more and more.)")

    def complaint(self, answer: Any) -> str | None:
        """Return what is wrong with an answer, None if nothing is."""
        try:
            with np.errstate(all="ignore"):
                self.judge(answer)
        except Wrong as wrong:
            return str(wrong)
        except Exception as error:  # of the learner's own code
            return f"it raises {type(error).__name__}: {error}"
        return None

    def hint(self, number: int = 1) -> None:
        """Print a hint, the first by default."""
        print(f"Hint {number} of {len(self.hints)}: {self.hints[number - 1]}")


def demand(holds: Any, complaint: str) -> None:
    """Raise Wrong unless something holds."""
    if not holds:
        raise Wrong(complaint)


def an_array(given: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """Return what an answer gave as an array of the shape that is due, or raise Wrong."""
    demand(given is not None and given is not ..., f"{what} is {given!r}. Is a return missing, or a … still there?")
    try:
        array = np.asarray(getattr(given, "data", given), dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"{what} is {given!r}, and not numbers") from None
    demand(array.shape == shape, f"{what} has shape {array.shape}, but should have {shape}")
    return array


def parts(given: Any, count: int, what: str) -> tuple[Any, ...]:
    """Return what an answer gave as a tuple of so many parts, or raise Wrong."""
    demand(given is not None and given is not ..., f"it gives {given!r}. Is a return missing, or a … still there?")
    demand(isinstance(given, tuple | list) and len(given) == count, f"it should give {what}, but gives {given!r}")
    return tuple(given)


def close(given: np.ndarray, due: Any, tolerance: float = 1e-6) -> bool:
    """Whether two arrays are equal but for rounding; NaN equals nothing."""
    return bool(np.allclose(given, due, rtol=tolerance, atol=tolerance))
