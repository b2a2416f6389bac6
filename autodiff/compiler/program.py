"""A compiled graph: the text, the functions, and the memory that they work in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from types import ModuleType

import numpy as np

from autodiff.compiler import store
from autodiff.compiler.algebra import algebra
from autodiff.compiler.common import common_subexpressions
from autodiff.compiler.constants import constants
from autodiff.compiler.dead_code import dead_code
from autodiff.compiler.emitting import Emitted, Emitter, Segment
from autodiff.compiler.lowering import lowering
from autodiff.compiler.memory import ALIGNMENT, arranged
from autodiff.compiler.planning import Call, Loop, Numbers, Plan, Region, is_reduction, names
from autodiff.compiler.rewriting import is_number
from autodiff.compiler.scalars import is_weak
from autodiff.graph import Graph, Value
from autodiff.kernels.team import team
from autodiff.tape import Array

PASSES: dict[str, Callable[[Graph], Graph]] = {
    "dead_code": dead_code,
    "lowering": lowering,
    "constants": constants,
    "algebra": algebra,
    "common_subexpressions": common_subexpressions,
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
        self.traced = graph
        self.graph = optimized(graph, without)
        self._plan = plan = Plan(self.graph)
        self.seconds = 0.0
        self._in_place = _written_over(plan)
        results = [v for v in self.graph.values if v.id in plan.stored and v.operation and not is_weak(v)]
        stored = [v for v in results if v.id not in self._in_place]
        calls = [step.operation for step in plan.steps if isinstance(step, Call)]
        called = {v.id for operation in calls for v in (*map(plan.behind, operation.inputs), operation.output)}
        kept = {v.id for v in self.graph.outputs} | {new.id for _, new in self.graph.assignments} | called
        self._own = {v.id: v for v in stored if v.id in kept}
        self._places = arranged(plan, [v for v in stored if v.id not in kept], "memory" not in without)
        self.emitted: Emitted = Emitter(plan, self._in_place, self._places, title).run()
        self.source = self.emitted.source
        self.leaves = [v for v in self.graph.values if v.operation is None and not is_number(v)]
        self.leaf_ids = [(v.origin or v).id for v in self.leaves]
        self._copied = [(leaf, new) for leaf, new in self.graph.assignments if self._in_place.get(new.id) is not leaf]
        self._arena = aligned(max((place.end for place in self._places.values()), default=0))
        self._out_of_range = np.zeros(1, np.uint8)
        module = store.load(self.source)
        self._steps = [_Function(step, module) if isinstance(step, Segment) else step for step in self.emitted.steps]
        self._forms = [(v.id, None if is_weak(v) else v.shape) for v in self.leaves]
        self._targets = {leaf.id for leaf, _ in self.graph.assignments}
        self._lock = threading.Lock()

    def report(self) -> str:
        """Say what became of the operations: loops, products, regions, memory."""
        regions = [step for step in self._plan.steps if isinstance(step, Region)]
        units = [unit for region in regions for unit in region.units]
        loops = sum(isinstance(unit, Loop) for unit in units)
        shared = sum(region.is_shared for region in regions)
        calls = sum(isinstance(step, Call) for step in self._plan.steps)
        return "\n".join(
            [
                f"operations   {len(self.traced)} traced, {len(self.graph)} after the passes",
                f"compiled to  {loops} loops and {len(units) - loops} matrix products, in {len(regions)} regions, "
                f"{shared} of them shared among threads; {calls} operations left to their own kernels",
                f"memory       {len(self._places)} buffers in {self._arena.nbytes:,} bytes; {len(self._in_place)} "
                "results written over what they replace",
                f"compiled in  {self.seconds:.1f} s",
            ]
        )

    def __call__(self, leaves: Sequence[Array]) -> list[Array]:
        """Compute the outputs; what is assigned is written over the leaves' arrays.

        Args:
            leaves: the arrays and numbers of `self.leaves`, of the shapes and dtypes that these have.

        Raises:
            IndexError: an index, a label say, is out of range.
        """
        with self._lock:
            start = time.perf_counter()
            results = self._run(leaves)
            self.seconds = self.seconds or time.perf_counter() - start
            return results

    def _run(self, leaves: Sequence[Array]) -> list[Array]:
        held: dict[int, Array] = {id_: np.empty(v.shape or (1,), v.dtype) for id_, v in self._own.items()}
        written_back = []
        for (id_, shape), leaf in zip(self._forms, leaves, strict=True):
            if shape is None:
                held[id_] = leaf
                continue
            array = leaf if leaf.flags.c_contiguous else np.ascontiguousarray(leaf)
            if array is not leaf and id_ in self._targets:
                written_back.append((leaf, array))
            held[id_] = array if shape else array.reshape(1)
        for step in self._steps:
            if isinstance(step, _Function):
                step.run(held, self._arena, self._out_of_range)
            else:
                self._call(step, held)
        results = [self._output(value, held) for value in self.graph.outputs]
        for leaf, new in self._copied:
            held[leaf.id][...] = held.get(new.id, new.data)
        for leaf, array in written_back:
            leaf[...] = array
        return results

    def _call(self, step: Call | Numbers, held: dict[int, Array]) -> None:
        """Run an operation's own kernel."""
        operation = step.operation
        inputs = [self._as_traced(v, held) for v in operation.inputs]
        result = operation.primitive.kernel(*inputs, **operation.attributes)
        out = operation.output
        if is_weak(out):
            held[out.id] = float(result)
        elif _is_new(result, inputs):
            held[out.id] = result.reshape(out.shape or (1,))
        else:
            held[out.id] = np.array(result, order="C").reshape(out.shape or (1,))

    def _output(self, value: Value, held: dict[int, Array]) -> Array:
        array = self._as_traced(value, held)
        shared = value.operation is None or value.id in self._in_place
        return array.copy() if shared and isinstance(array, np.ndarray) else array

    def _as_traced(self, value: Value, held: dict[int, Array]) -> Array:
        """Return the array of a value in its own shape; the memory of a number has one axis."""
        if self._plan.is_inlined(value) and value.operation:
            made_by = value.operation
            return made_by.primitive.kernel(*(self._as_traced(v, held) for v in made_by.inputs), **made_by.attributes)
        stands_for = self._in_place.get(value.id, value)
        if stands_for.id not in held:
            return value.data
        array = held[stands_for.id]
        return array if is_weak(value) else array.reshape(value.shape)


