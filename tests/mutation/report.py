"""What became of the mutants, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from tests.mutation.equivalents import reason
from tests.mutation.mutant import Mutant
from tests.mutation.suite import Verdict

OUTCOMES = ["killed", "equivalent", "survived", "listed in vain"]


def outcome(mutant: Mutant, verdict: Verdict | None) -> str:
    """Return one of the outcomes; without a verdict, none was needed."""
    if verdict is None:
        return "equivalent"
    if reason(mutant):
        return "listed in vain" if verdict.killer else "equivalent"
    return "killed" if verdict.killer else "survived"


def table(outcomes: Sequence[tuple[Mutant, str]]) -> str:
    """Return the counts by operator, and the kill rate of all that are no equivalents."""
    operators = list(dict.fromkeys(mutant.operator for mutant, _ in outcomes))
    rows = [["operator", "mutants", *OUTCOMES[:3]]]
    for operator in [*operators, "all"]:
        own = [outcome for mutant, outcome in outcomes if operator in ("all", mutant.operator)]
        rows.append([operator, str(len(own)), *(str(own.count(outcome)) for outcome in OUTCOMES[:3])])
    width = max(len(row[0]) for row in rows)
    lines = [f"{row[0]:{width}}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows]
    killed = sum(outcome == "killed" for _, outcome in outcomes)
    faults = sum(outcome in ("killed", "survived") for _, outcome in outcomes)
    rate = f"{killed / faults:.2%}" if faults else "none to kill"
    return "\n".join([*lines, "", f"kill rate: {rate} ({killed} of {faults})"])
