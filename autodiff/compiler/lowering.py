"""Lowering: take apart what is one operation for the sake of accuracy, so that its parts can be fused with others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff.compiler.rewriting import Rewriter, rewritten
from autodiff.graph import Graph, Operation, Value


def lowering(graph: Graph) -> Graph:
    """Return the graph with softmax and its logarithms written in element-wise operations and reductions."""

    def lower(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
        parts = PARTS.get(operation.primitive.name)
        if parts is None or 0 in inputs[0].shape or any(value.dtype.kind != "f" for value in inputs):
            return None
        return parts(rewriter.do, *inputs, **operation.attributes)

    return rewritten(graph, lower)


Do = Callable[..., Value]


def _log_softmax(do: Do, a: Value, axis: Any) -> Value:
    """a − max a − log Σ exp(a − max a)."""
    shifted = do("subtract", a, do("max", a, axis=axis, keepdims=True))
    return do("subtract", shifted, do("log", do("sum", do("exp", shifted), axis=axis, keepdims=True)))


def _softmax(do: Do, a: Value, axis: Any) -> Value:
    """exp(a − max a) / Σ exp(a − max a)."""
    weights = do("exp", do("subtract", a, do("max", a, axis=axis, keepdims=True)))
    return do("divide", weights, do("sum", weights, axis=axis, keepdims=True))


def _log_softmax_backward(do: Do, g: Value, log_p: Value, axis: Any) -> Value:
    """g − p·Σ g."""
    return do("subtract", g, do("multiply", do("exp", log_p), do("sum", g, axis=axis, keepdims=True)))


PARTS: dict[str, Callable[..., Value]] = {
    "log_softmax": _log_softmax,
    "softmax": _softmax,
    "log_softmax_backward": _log_softmax_backward,
}
