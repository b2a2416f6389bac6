"""Dead code: leave out what nothing needs."""

from __future__ import annotations

from autodiff.compiler.rewriting import Rewriter, needed
from autodiff.graph import Graph


def dead_code(graph: Graph) -> Graph:
    """Return the graph without the operations that neither an output nor an assignment depends on."""
    alive = {value.id for value in needed(graph)}
    for operation in reversed(graph.operations):
        if operation.output.id in alive:
            alive.update(value.id for value in operation.inputs)
    operations = [operation for operation in graph if operation.output.id in alive]
    return Rewriter(graph).run(lambda rewriter, operation, inputs: None, operations)
