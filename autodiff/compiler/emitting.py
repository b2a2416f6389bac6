"""Emission: write the plan as Python, loop by loop, for Numba to compile and for a student to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod

from autodiff.compiler.memory import Place
from autodiff.compiler.planning import Call, Loop, Numbers, Plan, Product, Region, is_reduction, names, reduced_axes
from autodiff.compiler.rewriting import is_number
from autodiff.compiler.scalars import is_weak, literal, text
from autodiff.compiler.views import Index, broadcast, is_view, read
from autodiff.graph import Operation, Value
from autodiff.kernels.simd import ROWS

HEADER = '''"""{title}"""

import numpy as np
from numba import prange

from autodiff.compiler.runtime import compiled, compiled_for_team, place, product, rows_of, sigmoid, softplus
'''

INDENT = "    "


@dataclass
class Segment:
    """A run of regions, which is one function: its name, and what it is called with."""

    name: str
    arguments: list[Value]
    regions: list[Region]
    is_shared: bool


@dataclass
class Emitted:
    """The text of a module, and the functions in it in the order in which they are called."""

    source: str
    steps: list[Segment | Call | Numbers] = field(default_factory=list)


class Emitter:
    """Writes a plan down. A stored value is called v and its id, one in a register t, a plain number n."""

    def __init__(self, plan: Plan, in_place: dict[int, Value], places: dict[int, Place], title: str) -> None:
        self.plan = plan
        self._in_place = in_place
        self._places = places
        self._title = title
        self._lines: list[str] = [HEADER.format(title=title)]
        self._used: dict[str, Value] = {}
        self._registers: set[int] = set()
        self._products: set[str] = set()

    def run(self) -> Emitted:
        """Return the text of the module and its functions."""
        emitted = Emitted("")
        pending: list[Region] = []
        for step in [*self.plan.steps, None]:
            if isinstance(step, Region):
                pending.append(step)
                continue
            if pending:
                emitted.steps.append(self._segment(pending, len(emitted.steps)))
                pending = []
            if step is not None:
                emitted.steps.append(step)
        products = sorted(self._products)
        self._lines[1:1] = [f"product_{dtype} = product.inner[np.dtype('{dtype}')]" for dtype in products]
        emitted.source = "\n".join(self._lines) + "\n"
        return emitted

    # ── functions ───────────────────────────────────────────────────────────────────────────────────────

    def _segment(self, regions: list[Region], number: int) -> Segment:
        """Write the functions of some regions, and one that calls them in turn, alone or with a team of threads."""
        called: list[tuple[Region, str, list[str]]] = []
        used: dict[str, Value] = {}
        for i, region in enumerate(regions):
            name = f"{'rows' if region.is_shared else 'region'}_{number}_{i}"
            arguments = self._region(region, name)
            used |= self._used
            called.append((region, name, arguments))
        is_shared = any(region.is_shared for region in regions)
        given = {name: value for name, value in used.items() if value.id not in self._places}
        buffers = [self._buffer(name, value) for name, value in used.items() if value.id in self._places]
        for team in [False, True] if is_shared else [False]:
            self._step(f"step_{number}{'_by_team' if team else ''}", called, list(given), buffers, team)
        return Segment(f"step_{number}", list(given.values()), regions, is_shared)

    def _buffer(self, name: str, value: Value) -> str:
        """Write where in the arena a buffer lies."""
        place, dtype = self._places[value.id], value.dtype
        end = place.start + prod(value.shape) * dtype.itemsize
        return f"{name} = arena[{place.start}:{end}].view(np.{dtype.name}).reshape({value.shape or (1,)})"

    def _region(self, region: Region, name: str) -> list[str]:
        """Write a region as a function of the rows from lo to hi, if it is shared, and of the arrays it uses."""
        self._used = {}
        body: list[str] = []
        for unit in region.units:
            body += self._product(unit, region) if isinstance(unit, Product) else self._loop(unit, region)
        arguments = list(self._used)
        parameters = (["lo", "hi"] if region.is_shared else []) + [*arguments, "out_of_range"]
        self._lines += ["", "@compiled", f"def {name}({', '.join(parameters)}):", *_indented(body)]
        return arguments

    def _step(
        self,
        name: str,
        called: list[tuple[Region, str, list[str]]],
        arguments: list[str],
        buffers: list[str],
        team: bool,
    ) -> None:
        """Write the function that calls those of the regions in turn."""
        body = list(buffers)
        for region, function, own in called:
            given = ", ".join([*own, "out_of_range"])
            if not region.is_shared:
                body.append(f"{function}({given})")
            elif team:
                body += [
                    "for part in prange(parts):",
                    f"{INDENT}lo, hi = rows_of(part, parts, {region.rows}, {ROWS})",
                    f"{INDENT}{function}(lo, hi, {given})",
                ]
            else:
                body.append(f"{function}(0, {region.rows}, {given})")
        decorator = "@compiled_for_team" if team else "@compiled"
        parameters = (["parts"] if team else []) + [*arguments, "arena", "out_of_range"]
        self._lines += ["", decorator, f"def {name}({', '.join(parameters)}):", *_indented(body)]

    # ── units ───────────────────────────────────────────────────────────────────────────────────────────

    def _product(self, unit: Product, region: Region) -> list[str]:
        factors = []
        for value in unit.operation.inputs:
            stored, transposed = self.plan.factor(value)
            factors.append(self._name(stored) + (".T" if transposed else ""))
        out = unit.operation.output
        self._products.add(out.dtype.name)
        rows = "lo, hi" if region.is_shared else f"0, {out.shape[0]}"
        line = f"product_{out.dtype.name}({factors[0]}, {factors[1]}, {self._name(out)}, {rows}, 0, {out.shape[1]})"
        return [f"{line}  # {_comment(unit.operation)}"]

    def _loop(self, unit: Loop, region: Region) -> list[str]:
        """Write a loop: what comes before it, the nest with its body, and what comes after."""
        counters = names(unit.space)
        self._registers = {op.output.id for op in unit.operations if not is_reduction(op)}
        depth = len(unit.space)
        before: list[list[str]] = [[] for _ in range(depth + 1)]
        after: list[list[str]] = [[] for _ in range(depth + 1)]
        body: list[str] = []
        for operation in unit.operations:
            if is_reduction(operation):
                self._reduce(operation, counters, before, body, after)
            else:
                body += self._element(operation, counters)
        lines = body
        for axis in reversed(range(depth)):
            limits = "lo, hi" if axis == 0 and region.is_shared else str(unit.space[axis])
            lines = [*before[axis + 1], *lines, *after[axis + 1]] if axis + 1 <= depth else lines
            lines = [f"for {counters[axis]} in range({limits}):", *_indented(lines)]
        return [*before[0], *lines, *after[0]]

    def _element(self, operation: Operation, counters: Index) -> list[str]:
        """Write what an element-wise operation does to one element."""
        out = operation.output
        if is_view(operation):
            expression = read(operation, counters, self._load)
        else:
            operands = [self._load(v, broadcast(counters, v.shape, out.shape)) for v in operation.inputs]
            expression = text(operation, operands)
        lines = [f"t{out.id} = {expression}  # {_comment(operation)}"]
        if out.id in self.plan.stored:
            lines.append(f"{self._place(out, counters)} = t{out.id}")
        return lines

    def _reduce(
        self, operation: Operation, counters: Index, before: list[list[str]], body: list[str], after: list[list[str]]
    ) -> None:
        """Write a reduction: a sum in double precision, as NumPy's pairwise sums come near it."""
        (a,), out = operation.inputs, operation.output
        axes = reduced_axes(operation)
        own = tuple("0" if i in axes else counter for i, counter in enumerate(counters))
        if len(out.shape) != len(counters):
            own = tuple(counter for i, counter in enumerate(counters) if i not in axes)
            if operation.primitive.name == "sum_to":
                added = len(counters) - len(out.shape)
                own = tuple("0" if i in axes else c for i, c in enumerate(counters) if i >= added)
        number = self._load(a, counters)
        start = {"max": "-np.inf", "min": "np.inf"}.get(operation.primitive.name, "0.0")
        is_sum = operation.primitive.name in ("sum", "sum_to")
        kept = len(counters) - len(axes)
        target = self._place(out, own)
        if axes == tuple(range(kept, len(counters))):  # the innermost: one number, kept in a register
            total = f"s{out.id}"
            type_ = "np.float64" if is_sum else f"np.{out.dtype.name}"
            before[kept].append(f"{total} = {type_}({start})  # {_comment(operation)}")
            body.append(_accumulate(operation, total, number))
            after[kept].insert(0, f"{target} = {total}")
            return
        total = f"s{out.id}"
        at = f"{total}[{', '.join(own) or '0'}]"
        shape = out.shape or (1,)
        type_ = "np.float64" if is_sum else f"np.{out.dtype.name}"
        before[0].append(f"{total} = np.full({shape}, {start}, {type_})  # {_comment(operation)}")
        body.append(_accumulate(operation, at, number))
        after[0].append(f"{self._name(out)}[...] = {total}")

    # ── names ───────────────────────────────────────────────────────────────────────────────────────────

    def _load(self, value: Value, index: Index) -> str:
        """Write an element of a value."""
        if is_weak(value) and value.kind != "constant":
            return self._name(value)
        if is_number(value):
            return literal(value) if is_weak(value) else f"np.{value.dtype.name}({literal(value)})"
        if self.plan.is_inlined(value):
            return read(value.operation, index, self._load)  # type: ignore[arg-type]
        if value.id in self._registers:
            return f"t{value.id}"
        return self._place(value, index)

    def _place(self, value: Value, index: Index) -> str:
        return f"{self._name(value)}[{', '.join(index) or '0'}]"

    def _name(self, value: Value) -> str:
        """Return the name of what is handed to a function: of a value, or of what it is written over."""
        value = self._in_place.get(value.id, value)
        name = f"{'n' if is_weak(value) else 'v'}{value.id}"
        self._used[name] = value
        return name


def _accumulate(operation: Operation, total: str, number: str) -> str:
    if operation.primitive.name in ("sum", "sum_to"):
        return f"{total} += {number}"
    sign = ">" if operation.primitive.name == "max" else "<"
    return f"{total} = {number} if {number} {sign} {total} or {number} != {number} else {total}"


def _comment(operation: Operation) -> str:
    """Say what a line computes: the operation, and the shape that it gives."""
    name = operation.output.name
    return f"{operation.primitive.name}{operation.output.shape}{f' {name!a}' if name else ''}"


def _indented(lines: Iterable[str]) -> list[str]:
    return [INDENT + line for line in lines] or [f"{INDENT}pass"]


