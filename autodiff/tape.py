"""The tape: every operation passes through one door, `bind`, which writes it down.

A tape is not a list kept somewhere. Each result remembers the `Node` that made it, a node remembers its
operands, and so the result of a computation holds exactly the tape that led to it: when the result goes,
its tape goes. Everything else in this package is a reader of such a tape.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from autodiff import source
from autodiff.errors import RETOLD, describe_operation, tell
from autodiff.recording import is_recording

Array: TypeAlias = Any
"""What an operation takes and gives: an ndarray, a NumPy or Python number, or a `Variable` that holds one."""

Rule: TypeAlias = Callable[..., Array] | None
"""`rule(g, out, *operands, **attributes)`: the cotangent of one operand, given the cotangent `g` of `out`.
None says that the operand has no gradient."""

_clock = itertools.count(1)
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


def tick() -> int:
    """Return the next moment. An operand is older than its result, so age is a topological order."""
    return next(_clock)


class Variable:
    """An array that operations can be traced through: its data, its gradient and the node that made it.

    `Tensor` adds the operators; this bare class is what the tape and its readers need to know.
    """

    __slots__ = ("__weakref__", "_changed", "_data", "grad", "name", "node", "retains_grad", "tracked")

    _data: np.ndarray
    _changed: list[int]
    """The moment at which the numbers were last changed; variables that share memory share this list of one."""
    grad: Any
    """The accumulated gradient, of the data's shape and dtype; None where no path has led."""
    name: str | None
    node: Node | None
    """The operation that made this variable; None for a leaf."""
    retains_grad: bool
    tracked: bool
    """Whether operations on this variable are recorded: it requires a gradient, or was made from what does."""
    listening = False
    """Whether this is a leaf of a function that is just being differentiated."""

    result_type: ClassVar[type[Variable]]
    """The class of what an operation on this variable gives."""

    @classmethod
    def of(cls, data: Array, tracked: bool = False) -> Any:
        """Wrap an array without checks: the result of an operation, in a hurry."""
        self = object.__new__(cls)
        self._data = data if type(data) is np.ndarray else np.asarray(data)
        self._changed = [0]
        self.grad = None
        self.name = None
        self.node = None
        self.retains_grad = False
        self.tracked = tracked
        return self


Variable.result_type = Variable


class Node:
    """One line of the tape: `result = primitive(*inputs, **attributes)`, and when and where it was written."""

    __slots__ = ("attributes", "inputs", "listener", "moment", "place", "primitive", "seal")

    listener: Variable | None
    """A leaf behind the result that something was found to listen to; see `transforms`."""
    seal: int | None
    """A hash of all that a rule may read, by which a change behind the engine's back is noticed; see `anomaly`."""

    def __init__(self, primitive: Primitive, inputs: tuple[Array, ...], attributes: dict[str, Any]) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.attributes = attributes
        self.moment = next(_clock)
        self.place = source.caller(3)  # past this, bind and the operation
        self.listener = None
        self.seal = None


class Primitive:
    """An operation that the engine does not look inside: a name, a kernel and a rule for each operand."""

    def __init__(
        self,
        name: str,
        kernel: Callable[..., Array],
        rules: tuple[Rule, ...],
        rule_for: Callable[[int], Rule] | None,
    ) -> None:
        self.name = name
        self.kernel = kernel
        self.rules = rules
        self.rule_for = rule_for
        self.has_flat_operand = None in rules

    def rules_of(self, operands: Sequence[Array]) -> Sequence[Rule]:
        """Return the rules of the operands, in order."""
        return [self.rule_for(index) for index in range(len(operands))] if self.rule_for else self.rules

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


registry: dict[str, Primitive] = {}
"""Every primitive by its name, a student's own included."""


Pass: TypeAlias = Literal["forward", "backward", "update"]


class Watcher:
    """Who looks on within a `with watching(…)`: the one seam for anomaly checks, traces, pictures and lessons."""

    traces: ClassVar[bool] = False
    """Whether rules and optimizers shall compute with variables even where arrays would do, so that each value of
    theirs can be told from others."""

    def operation(
        self, primitive: Primitive, operands: tuple[Array, ...], attributes: dict[str, Any], result: Array
    ) -> None:
        """See an operation that has just been done, on variables or on plain arrays, recorded or not."""

    def begin(self, during: Pass) -> None:
        """See a backward pass or an optimizer's step begin."""

    def end(self) -> None:
        """See it end."""

    def rule(self, variable: Variable, index: int | None) -> None:
        """See the rule of an operand about to be run; None: all have been, and contributions are about to be added."""

    def step(self, variable: Variable, cotangent: Array, contributions: Sequence[Array | None]) -> None:
        """See a step of a backward pass: a variable, its complete cotangent, and what goes to each operand, or None."""

    def assign(self, variable: Variable, value: Array) -> None:
        """See a variable about to be given the numbers of another value."""

    def made(self, variable: Variable) -> None:
        """See a variable that the engine has made of a constant."""

    def depends(self, look: Callable[[], Any]) -> None:
        """See that what is done next depends on which object `look` gives."""

    def held(self, holder: MutableMapping[str, Any], key: str) -> Any:
        """Return an entry of a mapping, an optimizer's setting or memory, as something that a trace can follow."""
        return holder[key]

    def hold(self, holder: MutableMapping[str, Any], key: str, item: Any) -> None:
        """Put an item into a mapping, as the plain array or number that it is."""
        holder[key] = unwrap(item)

    def reset(self, variable: Variable) -> None:
        """See the gradient of a variable about to be forgotten."""

    def read(self, variable: Variable, how: str) -> None:
        """See the numbers of a variable about to be handed to something that is no operation."""

    def decide(self, number: Any, what: Callable[[float], Any]) -> None:
        """See a branch about to be taken by what is true of a number."""

    def same(self, copy: Any, original: Array) -> Any:
        """Learn that a number is a copy of another; return it."""
        return copy

    def enter(self, module: Any) -> None:
        """See a module about to compute its result."""

    def leave(self, module: Any, result: Array) -> None:
        """See the result of the module."""


