"""A pass that computes nothing twice."""

from __future__ import annotations

from typing import Any

from mnist.lessons.exercises.exercise import Exercise, demand

Line = tuple[str, str, tuple[str, ...]]

_PROGRAMS: tuple[tuple[list[Line], int], ...] = (
    ([("a", "sin", ("x",)), ("b", "sin", ("x",)), ("c", "multiply", ("a", "b"))], 2),
    ([("a", "sin", ("x",)), ("b", "cos", ("x",)), ("c", "subtract", ("a", "b")), ("d", "subtract", ("b", "a"))], 4),
    (
        [("a", "sin", ("x",)), ("b", "sin", ("x",)), ("p", "exp", ("a",)), ("q", "exp", ("b",)),
         ("r", "add", ("p", "q"))],
        3,
    ),
    ([("a", "add", ("x", "y")), ("b", "add", ("x", "z")), ("c", "multiply", ("a", "b"))], 3),
    ([], 0),
)  # fmt: skip


def _judge(without_repeats: Any) -> None:
    for lines, least in _PROGRAMS:
        given = without_repeats(list(lines))
        demand(given is not None and given is not ..., f"it gives {given!r}. Is a return missing, or a … still there?")
        found = [(name, operation, tuple(operands)) for name, operation, operands in given]
        told = f"of {lines} it makes {found}"
        names, inputs = {name for name, _, _ in found}, {"x", "y", "z"}
        known = set(inputs)
        for name, _, operands in found:
            lost = [operand for operand in operands if operand not in known]
            demand(not lost, f"{told}, where {name} uses {', '.join(lost)}, which is dropped: use the earlier name")
            known.add(name)
        demand(names <= {name for name, _, _ in lines}, f"{told}, with names that were not there")
        demand(len(found) >= least, f"{told}: two lines have been taken for one that compute different things")
        demand(_meaning(found) == _meaning(lines), f"{told}, which computes something else")
        demand(
            len(found) == least,
            f"{told}, which computes something twice still. When b is dropped in favour of a, exp(b) becomes exp(a), "
            "and may itself be a repeat: rename operands before you compare",
        )


def _meaning(lines: list[Line]) -> set[str]:
    """Return what is computed, each thing written out down to the inputs."""
    written: dict[str, str] = {}
    for name, operation, operands in lines:
        written[name] = f"{operation}({', '.join(written.get(operand, operand) for operand in operands)})"
    return set(written.values())


exercise = Exercise(
    _judge,
    hints=(
        "Keep two dicts: which name stands for a dropped one, and which name has computed (operation, operands).",
        "For each line first replace its operands by the names that stand for them. Then look whether it is known.",
        "operands = tuple(stands.get(o, o) for o in operands); first = known.setdefault((operation, operands), name); "
        "if first == name keep the line, else stands[name] = first.",
    ),
    moral="autodiff/compiler/common.py does it in much the same way.",
)
