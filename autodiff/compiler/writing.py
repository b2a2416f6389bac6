"""Writing: the text of one emitted function, loop by loop."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from autodiff.compiler.planning import Plan
from autodiff.compiler.products import comment, product
from autodiff.compiler.rewriting import is_number
from autodiff.compiler.scalars import is_choice, is_weak, literal, text
from autodiff.compiler.units import (
    Loop,
    Product,
    axis_of,
    is_partial,
    is_reduction,
    names,
    operations_of,
    reduced_axes,
    space_of,
)
from autodiff.compiler.views import Index, broadcast, is_tiling, is_view, laid, read
from autodiff.graph import Operation, Value

INDENT = "    "
FEW = 16
"""Numbers that are added up in their own precision."""


class Writer:
    """Writes one function. An array is called v, a number in a register t, a sum s, a plain number n."""

    def __init__(self, plan: Plan, in_place: dict[int, Value], is_shared: bool) -> None:
        self._plan = plan
        self._in_place = in_place
        self._is_shared = is_shared
        self._makes_numbers = False
        self._names: dict[int, tuple[str, Value]] = {}
        self._registers: dict[int, str] = {}
        self._made = 0
        self._length: int | None = None
        self.arguments: list[Value | None] = []

    def write(self, units: list[Loop | Product]) -> str:
        """Return the body of a function that does the units in turn."""
        self._makes_numbers = any(is_weak(op.output) for unit in units for op in operations_of(unit))
        body: list[str] = []
        for unit in units:
            lines = self._product(unit) if isinstance(unit, Product) else self._loop(unit)
            body += self._parted(unit, lines) if self._is_shared else lines
        self.arguments = [value for _, value in self._names.values()]
        given = [_taken(i, name, value) for i, (name, value) in enumerate(self._names.values())]
        if any("out_of_range" in line for line in body):
            given.append(f"out_of_range = array(memory[{len(given)}], (1,), np.uint8)")
            self.arguments.append(None)
        return "\n".join(_indented([*given, *body]))

    # ── units ───────────────────────────────────────────────────────────────────────────────────────────

    def _parted(self, unit: Loop | Product, lines: list[str]) -> list[str]:
        """Say before the lines of a unit which part of it a thread does."""
        operation = operations_of(unit)[0]
        axis = axis_of(operation)
        if axis is None:
            return ["if part == 0:", *_indented(lines)]
        length = space_of(operation)[axis]
        if is_partial(operation) or length == self._length:
            return lines
        self._length = length
        return [f"lo, hi = part_of({length}, part, parts)", *lines]

    def _product(self, unit: Product) -> list[str]:
        return product(unit.operation, self._name, self._new, self._is_shared)

    def _loop(self, unit: Loop) -> list[str]:
        """Write a loop: what comes before it, the nest with its body, and what comes after."""
        counters = names(unit.space)
        self._registers = {}
        depth = len(unit.space)
        before: list[list[str]] = [[] for _ in range(depth + 1)]
        after: list[list[str]] = [[] for _ in range(depth + 1)]
        body: list[str] = []
        for operation in unit.operations:
            if is_reduction(operation):
                self._reduce(operation, counters, unit.axis is not None, before, body, after)
            else:
                body += self._element(operation, counters)
        lines = body
        for axis in reversed(range(depth)):
            lines = [*before[axis + 1], *lines, *after[axis + 1]]
            limits = "lo, hi" if axis == unit.axis else str(unit.space[axis])
            lines = [f"for {counters[axis]} in range({limits}):", *_indented(lines)]
        return [*before[0], *lines, *after[0]]

    def _element(self, operation: Operation, counters: Index) -> list[str]:
        """Write what an element-wise operation does to one element."""
        out, lines = operation.output, []
        if is_tiling(operation):
            lines.append(f"{self._place(out, laid(operation, counters))} = {self._load(operation.inputs[0], counters)}")
            return [f"{lines[0]}  # {comment(operation)}"]
        if is_view(operation):
            expression = read(operation, counters, self._load)
        else:
            operands = [self._load(v, broadcast(counters, v.shape, out.shape)) for v in operation.inputs]
            if is_choice(operation):  # what is read in any case need not wait for the choice, and goes by vectors
                for i in [i for i, operand in enumerate(operands) if "[" in operand]:
                    lines.append(f"{(name := self._new('t'))} = {operands[i]}")
                    operands[i] = name
            expression = text(operation, operands)
        register = self._registers[out.id] = self._new("t")
        lines.append(f"{register} = {expression}  # {comment(operation)}")
        if out.id in self._plan.stored:
            lines.append(f"{self._place(out, counters)} = {register}")
        return lines

    def _reduce(
        self,
        operation: Operation,
        counters: Index,
        is_shared: bool,
        before: list[list[str]],
        body: list[str],
        after: list[list[str]],
    ) -> None:
        """Write a reduction: a sum of many numbers in double precision, as NumPy's pairwise sums come near it."""
        (a,), out = operation.inputs, operation.output
        axes = reduced_axes(operation)
        kept = len(counters) - len(axes)
        own = _own_index(operation, counters, axes)
        number = self._load(a, counters)
        is_sum = operation.primitive.name in ("sum", "sum_to")
        start = {"max": "-np.inf", "min": "np.inf"}.get(operation.primitive.name, "0.0")
        terms = prod(operation.inputs[0].shape) // prod(out.shape)
        type_ = "np.float64" if is_sum and terms > FEW else f"np.{out.dtype.name}"
        total = self._new("s")
        target = self._place(out, own)
        if axes == tuple(range(kept, len(counters))):  # the innermost: one number, kept in a register
            before[kept].append(f"{total} = {type_}({start})  # {comment(operation)}")
            if "[" in number:
                body.append(f"{(name := self._new('t'))} = {number}")
                number = name
            body.append(_accumulate(operation, total, number))
            after[kept].insert(0, f"{target} = {total}")
            return
        shape = ", ".join(map(str, out.shape))
        made = f"np.zeros(({shape},), {type_})" if is_sum else f"np.full(({shape},), {type_}({start}))"
        before[0].append(f"{total} = {made}  # {comment(operation)}")
        at = f"{total}[{', '.join(own) or '0'}]"
        body.append(_accumulate(operation, at, number))
        lines = [f"{target} = {at}"]
        for axis in reversed(range(len(out.shape))):
            if own[axis] != "0":
                limits = "lo, hi" if axis == 0 and is_shared else out.shape[axis]
                lines = [f"for {own[axis]} in range({limits}):", *_indented(lines)]
        after[0] += lines

    # ── names ───────────────────────────────────────────────────────────────────────────────────────────

    def _load(self, value: Value, index: Index) -> str:
        """Write an element of a value."""
        if is_number(value):
            return literal(value) if is_weak(value) else f"np.{value.dtype.name}({literal(value)})"
        if self._plan.access.is_inlined(value):
            return read(value.operation, index, self._load)  # type: ignore[arg-type]
        if value.id in self._registers:
            return self._registers[value.id]
        return self._name(value) if self._is_plain(value) else self._place(value, index)

    def _place(self, value: Value, index: Index) -> str:
        return f"{self._name(value)}[{', '.join(index) or '0'}]"

    def _name(self, value: Value) -> str:
        """Return the name of what a function is given: of a value, or of what it is written over."""
        value = self._in_place.get(value.id, value)
        if value.id not in self._names:
            self._names[value.id] = f"{'n' if self._is_plain(value) else 'v'}{len(self._names)}", value
        return self._names[value.id][0]

    def _is_plain(self, value: Value) -> bool:
        """Whether a value is a plain number that this function only reads."""
        return is_weak(value) and not self._makes_numbers

    def _new(self, kind: str) -> str:
        self._made += 1
        return f"{kind}{self._made}"


