"""A compiled graph: the text, the functions, and the memory that they work in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from math import prod

import numpy as np

from autodiff.compiler import machine, store
from autodiff.compiler.algebra import algebra
from autodiff.compiler.common import common_subexpressions
from autodiff.compiler.constants import constants
from autodiff.compiler.convolutions import convolutions
from autodiff.compiler.dead_code import dead_code
from autodiff.compiler.emitting import Run, emit
from autodiff.compiler.leaves import Leaves
from autodiff.compiler.lowering import lowering
from autodiff.compiler.memory import ALIGNMENT, arranged
from autodiff.compiler.places import Places, address_of
from autodiff.compiler.planning import Plan
from autodiff.compiler.rewriting import needed
from autodiff.compiler.scalars import is_weak
from autodiff.compiler.scheduling import Stage, units_of
from autodiff.compiler.splitting import splitting
from autodiff.compiler.tiles import tiles
from autodiff.compiler.units import Call, Loop, Product, is_in_place, names
from autodiff.graph import Graph, Operation, Value
from autodiff.tape import Array

PASSES: dict[str, Callable[[Graph], Graph]] = {
    "dead_code": dead_code,
    "lowering": lowering,
    "constants": constants,
    "algebra": algebra,
    "tiles": tiles,
    "common_subexpressions": common_subexpressions,
    "convolutions": convolutions,
    "splitting": splitting,
}
"""What is done to a graph before it is compiled, in this order; any of them may be left out."""


def optimized(graph: Graph, without: Collection[str] = ()) -> Graph:
    """Return the graph after all passes but those left out."""
    for name, improve in PASSES.items():
        if name not in without:
            graph = improve(graph)
    return dead_code(graph)


class Program:
    """A graph made into machine code: `program(leaves)` computes it anew.

    Args:
        graph: what to compute.
        without: the names of passes to leave out.
        title: the first line of the text.
    """

    def __init__(self, graph: Graph, without: Collection[str] = (), title: str = "") -> None:
        start = time.perf_counter()
        self.traced = graph
        self.graph = optimized(graph, without)
        self._plan = plan = Plan(self.graph)
        self._in_place = _written_over(plan)
        self._lock = threading.Lock()

        results = [v for v in self.graph.values if v.id in plan.stored and v.operation and v.id not in self._in_place]
        arrays = [v for v in results if not is_weak(v)]
        outputs = {v.id for v in self.graph.outputs}
        self._copied = [(leaf, new) for leaf, new in self.graph.assignments if self._in_place.get(new.id) is not leaf]
        handled = {v.id for step in plan.steps if isinstance(step, Call) for v in _operands(step.operation, plan)}
        handled |= {new.id for _, new in self._copied}
        inner = [v for v in arrays if v.id not in outputs | handled]
        places = arranged(plan, inner, "memory" not in without)
        self._arena = aligned(max((place.end for place in places.values()), default=0))
        self._fresh = [v for v in arrays if v.id in outputs and _nbytes(v) > COPIED_UP_TO]
        first = {v.id: i for i, v in reversed(list(enumerate(self.graph.outputs)))}
        self._given_away = {first[v.id] for v in self._fresh}
        """Which of the outputs the caller gets without a copy: each array once."""
        self._buffers = len(places)

        emitted = emit(plan, self._in_place)
        self.source = f'"""{title}"""\n\n{emitted.code}\n\n{emitted.listing}'
        runs = [step for step in emitted.steps if isinstance(step, Run)]
        pieces = [piece for run in runs for _, pieces in run.stages for piece in pieces]
        self._windows = machine.Windows([[_key(v) for v in piece.arguments] for piece in pieces])
        module = store.load(emitted.code)
        functions = [getattr(module, piece.name).address for piece in pieces]
        calls = iter(zip(functions, self._windows.starts, strict=True))
        self._out_of_range = np.zeros(1, np.uint8)
        linked = partial(_linked, calls=calls, stop=self._out_of_range)
        self._steps = [linked(step) if isinstance(step, Run) else step for step in emitted.steps]

        self._places = Places(self.graph.values, self._windows)
        self._leaves = Leaves(self.graph, self._places)
        self._windows.point(None, address_of(self._out_of_range))
        for id_, place in places.items():
            self._windows.point(id_, address_of(self._arena) + place.start)
        for value in (v for v in arrays if v.id in handled | outputs):
            self._places.hold(value.id, np.empty(value.shape, value.dtype))
        self.seconds = time.perf_counter() - start

    @property
    def leaves(self) -> list[Value]:
        """The values that a call is handed, in that order."""
        return self._leaves.values

    @property
    def leaf_ids(self) -> list[int]:
        """The ids that the leaves have in the graph as it was traced."""
        return [(leaf.origin or leaf).id for leaf in self.leaves]

    def report(self) -> str:
        """Say what became of the operations: loops, products, stages, memory."""
        stages = [step for step in self._plan.steps if isinstance(step, Stage)]
        units = [unit for stage in stages for unit in units_of(stage)]
        products = sum(isinstance(unit, Product) for unit in units)
        calls = sum(isinstance(step, Call) for step in self._plan.steps)
        return "\n".join(
            [
                f"operations   {len(self.traced)} traced, {len(self.graph)} after the passes",
                f"compiled to  {len(units) - products} loops and {products} matrix products, in "
                f"{self.source.count('@piece')} functions; {calls} operations left to their own kernels",
                f"threads      {sum(stage.is_shared for stage in stages)} of {len(stages)} stages shared",
                f"memory       {self._buffers} buffers in {self._arena.nbytes:,} bytes; {len(self._in_place)} "
                "results written over what they replace",
                f"compiled in  {self.seconds:.1f} s",
            ]
        )

    def __call__(self, leaves: Sequence[Array]) -> list[Array]:
        """Compute the outputs; what is assigned is written over the leaves' arrays.

        Args:
            leaves: the arrays and numbers of `self.leaves`.

        Raises:
            MisfitError: an array is of another shape or dtype than its leaf; nothing has been computed then.
            IndexError: an index, a label say, is out of range; what stages after that would have assigned is not.
        """
        with self._lock:
            self._leaves.take(leaves)
            for value in self._fresh:
                self._places.hold(value.id, np.empty(value.shape, value.dtype))
            for step in self._steps:
                if isinstance(step, machine.Run):
                    step()
                    self._check_indices()
                else:
                    self._do(step.operation)
            results = [self._output(value, i in self._given_away) for i, value in enumerate(self.graph.outputs)]
            news = [self._output(new, new.id not in self._leaves.targets) for _, new in self._copied]
            for (target, _), new in zip(self._copied, news, strict=True):
                self._places[target][...] = new
            self._leaves.give_back()
            return results

    # ── steps ───────────────────────────────────────────────────────────────────────────────────────────

    def _do(self, operation: Operation) -> None:
        """Run an operation's own kernel."""
        result = operation.primitive.kernel(*map(self._array, operation.inputs), **operation.attributes)
        id_ = operation.output.id
        if id_ in self._places:
            self._places[operation.output][...] = result
        else:
            self._places.hold(id_, np.array(result, order="C"))

    def _check_indices(self) -> None:
        if self._out_of_range[0]:
            self._out_of_range[0] = 0
            raise IndexError("an index, a label say, is out of range; without jit the operation would tell which")

    def _array(self, value: Value) -> Array:
        """Return what stands for a value: its array or a view, what it is written over, a number, or a constant."""
        if self._plan.access.is_inlined(value) and value.operation:
            made_by = value.operation
            return made_by.primitive.kernel(*map(self._array, made_by.inputs), **made_by.attributes)
        if is_weak(value) and value.operation:
            return self._places.number(value)
        return self._places[self._in_place.get(value.id, value)]

    def _output(self, value: Value, is_given_away: bool) -> Array:
        array = self._array(value)
        return array if is_given_away or not isinstance(array, np.ndarray) else array.copy()


