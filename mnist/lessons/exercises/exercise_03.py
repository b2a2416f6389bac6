"""An order in which slopes can be handed back."""

from __future__ import annotations

from typing import Any

from mnist.lessons.exercises.exercise import Exercise, demand

_TAPES: tuple[tuple[dict[str, list[str]], str], ...] = (
    ({"z": ["a", "b"], "b": ["a"], "a": ["x"]}, "z"),
    ({"z": ["b", "a"], "b": ["a"], "a": ["x"]}, "z"),
    ({"z": ["x", "a"], "a": ["b", "x"], "b": ["c"], "c": ["x"]}, "z"),
    ({"z": ["p", "q"], "p": ["r", "x"], "q": ["p", "y"], "r": ["y"], "other": ["x", "z"]}, "z"),
    ({f"d{i + 1}": [f"d{i}", f"d{i}"] for i in range(40)}, "d40"),
    ({}, "x"),
)


def _judge(order: Any) -> None:
    for made_from, result in _TAPES:
        names = order({name: list(operands) for name, operands in made_from.items()}, result)
        demand(names is not None and names is not ..., f"it gives {names!r}. Is a return missing, or a … still there?")
        names = list(names)
        given = f"of {made_from} it gives {names}" if len(made_from) < 6 else f"of a long tape it gives {names[:4]} …"
        led = _led(made_from, result)
        demand(len(set(names)) == len(names), f"{given}, which has a name twice: each gets one turn")
        demand(not led - set(names), f"{given}, which lacks {', '.join(sorted(led - set(names)))}")
        demand(not set(names) - led, f"{given}, but {', '.join(sorted(set(names) - led))} did not lead to {result}")
        demand(names[0] == result or names[-1] != result, f"{given}: the way there; the way back starts at {result}")
        turn = {name: i for i, name in enumerate(names)}
        for name in names:
            for operand in made_from.get(name, ()):
                demand(
                    turn[name] < turn[operand],
                    f"{given}, where {operand} has its turn before {name}, which was made from it and would report "
                    "too late",
                )


def _led(made_from: dict[str, list[str]], result: str) -> set[str]:
    """Return the names that led to a result, itself included."""
    led, waiting = set(), [result]
    while waiting:
        name = waiting.pop()
        if name not in led:
            led.add(name)
            waiting += made_from.get(name, ())
    return led


exercise = Exercise(
    _judge,
    hints=(
        "Turn it round: if each name is written down after all that it was made from, the reverse is what you want.",
        "A function that visits: if the name has been seen, return; visit all that it was made from; then append it.",
        "def visit(name): if name not in seen: seen.add(name); for p in made_from.get(name, []): visit(p); "
        "done.append(name). At the end, return done[::-1].",
    ),
    moral="So a tape that does not know ages can be read too; the engine saves itself this walk by sorting by age.",
)
