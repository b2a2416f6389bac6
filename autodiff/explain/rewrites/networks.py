"""Rules of what neural networks are made of: softmax, cross-entropy, activations and their derivatives."""

from __future__ import annotations

import numpy as np

from autodiff.explain.rewrites.rule import Builder, is_constant
from autodiff.graph import Operation, Value
from autodiff.tape import Array

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
