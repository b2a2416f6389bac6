"""Compile a function: trace it once for each combination of shapes, and from then on run machine code."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import tape
from autodiff.compiler.tracing import Arguments, Guard, MisfitError, SourceTracer, TraceError, copied, same
from autodiff.graph import Graph
from autodiff.recording import is_recording
from autodiff.tape import Array, Variable, tick, unwrap, watching
from autodiff.tensor import Tensor

if TYPE_CHECKING:
    from autodiff.compiler.program import Program

__all__ = ["Jit", "TraceError", "jit"]

_MOST_VERSIONS = 8


def jit(f: Callable[..., Any], *, without: Collection[str] = ()) -> Jit:
    """Return f compiled: the first call traces f, and it and all later ones run machine code.

    Args:
        f: a function of Tensors, arrays and numbers. It may close over modules, optimizers and tensors, call
            `backward()` and `optimizer.step()`, and return Tensors, also in tuples, lists and dicts.
        without: names of the compiler's passes to leave out, see `PASSES` in `autodiff/compiler/program.py`.

    It is traced anew for other shapes and dtypes, and when something has changed that decided what was traced: a plain
    number or a string among the arguments (hand over `np.asarray(rate)` for one that changes often); a number, the
    identity of an array or the content of a list or a dict in a closure or a global that f or a function it names
    refers to; an attribute of a module (its training flag too); whether an optimizer's setting is 0; whether a `.grad`
    that f adds to is None. Tensors, arrays, parameters, learning rates and an optimizer's memory are read anew at each
    call. Baked in is what else Python computes without the engine: attributes of objects that are no modules, a list
    that f itself appends to, files, the time.

    What a compiled call returns is not recorded. A parameter that f updates and whose gradient it resets has `.grad`
    None afterwards; of others the gradient is there, as after f. Where an argument is being differentiated, and within
    another compiled function, f runs as it is.

    Raises:
        TraceError: at its first call, f reads the numbers of a tensor (`.item()`, `if`, a NumPy function on its data):
            compiled, it could not do so again.
    """
    return Jit(f, without)


class Jit:
    """A compiled function. `source`, `graph` and `report()` tell of the version that ran last."""

    def __init__(self, f: Callable[..., Any], without: Collection[str] = ()) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._without = without
        self._versions: dict[Any, list[_Version]] = {}
        self._last: _Version | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args = _by_position(self._f, args, kwargs)
        if tape.watcher() or (is_recording() and any(map(_is_differentiated, args))):
            return self._f(*args)
        versions = self._versions.setdefault((is_recording(), *map(_signature, args)), [])
        for version in versions:
            if version.holds(args):
                self._last = version
                try:
                    return version.run(args)
                except MisfitError:  # a parameter has been given another shape
                    versions.remove(version)
                    break
        self._last = version = _Version(self._f, self._without)
        out = version.trace(args)
        if not version.is_settled:
            return out
        versions.insert(0, version)
        del versions[_MOST_VERSIONS:]
        return version.run(args)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Be a method where f is one."""
        return self if instance is None else types.MethodType(self, instance)

    @property
    def graph(self) -> Graph:
        """The graph that was compiled, as the passes have left it; of its arrays it knows shape and dtype alone."""
        return self._program.graph

    @property
    def source(self) -> str:
        """The Python text that was compiled."""
        return self._program.source

    def report(self) -> str:
        """Say what the compiler has made of the function: operations, loops, memory, time."""
        return self._program.report()

    @property
    def _program(self) -> Program:
        if self._last is None:
            raise RuntimeError(f"{self._f.__name__} has not been called yet, so nothing is compiled")
        return self._last.program


class _Version:
    """One trace of a function, what must hold for it to be valid, and the program made of it."""

    def __init__(self, f: Callable[..., Any], without: Collection[str]) -> None:
        self._f = f
        self._without = without

    def trace(self, args: Arguments) -> Any:
        """Run the function, and keep what is needed to run it again without it.

        Unless the next call would do something else, what it did is undone, for `run` to do, so that the first call
        gives the bits of any other.
        """
        self._tracer = tracer = SourceTracer()
        surroundings = list(_surroundings(self._f))
        given = [_announced(tracer, arg, i, name) for i, (arg, name) in enumerate(_named(self._f, args))]
        try:
            with watching(tracer):
                out = self._f(*given)
        except BaseException:
            tracer.undo()
            raise
        self._out = _with(out, (Tensor.of(unwrap(t)) for t in _tensors(out)))
        self._left = tracer.finish(list(_tensors(out)))
        self._forgotten = tracer.forgotten()
        self._assigned = tracer.assigned()
        self._numbers = tracer.numbers()
        kept = (guard for guard, is_content in surroundings if not is_content or guard(args))  # f changes the others
        self._guards = [*tracer.guards.values(), *kept]
        self.is_settled = tracer.is_settled
        if self.is_settled:
            tracer.undo()
        tracer.release()
        return self._out

    def holds(self, args: Arguments) -> bool:
        """Whether a call would be traced as it was then."""
        for guard in self._guards:  # noqa: SIM110, for this is done at every call, and a generator takes twice as long
            if not guard(args):
                return False
        return True

    @functools.cached_property
    def program(self) -> Program:
        """The compiled graph."""
        from autodiff.compiler.program import Program  # it needs Numba, which the engine itself can do without

        title = f"What {getattr(self._f, '__name__', 'f')} does, in loops."
        program = Program(self._tracer.graph, self._without, title)
        self._sources = [self._tracer.sources[id_] for id_ in program.leaf_ids]
        return program

    def run(self, args: Arguments) -> Any:
        """Do what the function does, in machine code."""
        results = self.program([source(args) for source in self._sources])
        moment = tick()
        for variable in self._assigned:
            variable._changed[0] = moment
        for variable in self._forgotten:
            variable.grad = None
        if self._numbers:
            for entry, number in zip(self._numbers, results[-len(self._numbers) :], strict=True):
                entry.holder[entry.key] = type(entry.holder[entry.key])(number)
        tensors = map(Tensor.of, results)
        out = _with(self._out, tensors)
        for leaf, gradient in zip(self._left, tensors, strict=False):
            leaf.grad = gradient
        return out