def _taken(i: int, name: str, value: Value) -> str:
    """Write where a value is taken from."""
    dtype = "float64" if is_weak(value) else value.dtype.name
    return f"{name} = array(memory[{i}], {value.shape or (1,)}, np.{dtype}){'[0]' if name[0] == 'n' else ''}"


def _own_index(operation: Operation, counters: Index, axes: tuple[int, ...]) -> Index:
    """Return the index of the number, in the result of a reduction, to which an element contributes."""
    ndim = len(operation.output.shape)
    if ndim == len(counters):
        return tuple("0" if i in axes else counter for i, counter in enumerate(counters))
    if operation.primitive.name == "sum_to":
        added = len(counters) - ndim
        return tuple("0" if i in axes else c for i, c in enumerate(counters) if i >= added)
    return tuple(counter for i, counter in enumerate(counters) if i not in axes)


def _accumulate(operation: Operation, total: str, number: str) -> str:
    if operation.primitive.name in ("sum", "sum_to"):
        return f"{total} {f'+= {number}' if '[' in total else f'= plus({total}, {number})'}"
    sign = ">" if operation.primitive.name == "max" else "<"
    return f"{total} = {number} if {number} {sign} {total} or {number} != {number} else {total}"


def _indented(lines: Iterable[str]) -> list[str]:
    return [INDENT + line for line in lines] or [f"{INDENT}pass"]
