"""An interactive page on one computation: forward, backward and update, step by step, with every number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import autodiff as ad
from autodiff.graph import Graph
from viz.explorer.data import Witnesses
from viz.explorer.numbers import Side
from viz.explorer.page import Page, assemble

__all__ = ["Page", "Witnesses", "explore"]


def explore(
    computation: Graph | ad.Tensor | Callable[..., Any],
    *args: Any,
    title: str | None = None,
    witnesses: Witnesses | None = None,
    pictures: Side | None = None,
    notes: Sequence[str] = (),
) -> Page:
    """Return a page on a computation: a graph, a tensor's tape, or a function, traced on the arguments given.

    A function that runs no backward pass of its own, and gives a scalar, is differentiated by its floating-point
    arguments.

    Args:
        computation: a `Graph`; a Tensor, whose tape is read; or a function for `autodiff.trace`.
        args: what the function takes.
        title: what the page is headed by; the function's name by default.
        witnesses: what others say of values of the graph and of their cotangents, by the witness's name.
        pictures: height and width of the pictures that rows of an input are, (28, 28) for MNIST.
        notes: what else the reader should know, a line each.

    Raises what the function raises.
    """
    if isinstance(computation, Graph | ad.Tensor):
        graph = computation if isinstance(computation, Graph) else Graph.of(computation)
        name = "A computation, forward and backward"
    else:
        graph, name = _traced(computation, args), getattr(computation, "__name__", "a function")
    return assemble(graph, name if title is None else title, witnesses or {}, pictures, notes)


def _traced(f: Callable[..., Any], args: tuple[Any, ...]) -> Graph:
    """Trace a function, together with its gradient if it does not compute one itself."""
    graph = ad.trace(f, *args)
    inputs = graph.of_kind("input")
    by = tuple(i for i, value in enumerate(inputs) if value.dtype.kind == "f")
    is_scalar = len(graph.outputs) == 1 and graph.outputs[0].shape == () and graph.outputs[0].dtype.kind == "f"
    if graph.in_pass("backward") or not is_scalar or not by or graph.outputs[0].operation is None:
        return graph

    def with_gradient(*xs: Any) -> Any:
        return ad.value_and_grad(f, by)(*xs)[0]

    named = [ad.Tensor(value.data, name=value.name) for value in inputs]
    return ad.trace(with_gradient, *named)