def _announced(tracer: SourceTracer, arg: Any, index: int, name: str) -> Any:
    """Return an argument as f is handed it: arrays as Tensors, each with an array object of its own, others as is."""
    if isinstance(arg, np.ndarray | np.generic):
        arg = Tensor(np.asarray(arg)[...])
    elif isinstance(arg, Variable) and not arg.tracked:
        arg = Tensor(arg._data[...], name=arg.name)
    if isinstance(arg, Variable):
        return tracer.announce(arg, lambda args: unwrap(args[index]), name)
    return arg


def _named(f: Callable[..., Any], args: Arguments) -> Iterator[tuple[Any, str]]:
    """Yield the arguments with the names of f's parameters."""
    try:
        names = [p.name for p in inspect.signature(f).parameters.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        names = []
    for i, arg in enumerate(args):
        yield arg, names[i] if i < len(names) else f"x{i}"


def _by_position(f: Callable[..., Any], args: Arguments, kwargs: dict[str, Any]) -> Arguments:
    """Return the arguments in the order of f's parameters."""
    bound = inspect.signature(f).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        names = ", ".join(bound.kwargs)
        raise TypeError(f"jit: {names} can be given by name alone, and compiled functions take all in order")
    return bound.args


def _signature(arg: Any, is_alone: bool = True) -> Any:
    """Return what a version is made for: shape and dtype of an array, and any other value with its type.

    A leaf that requires a gradient is one itself: that is where f leaves the gradient. Arrays within a tuple, where the
    trace does not look for arguments, are refused.
    """
    array = unwrap(arg)
    if is_alone and isinstance(array, np.ndarray | np.generic):
        return type(arg), array.shape, array.dtype, id(arg) if isinstance(arg, Variable) and arg.tracked else None
    if type(arg) is tuple:
        return tuple, *(_signature(part, is_alone=False) for part in arg)
    try:
        hash(array)
    except TypeError:
        raise TypeError(
            f"jit: {type(arg).__name__} is no argument for a compiled function; hand over its arrays one by one"
        ) from None
    return type(arg), arg


def _is_differentiated(arg: Any) -> bool:
    """Whether an outer function may want the derivative with respect to an argument."""
    return isinstance(arg, Variable) and arg.tracked and (arg.node is not None or arg.listening)


def _surroundings(f: Callable[..., Any], seen: set[int] | None = None) -> Iterator[tuple[Guard, bool]]:
    """Yield guards of what f refers to in closures and globals, and its helpers, and whether they watch a content."""
    f = inspect.unwrap(f)
    while isinstance(f, functools.partial | types.MethodType):
        f = f.func if isinstance(f, functools.partial) else f.__func__
    seen = set() if seen is None else seen
    if not isinstance(f, types.FunctionType) or id(f) in seen:
        return
    seen.add(id(f))
    for cell in f.__closure__ or ():
        yield from _guards_of(lambda cell=cell: _content(cell), seen)  # type: ignore[misc]
    for name in _names_in(f.__code__):
        if name in f.__globals__:
            yield from _guards_of(lambda name=name: f.__globals__.get(name), seen)  # type: ignore[misc]


def _guards_of(look: Callable[[], Any], seen: set[int]) -> Iterator[tuple[Guard, bool]]:
    value = look()
    if isinstance(value, types.FunctionType | types.MethodType | functools.partial | Jit):
        yield from _surroundings(value, seen)
    if not isinstance(value, types.ModuleType):
        yield _unchanged(look, value), type(value) in (list, dict)


def _unchanged(look: Callable[[], Any], then: Any) -> Guard:
    """Return the guard that something is what it is now."""
    if isinstance(then, list | tuple | dict | int | float | str):
        then = copied(then)
        return lambda args: same(look(), then)
    return lambda args: look() is then


def _names_in(code: types.CodeType) -> Iterator[str]:
    """Yield the names of globals that a piece of code may refer to, those in the functions within it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty as yet
        return None


def _tensors(out: Any) -> Iterator[Array]:
    """Yield the Tensors in nested tuples, lists and dicts."""
    if isinstance(out, Variable):
        yield out
    elif isinstance(out, list | tuple):
        for item in out:
            yield from _tensors(item)
    elif isinstance(out, dict):
        for item in out.values():
            yield from _tensors(item)


def _with(out: Any, tensors: Iterator[Array]) -> Any:
    """Return the same structure with other Tensors in it."""
    if isinstance(out, Variable):
        return next(tensors)
    if isinstance(out, list | tuple):
        items = [_with(item, tensors) for item in out]
        return type(out)(*items) if hasattr(out, "_fields") else type(out)(items)
    if isinstance(out, dict):
        return {key: _with(item, tensors) for key, item in out.items()}
    return out
