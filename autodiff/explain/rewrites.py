"""The rules by which `simplify.py` brings a graph to the form of textbooks.

Each is an identity of mathematics, true of any computation. It is given an operation, and what builds operations; it
returns a value that equals the operation's result up to rounding, or None where it has nothing to say. A rewrite that
would change a shape or a dtype is not made. Where digits or infinities are at stake, the docstring says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from autodiff.explain.notation import is_transpose
from autodiff.graph import Operation, Value
from autodiff.tape import Array


class Builder(Protocol):
    """What builds operations, simplified, and looks into those that are built."""

    def __call__(self, name: str, *inputs: Value, **attributes: Any) -> Value:
        """Return the result of one of the engine's primitives, or a value that equals it."""

    def look(self, value: Value, *names: str) -> Operation | None:
        """Return what made a value, if it is one of these primitives and the value is no symbol; see `simplify.py`."""

    def number(self, number: Array) -> Value:
        """Return a constant."""

    def opposite(self, number: Value) -> Value:
        """Return a constant of the opposite sign."""


Rule = Callable[[Operation, Builder], Value | None]

ELEMENTWISE = frozenset(
    {"add", "subtract", "multiply", "divide", "negative", "power", "where", "maximum", "minimum", "relu_backward"}
)
"""Operations that compute each element from the elements that stand at its place in the operands."""

LINEAR = {
    "add_along_axis": (0,), "broadcast_to": (0,), "getitem": (0,), "matmul": (0, 1), "matrix_transpose": (0,),
    "permute_dims": (0,), "relu_backward": (0,), "reshape": (0,), "scatter": (0,), "sum": (0,), "sum_to": (0,),
    "take_along_axis": (0,),
}  # fmt: skip
"""Operations that are linear, and the operands in which they are."""


# ── softmax and cross-entropy ───────────────────────────────────────────────────────────────────────────


def exp_of_log_softmax(operation: Operation, build: Builder) -> Value | None:
    """exp(log_softmax(z)) = softmax(z)."""
    if operation.primitive.name == "exp" and (inner := build.look(operation.inputs[0], "log_softmax")):
        return build("softmax", *inner.inputs, **inner.attributes)
    return None


def rule_of_log_softmax(operation: Operation, build: Builder) -> Value | None:
    """log_softmax_backward(g, log p) = g − p ∘ Σ g, with p = exp(log p)."""
    if operation.primitive.name != "log_softmax_backward":
        return None
    (g, log_p), axis = operation.inputs, operation.attributes["axis"]
    return build("subtract", g, build("multiply", build("exp", log_p), build("sum", g, axis=axis, keepdims=True)))


def scatter_of_number(operation: Operation, build: Builder) -> Value | None:
    """A number c put into each row of zeros at the row's label is c·onehot(labels).

    The labels that the graph was traced with must be in range, and count from the beginning.
    """
    if operation.primitive.name != "add_along_axis":
        return None
    (g, indices), (*rows, n) = operation.inputs, operation.attributes["shape"]
    spread = build.look(g, "broadcast_to")
    is_last = operation.attributes["axis"] % len(operation.output.shape) == len(rows)
    if not (spread and spread.inputs[0].shape == () and is_last and indices.shape == (*rows, 1)):
        return None
    if not _are_labels(indices.data, n):
        return None
    made = build.look(indices, "getitem", "reshape")
    labels = made.inputs[0] if made and made.inputs[0].shape == tuple(rows) else build("reshape", indices, shape=rows)
    return build("multiply", spread.inputs[0], build("one_hot", labels, n=n, dtype=operation.output.dtype))


def sum_of_one_hot(operation: Operation, build: Builder) -> Value | None:
    """Each row of onehot(labels) sums to 1, if its label is in range."""
    if operation.primitive.name != "sum" or not (inner := build.look(operation.inputs[0], "one_hot")):
        return None
    axis, ndim = operation.attributes["axis"], len(operation.inputs[0].shape)
    if not isinstance(axis, int) or axis % ndim != ndim - 1:
        return None
    if not _are_labels(inner.inputs[0].data, inner.attributes["n"]):
        return None
    one = build.number(np.ones((), operation.output.dtype))
    return build("broadcast_to", one, shape=operation.output.shape)


def _are_labels(indices: Array, n: int) -> bool:
    indices = np.asarray(indices)
    return bool(((indices >= 0) & (indices < n)).all())


# ── sums over axes, and broadcasting ────────────────────────────────────────────────────────────────────


def sum_to_as_sum(operation: Operation, build: Builder) -> Value | None:
    """What broadcasting repeated along an axis is summed along that axis: sum_to(a, (n,)) = Σ rows a."""
    if operation.primitive.name != "sum_to":
        return None
    (a,), shape = operation.inputs, operation.output.shape
    added = len(a.shape) - len(shape)
    if added > 0 and a.shape[added:] == shape:
        return build("sum", a, axis=tuple(range(added)) if added > 1 else 0, keepdims=False)
    if added == 0:
        stretched = tuple(i for i, n in enumerate(shape) if n != a.shape[i])
        return build("sum", a, axis=stretched if len(stretched) > 1 else stretched[0], keepdims=True)
    return None


