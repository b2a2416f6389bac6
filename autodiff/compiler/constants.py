"""Constants: compute now what does not depend on anything that may change."""

from __future__ import annotations

import numpy as np

from autodiff.compiler.rewriting import Rewriter, is_number, rewritten
from autodiff.graph import Graph, Operation, Value


def constants(graph: Graph) -> Graph:
    """Return a graph in which operations on constant numbers alone have become constants.

    Only numbers count as constant, not arrays: those may be changed in place between two calls.
    """

    def fold(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
        if not all(map(is_number, inputs)) or np.ndim(operation.output.data) > 0:
            return None
        return rewriter.constant(operation.output.data)

    return rewritten(graph, fold)
