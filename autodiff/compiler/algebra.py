"""Algebra: say the same with less to compute."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from autodiff.compiler.rewriting import Rewriter, is_number, rewritten
from autodiff.compiler.scalars import is_weak
from autodiff.compiler.units import is_reduction, reduced_axes
from autodiff.graph import Graph, Operation, Value

Rule = Callable[[Rewriter, Operation, tuple[Value, ...]], Value | None]


def algebra(graph: Graph) -> Graph:
    """Return the graph after all of the rules below, the first that applies to each operation."""

    def simplify(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
        for rule in RULES:
            if value := rule(rewriter, operation, inputs):
                return value
        return None

    return rewritten(graph, simplify)


def mask_of_relu(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
    """[z > 0] is [relu(z) > 0]: then z itself need not be kept."""
    if operation.primitive.name != "relu_backward":
        return None
    g, z = inputs
    a = rewriter.find("relu", z)
    return rewriter.do("relu_backward", g, a) if a else None


def twice_transposed(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
    """(aᵀ)ᵀ is a."""
    made_by = inputs[0].operation
    if operation.primitive.name == "matrix_transpose" and made_by and made_by.primitive.name == "matrix_transpose":
        return made_by.inputs[0]
    return None


def nothing_to_do(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
    """a·1, 1·a, a/1, a + 0, 0 + a, a − 0, and a reshaped or summed to its own shape are a."""
    name, out = operation.primitive.name, operation.output
    place = _NEUTRAL.get(name)
    if place:
        number, places = place
        for i in places:
            other = inputs[1 - i]
            if is_number(inputs[i], number) and (other.shape, other.dtype) == (out.shape, out.dtype):
                return other
    same = inputs and (inputs[0].shape, inputs[0].dtype) == (out.shape, out.dtype)
    return inputs[0] if name in ("reshape", "sum_to", "broadcast_to", "astype", "alias") and same else None


def plainer_power(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
    """a² is a·a, and a^½ is √a (but for a = −∞, of which there is no root)."""
    if operation.primitive.name != "power" or operation.output.dtype.kind != "f" or is_weak(operation.output):
        return None
    a, exponent = inputs
    if (a.shape, a.dtype) != (operation.output.shape, operation.output.dtype):
        return None
    if is_number(exponent, 2):
        return rewriter.do("multiply", a, a)
    return rewriter.do("sqrt", a) if is_number(exponent, 0.5) else None


def small_first(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
    """a·(b/c) is b·(a/c): where a and c are both smaller than b, which they broadcast to, there is less to divide."""
    if operation.primitive.name != "multiply":
        return None
    for a, quotient in (inputs, inputs[::-1]):
        made_by = quotient.operation
        if made_by and made_by.primitive.name == "divide":
            b, c = made_by.inputs
            alike = a.shape == c.shape and a.dtype == b.dtype == c.dtype and not any(map(is_weak, (a, b, c)))
            if alike and prod(a.shape) < prod(b.shape):
                return rewriter.do("multiply", b, rewriter.do("divide", a, c))
    return None


def rows_first(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
    """A sum over the rows and over axes behind one that is kept is a sum of the sums over those: each row has its own.

    So the gradient of a bias of channels, and the mean of each, is added up image by image.
    """
    if operation.primitive.name not in ("sum", "sum_to") or not is_reduction(operation):
        return None
    axes = reduced_axes(operation)
    kept = [axis for axis in range(len(inputs[0].shape)) if axis not in axes]
    inner = tuple(axis for axis in axes if kept and axis > kept[0])
    if 0 not in axes or not inner or prod(inputs[0].shape[axis] for axis in inner) == 1:
        return None
    return rewriter.write(
        operation.primitive, rewriter.do("sum", inputs[0], axis=inner, keepdims=True), **operation.attributes
    )


_NEUTRAL = {"multiply": (1, (0, 1)), "divide": (1, (1,)), "add": (0, (0, 1)), "subtract": (0, (1,))}
"""The number that changes nothing, and the operands that it may be."""

RULES: tuple[Rule, ...] = (mask_of_relu, small_first, rows_first, twice_transposed, plainer_power, nothing_to_do)
