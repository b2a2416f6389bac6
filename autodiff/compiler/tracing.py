"""The trace that a compiled function is made of: where each leaf comes from, and what must not change."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from operator import is_
from typing import Any

import numpy as np

from autodiff.compiler.numbers import Number
from autodiff.errors import describe
from autodiff.graph import Kind, Tracer, Value
from autodiff.source import caller, describe_place
from autodiff.tape import Array, Variable, unwrap

Arguments = tuple[Any, ...]

Source = Callable[[Arguments], Array]
"""Given the arguments of a call, returns the array or number that a leaf of the graph stands for in it."""

Guard = Callable[[Arguments], bool]
"""Given the arguments of a call, says whether something is still as it was when the function was traced."""


class TraceError(TypeError):
    """A function does what a compiled one could not repeat."""


class MisfitError(TypeError):
    """An array is not of the shape and dtype that a program was made for."""


class SourceTracer(Tracer):
    """A tracer that notes where each leaf comes from, and refuses what could not be repeated.

    A mapping's entry, an optimizer's setting or memory, is a leaf like any other: it is lifted to something that the
    trace can follow, and what is put there is written back at each call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sources: dict[int, Source] = {}
        """By the id of the leaf's value."""
        self.guards: dict[Any, Guard] = {}
        self.leaves: list[Variable] = []
        """The leaves that require gradients."""
        self.is_settled = True
        """Whether the next call would do the same: an optimizer's first step, for one, makes its memory."""
        self._assigned: dict[int, tuple[Variable, Value, Value]] = {}
        self._entries: dict[tuple[int, str], Entry] = {}
        self._owners: dict[int, Variable] = {}
        self._gradients: dict[int, tuple[Variable, Any]] = {}
        self._reset: dict[int, Variable] = {}
        self._kind: type[Variable] = Variable
        self._watched: dict[int, list[Any]] = {}
        """Leaves, whether they require gradients, and whether they had none; None where f could not add to it."""
        self.guards["leaves"] = self._are_as_they_were

    # ── leaves ──────────────────────────────────────────────────────────────────────────────────────────

    def announce(self, item: Array, source: Source, name: str | None) -> Array:
        """Make a leaf of an argument or an entry: return what f shall compute with in its place."""
        lifted = Number(item) if isinstance(item, int | float | np.number) else item
        value = super().add(lifted, "input", getattr(item, "name", None) or name)
        self.sources[value.id] = source
        if isinstance(item, Variable):
            self._note(item)
        return lifted

    def add(self, array: Array, kind: Kind, name: str | None = None) -> Value:
        """Add a value; of a leaf that nobody has announced, note how to read it anew."""
        is_read = kind != "result" and isinstance(array, Variable | np.ndarray)
        value = super().add(array, "input" if is_read and kind == "constant" else kind, name)
        if is_read:
            if isinstance(array, Variable):
                self._watched.setdefault(id(array), [array, array.tracked, None])
                owner = self._owners.get(id(array))
                self.sources[value.id] = (
                    _reading_gradient(owner) if owner is not None else lambda args: array._data
                )
                self._note(array)
            else:
                self.sources[value.id] = lambda args: array
        return value

    def made(self, variable: Variable) -> None:
        """Add a constant that is the same in each call."""
        if variable._data.ndim:
            self.add(variable, "constant")
        else:
            super().add(variable, "constant")

    def depends(self, look: Callable[[], Any]) -> None:
        """Keep an eye on which object something is."""
        then = look()
        self.guards[id(then), "is"] = lambda args: look() is then

    def _note(self, leaf: Variable) -> None:
        """Keep an eye on the gradient of a leaf: f may add to it."""
        self._kind = leaf.result_type
        if not leaf.tracked:
            return
        self.leaves.append(leaf)
        if id(leaf) not in self._reset:
            self._gradients[id(leaf)] = leaf, leaf.grad
            self._watched.setdefault(id(leaf), [leaf, True, None])[2] = leaf.grad is None
        if leaf.grad is not None:
            self._owners[id(leaf.grad)] = leaf

    def _are_as_they_were(self, args: Arguments) -> bool:
        """Whether all leaves require gradients, and have some, as they did then: one guard, for there are many."""
        for leaf, tracked, had_none in self._watched.values():
            if leaf.tracked is not tracked or (had_none is not None and (leaf.grad is None) is not had_none):
                return False
        return True

    def held(self, holder: MutableMapping[str, Any], key: str) -> Any:
        """Return an entry of a mapping as something that is followed, and read anew at each call."""
        entry = self._entries.get((id(holder), key))
        if entry:
            return entry.item
        item = holder[key]
        if isinstance(item, bool) or not isinstance(item, int | float | np.floating | np.integer | np.ndarray):
            self.guards[id(holder), key] = lambda args: bool(holder.get(key) == item)
            return item
        kind = type(item)
        self.guards[id(holder), key] = lambda args: type(holder.get(key)) is kind
        given = self._kind.of(item) if isinstance(item, np.ndarray) else item
        lifted = self.announce(given, lambda args: holder[key], None)
        self._entries[id(holder), key] = Entry(holder, key, self.value_of(lifted), lifted)
        return lifted

    def hold(self, holder: MutableMapping[str, Any], key: str, item: Any) -> None:
        """Put an item into a mapping, and note that each call has to."""
        entry = self._entries.get((id(holder), key))
        if entry is None:
            self.is_settled = False
        else:
            entry.item, entry.new = item, self.value_of(item)
        holder[key] = type(holder[key])(item) if isinstance(item, Number) and entry else unwrap(item)

    def assign(self, variable: Variable, value: Array) -> None:
        """Note that a variable is given new numbers."""
        _, leaf, _ = self._assigned.get(id(variable), (None, self.value_of(variable), None))
        self._assigned[id(variable)] = variable, leaf, self.value_of(value)

    def reset(self, variable: Variable) -> None:
        """Note that it does not matter what gradient a variable had before the call."""
        self._reset[id(variable)] = variable

    def enter(self, module: Any) -> None:
        """Keep an eye on the attributes of each module."""
        super().enter(module)
        if id(module) not in self.guards:
            self.guards[id(module)] = unchanged(module)

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────

    def finish(self, outputs: list[Array]) -> list[Variable]:
        """Complete the graph: what is returned, what is assigned, and the gradients that are left; return whose."""
        for _, leaf, new in self._assigned.values():
            self.graph.assignments.append((leaf, new))
        for entry in self._entries.values():
            if entry.new is not None and not isinstance(entry.item, Number):
                self.graph.assignments.append((entry.value, entry.new))
        kept = []
        for variable in self.leaves:
            gradient = variable.grad
            if id(variable) in self._assigned and id(variable) in self._reset:
                variable.grad = None
            elif gradient is not None and id(gradient._data) in self._values and id(gradient) not in self._owners:
                kept.append(variable)
        left = [*outputs, *(leaf.grad for leaf in kept), *(entry.item for entry in self.numbers())]
        self.graph.outputs = [self.value_of(item) for item in left]
        return kept

    def undo(self) -> None:
        """Give everything back the numbers that it had before the trace."""
        for variable, leaf, _ in self._assigned.values():
            variable._data = leaf.data
        for entry in self._entries.values():
            entry.holder[entry.key] = entry.before
        for variable, gradient in self._gradients.values():
            variable.grad = gradient

    def release(self) -> None:
        """Let go of all arrays that were computed: the graph is complete, and is worth more than its numbers."""
        self._kept.clear()
        self._results.clear()
        self._values.clear()
        self.graph.forget_numbers()

    def forgotten(self) -> list[Variable]:
        """Return the variables that have no gradient afterwards, whatever they had before."""
        return [variable for variable in self._reset.values() if variable.grad is None]

    def assigned(self) -> list[Variable]:
        """Return the variables that were given new numbers."""
        return [variable for variable, _, _ in self._assigned.values()]

    def numbers(self) -> list[Entry]:
        """Return the entries to which new plain numbers were given."""
        return [e for e in self._entries.values() if e.new is not None and isinstance(e.item, Number)]

    # ── what is refused ─────────────────────────────────────────────────────────────────────────────────

    def read(self, variable: Variable, how: str) -> None:
        """Refuse to let numbers out of the trace."""
        raise TraceError(
            f"jit: {how} reads the numbers of {describe(variable)} at {describe_place(caller(2))}, and the compiled "
            "function would go on with the numbers of this call. Compute with operations of autodiff (ad.where instead "
            "of a branch), return the tensor and read it outside, or leave the function uncompiled."
        )

    def decide(self, number: Number, what: Callable[[float], Any]) -> None:
        """Note that a number has decided what was traced; it must be one that is given, not computed."""
        value = self.value_of(number)
        if value.id not in self.sources:
            raise TraceError(
                f"jit: a branch at {describe_place(caller(2))} depends on a number that is computed anew at each call. "
                "Decide outside of the function, or use ad.where."
            )
        source, decided = self.sources[value.id], what(float(number))
        self.guards[value.id, what] = lambda args: bool(what(source(args)) == decided)


