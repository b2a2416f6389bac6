"""The tape as plain data: what pictures, equations and the compiler read.

A `Graph` lists the operations of a computation in the order in which they were done, forward pass, backward pass and
updates alike. `Tracer` writes one down while the computation runs: it looks on at the door through which every
operation passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from autodiff.source import Place, caller
from autodiff.tape import Array, Pass, Primitive, Variable, Watcher, shape_of, unwrap

Kind = Literal["input", "parameter", "constant", "result", "gradient"]


@dataclass(eq=False, slots=True)
class Value:
    """An array of a graph: a leaf, the result of an operation, or the `.grad` that a variable had."""

    id: int
    kind: Kind
    data: Array
    """The numbers it had when it was computed: an array, or a plain number, which does not widen other operands."""
    name: str | None = None
    """Of the variable, `W`, or of what the module that made it calls its result, `Z`; not unique."""
    path: str | None = None
    """Where a parameter is found: `layers.0.weight`."""
    operation: Operation | None = None
    """What made it; None for a leaf."""
    origin: Value | None = None
    """In a graph that was rewritten: the value that this one stood for in the graph as it was traced."""
    cotangent: Value | None = None
    """Its complete cotangent, if a backward pass has come by."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return shape_of(self.data)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        return np.asarray(self.data).dtype

    def __repr__(self) -> str:
        return f"%{self.id}{f' {self.name}' if self.name else ''} {self.dtype}{self.shape}"


@dataclass(eq=False, slots=True)
class Operation:
    """A line of a graph: `output = primitive(*inputs, **attributes)`."""

    primitive: Primitive
    inputs: tuple[Value, ...]
    attributes: dict[str, Any]
    output: Value
    during: Pass
    place: Place
    """Where the user called it."""
    scope: str = ""
    """The path of the module that did it, `layers.0`; empty outside of modules."""
    differentiates: tuple[Operation, int | None] | None = None
    """In a backward pass: the operation whose rule this is part of, and the operand the rule is for; None for the
    operand where contributions are added up."""

    def __repr__(self) -> str:
        attributes = "".join(f", {name}={value!r:.40}" for name, value in self.attributes.items())
        return f"{self.output!r} = {self.primitive.name}({', '.join(f'%{v.id}' for v in self.inputs)}{attributes})"


@dataclass(eq=False, slots=True)
class Graph:
    """The operations of a computation in their order, with the values that they take and give."""

    operations: list[Operation] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    """In the order in which they first appear; a value's id is its place here."""
    outputs: list[Value] = field(default_factory=list)
    assignments: list[tuple[Value, Value]] = field(default_factory=list)
    """A value that was given new numbers, a parameter say, and the value that it was given, in order."""
    modules: dict[str, str] = field(default_factory=dict)
    """The class of the module at each path: `{"layers.0": "Linear", …}`."""

    @classmethod
    def of(cls, output: Variable) -> Graph:
        """Read the tape that led to a variable: its forward pass, with the gradients that variables hold."""
        graph = cls()
        Tracer(graph).read_tape(output)
        return graph

    def of_kind(self, kind: Kind) -> list[Value]:
        """Return the inputs, parameters, constants or results."""
        return [value for value in self.values if value.kind == kind]

    def in_pass(self, during: Pass) -> list[Operation]:
        """Return the operations of one pass."""
        return [operation for operation in self.operations if operation.during == during]

    def forget_numbers(self) -> None:
        """Keep shape and dtype alone of the arrays that were computed: they may take more memory than all else."""
        for operation in self.operations:
            if isinstance(data := operation.output.data, np.ndarray) and data.ndim:
                operation.output.data = np.broadcast_to(np.zeros((), data.dtype), data.shape)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __len__(self) -> int:
        return len(self.operations)


