"""Common subexpressions: compute once what is computed twice."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.compiler.rewriting import Rewriter, rewritten
from autodiff.graph import Graph, Operation, Value


def common_subexpressions(graph: Graph) -> Graph:
    """Return a graph in which no two operations do the same with the same values."""
    done: dict[Any, Value] = {}

    def share(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value:
        key = operation.primitive.name, tuple(map(_identity, inputs)), _frozen(operation.attributes)
        if key not in done:
            done[key] = rewriter.keep(operation, inputs)
        return done[key]

    return rewritten(graph, share)


def _identity(value: Value) -> Any:
    """Return what two values that are the same share: a constant's number and type, or else the value itself."""
    if value.kind == "constant" and np.ndim(value.data) == 0:
        return type(value.data), value.dtype, np.asarray(value.data).tobytes()
    return value.id


def _frozen(attribute: Any) -> Any:
    """Return something hashable that is equal for equal attributes alone."""
    if isinstance(attribute, dict):
        return tuple((name, _frozen(value)) for name, value in sorted(attribute.items()))
    if isinstance(attribute, list | tuple):
        return type(attribute), tuple(map(_frozen, attribute))
    if isinstance(attribute, slice):
        return "slice", attribute.start, attribute.stop, attribute.step
    if isinstance(attribute, np.ndarray):
        return "array", attribute.dtype, attribute.shape, attribute.tobytes()
    if isinstance(attribute, float):
        return float, attribute.hex()  # which tells −0 from 0
    return type(attribute), attribute
