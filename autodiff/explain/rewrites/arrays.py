"""Rules of arrays: sums over axes, broadcasting, choice and transposition."""

from __future__ import annotations

import numpy as np

from autodiff.explain.notation import is_transpose
from autodiff.explain.rewrites.rule import ELEMENTWISE, Builder, is_number
from autodiff.graph import Operation, Value


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
