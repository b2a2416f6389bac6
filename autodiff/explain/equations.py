"""A graph as mathematics: a line for each value that has a name or is shared, pass by pass, with shapes."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from autodiff.explain.literals import is_uniform
from autodiff.explain.names import Name, Names, names_of
from autodiff.explain.writing import Part, write, write_leaf
from autodiff.graph import Graph, Value

WIDTH = 100
"""How long a line of what is given may be."""

LONG = 48
"""A definition longer than this pushes its shape out of the column."""


class Line(NamedTuple):
    """An equation, `left = right` or `left ← right`, the value that it defines, and the pass that it belongs to."""

    left: str
    sign: str
    right: str
    value: Value
    section: str


Section = tuple[str, list[Line]]


def equations(graph: Graph, *, latex: bool = False) -> str:
    """Return a graph's forward pass, backward pass and updates as mathematics, one named or shared value a line.

    The text is Unicode; in LaTeX it is an `aligned` environment, to be put between dollars.
    """
    names = names_of(graph)
    given = [value for value in graph.values if _is_leaf(value, names) and not is_seed(value, names)]
    written = _Lines(graph, names, latex)
    sections = [(title, list(group)) for title, group in groupby(written, key=lambda line: line.section)]
    return _in_latex(given, names, sections) if latex else _in_text(given, names, sections)


def is_seed(value: Value, names: Names) -> bool:
    """Whether a value is a cotangent of one number, such as a backward pass starts from: dL = 1."""
    return _is_leaf(value, names) and names.of[value.id].ds > 0 and is_uniform(np.asarray(value.data))


def _is_leaf(value: Value, names: Names) -> bool:
    return value.operation is None and value.id in names.of


class _Lines:
    """The lines of a graph, in the order of its operations."""

    def __init__(self, graph: Graph, names: Names, latex: bool) -> None:
        self._graph = graph
        self._names = names
        self._latex = latex
        self._parts: dict[int, Part] = {}
        self._used = {value.id for operation in graph for value in operation.inputs}
        self._updated = {new.id: old for old, new in graph.assignments}
        self._aliases: dict[int, list[Name]] = defaultdict(list)
        for alias, value in names.aliases:
            self._aliases[value.id].append(alias)

    def __iter__(self) -> Iterator[Line]:
        leaves_told = False
        for operation in self._graph:
            if operation.during == "update" and not leaves_told:
                leaves_told = True
                yield from self._leaves()
            for value in operation.inputs:
                if is_seed(value, self._names) and value.id not in self._parts:
                    yield self._seed(value, operation.during)
            value, text = operation.output, write(operation, self._part, self._latex)
            if value.id not in self._names.of:
                self._parts[value.id] = text
                continue
            yield Line(*self._left(value), text.text, value, operation.during)
            for alias in self._aliases[value.id]:
                yield Line(self._shown(alias), "=", self._part(value).text, value, operation.during)
        if not leaves_told:
            yield from self._leaves()

    def _left(self, value: Value) -> tuple[str, str]:
        """Return what stands left of a definition, and its sign: an update that nothing reads is an assignment."""
        if value.id in self._updated and value.id not in self._used:
            return self._shown(self._names.of[self._updated[value.id].id]), r"\leftarrow" if self._latex else "←"
        return self._part(value).text, "="

    def _seed(self, value: Value, section: str) -> Line:
        return Line(self._part(value).text, "=", write_leaf(value.data, self._latex).text, value, section)

    def _leaves(self) -> Iterator[Line]:
        """Yield gradients, updates and outputs that no operation computes, since they are leaves themselves."""
        for leaf in self._graph.values:
            gradient = leaf.cotangent
            is_open = gradient and leaf.operation is None and gradient.id not in self._parts
            if gradient and is_open and is_seed(gradient, self._names):
                yield self._seed(gradient, "backward")
        for alias, value in self._names.aliases:
            if value.operation is None:
                section = "update" if alias.primes else "backward" if alias.ds else "forward"
                yield Line(self._shown(alias), "=", self._part(value).text, value, section)

    def _part(self, value: Value) -> Part:
        """Return how a value is written where it is used."""
        if value.id not in self._parts:
            name = self._names.of.get(value.id)
            self._parts[value.id] = Part(self._shown(name)) if name else write_leaf(value.data, self._latex)
        return self._parts[value.id]

    def _shown(self, name: Name) -> str:
        return name.latex() if self._latex else str(name)


def _in_text(given: Sequence[Value], names: Names, sections: Sequence[Section]) -> str:
    """Lay the lines out in columns."""
    written = [line for _, lines in sections for line in lines]
    left = max((len(line.left) for line in written), default=0)
    right = max((len(line.right) for line in written if len(line.right) <= LONG), default=0)
    blocks = []
    if given:
        told = ", ".join(_told(value, names).replace(" ", "\0") for value in given)
        blocks.append(["given", *textwrap.wrap(told, WIDTH, initial_indent="  ", subsequent_indent="  ")])
    for title, lines in sections:
        blocks.append([title])
        blocks[-1] += [f"  {x.left:{left}} {x.sign} {x.right:{right}}  {x.value.shape}" for x in lines]
    return "\n\n".join("\n".join(block) for block in blocks).replace("\0", " ")


def _told(value: Value, names: Names) -> str:
    """Write what is to be known of a leaf: its shape, or the number of a constant."""
    name = names.of[value.id]
    is_number = value.kind == "constant" and value.shape == ()
    return f"{name} = {write_leaf(value.data).text}" if is_number else f"{name} {value.shape}"


def _in_latex(given: Sequence[Value], names: Names, sections: Sequence[Section]) -> str:
    r"""Lay the lines out between `\begin{aligned}` and `\end{aligned}`."""
    rows = [_told_in_latex(value, names) for value in given]
    for title, lines in sections:
        rows.append(rf"&\text{{{title}}}")
        rows += [rf"{x.left} &{x.sign} {x.right} && {x.value.shape}" for x in lines]
    return "\n".join([r"\begin{aligned}", *(rf"{row} \\" for row in rows), r"\end{aligned}"])


def _told_in_latex(value: Value, names: Names) -> str:
    r"""Write what is to be known of a leaf: x ∈ ℝ^{m × n}, or the number of a constant."""
    name = names.of[value.id].latex()
    if value.kind == "constant" and value.shape == ():
        return f"{name} &= {write_leaf(value.data, latex=True).text}"
    letter = {"f": "R", "b": "B"}.get(value.dtype.kind, "Z")
    power = r" \times ".join(map(str, value.shape))
    return rf"{name} &\in \mathbb{{{letter}}}" + (f"^{{{power}}}" if power else "")
