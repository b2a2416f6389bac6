"""Wrong rules made of right ones: each wraps a rule, and errs in what goes into it or in what comes out."""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np

from autodiff import ops
from autodiff.tape import Primitive, unwrap
from tests.mutation.mutant import Mutant

Rule = Callable[..., Any]
Fault = tuple[str, str, Callable[[Rule], Rule | None], str | None]
"""The kind of fault, what tells it from others of its kind, the wrong rule for a right one, and why it is no fault."""

# ── ways to err ─────────────────────────────────────────────────────────────────────────────────────────


def zeros(x: Any) -> Any:
    """0 for every element, in the shape and dtype of x."""
    return np.zeros_like(unwrap(x)) if hasattr(x, "dtype") else type(x)(0)


def ones(x: Any) -> Any:
    """1 for every element, in the shape and dtype of x."""
    return np.ones_like(unwrap(x)) if hasattr(x, "dtype") else type(x)(1)


def transposed(x: Any) -> Any:
    """x with its last two axes exchanged, where that leaves its shape: otherwise the shape alone would tell."""
    shape = np.shape(unwrap(x))
    return ops.matrix_transpose(x) if len(shape) > 1 and shape[-1] == shape[-2] else x


def next_axis(axis: Any, ndim: int) -> Any:
    """Other axes of an array than those named, where it has others."""
    if ndim < 2:
        return axis
    if axis is None:
        return 0
    if isinstance(axis, tuple):
        return tuple((i + 1) % ndim for i in axis) or (0,)
    return (axis + 1) % ndim


def exchanged_ends(width: Any, ndim: int) -> Any:
    """The widths of a padding, after for before."""
    return tuple((after, before) for before, after in np.broadcast_to(width, (ndim, 2)).tolist())


CONTRIBUTIONS: dict[str, Callable[[Any], Any]] = {
    "sign flipped": ops.negative,
    "doubled": lambda contribution: ops.multiply(contribution, 2),
    "halved": lambda contribution: ops.multiply(contribution, 0.5),
    "zeros": zeros,
    "transposed": transposed,
    "contribution held constant": unwrap,
}
"""What may be done to a contribution. What is held constant has no derivatives, and only higher orders tell."""

ARGUMENTS: dict[str, Callable[[Any], Any]] = {
    "replaced by zeros": zeros,
    "replaced by ones": ones,
    "held constant": unwrap,
}
"""What may be done to the cotangent `g` (replaced by ones, it is dropped), to the result `out`, and to an operand."""

ATTRIBUTES: dict[str, Callable[[Any, int], Any]] = {
    "axis": next_axis,
    "axes": lambda axes, ndim: axes if axes is None else tuple(axes)[::-1],
    "keepdims": lambda keepdims, ndim: not keepdims,
    "pad_width": exchanged_ends,
}
"""What may be done to an attribute, given the number of axes of the first operand."""

# ── the faults of a rule ────────────────────────────────────────────────────────────────────────────────


def mutants_of(primitive: Primitive) -> Iterator[Mutant]:
    """Yield the primitive with each fault in each of its rules, and with a rule wherever it has none."""
    names = list(inspect.signature(primitive.kernel).parameters)
    if (right := primitive.rule_for) is not None:
        assert isinstance(right, FunctionType)
        for operator, detail, wrong, sameness in _faults(right(0), 0):
            apply = functools.partial(_install_all, primitive, lambda i, n, wrong=wrong: wrong(right(i)))
            yield Mutant(primitive.name, names[0], operator, detail, right, apply, sameness)
        apply = functools.partial(_install_all, primitive, lambda i, n: right((i + 1) % n))
        yield Mutant(primitive.name, names[0], "another's rule", "the next", right, apply)
    for index, rule in enumerate(primitive.rules):
        if rule is None:
            apply = functools.partial(_install, primitive, index, lambda g, *others, **attributes: g)
            yield Mutant(primitive.name, names[index], "a rule where there is none", "", primitive.kernel, apply)
            continue
        assert isinstance(rule, FunctionType)
        for operator, detail, wrong, sameness in (*_faults(rule, len(primitive.rules)), *_confusions(primitive, index)):
            apply = functools.partial(_install, primitive, index, wrong(rule))
            yield Mutant(primitive.name, names[index], operator, detail, rule, apply, sameness)


