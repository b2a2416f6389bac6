"""Rules of arithmetic: numbers, signs and factors."""

from __future__ import annotations

import math

import numpy as np

from autodiff.explain.rewrites.rule import LINEAR, Builder, is_constant, is_number
from autodiff.graph import Operation, Value
from autodiff.tape import Array

# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────


def neutral(operation: Operation, build: Builder) -> Value | None:
    """1·a = a, a / 1 = a, a + 0 = a, a − 0 = a, a¹ = a, where 1 is 1 up to rounding."""
    name = operation.primitive.name
    if name in ("multiply", "divide", "power"):
        return _without(operation, 1, commutes=name == "multiply")
    return _without(operation, 0, commutes=name == "add") if name in ("add", "subtract") else None


def _without(operation: Operation, number: float, commutes: bool) -> Value | None:
    """Return the other operand, if one is the number."""
    a, b = operation.inputs
    if is_number(b) and math.isclose(b.data, number, rel_tol=1e-15):
        return a
    return b if commutes and is_number(a) and math.isclose(a.data, number, rel_tol=1e-15) else None


def arithmetic(operation: Operation, build: Builder) -> Value | None:
    """An operation on numbers alone is a number: 2·3 = 6. A quotient is left as it is, unless it is whole."""
    name = operation.primitive.name
    if name not in ("add", "subtract", "multiply", "divide", "negative") or not all(map(is_number, operation.inputs)):
        return None
    result = float(operation.output.data)
    if not math.isfinite(result) or (name == "divide" and not result.is_integer()):
        return None
    is_plain = not any(isinstance(value.data, np.ndarray) for value in operation.inputs)
    return build.number(operation.output.data.item() if is_plain else operation.output.data)


def number_first(operation: Operation, build: Builder) -> Value | None:
    """a·c = c·a: a number, or a name for one, stands before what it multiplies."""
    if operation.primitive.name != "multiply":
        return None
    a, c = operation.inputs
    return build("multiply", c, a) if is_constant(c) and not is_constant(a) else None


def number_times_number(operation: Operation, build: Builder) -> Value | None:
    """c·(d·a) = (c·d)·a, (a / c) / d = a / (c·d), and 6·(a / 3) = 2·a, where the quotient is whole."""
    if operation.primitive.name not in ("multiply", "divide"):
        return None
    a, above, below = _scaled(operation)
    inner = build.look(a, "multiply", "divide") if a else None
    a, inner_above, inner_below = _scaled(inner) if inner else (None, 1, 1)
    if a is None:
        return None
    above, below = above * inner_above, below * inner_below
    if not all(math.isfinite(number) and number for number in (above, below)):  # they would over- or underflow
        return None
    if below == 1 or float(above / below).is_integer():
        return build("multiply", build.number(above if below == 1 else above / below), a)
    if above == 1 or float(below / above).is_integer():
        return build("divide", a, build.number(below if above == 1 else below / above))
    return None


def _scaled(operation: Operation) -> tuple[Value | None, Array, Array]:
    """Return the a, c and d of an operation c·a or a / d, where one of c and d is 1; no a, if it is neither."""
    first, second = operation.inputs
    if operation.primitive.name == "multiply" and is_number(first):
        return second, first.data, 1
    if operation.primitive.name == "divide" and is_number(second):
        return first, 1, second.data
    return None, 1, 1


def twice(operation: Operation, build: Builder) -> Value | None:
    """a + a = 2·a."""
    if operation.primitive.name == "add" and operation.inputs[0] is operation.inputs[1]:
        return build("multiply", build.number(2), operation.inputs[0])
    return None


# ── signs ───────────────────────────────────────────────────────────────────────────────────────────────


def negative_number(operation: Operation, build: Builder) -> Value | None:
    """(−c)·a = −(c·a), a / (−c) = −(a / c), a + (−c) = a − c, a − (−c) = a + c, for a number c > 0."""
    name = operation.primitive.name
    if name not in ("add", "subtract", "multiply", "divide"):
        return None
    a, b = operation.inputs
    if is_number(b) and b.data < 0:
        if name in ("add", "subtract"):
            return build("subtract" if name == "add" else "add", a, build.opposite(b))
        return build("negative", build(name, a, build.opposite(b)))
    if name == "multiply" and is_number(a) and a.data < 0:
        return build("negative", build(name, build.opposite(a), b))
    return None