class Entry:
    """An entry of a mapping that a function reads and may replace."""

    def __init__(self, holder: MutableMapping[str, Any], key: str, value: Value, item: Any) -> None:
        self.holder = holder
        self.key = key
        self.value = value
        self.item = item
        self.before = holder[key]
        self.new: Value | None = None


def unchanged(module: Any) -> Guard:
    """Return the guard that a module has the attributes that it has now: the same parameters, modules and numbers."""
    attributes = dict(vars(module))
    then = copied(attributes)
    collections = [name for name, value in attributes.items() if type(value) in (list, dict)]

    def guard(args: Arguments) -> bool:
        now = vars(module)
        if not (now.keys() == then.keys() and all(map(is_, now.values(), attributes.values()))):
            return same(now, then)
        return not collections or all(_holds(now[name], then[name]) for name in collections)

    return guard


def _holds(now: Any, then: Any) -> bool:
    """Whether a collection is what it was; a list of modules, as most are, is told at once."""
    return (type(now) is list and len(now) == len(then) and all(map(is_, now, then))) or same(now, then)


def copied(value: Any) -> Any:
    """Return a value that stays as it is now: of lists and dicts, and what these hold, a copy."""
    if type(value) in (list, tuple):
        return type(value)(map(copied, value))
    return {key: copied(item) for key, item in value.items()} if type(value) is dict else value


def same(now: Any, then: Any) -> bool:
    """Whether something is what it was: numbers and texts by value, collections part by part, all else by identity."""
    if type(then) in (list, tuple):
        return type(now) is type(then) and len(now) == len(then) and all(map(same, now, then))
    if type(then) is dict:
        return type(now) is dict and now.keys() == then.keys() and all(same(now[key], then[key]) for key in then)
    if isinstance(then, int | float | str):
        return now is then or (type(now) is type(then) and bool(now == then))  # nan is no other than itself
    return now is then


def _reading_gradient(owner: Variable) -> Source:
    return lambda args: owner.grad._data