def primitive(
    name: str, *rules: Rule, rule_for: Callable[[int], Rule] | None = None
) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Turn a function of arrays, the kernel, into an operation with derivatives.

    There is one rule for each operand, in order: `rule(g, out, *operands, **attributes)` gives the
    operand's cotangent from the cotangent `g` of the result. Rules are written with the engine's operations,
    so that they can be differentiated in turn; they need not undo broadcasting or casting, which the
    backward pass does once for all. A rule gives a new array, or one of its arguments or a view of it.
    The kernel's parameters beyond the rules are attributes, which have no gradient:

        @primitive("scale", lambda g, out, a, factor: multiply(g, factor))
        def scale(a, factor=2.0):
            return a * factor

    An operation with any number of operands gives `rule_for(index)`, which returns the rule of one. It is called with
    all operands in one tuple, `rule(g, out, operands, **attributes)`: n rules that each took n would cost n².
    """

    def define(kernel: Callable[..., Array]) -> Callable[..., Array]:
        defined = registry[name] = Primitive(name, kernel, rules, rule_for)
        operation = _operation(defined, 0 if rule_for else len(rules))
        return functools.wraps(kernel)(operation)

    return define


def _operation(primitive: Primitive, arity: int) -> Callable[..., Array]:
    """Return the function that binds a primitive, taking operands and attributes as its kernel does.

    An arity of 0 says that every positional argument is an operand.
    """
    signature = inspect.signature(primitive.kernel)
    names = [p.name for p in signature.parameters.values() if p.kind != p.VAR_POSITIONAL]
    if len(names) < arity:
        raise TypeError(f"primitive {primitive.name}: {arity} rules, but the kernel takes {len(names)} parameters")
    defaults = {name: p.default for name, p in signature.parameters.items() if p.default is not p.empty}

    def operation(*arguments: Array, **attributes: Any) -> Array:
        if arity and len(arguments) != arity:  # an attribute by position, or an operand by name
            try:
                given = signature.bind(*arguments, **attributes).arguments
            except TypeError as error:
                raise tell(error, primitive.name, arguments, attributes) from error
            arguments = tuple(given.pop(name) for name in names[:arity])
            attributes = given
        return bind(primitive, arguments, {**defaults, **attributes} if defaults else attributes)

    return operation


def bind(primitive: Primitive, operands: tuple[Array, ...], attributes: dict[str, Any]) -> Array:
    """Run a primitive on its operands and, if any of them asks for gradients, write it on the tape.

    On plain arrays it just computes and gives an array; with a `Variable` among the operands it gives one.

    Raises the kernel's own kind of exception, told in terms of the operation, its shapes and its dtypes.
    """
    kind = None
    tracked = False
    for operand in operands:
        if isinstance(operand, Variable):
            kind = operand.result_type
            tracked = tracked or operand.tracked
        elif type(operand) is list:
            return bind(primitive, tuple(np.array(x) if type(x) is list else x for x in operands), attributes)
    arrays = operands if kind is None else tuple([x._data if isinstance(x, Variable) else x for x in operands])
    try:
        out = primitive.kernel(*arrays, **attributes)
    except RETOLD as error:
        raise tell(error, primitive.name, operands, attributes) from error
    except Exception as error:
        error.add_note(f"in {describe_operation(primitive.name, operands, attributes)}")
        raise
    if kind is None:
        if watcher := _watcher.get():
            watcher.operation(primitive, operands, attributes, out)
        return out
    result = kind.of(out)
    if result._data.base is not None:
        _share_changes(result, operands)
    if tracked and is_recording() and result._data.dtype.kind == "f" and _has_path(primitive, operands):
        result.node = Node(primitive, operands, attributes)
        result.tracked = True
    if watcher := _watcher.get():
        watcher.operation(primitive, operands, attributes, result)
    return result


def _share_changes(result: Variable, operands: tuple[Array, ...]) -> None:
    """Let a result that is a view of an operand learn of changes to the operand's memory."""
    for operand in operands:
        if isinstance(operand, Variable) and np.may_share_memory(result._data, operand._data):
            result._changed = operand._changed


def _has_path(primitive: Primitive, operands: tuple[Array, ...]) -> bool:
    """Whether an operand that requires a gradient is one that has a rule."""
    return not primitive.has_flat_operand or any(
        isinstance(operand, Variable) and operand.tracked and rule is not None
        for operand, rule in zip(operands, primitive.rules, strict=False)
    )


def shape_of(value: Array) -> tuple[int, ...]:
    """Return the shape of an operand of any kind."""
    try:
        return value.shape
    except AttributeError:
        return np.shape(value)


def unwrap(value: Array) -> Array:
    """Return the array of a variable, and anything else as it is."""
    return value._data if isinstance(value, Variable) else value


def watcher() -> Watcher | None:
    """Return who looks on in this thread and async context."""
    return _watcher.get()


@contextlib.contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let someone look on at every operation and every step of a backward pass, in this thread and async context."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


@contextlib.contextmanager
def during(pass_: Pass) -> Iterator[None]:
    """Tell who looks on that what follows is a backward pass or an update."""
    if (watcher := _watcher.get()) is None:
        yield
        return
    watcher.begin(pass_)
    try:
        yield
    finally:
        watcher.end()
