"""Draw a computation: tensors with their shapes and gradients, operations with their rules, layers around them.

Solid arrows are the forward pass. Dashed ones are the backward pass, which takes the same way back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Literal

import graphviz

from autodiff import Tensor
from autodiff.explain.formula import barred, parameter_names
from autodiff.explain.labels import Labels
from autodiff.graph import Graph, Operation, Value
from viz import style
from viz.folding import Step, by_layer, count_of, hidden_in, in_blocks, unfolded
from viz.labels import MOST_NAMED, beside, called, describe, is_plain, listed, shape_text, so_many, text
from viz.legend import add_legend
from viz.picture import Picture
from viz.reading import MOST_RULES, Reading

Passes = Literal["forward", "backward", "both"]
Depth = Literal["op", "layer"]

FOLD_ABOVE = 300
"""A picture of more nodes than these folds its layers by itself, and operations in a row if that is not enough."""

_Contribution = tuple[str, list[str], dict[str, str]]
"""The node that a gradient comes from; what is written at the arrow, and how that looks."""
_TITLES = {"forward": "forward pass", "backward": "backward pass", "both": "forward and backward pass"}


def draw(computation: Tensor | Graph, passes: Passes = "both", depth: Depth | None = None) -> Picture:
    """Draw the computation that led to a tensor, or that `autodiff.trace` has written down.

    Args:
        computation: a Tensor, whose tape is read, or a Graph; only a traced graph knows of layers.
        passes: which arrows are drawn.
        depth: a node for each operation, or for each layer. None is for each operation, but above 300 nodes for each
            layer, and where that leaves more than 300, or there are no layers, for so many operations in a row.

    The norm of a gradient is given where a backward pass has left the gradient: with a tensor that holds it, as `grad`,
    or in a graph of which the backward pass is a part.

    Raises:
        ValueError: `passes` or `depth` is none of these.
        TypeError: `computation` is neither a Tensor nor a Graph.
    """
    if passes not in _TITLES or depth not in ("op", "layer", None):
        raise ValueError(
            f"draw: passes must be one of {', '.join(_TITLES)} and depth op or layer, not {passes!r} and {depth!r}"
        )
    if not isinstance(computation, Tensor | Graph):
        raise TypeError(f"draw: needs a Tensor or a Graph, not {type(computation).__name__}")
    graph = computation if isinstance(computation, Graph) else Graph.of(computation)
    reading = Reading.of(graph)
    return _Drawing(reading, passes, *_steps_of(reading, depth)).picture()


def _steps_of(reading: Reading, depth: Depth | None) -> tuple[list[Step], str]:
    """Return the nodes for what is computed, and what the picture says of folding."""
    steps = unfolded(reading)
    count = count_of(reading, steps)
    if depth == "op" or (depth is None and count <= FOLD_ABOVE):
        return steps, ""
    layers = by_layer(reading)
    if depth == "layer":
        return layers, "layers folded" if any(step.folded for step in layers) else ""
    blocks = in_blocks(reading, layers, FOLD_ABOVE)
    what = "layers" if len(blocks) == len(layers) else "operations"
    return blocks, f"{what} folded, for it has {count} nodes"


class _Drawing:
    """The text of a picture in the making."""

    def __init__(self, reading: Reading, passes: Passes, steps: list[Step], note: str) -> None:
        self.reading, self.passes, self.steps, self.note = reading, passes, steps, note
        self.labels = Labels(reading.graph)
        self.forward, self.backward = passes != "backward", passes != "forward"
        self.hidden = hidden_in(reading, steps)
        self.folded = any(step.folded for step in steps)
        self.outputs = {value.id for value in reading.outputs}
        self.main = graphviz.Digraph("computation", graph_attr=style.GRAPH, node_attr=style.NODE, edge_attr=style.EDGE)
        self.clusters: dict[str, graphviz.Digraph] = {"": self.main}
        self.kinds: dict[str, None] = {}

    def picture(self) -> Picture:
        """Draw everything, and tell it in words."""
        self._open_clusters()
        shown = [value for value in self.reading.values if self._is_shown(value)]
        homes = self._homes()
        for value in shown:
            self._value(self.clusters[homes.get(value.id, "")], value)
        for step in filter(self._is_on, self.steps):
            self._step(self.clusters["" if self.folded else step.scope], step)
        self._close_clusters()
        if self.forward:
            self._forward_edges()
        if self.backward:
            self._backward_edges()
        self._stack_layers(homes)
        add_legend(self.main, self.kinds, self.passes)
        heading = self._heading()
        self.main.attr(label=text(*heading, ""))
        return Picture(self.main.source, " ".join(heading), self._description(shown))

    # ── words ───────────────────────────────────────────────────────────────────────────────────────────

    def _heading(self) -> list[str]:
        root = self.reading.graph.modules.get("", "Computation")
        return [f"{root}: {_TITLES[self.passes]}", *([f"({self.note})"] if self.note else [])]

    def _description(self, shown: list[Value]) -> str:
        names = [operation.primitive.name for operation in self.reading.operations]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        kinds = Counter(self._kind(value) for value in shown)
        counted = ", ".join(f"{count} × {called(kind)}" for kind, count in kinds.items())
        return f"{len(names)} operations: {', '.join(names[:MOST_NAMED])}{more}. Values: {counted}."

    # ── nodes ───────────────────────────────────────────────────────────────────────────────────────────

    def _is_shown(self, value: Value) -> bool:
        on_the_way = value.id in self.reading.wanted or value.id in self.reading.saved
        return value.id not in self.hidden and (self.forward or on_the_way)

    def _is_on(self, step: Step) -> bool:
        return self.forward or any(
            self.reading.asks(operation, i) for operation in step.operations for i in range(len(operation.inputs))
        )

    def _kind(self, value: Value) -> str:
        return "output" if value.id in self.outputs else value.kind

    def _value(self, home: graphviz.Digraph, value: Value) -> None:
        kind = self._kind(value)
        look = style.STYLES[kind]
        self.kinds.setdefault(kind)
        lines = describe(value, kind, self.labels)
        if value.id in self.reading.saved:
            self.kinds.setdefault("saved")
            look = look | style.SAVED
            lines.append("saved for the backward pass")
        home.node(_node(value), text(*lines), **look)

    def _step(self, home: graphviz.Digraph, step: Step) -> None:
        if not step.folded:
            self.kinds.setdefault("operation")
            home.node(step.id, text(*self._rules(step.operations[0])), **style.OPERATION)
            return
        self.kinds.setdefault("fold")
        names = [operation.primitive.name for operation in step.operations]
        lines = [self._layer(step.scope) if step.scope else so_many(len(names), "operation"), listed(names)]
        parameters = {v.id: v for operation in step.operations for v in operation.inputs if v.kind == "parameter"}
        within = [", ".join(describe(v, "parameter", self.labels)) for v in parameters.values() if v.id in self.hidden]
        lines += within[:MOST_NAMED]
        if len(within) > MOST_NAMED:
            lines.append(f"and {so_many(len(within) - MOST_NAMED, 'more parameter')}")
        home.node(step.id, text(*lines), **style.FOLD)

    def _rules(self, operation: Operation) -> list[str]:
        """Return the lines of an operation: its name, and the rule of each operand."""
        plain = [f"{k}={v!r}" for k, v in operation.attributes.items() if is_plain(v) and v is not False]
        lines = [operation.primitive.name + (f" ({', '.join(plain)})" if plain else "")]
        for index, value in enumerate(operation.inputs):
            rule = self.reading.rules.get((operation.output.id, index))
            if rule and value.dtype.kind == "f":
                unused = self.reading.wanted and not self.reading.asks(operation, index)
                lines.append(rule.formula + ("  (not needed here)" if unused else ""))
        return [*lines, "… and so for each operand"] if len(operation.inputs) > MOST_RULES else lines

    # ── layers ──────────────────────────────────────────────────────────────────────────────────────────

    def _layer(self, path: str) -> str:
        kind = self.reading.graph.modules.get(path)
        return f"{path} · {kind}" if kind else path

    def _open_clusters(self) -> None:
        if self.folded:
            return
        for i, path in enumerate(dict.fromkeys(operation.scope for operation in self.reading.operations)):
            if path:
                cluster = graphviz.Digraph(f"cluster_{i}")
                cluster.attr(
                    label=text(self._layer(path), ""), style="rounded", color=style.FRAME, fontsize="14", labeljust="l"
                )
                self.clusters[path] = cluster

    def _close_clusters(self) -> None:
        """Put each cluster into the one around it, innermost first."""
        for path in sorted((p for p in self.clusters if p), key=lambda path: path.count("."), reverse=True):
            around = path.rpartition(".")[0]
            while around not in self.clusters:
                around = around.rpartition(".")[0]
            self.clusters[around].subgraph(self.clusters[path])

    def _homes(self) -> dict[int, str]:
        """Return the layer in which each value is drawn: that which made it, or alone uses it."""
        if self.folded:
            return {}
        users: dict[int, set[str]] = defaultdict(set)
        for operation in self.reading.operations:
            for value in operation.inputs:
                if value.kind in ("parameter", "constant"):
                    users[value.id].add(operation.scope)
        homes = {key: scopes.pop() for key, scopes in users.items() if len(scopes) == 1}
        return homes | {operation.output.id: operation.scope for operation in self.reading.operations}

    def _stack_layers(self, homes: Mapping[int, str]) -> None:
        """Keep what belongs to a layer below what comes into it, so that layers stand below, not beside each other."""
        placed: set[int] = set()
        for operation in self.reading.operations if homes else ():
            within = [v for v in operation.inputs if operation.scope and homes.get(v.id) == operation.scope]
            for leaf in within:
                if leaf.operation is None and leaf.id not in placed:
                    placed.add(leaf.id)
                    for value in operation.inputs:
                        if value not in within and self._is_shown(value):
                            self.main.edge(_node(value), _node(leaf), style="invis")

    # ── arrows ──────────────────────────────────────────────────────────────────────────────────────────

    def _forward_edges(self) -> None:
        for step in self.steps:
            drawn = set()
            for operation in step.operations:
                for index, (value, name) in enumerate(zip(operation.inputs, _names(operation), strict=True)):
                    if self._is_shown(value) and not (step.folded and (value.id in drawn or _made_in(value, step))):
                        drawn.add(value.id)
                        look = {} if index else style.SPINE
                        self.main.edge(_node(value), step.id, beside(_shaped(name, value, step)), **look)
                if self._is_shown(operation.output):
                    shaped = beside(_shaped("y", operation.output, step))
                    self.main.edge(step.id, _node(operation.output), shaped, **style.SPINE)

    def _backward_edges(self) -> None:
        """Draw the way back: arrows are laid as in the forward pass, so that both passes have one layout."""
        contributions: dict[int, list[_Contribution]] = defaultdict(list)
        spine = style.BACKWARD if self.forward else style.BACKWARD | style.SPINE
        for step in self.steps:
            drawn = set()
            for operation in step.operations:
                output = operation.output
                if output.id in self.reading.wanted and self._is_shown(output):
                    self.main.edge(step.id, _node(output), beside(_shaped("ȳ", output, step)), **spine)
                for index, (value, name) in enumerate(zip(operation.inputs, _names(operation), strict=True)):
                    if not self._is_shown(value) or (step.folded and (value.id in drawn or _made_in(value, step))):
                        continue
                    if self.reading.asks(operation, index):
                        drawn.add(value.id)
                        lines = [_shaped(barred(name), value, step), *self._reduction(operation, index)]
                        contributions[value.id].append((step.id, lines, style.BACKWARD if index else spine))
                    elif not self.forward and self._is_read(operation, value):
                        self.main.edge(_node(value), step.id, beside("saved"), **style.SAVED_EDGE)
        for value in self.reading.values:
            self._gather(value, contributions[value.id])

    def _gather(self, value: Value, contributions: list[_Contribution]) -> None:
        """Lead the contributions to a value's gradient to it: through a sum, if there are several."""
        target = _node(value)
        if len(contributions) > 1:
            self.kinds.setdefault("sum")
            target = f"s{value.id}"
            self.main.node(target, "+", **style.SUM)
            label = f"sum of {len(contributions)}: {shape_text(value.shape)}"
            self.main.edge(_node(value), target, beside(label), **style.BACKWARD)
        for step, lines, look in contributions:
            self.main.edge(target, step, beside(*lines), **look)

    def _reduction(self, operation: Operation, index: int) -> list[str]:
        """Return the line that says how broadcasting is undone, if there was any."""
        rule = self.reading.rules.get((operation.output.id, index))
        shape = operation.inputs[index].shape
        if rule is None or rule.shape in ((), shape):
            return []
        return [f"broadcast, so summed: {shape_text(rule.shape)} → {shape_text(shape)}"]

    def _is_read(self, operation: Operation, value: Value) -> bool:
        """Whether the backward pass of an operation computes with a value."""
        return any(
            self.reading.asks(operation, i) and value.id in rule.reads
            for i in range(len(operation.inputs))
            if (rule := self.reading.rules.get((operation.output.id, i)))
        )


def _node(value: Value) -> str:
    return f"v{value.id}"


def _names(operation: Operation) -> list[str]:
    return parameter_names(operation.primitive, len(operation.inputs))


def _made_in(value: Value, step: Step) -> bool:
    return value.operation in step.operations


def _shaped(name: str, value: Value, step: Step) -> str:
    """Return what is written at an arrow: what the rules call a value, and its shape; a fold has no such names."""
    return shape_text(value.shape) if step.folded else f"{name} {shape_text(value.shape)}"
