"""A graph as the data that the page reads: values, operations, steps, and where everything is drawn, as plain JSON."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from autodiff.differences import finite_differences
from autodiff.explain.formula import Rule, Symbols, usual_symbols
from autodiff.explain.labels import Labels
from autodiff.explain.writing import Part
from autodiff.graph import Graph, Operation, Value
from autodiff.source import describe_place
from autodiff.tensor import Tensor
from viz.explorer.layout import lay_out
from viz.explorer.numbers import Sampling, View
from viz.explorer.shapes import Drawing, write_shape
from viz.explorer.steps import Step, gradients_complete, steps_of

Json = dict[str, Any]
Witnesses = Mapping[str, Mapping[Value, Any]]
"""By the name of a witness: what it says that a value of the graph, or a cotangent, is; it has not looked at numbers
that are masked."""

DIFFERENCES = "finite differences"


def as_data(graph: Graph, sampling: Sampling, witnesses: Witnesses) -> Json:
    """Return all that the page knows of a graph; finite differences are added to the witnesses."""
    labels, steps = Labels(graph), steps_of(graph)
    views = {value.id: sampling.view(value.shape) for value in graph.values}
    places = {id(operation): i for i, operation in enumerate(graph)}
    differences = {v.cotangent: numbers for v, numbers in finite_differences(graph).items() if v.cotangent}
    values = _Values(graph, labels, steps, views, sampling, {**witnesses, DIFFERENCES: differences})
    story = _Story(labels, steps, places)
    return {
        "values": [values.describe(value, places) for value in graph.values],
        "operations": [_operation(operation, labels) for operation in graph],
        "steps": [story.describe(step) for step in steps],
        "glosses": _glosses(graph),
        "drawing": _drawing(lay_out(graph, labels, views)),
    }


class _Values:
    """Values, with what is known of them when."""

    def __init__(
        self,
        graph: Graph,
        labels: Labels,
        steps: list[Step],
        views: Mapping[int, View],
        sampling: Sampling,
        witnesses: Witnesses,
    ) -> None:
        self.labels, self.views, self.sampling, self.witnesses = labels, views, sampling, witnesses
        self.known = {value.id: 0 for value in graph.values if value.operation is None}
        for i, step in enumerate(steps):
            self.known |= {operation.output.id: i for operation in step.operations}
        self.complete = gradients_complete(graph, steps)
        self.differentiated = {s.subject.id: i for i, s in enumerate(steps) if s.kind == "backward" and s.subject}
        self.updates: dict[int, list[tuple[int, int]]] = {}
        of_updates = [i for i, step in enumerate(steps) if step.kind == "update"]
        for i, (value, new) in zip(of_updates, graph.assignments, strict=True):
            self.updates.setdefault(value.id, []).append((i, new.id))

    def describe(self, value: Value, places: Mapping[int, int]) -> Json:
        """Return a value as JSON has it."""
        is_loss = value.operation is not None and self.labels.of[value.id] == "L"
        return {
            "name": self.labels.of[value.id],
            "gradient": self.labels.gradient.get(value.id),
            "look": "loss" if is_loss else value.kind,
            "path": value.path or self.labels.given(value),
            "dtype": value.dtype.name,
            "whole": value.dtype.kind in "iub",
            "operation": places[id(value.operation)] if value.operation else None,
            "cotangent": value.cotangent.id if value.cotangent else None,
            "known": self.known.get(value.id),
            "complete": self.complete.get(value.id),
            "differentiated": self.differentiated.get(value.id),
            "updates": self.updates.get(value.id, []),
            "view": _view(self.views[value.id]),
            "witnesses": [self._said(name, of[value], value) for name, of in self.witnesses.items() if value in of],
            **self.sampling.encode(value.data),
        }

    def _said(self, name: str, numbers: Any, value: Value) -> Json:
        """Return what a witness says of a value, and how far it is from what the engine says."""
        said = np.ma.asarray(numbers, np.float64)
        with np.errstate(all="ignore"):
            difference = float(np.ma.max(np.ma.abs(said - np.asarray(value.data)))) if said.size else 0.0
        return {
            "name": name,
            "array": None if np.ma.is_masked(said) else self.sampling.encode(said.data.astype(value.dtype)),
            "difference": difference if np.isfinite(difference) else None,
            "looked": int(said.count()) if np.ma.is_masked(said) else None,
        }


class _Story:
    """The steps, told with names, formulas and shapes."""

    def __init__(self, labels: Labels, steps: list[Step], places: Mapping[int, int]) -> None:
        self.labels, self.places = labels, places
        visited = [s.subject.operation for s in steps if s.kind == "backward" and s.subject]
        self.uses = Counter(v.id for operation in visited if operation for v in operation.inputs if v.cotangent)
        """How many contributions the cotangent of each value is the sum of."""

    def describe(self, step: Step) -> Json:
        """Return a step as JSON has it."""
        story: Json = {
            "kind": step.kind,
            "subject": step.subject.id if step.subject else None,
            "caption": self._caption(step),
            "operations": self._places(step.operations),
            "place": None,
        }
        operation = step.subject.operation if step.subject and step.kind != "update" else None
        if operation or step.operations:
            story["place"] = describe_place((operation or step.operations[-1]).place)
        if step.kind == "backward" and operation:
            story["rules"] = [self._rule(step, operation, i) for i, v in enumerate(operation.inputs) if v.cotangent]
            story["sums"] = self._places(o for o in step.operations if o.differentiates and o.differentiates[1] is None)
        return story

    def _places(self, operations: Any) -> list[int]:
        return [self.places[id(operation)] for operation in operations]

    def _caption(self, step: Step) -> str:
        """Say which step it is: `backward 3 of 11: matmul`."""
        if step.subject is None:
            return {"start": "start: only the leaves are known"}.get(step.kind, "gradients: as the variables hold them")
        name = self.labels.of[step.subject.id]
        if step.kind == "seed":
            return f"seed: {self.labels.gradient[step.subject.id]} = 1"
        if step.subject.operation and step.kind != "update":
            name = step.subject.operation.primitive.name.lstrip("_")
        return f"{step.kind} {step.number} of {step.count}: {name}"

    def _rule(self, step: Step, operation: Operation, index: int) -> Json:
        """Return the rule for an operand in general and with the names and shapes at hand, and what it came down to."""
        operand = operation.inputs[index]
        generic, here, shapes = _formulas(operation, index, self.labels)
        done = [o for o in step.operations if o.differentiates and o.differentiates[1] == index]
        return {
            "generic": generic,
            "here": here.replace(" = ", " += ", 1) if self.uses[operand.id] > 1 else here,
            "shapes": shapes,
            "note": _note(done, operand),
            "operations": self._places(done),
        }


def _note(done: list[Operation], operand: Value) -> str | None:
    """Say what the backward pass did to a rule's result unasked: it undid a broadcast."""
    if any(operation.primitive.name == "sum_to" for operation in done):
        return f"summed to ({write_shape(operand.shape)}), since broadcasting had repeated it"
    return None if done else "passed on as it is"


