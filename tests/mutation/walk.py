"""Faults of the tape and of the walk over it: a table of what a line says, and what it must not say."""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType

from autodiff import backward, tape, tensor, transforms
from tests.mutation.code import Definition, definition, replace
from tests.mutation.mutant import Mutant


@dataclass(frozen=True)
class Fault:
    """Edits to one function. Each is two expressions or statements, however they are laid out in the file."""

    operator: str
    detail: str
    function: FunctionType
    edits: tuple[tuple[str, str], ...]


def fault(operator: str, detail: str, function: FunctionType, *texts: str) -> Fault:
    """The fault whose texts alternate between what stands there and what is put in its place."""
    return Fault(operator, detail, function, tuple(zip(texts[::2], texts[1::2], strict=True)))


ADDED = "contribution if earlier is None else add(earlier, contribution)"
SUMMED = "sum_to(cotangent, shape=data.shape)"
FITTING = "tuple(slice(0, n) for n in data.shape)"
KEPT = "variable.grad._data"
GRAD = "cotangent if variable.grad is None else add(variable.grad, cotangent)"
LISTENED = "create_graph or (is_recording() and any(leaf.listening for leaf in leaves))"
TRACED = "create_graph or (watcher is not None and watcher.traces)"
data_setter = tensor.Tensor.data.fset