class _Function:
    """A segment's machine code, for one thread and for a team."""

    def __init__(self, segment: Segment, module: ModuleType) -> None:
        self._alone = getattr(module, segment.name)
        self._by_team = getattr(module, f"{segment.name}_by_team") if segment.is_shared else None
        self._ids = [value.id for value in segment.arguments]
        self._limit = sum(region.work for region in segment.regions) * LATE

    def run(self, held: dict[int, Array], arena: np.ndarray, out_of_range: np.ndarray) -> None:
        """Run it on the arrays that are held, by a team if that pays and there is one."""
        arguments = [*map(held.__getitem__, self._ids), arena, out_of_range]
        if not (self._by_team and team.share(self._limit, self._by_team, team.size, *arguments)):
            self._alone(*arguments)
        if out_of_range[0]:
            out_of_range[0] = 0
            raise IndexError("an index, a label say, is out of range; without jit the operation would tell which")


def _is_new(result: Array, operands: Sequence[Array]) -> bool:
    """Whether a kernel's result is an array of its own, in row-major order, that need not be copied."""
    own = isinstance(result, np.ndarray) and result.base is None and result.flags.c_contiguous
    return own and not any(result is operand for operand in operands)


def aligned(size: int) -> np.ndarray:
    """Return so many bytes, from an address on where a cache line begins."""
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size]


LATE = 2e-10
"""Seconds for each multiplication after which a team of threads is late."""


def _written_over(plan: Plan) -> dict[int, Value]:
    """Return, for each value that is assigned, the leaf whose memory it can be written over at once.

    It can if a loop makes it, element by element, and nothing else reads the leaf's old numbers later than that loop,
    or at the same time in another thread.
    """
    made_by: dict[int, tuple[int, Loop]] = {}
    read_by: dict[int, list[tuple[int, object, bool]]] = {}
    for moment, unit, operation, reads in plan.moments():
        if isinstance(unit, Loop) and not is_reduction(operation):
            made_by[operation.output.id] = moment, unit
        for value, index in reads:
            in_step = isinstance(unit, Loop) and index == names(unit.space)
            read_by.setdefault(value.id, []).append((moment, unit, in_step))
    leaves: dict[int, Value] = {}
    kept = {value.id for value in plan.graph.outputs}
    for leaf, new in plan.graph.assignments:
        if new.id not in made_by:
            continue
        moment, loop = made_by[new.id]
        others = read_by.get(leaf.id, [])
        safe = all(when < moment or (where is loop and in_step) for when, where, in_step in others)
        if safe and leaf.id not in kept and new.shape == leaf.shape and new.dtype == leaf.dtype:
            leaves.setdefault(new.id, leaf)
    return leaves