def needless_broadcast(operation: Operation, build: Builder) -> Value | None:
    """What an element-wise operation would broadcast anyway need not be broadcast before."""
    if operation.primitive.name not in ELEMENTWISE:
        return None
    for i, value in enumerate(operation.inputs):
        inner = build.look(value, "broadcast_to", "reshape")
        if inner and (inner.primitive.name == "broadcast_to" or inner.inputs[0].shape == ()):
            inputs = (*operation.inputs[:i], inner.inputs[0], *operation.inputs[i + 1 :])
            if np.broadcast_shapes(*(v.shape for v in inputs)) == operation.output.shape:
                return build(operation.primitive.name, *inputs, **operation.attributes)
    return None


def broadcast_of_broadcast(operation: Operation, build: Builder) -> Value | None:
    """What is broadcast twice is broadcast once; and a number repeated in one shape, then reshaped, is one repeated."""
    if operation.primitive.name not in ("broadcast_to", "reshape"):
        return None
    inner = build.look(operation.inputs[0], "broadcast_to", "reshape")
    if inner is None:
        return None
    are_broadcasts = operation.primitive.name == inner.primitive.name == "broadcast_to"
    is_possible = are_broadcasts or inner.inputs[0].shape == ()
    return build("broadcast_to", inner.inputs[0], shape=operation.output.shape) if is_possible else None


def decided_where(operation: Operation, build: Builder) -> Value | None:
    """where(condition, a, b) = b, if the condition cannot hold, since it compares unequal numbers: [2 = 0]."""
    if operation.primitive.name == "where" and _cannot_hold(operation.inputs[0], build):
        return operation.inputs[2]
    return None


def _cannot_hold(condition: Value, build: Builder) -> bool:
    made = build.look(condition, "equal", "logical_and")
    if made is None:
        return False
    if made.primitive.name == "equal":
        return all(map(is_number, made.inputs)) and not condition.data
    return any(_cannot_hold(value, build) for value in made.inputs)


def double_transpose(operation: Operation, build: Builder) -> Value | None:
    """(aᵀ)ᵀ = a."""
    if not is_transpose(operation):
        return None
    inner = build.look(operation.inputs[0], "matrix_transpose", "permute_dims")
    return inner.inputs[0] if inner and is_transpose(inner) else None


def transpose_of_product(operation: Operation, build: Builder) -> Value | None:
    """(aᵀ·b)ᵀ = bᵀ·a, and (a·bᵀ)ᵀ = b·aᵀ."""
    if not is_transpose(operation) or not (product := build.look(operation.inputs[0], "matmul")):
        return None
    made = (build.look(value, "matrix_transpose", "permute_dims") for value in product.inputs)
    if not any(inner and is_transpose(inner) for inner in made):
        return None
    a, b = product.inputs
    return build("matmul", build("matrix_transpose", b), build("matrix_transpose", a))


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


# ── derivatives of activations ──────────────────────────────────────────────────────────────────────────


def number_through_relu(operation: Operation, build: Builder) -> Value | None:
    """The rule of relu for a number c: c ∘ [z > 0] = c·[z > 0], where the bracket is 1 or 0."""
    if operation.primitive.name != "relu_backward" or not is_constant(operation.inputs[0]):
        return None
    c, z = operation.inputs
    bracket = build("astype", build("greater", z, build.number(0)), dtype=operation.output.dtype)
    return build("multiply", c, bracket)


def complement_of_sigmoid(operation: Operation, build: Builder) -> Value | None:
    """sigmoid(−a) = 1 − sigmoid(a), which has fewer digits where it is near 0."""
    if operation.primitive.name == "sigmoid" and (inner := build.look(operation.inputs[0], "negative")):
        return build("subtract", build.number(1), build("sigmoid", inner.inputs[0]))
    return None


RULES: tuple[Rule, ...] = (
    exp_of_log_softmax,
    rule_of_log_softmax,
    scatter_of_number,
    sum_of_one_hot,
    sum_to_as_sum,
    needless_broadcast,
    broadcast_of_broadcast,
    decided_where,
    double_transpose,
    transpose_of_product,
    neutral,
    arithmetic,
    number_first,
    negative_number,
    number_times_number,
    twice,
    sign_of_sum,
    sign_of_product,
    sign_turns_difference,
    factor_of_product,
    factor_of_linear,
    common_factor,
    number_through_relu,
    complement_of_sigmoid,
)
"""In the order in which they are tried."""


def is_number(value: Value) -> bool:
    """Whether a value is a constant number without a name."""
    return is_constant(value) and value.name is None


def is_constant(value: Value) -> bool:
    """Whether a value is a constant number."""
    return value.kind == "constant" and value.shape == ()