def _faults(rule: Rule, arity: int) -> Iterator[Fault]:
    """Yield the faults of a rule by itself, for so many operands; 0 for any number, which are left alone."""
    parameters = list(inspect.signature(rule).parameters)
    arguments = parameters[: 2 + arity]
    yield "no rule", "", lambda rule: None, None
    for operator, change in CONTRIBUTIONS.items():
        yield operator, "", functools.partial(_with_result, change=change), None
    for place, name in enumerate(arguments):
        for operator, change in ARGUMENTS.items():
            yield operator, name, functools.partial(_with_argument, place=place, change=change), _unread(rule, name)
    for place, name in list(enumerate(arguments))[2:]:
        yield "out replaced by operand", name, functools.partial(_rearranged, sources={1: place}), _unread(rule, "out")
    if arity > 1:
        swap = functools.partial(_rearranged, sources={-2: -1, -1: -2})
        yield "operands swapped", "", swap, _unread(rule, *arguments[-2:])
    for name in [name for name in ATTRIBUTES if name in parameters]:
        yield "attribute changed", name, functools.partial(_with_attribute, name=name), _unread(rule, name)


def _confusions(primitive: Primitive, index: int) -> Iterator[Fault]:
    """Yield the rules of the other operands."""
    names = list(inspect.signature(primitive.kernel).parameters)
    for other, rule in enumerate(primitive.rules):
        if other != index and rule is not None:
            sameness = "the two rules are the same" if _alike(rule, primitive.rules[index]) else None
            yield "another's rule", names[other], lambda right, rule=rule: rule, sameness


def _install(primitive: Primitive, index: int, rule: Rule | None) -> None:
    rules = (*primitive.rules[:index], rule, *primitive.rules[index + 1 :])
    Primitive.__init__(primitive, primitive.name, primitive.kernel, rules, None)


def _install_all(primitive: Primitive, rule_of: Callable[[int, int], Rule | None]) -> None:
    """Give each operand the rule that its index and the number of operands say."""
    primitive.rules_of = lambda operands: [rule_of(i, len(operands)) for i in range(len(operands))]


# ── wrong rules ─────────────────────────────────────────────────────────────────────────────────────────


def _with_result(rule: Rule, change: Callable[[Any], Any]) -> Rule:
    return functools.wraps(rule)(lambda *arguments, **attributes: change(rule(*arguments, **attributes)))


def _with_argument(rule: Rule, place: int, change: Callable[[Any], Any]) -> Rule:
    @functools.wraps(rule)
    def wrong(*arguments: Any, **attributes: Any) -> Any:
        return rule(*arguments[:place], change(arguments[place]), *arguments[place + 1 :], **attributes)

    return wrong


def _rearranged(rule: Rule, sources: dict[int, int]) -> Rule:
    """Give a rule, in some of the places of its arguments, those of other places."""

    @functools.wraps(rule)
    def wrong(*arguments: Any, **attributes: Any) -> Any:
        given = list(arguments)
        for place, source in sources.items():
            given[place] = arguments[source]
        return rule(*given, **attributes)

    return wrong


def _with_attribute(rule: Rule, name: str) -> Rule:
    @functools.wraps(rule)
    def wrong(g: Any, out: Any, a: Any, *others: Any, **attributes: Any) -> Any:
        first = a[0] if isinstance(a, tuple) else a  # of any number, all come in one tuple
        attributes[name] = ATTRIBUTES[name](attributes[name], np.ndim(unwrap(first)))
        return rule(g, out, a, *others, **attributes)

    return wrong


# ── what is provably no fault ───────────────────────────────────────────────────────────────────────────


def _unread(rule: Rule, *names: str) -> str | None:
    """Say so if the code of a rule loads none of some parameters; it may load two in one instruction."""
    loads = [i.argval for i in dis.get_instructions(rule) if i.opname.startswith("LOAD")]
    loaded = {name for argval in loads for name in (argval if isinstance(argval, tuple) else (argval,))}
    return None if loaded.intersection(names) else f"the rule does not read {' or '.join(names)}"


def _alike(rule: Any, other: Any) -> bool:
    a, b = rule.__code__, other.__code__
    return (a.co_code, a.co_names, a.co_varnames, a.co_consts) == (b.co_code, b.co_names, b.co_varnames, b.co_consts)