class Tracer(Watcher):
    """A watcher that writes down what it sees as a graph.

    A value is known by its array, which all variables that stand for it share. Leaves become constants unless they
    were announced as inputs or belong to a module.
    """

    traces = True

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = Graph() if graph is None else graph
        self._passes: list[Pass] = ["forward"]
        self._values: dict[int, Value] = {}
        self._kept: list[Array] = []  # so that no array's id is given to another
        self._results: list[tuple[Variable, Value]] = []
        self._modules: list[tuple[Any, str]] = []
        self._paths: dict[int, str] = {}
        self._rule: tuple[Operation, int | None] | None = None

    # ── values ──────────────────────────────────────────────────────────────────────────────────────────

    def add(self, array: Array, kind: Kind, name: str | None = None) -> Value:
        """Add a value that no operation has made."""
        value = Value(len(self.graph.values), kind, unwrap(array), name or getattr(array, "name", None))
        self.graph.values.append(value)
        self._kept.append(array)
        self._values[_key(array)] = value
        return value

    def value_of(self, array: Array) -> Value:
        """Return the value that an operand stands for; one that has not been seen is a leaf."""
        value = self._values.get(_key(array))
        if value is None:
            path = self._paths.get(id(array))
            value = self.add(array, "parameter" if path else "constant")
            value.path = path
        return value

    def learn_names(self) -> None:
        """Call each value what its variable is called by now: a result has no name before it has been made."""
        for variable, value in self._results:
            value.name = variable.name or value.name

    def read_tape(self, output: Variable) -> None:
        """Write down the tape that led to a variable, which is the output."""
        for variable in _recorded(output):
            if variable.node is None:
                self.add(variable, "parameter" if variable.tracked else "input")
            else:
                node = variable.node
                self.write(node.primitive, node.inputs, node.attributes, variable, node.place)
            value = self.value_of(variable)
            value.name = variable.name
            if variable.grad is not None:
                held = self._values.get(_key(variable.grad))
                value.cotangent = held or self.add(variable.grad, "gradient")
        self.graph.outputs = [self.value_of(output)]

    # ── what a watcher sees ─────────────────────────────────────────────────────────────────────────────

    def operation(
        self, primitive: Primitive, operands: tuple[Array, ...], attributes: dict[str, Any], result: Array
    ) -> None:
        """Write down an operation that has just been done."""
        self.write(primitive, operands, attributes, result, caller(2))

    def write(
        self, primitive: Primitive, operands: tuple[Array, ...], attributes: dict[str, Any], result: Array, place: Place
    ) -> None:
        """Write an operation down."""
        inputs = tuple(self.value_of(operand) for operand in operands)
        if primitive.name in ("alias", "astype") and inputs[0].dtype == unwrap(result).dtype:  # the same numbers
            self._values[_key(result)] = inputs[0]
            self._kept.append(result)
            return
        if _key(result) in map(_key, operands):  # it had nothing to do
            return
        output = self.add(result, "result")
        output.operation = Operation(
            primitive, inputs, attributes, output, self._passes[-1], place, self._scope(), self._rule
        )
        self.graph.operations.append(output.operation)
        if isinstance(result, Variable):
            self._results.append((result, output))

    def enter(self, module: Any) -> None:
        """Learn the names of the modules and parameters within the outermost module."""
        if not self._modules:
            for path, part in module.named_modules():
                self._paths.setdefault(id(part), path)
                self.graph.modules.setdefault(path, type(part).__name__)
            self._paths |= {id(parameter): path for path, parameter in module.named_parameters()}
            self._kept.append(module)
        self._modules.append((module, self._paths.get(id(module), "")))

    def leave(self, module: Any, result: Array) -> None:
        """Give the result the name that the module has for it."""
        self._modules.pop()
        value = self.value_of(result)
        if value.name is None:
            value.name = getattr(module, "symbol", None)

    def begin(self, during: Pass) -> None:
        """Note which pass the operations belong to from here on."""
        self._passes.append(during)

    def end(self) -> None:
        """Go back to the pass before."""
        self._passes.pop()
        self._rule = None

    def rule(self, variable: Variable, index: int | None) -> None:
        """Note whose derivative the operations compute from here on."""
        operation = self.value_of(variable).operation
        self._rule = (operation, index) if operation else None

    def step(self, variable: Variable, cotangent: Array, contributions: Sequence[Array | None]) -> None:
        """Tie a value to its cotangent."""
        self.value_of(variable).cotangent = self.value_of(cotangent)

    def assign(self, variable: Variable, value: Array) -> None:
        """Write an update down."""
        self.graph.assignments.append((self.value_of(variable), self.value_of(value)))

    def same(self, copy: Any, original: Array) -> Any:
        """Let a number stand for the value that another one is."""
        value = self._values[_key(copy)] = self.value_of(original)
        value.data = copy
        self._kept.append(copy)
        return copy

    def _scope(self) -> str:
        return self._modules[-1][1] if self._modules else ""


def _recorded(output: Variable) -> list[Variable]:
    """Return the variables on the tape that led to the output: results oldest first, leaves before what uses them."""
    found = {id(output): output}
    pending = [output]
    while pending:
        for operand in _operands(pending.pop()):
            if id(operand) not in found:
                found[id(operand)] = operand
                pending.append(operand)
    results = sorted((v for v in found.values() if v.node), key=lambda v: v.node.moment if v.node else 0)
    in_order = {id(v): v for result in results for v in (*_operands(result), result)}
    return list(in_order.values()) or [output]


def _operands(variable: Variable) -> Iterator[Variable]:
    """Yield the variables among the operands of what made a variable."""
    for operand in variable.node.inputs if variable.node else ():
        if isinstance(operand, Variable):
            yield operand


def _key(array: Array) -> int:
    """Return what tells one value from another: the identity of its array, which variables may share."""
    return id(unwrap(array))
