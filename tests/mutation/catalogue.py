"""All the mutants: wrong rules, slips in their text and in the kernels behind them, faults of the walk."""

from __future__ import annotations

import functools
import inspect
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType

from autodiff.kernels import compiled, compiled_windows, loops, vectorized
from autodiff.tape import registry
from tests.mutation import rules, texts, walk
from tests.mutation.mutant import Mutant

ADJOINTS = ["sum_to", "broadcast_to", "scatter", "add_along_axis", "sliding_windows"]
"""Primitives that the rules or the walk compute with, so that their kernels are calculus too."""

RUNGS = [
    *(getattr(rung, name) for rung in (loops, vectorized)
      for name in ("relu_backward", "log_softmax_backward", "add_windows")),
    loops._lines,
]
COMPILED = [
    (compiled._relu_backward_loop, compiled.relu_backward),
    (compiled._log_softmax_backward_loop, compiled.log_softmax_backward),
    (compiled_windows._add_loop, compiled_windows.add_windows),
]
"""What Numba compiles, and the function of Python that calls it."""


@functools.cache
def catalogue() -> tuple[Mutant, ...]:
    """Return every mutant there is, each with a name of its own."""
    mutants = [*_of_rules(), *_of_kernels(), *walk.mutants()]
    names = [mutant.name for mutant in mutants]
    assert len(set(names)) == len(names), sorted({name for name in names if names.count(name) > 1})
    return tuple(mutants)


def _of_rules() -> Iterator[Mutant]:
    written: set[FunctionType] = set()  # a rule or a helper may serve several operands
    for primitive in [p for p in registry.values() if p.kernel.__module__.startswith("autodiff.")]:
        yield from rules.mutants_of(primitive)
        operands = list(inspect.signature(primitive.kernel).parameters)
        own = list(primitive.rules) if not primitive.rule_for else [primitive.rule_for]
        for operand, rule in zip(operands, own, strict=False):
            for function in [rule, *_helpers(rule)] if rule else ():
                if function in written:
                    continue
                written.add(function)
                if function.__name__ == "<lambda>":
                    yield from texts.mutants_in(function, primitive.name, operand)
                else:
                    yield from texts.mutants_in(function, _title(function))


def _of_kernels() -> Iterator[Mutant]:
    for name in ADJOINTS:
        for function in (kernel := registry[name].kernel, *_helpers(kernel)):
            yield from texts.mutants_in(function, _title(function))
    for function in RUNGS:
        yield from texts.mutants_in(function, _title(function))
    for function, caller in COMPILED:
        yield from texts.mutants_in(function, _title(function), site=caller)


def _title(function: FunctionType) -> str:
    return f"{function.__module__.split('.')[-1]}.{function.__name__}"


def _helpers(function: FunctionType) -> list[FunctionType]:
    """Return the plain functions of `autodiff.ops` that a function calls, by way of others too."""
    found: list[FunctionType] = []
    for name in [name for code in _codes(function.__code__) for name in code.co_names]:
        called = function.__globals__.get(name)
        is_operation = hasattr(called, "__wrapped__")  # with rules of its own
        if isinstance(called, FunctionType) and called.__module__.startswith("autodiff.ops") and not is_operation:
            found += [f for f in (called, *_helpers(called)) if f not in found]
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a function's code and that of the functions within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def sample(mutants: Sequence[Mutant], n: int, seed: int) -> list[Mutant]:
    """Return n of the mutants at random, of as many operators as can be."""
    shuffled = random.Random(seed).sample(mutants, len(mutants))
    turns: Counter[str] = Counter()
    order = []
    for mutant in shuffled:
        turns[mutant.operator] += 1
        order.append((turns[mutant.operator], len(order), mutant))
    return [mutant for _, _, mutant in sorted(order)[:n]]