def _formulas(operation: Operation, index: int, labels: Labels) -> tuple[str, str, str]:
    """Return an operation's rule for an operand: with its own symbols, with the labels and with the shapes at hand.

    A rule that cannot be run on symbols is only named.
    """
    operands, name = [value.data for value in operation.inputs], operation.primitive.name
    usual = usual_symbols(operation.primitive, len(operands), index)
    try:
        rule = Rule(operation.primitive, operands, operation.attributes, Tensor.of(operation.output.data), index)
    except Exception:
        lefts = usual.gradient, labels.gradient[operation.inputs[index].id], _in_brackets(operation.inputs[index])
        generic, here, shapes = (f"{left} = rule {index} of {name}" for left in lefts)
        return generic, here, shapes
    parts, result = [Part(_in_brackets(value)) for value in operation.inputs], Part(_in_brackets(operation.output))
    in_shapes = Symbols(parts, result, result, parts[index].text)
    return rule.write(usual), labels.write_rule(rule, operation, index), rule.write(in_shapes)


def _in_brackets(value: Value) -> str:
    return f"({write_shape(value.shape)})"


def _operation(operation: Operation, labels: Labels) -> Json:
    parts, written = labels.write(operation)
    return {
        "name": operation.primitive.name.lstrip("_"),
        "inputs": [value.id for value in operation.inputs],
        "output": operation.output.id,
        "parts": parts,
        "written": written,
        "scope": operation.scope,
    }


def _glosses(graph: Graph) -> dict[str, str]:
    """Return for each operation what its code says that it computes: the first paragraph of the kernel's docstring."""
    kernels = {operation.primitive.name.lstrip("_"): operation.primitive.kernel for operation in graph}
    texts = {name: (inspect.getdoc(kernel) or "").split("\n\n")[0] for name, kernel in kernels.items()}
    return {name: " ".join(text.replace("`", "").split()) for name, text in texts.items() if text}


def _view(view: View) -> Json:
    return {
        "mode": view.mode,
        "rows": view.rows,
        "columns": view.columns,
        "cell": view.cell,
        "axis": view.axis,
        "side": view.side,
        "across": view.across,
    }


def _drawing(drawing: Drawing) -> Json:
    nodes = [
        {
            "value": node.value.id,
            "pill": node.pill,
            "pillWidth": node.pill_width,
            "pillMiddle": node.middle + node.pill_middle,
            "y": node.y,
            "boxes": [vars(box) for box in node.boxes],
        }
        for node in drawing.nodes
    ]
    edges = [
        {"during": edge.during, "source": edge.source.id, "target": edge.target.id, "points": edge.points}
        for edge in drawing.edges
    ]
    layers = [vars(layer) for layer in drawing.layers]
    return {"nodes": nodes, "edges": edges, "layers": layers, "width": drawing.width, "height": drawing.height}