COPIED_UP_TO = 256
"""Bytes of an output that are copied at each call; to point all windows at a new array takes longer."""


def aligned(size: int) -> np.ndarray:
    """Return so many bytes, from an address on where a cache line begins."""
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size]


def _nbytes(value: Value) -> int:
    return prod(value.shape) * value.dtype.itemsize


def _key(value: Value | None) -> int | None:
    """Return the key by which the windows know a value; that of the flag for an index out of range is None."""
    return None if value is None else value.id


def _operands(operation: Operation, plan: Plan) -> list[Value]:
    return [*map(plan.access.behind, operation.inputs), operation.output]


def _linked(run: Run, calls: Iterator[tuple[int, int]], stop: np.ndarray) -> machine.Run:
    """Return a run with the addresses of its functions and their windows."""
    stages = [(stage.is_shared, [next(calls) for _ in pieces]) for stage, pieces in run.stages]
    return machine.Run(stages, sum(stage.work for stage, _ in run.stages), stop)


def _written_over(plan: Plan) -> dict[int, Value]:
    """Return, for each value that is assigned, the leaf whose memory it can be written over at once.

    It can if a loop makes it, element by element, and nothing else reads the leaf's old numbers later than that, or at
    the same time in another thread: not the loop's next operations either, nor the caller, nor another assignment.
    """
    made_by: dict[int, tuple[int, int, Loop]] = {}
    read_by: dict[int, list[tuple[int, int, object, bool]]] = {}
    for turn, (moment, unit, operation, reads) in enumerate(plan.moments()):
        if isinstance(unit, Loop) and is_in_place(operation):
            made_by[operation.output.id] = turn, moment, unit
        for value, index in reads:
            in_step = isinstance(unit, Loop) and index == names(unit.space)
            read_by.setdefault(value.id, []).append((turn, moment, unit, in_step))
    leaves: dict[int, Value] = {}
    kept = {value.id for value in needed(plan.graph)}
    for leaf, new in plan.graph.assignments:
        if new.id not in made_by:
            continue
        turn, moment, loop = made_by[new.id]
        others = read_by.get(leaf.id, [])
        safe = all(
            when < moment or (place <= turn and where is loop and in_step) for place, when, where, in_step in others
        )
        if safe and leaf.id not in kept and new.shape == leaf.shape and new.dtype == leaf.dtype:
            leaves.setdefault(new.id, leaf)
    return leaves