def sign_of_sum(operation: Operation, build: Builder) -> Value | None:
    """a + (−b) = a − b, (−a) + b = b − a, a − (−b) = a + b, (−a) − b = −(a + b)."""
    name = operation.primitive.name
    if name not in ("add", "subtract"):
        return None
    a, b = operation.inputs
    opposite = "subtract" if name == "add" else "add"
    if inner := build.look(b, "negative"):
        return build(opposite, a, inner.inputs[0])
    if inner := build.look(a, "negative"):
        if name == "add":
            return build("subtract", b, inner.inputs[0])
        return build("negative", build("add", inner.inputs[0], b))
    return None


def sign_of_product(operation: Operation, build: Builder) -> Value | None:
    """(−a) ∘ b = −(a ∘ b) = a ∘ (−b), and so for a quotient and for each operation that is linear."""
    name = operation.primitive.name
    for i in (0, 1) if name in ("multiply", "divide") else LINEAR.get(name, ()):
        if inner := build.look(operation.inputs[i], "negative"):
            inputs = (*operation.inputs[:i], inner.inputs[0], *operation.inputs[i + 1 :])
            return build("negative", build(name, *inputs, **operation.attributes))
    return None


def sign_turns_difference(operation: Operation, build: Builder) -> Value | None:
    """−(−a) = a, −(a − b) = b − a, and −((a − b) / c) = (b − a) / c."""
    if operation.primitive.name != "negative":
        return None
    inner = build.look(operation.inputs[0], "negative", "subtract", "divide")
    if inner is None or inner.primitive.name == "negative":
        return inner.inputs[0] if inner else None
    if inner.primitive.name == "subtract":
        return build("subtract", *reversed(inner.inputs))
    above, below = inner.inputs
    if difference := build.look(above, "subtract"):
        return build("divide", build("subtract", *reversed(difference.inputs)), below)
    return None


# ── factors ─────────────────────────────────────────────────────────────────────────────────────────────


def factor_of_product(operation: Operation, build: Builder) -> Value | None:
    """(a / c) ∘ b = (a ∘ b) / c, and (c·a) ∘ b = c·(a ∘ b), for a number c."""
    if operation.primitive.name != "multiply":
        return None
    a, b = operation.inputs
    for one, other in ((a, b), (b, a)):
        inner = build.look(one, "divide")
        if inner and is_constant(inner.inputs[1]):
            above = (inner.inputs[0], other) if one is a else (other, inner.inputs[0])
            return build("divide", build("multiply", *above), inner.inputs[1])
        inner = build.look(one, "multiply")
        if inner and is_constant(inner.inputs[0]) and not is_constant(other):
            factors = (inner.inputs[1], other) if one is a else (other, inner.inputs[1])
            return build("multiply", inner.inputs[0], build("multiply", *factors))
    return None


def factor_of_linear(operation: Operation, build: Builder) -> Value | None:
    """f(a / c) = f(a) / c, and f(c·a) = c·f(a), for a number c and each operation f that is linear."""
    for i in LINEAR.get(operation.primitive.name, ()):
        inner = build.look(operation.inputs[i], "divide", "multiply")
        if inner is None or not is_constant(inner.inputs[inner.primitive.name == "divide"]):
            continue
        c, a = inner.inputs if inner.primitive.name == "multiply" else reversed(inner.inputs)
        inputs = (*operation.inputs[:i], a, *operation.inputs[i + 1 :])
        f_of_a = build(operation.primitive.name, *inputs, **operation.attributes)
        return build("multiply", c, f_of_a) if inner.primitive.name == "multiply" else build("divide", f_of_a, c)
    return None


def common_factor(operation: Operation, build: Builder) -> Value | None:
    """a / c ± b / c = (a ± b) / c, and c·a ± c·b = c·(a ± b), for a number c."""
    name = operation.primitive.name
    if name not in ("add", "subtract"):
        return None
    a, b = (build.look(value, "divide", "multiply") for value in operation.inputs)
    if a is None or b is None or a.primitive is not b.primitive:
        return None
    if a.primitive.name == "divide" and a.inputs[1] is b.inputs[1] and is_constant(a.inputs[1]):
        return build("divide", build(name, a.inputs[0], b.inputs[0]), a.inputs[1])
    if a.primitive.name == "multiply" and a.inputs[0] is b.inputs[0] and is_constant(a.inputs[0]):
        return build("multiply", a.inputs[0], build(name, a.inputs[1], b.inputs[1]))
    return None
