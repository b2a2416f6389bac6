"""Emission: write the plan as a module of Python, for Numba to compile and for a student to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from autodiff.compiler.planning import Plan
from autodiff.compiler.rewriting import is_number
from autodiff.compiler.scalars import literal
from autodiff.compiler.scheduling import Stage
from autodiff.compiler.units import FLOATS, Call, Loop, Product
from autodiff.compiler.writing import Writer
from autodiff.graph import Value

HEADER = '''import numpy as np

from autodiff.compiler.runtime import (
    accumulate, array, erf, exp, lay_windows, part_of, piece, place, plus, sigmoid, softplus, take_windows, tanh,
    uniform_at,
)
from autodiff.kernels.compiled_matmul import product_of_rows
from autodiff.kernels.compiled_narrow import narrow_product_of_rows
'''

LONGEST_PIECE = 8
"""Loops in one function: the compiler takes longer for one long function than for several short ones."""


@dataclass
class Piece:
    """A call of an emitted function: its name, and the values whose addresses it is given; None is the flag that an
    index was out of range.
    """

    name: str
    arguments: list[Value | None]


@dataclass
class Run:
    """Stages in a row, each a list of calls that may be shared among threads."""

    stages: list[tuple[Stage, list[Piece]]] = field(default_factory=list)


@dataclass
class Emitted:
    """The text of a module, what is to be called in turn, and comments that tell a reader so."""

    code: str
    listing: str
    steps: list[Run | Call] = field(default_factory=list)


def emit(plan: Plan, in_place: dict[int, Value]) -> Emitted:
    """Write a plan down.

    Args:
        plan: what is to be done.
        in_place: for the id of a value that is assigned, the leaf that it can be written over at once.
    """
    bodies: dict[str, str] = {}
    steps: list[Run | Call] = []
    for step in plan.steps:
        if isinstance(step, Call):
            steps.append(step)
            continue
        run = steps[-1] if steps else None
        if not isinstance(run, Run):
            run = Run()
            steps.append(run)
        pieces = []
        for units in _split(step.units):
            writer = Writer(plan, in_place, step.is_shared)
            body = writer.write(units)
            pieces.append(Piece(bodies.setdefault(body, f"piece_{len(bodies)}"), writer.arguments))
        run.stages.append((step, pieces))
    lines = [HEADER]
    lines += [
        f"{kind}product_{dtype} = {kind}product_of_rows[np.dtype('{dtype}')]"
        for dtype in FLOATS
        for kind in ("", "narrow_")
        if any(f" {kind}product_{dtype}(" in body for body in bodies)
    ]
    lines += [f"\n\n@piece\ndef {name}(part, parts, memory):\n{body}" for body, name in bodies.items()]
    return Emitted("\n".join(lines) + "\n", "\n".join(_listing(steps)) + "\n", steps)


def _split(units: list[Loop | Product]) -> Iterator[list[Loop | Product]]:
    """Yield the units by layers: a product with the loops that follow it."""
    some: list[Loop | Product] = []
    for unit in units:
        if some and (isinstance(unit, Product) or len(some) == LONGEST_PIECE):
            yield some
            some = []
        some.append(unit)
    if some:
        yield some


def _listing(steps: list[Run | Call]) -> Iterator[str]:
    """Yield comments that say what is called in turn, and with what."""
    yield "# What is done in turn:"
    for step in steps:
        if isinstance(step, Call):
            given = ", ".join(map(_shown, step.operation.inputs))
            yield f"# {_shown(step.operation.output)} = {step.operation.primitive.name}({given}), by its own kernel"
            continue
        for stage, pieces in step.stages:
            yield f"# {'by all threads, each with its part' if stage.is_shared else 'by one thread'}:"
            for piece in pieces:
                yield f"#     {piece.name}({', '.join(_shown(v) for v in piece.arguments if v)})"


def _shown(value: Value) -> str:
    """Return what a person calls a value; letters alone, so that it breaks no line."""
    return ascii(value.path or value.name or (literal(value) if is_number(value) else f"%{value.id}"))[1:-1]
