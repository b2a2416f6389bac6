"""The steps in which the explorer walks through a graph: each operation forward, each rule backward, each update.

A step of a backward pass is all that one operation hands to its operands: its rules, and the sums in which an operand
that was used more than once collects what comes back to it. Rules that only pass a cotangent on, as that of addition
does, leave no operation in the graph; their steps are found by the cotangents.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from autodiff.graph import Graph, Operation, Value

Kind = Literal["start", "forward", "seed", "backward", "gradients", "update"]


@dataclass(eq=False)
class Step:
    """What happens at one step."""

    kind: Kind
    subject: Value | None = None
    """The value that the step is about: the result of an operation done or differentiated, or what is updated."""
    operations: list[Operation] = field(default_factory=list)
    """What was computed, in order."""
    number: int = 1
    count: int = 1
    """Its number among the steps of its kind, and how many there are."""


def steps_of(graph: Graph) -> list[Step]:
    """Return the steps in the order of the graph; at the first, the start, only the leaves are known."""
    positions = {id(operation): i for i, operation in enumerate(graph)}
    timed: list[tuple[float, Step]] = [
        (positions[id(o)], Step("forward", o.output, [o])) for o in graph.in_pass("forward")
    ]
    for walk in _walks(graph, positions):
        timed += [(walk.begin, step) for step in _steps_of_walk(walk, graph)]
    timed += _updates(graph, positions)
    if not graph.in_pass("backward") and _holds_gradients(graph):
        timed.append((len(graph), Step("gradients")))
    steps = [step for _, step in sorted(timed, key=lambda pair: pair[0])]
    for kind in ("forward", "backward", "update"):
        of_kind = [step for step in steps if step.kind == kind]
        for number, step in enumerate(of_kind, 1):
            step.number, step.count = number, len(of_kind)
    return [Step("start"), *steps]


def gradients_complete(graph: Graph, steps: list[Step]) -> dict[int, int]:
    """Return for each value with a cotangent, by id, the step after which nothing is added to it any more."""
    complete: dict[int, int] = {}
    for i, step in enumerate(steps):
        if step.kind == "seed" and step.subject:
            complete[step.subject.id] = i
        elif step.kind == "gradients":
            complete |= {value.id: i for value in graph.values if value.cotangent is not None}
        elif step.kind == "backward" and step.subject and step.subject.operation:
            complete |= {v.id: i for v in step.subject.operation.inputs if v.cotangent is not None}
    return complete


@dataclass
class _Walk:
    """A backward pass: when it began, and what it did at each operation that it visited, by the operation's place."""

    begin: float
    visits: dict[int, list[Operation]] = field(default_factory=dict)


def _walks(graph: Graph, positions: dict[int, int]) -> list[_Walk]:
    """Return the backward passes of a graph, of which there are several where a gradient is differentiated in turn."""
    walks: list[_Walk] = []
    last = -1
    for i, operation in enumerate(graph):
        if operation.during != "backward" or operation.differentiates is None:
            continue
        visited = positions[id(operation.differentiates[0])]
        if not walks or visited > last:  # a pass goes from the end of a graph to its beginning
            walks.append(_Walk(i - 0.5))
        walks[-1].visits.setdefault(visited, []).append(operation)
        last = visited
    seen = {visited for walk in walks for visited in walk.visits}
    for i, operation in enumerate(graph):
        if _passes_on(operation) and i not in seen and not _holds_gradients(graph):
            _walk_to(operation, i, walks, positions).visits[i] = []
    return walks


def _walk_to(operation: Operation, place: int, walks: list[_Walk], positions: dict[int, int]) -> _Walk:
    """Return the backward pass that came by an operation and left nothing there but what it passed on."""
    made = operation.output.cotangent.operation if operation.output.cotangent else None
    time = place if made is None else positions[id(made)]
    if made is not None:
        walk = next((walk for walk in reversed(walks) if walk.begin < time), None)
    else:
        walk = next((walk for walk in walks if walk.begin > time), None)
    if walk is None:
        walk = _Walk(len(positions) - 0.5)
        walks.append(walk)
    return walk


def _passes_on(operation: Operation) -> bool:
    """Whether a backward pass has come by an operation and gone on to an operand of it."""
    return operation.output.cotangent is not None and any(v.cotangent is not None for v in operation.inputs)


def _steps_of_walk(walk: _Walk, graph: Graph) -> list[Step]:
    order = sorted(walk.visits, reverse=True)
    root = graph.operations[order[0]].output
    seeded = root.cotangent is not None and root.cotangent.operation is None
    seed = [Step("seed", root)] if seeded else []
    return seed + [Step("backward", graph.operations[place].output, walk.visits[place]) for place in order]


def _updates(graph: Graph, positions: dict[int, int]) -> list[tuple[float, Step]]:
    """Return a step for each value that was given new numbers, with the operations that computed these."""
    steps: list[tuple[float, Step]] = []
    pending = graph.in_pass("update")
    for value, new in graph.assignments:
        time = positions[id(new.operation)] if new.operation else len(graph)
        done = [operation for operation in pending if positions[id(operation)] <= time]
        pending = pending[len(done) :]
        steps.append((time, Step("update", value, done)))
    return steps


def _holds_gradients(graph: Graph) -> bool:
    """Whether leaves have gradients that came with them, as in a graph read off a tape, from no pass within."""
    from_passes = {id(o.output.cotangent) for o in graph}
    leaves = [v for v in graph.values if v.operation is None and v.cotangent is not None]
    return not graph.in_pass("backward") and any(id(v.cotangent) not in from_passes for v in leaves)