FAULTS = [
    # what adds up
    fault("accumulation", "= for +=", backward.walk, ADDED, "contribution"),
    fault("accumulation", "only the first counts", backward.walk,
          ADDED, "contribution if earlier is None else earlier"),
    fault("accumulation", "counted twice", backward.walk,
          ADDED, "contribution if earlier is None else add(earlier, add(contribution, contribution))"),
    fault("accumulation", "an operand used twice counts twice for each", backward.walk,
          ADDED, f"add(contribution, contribution) if len(set(map(id, variable.node.inputs))) == 1 else {ADDED}"),
    fault("accumulation", "an operand used twice counts once", backward._contributions,
          "id(operand) not in among",
          "id(operand) not in among or id(operand) in [id(x) for x in node.inputs[:len(contributions)]]"),
    fault("accumulation", "in place", backward.walk,
          ADDED, "contribution if earlier is None else np.add(unwrap(earlier), unwrap(contribution), unwrap(earlier))"),
    # in which order
    fault("order", "that of the tape as it is found, breadth first", backward.ancestry,
          "found.sort(key=_age)", "found.reverse()"),
    fault("order", "depth first", backward.ancestry,
          "found = [output]", "pending, taken = [output], []",
          "found.append(operand)", "pending.append(operand)",
          "found.sort(key=_age)", "taken.reverse()",
          "return found", "return taken",
          "found", "(taken.append(pending[-1]) or pending.pop() for _ in iter(lambda: bool(pending), False))"),
    fault("order", "youngest first", backward.ancestry, "found.sort(key=_age)", "found.sort(key=_age, reverse=True)"),
    fault("order", "the walk goes forward", backward.walk, "reversed(variables)", "variables"),
    # whose memory
    fault("ownership", "never a copy", backward._is_shared,
          "return True", "return False", "return id(contribution) in held", "return False"),
    fault("ownership", "views are handed on", backward._is_shared, "contribution.base is not None", "False"),
    fault("ownership", "the cotangent is handed on", backward._is_shared, "contribution is cotangent", "False"),
    fault("ownership", "an argument is handed on", backward._is_shared,
          "id(contribution) in held", "False"),
    fault("ownership", "recorded contributions are handed on", backward._is_shared,
          "isinstance(contribution, Variable) or contribution.base is not None or contribution is cotangent",
          "isinstance(contribution, np.ndarray) and (contribution.base is not None or contribution is cotangent)"),
    fault("ownership", "a copy that no tape knows", backward._contributions,
          "astype(contribution, dtype=contribution.dtype)", "unwrap(contribution).copy()"),
    # broadcasting and casting undone
    fault("broadcasting", "forgotten", backward._fit, SUMMED, "cotangent"),
    fault("broadcasting", "the first slice for the sum", backward._fit,
          SUMMED, f"cotangent[(0,) * (cotangent.ndim - data.ndim)][{FITTING}]"),
    fault("broadcasting", "new axes summed, stretched ones sliced", backward._fit,
          SUMMED, f"sum_to(cotangent, shape=cotangent.shape[cotangent.ndim - data.ndim:])[{FITTING}]"),
    fault("broadcasting", "the mean for the sum", backward._fit,
          SUMMED, f"{SUMMED} * (data.size / cotangent.size if cotangent.size else 1)"),
    fault("broadcasting", "the sum is a constant", backward._fit, SUMMED, f"unwrap({SUMMED})"),
    fault("broadcasting", "one number for all is left one number", backward._fit,
          "broadcast_to(cotangent, shape=data.shape)", "cotangent"),
    fault("casting", "not cast back", backward._fit, "astype(cotangent, dtype=data.dtype)", "cotangent"),
    fault("casting", "the cast is a constant", backward._fit,
          "astype(cotangent, dtype=data.dtype)", "unwrap(cotangent).astype(data.dtype)"),
    fault("casting", "everything in single precision", backward._fit,
          "return cotangent", "return astype(astype(cotangent, np.float32), data.dtype)"),
    # .grad
    fault(".grad", "overwritten", backward._total_grad, GRAD, "cotangent"),
    fault(".grad", "the first stays", backward._total_grad,
          GRAD, "cotangent if variable.grad is None else variable.grad"),
    fault(".grad", "added to in place", backward._total_grad,
          GRAD, f"cotangent if variable.grad is None else np.add({KEPT}, unwrap(cotangent), {KEPT})"),
    fault(".grad", "added to what is not recorded", backward._total_grad,
          GRAD, "cotangent if variable.grad is None else add(unwrap(variable.grad), unwrap(cotangent))"),
    fault(".grad", "forgotten of what retains it", backward.backward,
          "[v for v in variables if v.node and v.retains_grad]", "[]"),
    fault(".grad", "kept of every result", backward.backward,
          "[v for v in variables if v.node and v.retains_grad]", "[v for v in variables if v.node]"),
    fault(".grad", "given to a function's own variables", backward.backward,
          "[leaf for leaf in leaves if not leaf.listening]", "leaves"),
    # values changed since
    fault("changes", "of an operand unnoticed", backward.ancestry, "operand._changed[0] > node.moment", "False"),
    fault("changes", "of a result unnoticed", backward.ancestry, "variable._changed[0] > node.moment", "False"),
    fault("changes", "of all unnoticed", backward.ancestry,
          "operand._changed[0] > node.moment", "False", "variable._changed[0] > node.moment", "False"),
    fault("changes", "behind the engine's back unnoticed", backward.ancestry,
          "node.seal is not None and node.seal != seal(node, variable)", "False"),
    fault("changes", "of the result behind the engine's back unnoticed", backward.seal,
          "(result, *node.inputs, *node.attributes.values())", "(*node.inputs, *node.attributes.values())"),
    fault("changes", "of operands behind the engine's back unnoticed", backward.seal,
          "(result, *node.inputs, *node.attributes.values())", "(result, *node.attributes.values())"),
    fault("changes", "of attributes behind the engine's back unnoticed", backward.seal,
          "(result, *node.inputs, *node.attributes.values())", "(result, *node.inputs)"),
    fault("changes", "through a view unnoticed", tape._share_changes, "result._changed = operand._changed", "pass"),
    fault("changes", "in place unnoticed", data_setter, "self._changed[0] = tick()", "pass"),
    fault("changes", "by assignment unnoticed", data_setter, "self._changed = [tick()]", "pass"),
    fault("changes", "by assignment told to those who share the old array", data_setter,
          "self._changed = [tick()]", "self._changed[0] = tick()"),
    fault("changes", "of what a detached tensor shares unnoticed", tensor.Tensor.detach,
          "detached._changed = self._changed", "pass"),
    fault("changes", "of what a wrapped tensor shares unnoticed", tensor.Tensor.__init__,
          "data._changed if isinstance(data, Variable) else [0]", "[0]"),
    # the seed
    fault("seed", "ignored by the walk", backward.walk,
          "{id(variables[-1]): seed}", "{id(variables[-1]): np.ones_like(unwrap(seed))}"),
    fault("seed", "held constant", backward.walk, "{id(variables[-1]): seed}", "{id(variables[-1]): unwrap(seed)}"),
    fault("seed", "ignored by the method", tensor.Tensor._seed,
          "ops.astype(gradient, dtype=self.dtype)", "np.ones(self.shape, self.dtype)"),
    fault("seed", "its shape unchecked", tensor.Tensor._seed, "shape_of(gradient) != self.shape", "False"),
    fault("seed", "its dtype left", tensor.Tensor._seed,
          "ops.astype(gradient, dtype=self.dtype)", "ops.alias(gradient)"),
    fault("seed", "its memory shared", tensor.Tensor._seed,
          "ops.astype(gradient, dtype=self.dtype)", "np.asarray(unwrap(gradient), self.dtype)"),
    fault("seed", "taken for granted where there is no scalar", tensor.Tensor._seed, "self.size != 1", "False"),
    # what is recorded
    fault("recording", "of every gradient", backward.backward, LISTENED, "True"),
    fault("recording", "of no gradient", backward.backward, LISTENED, "False"),
    fault("recording", "not for who listens", backward.backward, LISTENED, "create_graph"),
    fault("recording", "left as it is in the walk", backward.backward,
          "with_recording(create_graph, totals)", "totals()"),
    fault("recording", "left as it is in a pullback", backward.pull,
          "with_recording(create_graph, gradients)", "gradients()"),
    fault("recording", "the rules always see arrays", backward.walk, TRACED, "False"),
    fault("recording", "the rules see arrays though they are traced", backward.walk, TRACED, "create_graph"),
    fault("recording", "decided by the last operand", tape.bind, "tracked or operand.tracked", "operand.tracked"),
    fault("recording", "within no_grad", tape.bind, "is_recording()", "True"),
    fault("recording", "of integers", tape.bind, "result._data.dtype.kind == 'f'", "True"),
    fault("recording", "of what has no path", tape.bind, "_has_path(primitive, operands)", "True"),
    fault("recording", "a run is over, but its variables still listen", transforms._Run.__init__,
          "variable.listening = False", "variable.listening = True"),
    fault("recording", "not of what others listen to", transforms._Run.__init__,
          "is_recording() and self.out.tracked and _has_listener(self.out)", "False"),
    fault("recording", "who listened once is believed to listen for ever", transforms._has_listener,
          "leaf is not None and _listens(leaf)", "leaf is not None"),
    fault("recording", "who listened once is sought no further than where it was found", transforms._has_listener,
          "variable.node.inputs if variable.node else ()",
          "variable.node.inputs if variable.node and not leaf else ()"),
    # where the walk goes
    fault("paths", "a leaf off the path is walked to", backward.pull,
          "_made_from(targets, ancestry(output, stop=targets))", "ancestry(output, stop=targets)"),
    fault("paths", "sought behind the targets", backward.pull, "ancestry(output, stop=targets)", "ancestry(output)"),
    fault("paths", "only what the first target made", backward._made_from,
          "{id(target) for target in targets}", "{id(target) for target in targets[:1]}"),
    fault("paths", "only operands that come first", backward._made_from,
          "variable.node.inputs", "variable.node.inputs[:1]"),
    fault("paths", "found twice", backward.ancestry, "operand.tracked and id(operand) not in seen", "operand.tracked"),
    fault("paths", "untracked operands are walked to", backward.ancestry,
          "operand.tracked and id(operand) not in seen", "id(operand) not in seen"),
    # who looks on
    fault("watcher", "told before the contributions", backward.walk,
          "watcher.step(variable, cotangent, contributions)", "watcher.step(variable, cotangent, [])"),
    fault("watcher", "told of no step", backward.walk, "watcher.step(variable, cotangent, contributions)", "None"),
    fault("watcher", "told the cotangent of the output", backward.walk,
          "watcher.step(variable, cotangent, contributions)", "watcher.step(variable, seed, contributions)"),
    fault("watcher", "told of no rule", backward._contributions,
          "watcher.rule(variable, len(contributions))", "None"),
]  # fmt: skip


