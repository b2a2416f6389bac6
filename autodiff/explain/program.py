"""A graph as a program: straight-line NumPy, one operation a line, that gives the same numbers."""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from autodiff.explain.definitions import Function
from autodiff.explain.literals import frozen, is_printable, is_uniform, literal
from autodiff.explain.names import names_of
from autodiff.explain.sources import Sources
from autodiff.graph import Graph, Operation, Value
from autodiff.source import describe_place
from autodiff.tape import Array

LARGEST = 100
"""The most elements that a constant may have to be written out; a larger one is a parameter."""

LONG = 64
"""A statement longer than this pushes its comment out of the column."""

HEAD = '"""What was traced, in NumPy alone: one operation a line."""'


def to_python(graph: Graph) -> str:
    """Return a program that defines `computation` and needs NumPy alone; see `tracing.Graph.to_python`."""
    return _Program(graph).text()


def arguments(graph: Graph) -> dict[str, Array]:
    """Return what that `computation` takes, by name."""
    program = _Program(graph)
    return {program.identifiers[value.id]: value.data for value in program.parameters}


class _Program:
    """The parts of a program. Expressions are syntax trees, in which values get their names at the end."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = names_of(graph)
        self.parameters = [value for value in graph.values if self._is_parameter(value)]
        self._variables = self._find_variables()
        self.sources = Sources()
        self._expressions: dict[Any, ast.expr] = {}
        """What calls look like, with places for their operands: a long chain has few that differ."""
        for operation in graph:
            if (key := self._key(operation)) not in self._expressions:
                operands = [self._place(i, value) for i, value in enumerate(operation.inputs)]
                self._expressions[key] = self.sources.call(operation.primitive, operands, operation.attributes)
        self._taken = {"np", "computation", *dir(builtins), *(path.split(".")[0] for path in self.sources.imports)}
        self._functions = {function: self._free(_identifier(function.__name__)) for function in self.sources.functions}
        self.identifiers = self._identified()

    def text(self) -> str:
        """Return the program."""
        imports = [f"import {module}" for module in sorted({*self.sources.imports, "numpy as np"})]
        functions = [self._function(*item) for item in self.sources.functions.items()]
        head = f"def computation({', '.join(self.identifiers[value.id] for value in self.parameters)}):"
        rows = list(self._rows())
        width = max((len(code) for code, comment in rows if comment and len(code) <= LONG), default=0)
        lines = [f"{code:{width}}  {comment}" if code and comment else code or comment for code, comment in rows]
        body = [f"    {line}" if line else "" for line in [*lines, *self._returned()]]
        return "\n\n\n".join(["\n".join([HEAD, "", *imports]), *functions, "\n".join([head, *body])]) + "\n"

    # ── names ───────────────────────────────────────────────────────────────────────────────────────────

    def _is_parameter(self, value: Value) -> bool:
        """Whether a value is a parameter of the program: a leaf, unless it is a constant that can be written out."""
        if value.operation or value.kind in ("input", "parameter"):
            return value.operation is None
        array = np.asarray(value.data)
        is_large = array.size > LARGEST and not is_uniform(array)
        return value.id in self.names.of and (is_large or not is_printable(array))

    def _find_variables(self) -> dict[int, Value]:
        """Return the values that have names in the program, by their ids, those whose names matter most first."""
        results = [operation.output for operation in self.graph]
        named = [value for value in self.graph.values if value.id in self.names.of]
        return {value.id: value for value in (*self.parameters, *named, *results)}

    def _identified(self) -> dict[int, str]:
        """Find an identifier for each variable: its name, or a number for what has none."""
        numbers = itertools.count(1)
        identifiers = {}
        for id in self._variables:
            name = self.names.of.get(id)
            identifiers[id] = self._free(_identifier(str(name)) if name else f"_{next(numbers)}")
        return identifiers

    def _free(self, wish: str) -> str:
        """Return an identifier that nothing has yet."""
        while wish in self._taken:
            wish += "_"
        self._taken.add(wish)
        return wish

    # ── code ────────────────────────────────────────────────────────────────────────────────────────────

    def _key(self, operation: Operation) -> Any:
        """Return what tells an operation from those that are written alike, but for the names of their operands."""
        numbers = tuple(None if v.id in self._variables else frozen(v.data) for v in operation.inputs)
        return operation.primitive, numbers, frozen(operation.attributes)

    def _place(self, index: int, value: Value) -> ast.expr:
        """Return an expression for an operand: a place for its name, or the number itself."""
        return ast.Name(f"\0{index}\0", ast.Load()) if value.id in self._variables else literal(value.data)

    def _code(self, tree: ast.AST) -> str:
        """Return the code of a syntax tree, with the names of functions."""
        for node in ast.walk(tree):
            if hasattr(node, "function"):
                node.id = self._functions[node.function]  # type: ignore[attr-defined]
        return ast.unparse(ast.fix_missing_locations(tree))

    def _function(self, function: Function, definition: ast.FunctionDef) -> str:
        definition.name = self._functions[function]
        return self._code(definition)

    def _rows(self) -> Iterator[tuple[str, str]]:
        """Yield statements with their comments: shapes, and, between statements, passes and the user's lines."""
        codes = {key: self._code(expression).split("\0") for key, expression in self._expressions.items()}
        defined = {value.id for value in self.parameters}
        during = place = ""
        for operation in self.graph:
            if operation.during != during:
                if during:
                    yield "", ""
                during = operation.during
                yield "", f"# {during}"
            if (line := " ".join(describe_place(operation.place).split())) != place:
                place = line
                yield "", f"# {place}"
            yield from self._constants(operation.inputs, defined)
            between = codes[self._key(operation)]  # every other piece is the number of an operand
            named = [self.identifiers[operation.inputs[int(i)].id] for i in between[1::2]]
            code = "".join(itertools.chain.from_iterable(zip(between[::2], [*named, ""], strict=True)))
            yield f"{self.identifiers[operation.output.id]} = {code}", f"# {operation.output.shape}"

        yield from self._constants(self._results().values(), defined)

    def _constants(self, values: Iterable[Value], defined: set[int]) -> Iterator[tuple[str, str]]:
        """Yield the definitions of constants that have names, each when it is first used."""
        for value in values:
            if value.operation is None and value.id in self._variables and value.id not in defined:
                defined.add(value.id)
                yield f"{self.identifiers[value.id]} = {self._code(literal(value.data))}", ""

    def _results(self) -> dict[str, Value]:
        """Return what the program returns: outputs, gradients of leaves and updates, by their names."""
        of, gradients = self.names.of, self.names.gradients
        values = [value for value in self.graph.outputs if value.operation]
        leaves = [value for value in self.graph.values if value.operation is None and value.id in gradients]
        values += [x.cotangent for x in leaves if x.cotangent and of.get(x.cotangent.id) == gradients[x.id]]
        values += [new for _, new in self.graph.assignments if new.operation]
        results = {self.identifiers[value.id]: value for value in values}
        return results | {_identifier(str(alias)): value for alias, value in self.names.aliases}

    def _returned(self) -> Iterator[str]:
        """Yield the last statement."""
        yield "return {"
        for key, value in self._results().items():
            is_variable = value.id in self._variables
            yield f"    {key!r}: {self.identifiers[value.id] if is_variable else self._code(literal(value.data))},"
        yield "}"


def _identifier(name: str) -> str:
    """Write a name as Python allows it: W1, dW1, and W1_new for what W1 is updated to; _lambda_ for a lambda."""
    text = unicodedata.normalize("NFKC", name.replace("′", "_new"))
    text = re.sub(r"\W", "_", text)
    text = text if text.isidentifier() else f"_{text}"
    text = text if text.isidentifier() else "_"
    return f"{text}_" if keyword.iskeyword(text) else text
