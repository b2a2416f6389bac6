"""Tiles: what is done with windows laid side by side is done within them, in the loop that makes them.

The gradient of a pooling is made window by window, and then read pixel by pixel, by the relu before it. There a loop
would have to find the window of each pixel. So the relu is done first, window by window, and the result is laid once.
"""

from __future__ import annotations

from autodiff.compiler.rewriting import Rewriter, rewritten
from autodiff.compiler.scalars import is_elementwise
from autodiff.compiler.views import is_tiling
from autodiff.graph import Graph, Operation, Value


def tiles(graph: Graph) -> Graph:
    """Return the graph in which element-wise operations on windows that have been laid come before that."""
    return rewritten(graph, _within)


def _within(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
    laid = next((v.operation for v in inputs if v.operation and is_tiling(v.operation)), None)
    if not laid or not is_elementwise(operation) or any(v.shape != laid.output.shape for v in inputs):
        return None
    stride = laid.attributes["stride"]
    window = laid.inputs[0].shape[len(laid.output.shape) :]

    def windows_of(value: Value) -> Value:
        if value is laid.output:
            return laid.inputs[0]
        return rewriter.do("sliding_windows", value, window=window, stride=stride)

    within = rewriter.write(operation.primitive, *map(windows_of, inputs), **operation.attributes)
    return rewriter.do("add_windows", within, shape=laid.output.shape, stride=stride)