def mutants() -> Iterator[Mutant]:
    """Yield the faults of the table."""
    for fault in FAULTS:
        f = fault.function
        subject = f"{f.__module__.removeprefix('autodiff.')}.{f.__qualname__}"
        apply = functools.partial(replace, f, edited(fault))
        yield Mutant(subject, "", fault.operator, fault.detail, f, apply)


def edited(fault: Fault) -> Definition:
    """Return the faulty function.

    Raises:
        LookupError: the function does not say any more what the table says of it.
    """
    tree = copy.deepcopy(definition(fault.function))
    for old, new in fault.edits:
        edit = _Edit(_parsed(old), _parsed(new))
        tree = edit.visit(tree)
        if edit.count == 0:
            raise LookupError(f"{fault.operator}, {fault.detail}: {fault.function.__qualname__} does not say {old}")
    return tree


def _parsed(text: str) -> ast.AST:
    """Parse an expression or, if it is none, a statement."""
    (statement,) = ast.parse(text).body
    return statement.value if isinstance(statement, ast.Expr) else statement


class _Edit(ast.NodeTransformer):
    """All that reads like one tree, replaced by another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new, self.count = ast.dump(old), new, 0

    def visit(self, node: ast.AST) -> ast.AST:
        if ast.dump(node) != self.old:
            return self.generic_visit(node)
        self.count += 1
        return copy.deepcopy(self.new)
