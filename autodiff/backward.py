"""Reverse-mode differentiation: read a tape from its end to its beginning.

Let L be the scalar ⟨seed, output⟩. The cotangent of a variable x is ∂L/∂x, an array of x's shape. The output's
cotangent is the seed. Walking back, each node turns the cotangent of its result into one contribution for
each of its operands (a vector times a Jacobian that nobody builds), and contributions to the same variable
add up, since it influenced L along several paths. A variable must therefore wait until all that was made
from it has contributed: the walk goes from the youngest to the oldest, and an operand is always older than
its result. (Griewank and Walther, Evaluating Derivatives, 2008, chapter 3.)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from autodiff import tape
from autodiff.errors import RETOLD, GradientError, describe, describe_call, retell
from autodiff.explain.formula import formula
from autodiff.ops import add, astype, broadcast_to, sum_to
from autodiff.recording import is_recording, with_recording
from autodiff.source import describe_place
from autodiff.tape import Array, Node, Variable, shape_of, unwrap


def backward(output: Variable, seed: Array, *, create_graph: bool = False) -> None:
    """Add ∂⟨seed, output⟩/∂x to `x.grad` of every leaf x that requires a gradient, and of those that retain it.

    The seed has the output's shape and dtype. With `create_graph` the gradients are recorded in turn, as they are
    within a function that is itself being differentiated.

    Raises:
        GradientError: the output is not recorded, or a value that a rule needs has been changed since.
    """
    if not output.tracked:
        raise GradientError(
            "backward: this tensor is not recorded, so there is nothing to differentiate. Give a leaf "
            "requires_grad=True before computing with it, and compute outside of no_grad()."
        )
    variables = ancestry(output)
    leaves = [variable for variable in variables if variable.node is None]
    create_graph = create_graph or (is_recording() and any(leaf.listening for leaf in leaves))
    kept = [leaf for leaf in leaves if not leaf.listening] + [v for v in variables if v.node and v.retains_grad]

    def totals() -> list[Any]:
        with tape.during("backward"):
            cotangents = walk(variables, seed, kept, create_graph=create_graph)
            return [_total_grad(variable, cotangents.get(id(variable))) for variable in kept]

    # Stored when nothing can fail any more, in one call to C, where no interrupt comes between two of them.
    list(map(setattr, kept, repeat("grad"), with_recording(create_graph, totals)))


def pull(output: Variable, seed: Array, targets: Sequence[Variable], *, create_graph: bool) -> list[Array | None]:
    """Return ∂⟨seed, output⟩/∂x for each target x, None where no path leads, and leave every `.grad` alone."""
    variables = _made_from(targets, ancestry(output, stop=targets))

    def gradients() -> list[Array | None]:
        with tape.during("backward"):
            cotangents = walk(variables, seed, targets, create_graph=create_graph)
            return [cotangents.get(id(target)) for target in targets]

    return with_recording(create_graph, gradients)


def ancestry(output: Variable, stop: Collection[Variable] = ()) -> list[Variable]:
    """Return the recorded variables that led to the output, itself included, oldest first.

    Age is a topological order. Nothing is sought behind the variables in `stop`.

    Raises:
        GradientError: a value on the tape has been changed since it was computed with.
    """
    ends = {id(variable) for variable in stop}
    seen = {id(output)}
    found = [output]
    for variable in found:  # it grows as we go
        node = variable.node
        if node is None or id(variable) in ends:
            continue
        if variable._changed[0] > node.moment:
            raise _changed_error(variable, node)
        if node.seal is not None and node.seal != seal(node, variable):
            raise _unsealed_error(node)
        for operand in node.inputs:
            if isinstance(operand, Variable):
                if operand._changed[0] > node.moment:
                    raise _changed_error(operand, node)
                if operand.tracked and id(operand) not in seen:
                    seen.add(id(operand))
                    found.append(operand)
    found.sort(key=_age)
    return found


def seal(node: Node, result: Variable) -> int:
    """Return a hash of all the arrays that the rules of a node may read."""
    values = (result, *node.inputs, *node.attributes.values())
    return hash(tuple(x.tobytes() for x in map(unwrap, values) if isinstance(x, np.ndarray)))


def _changed_error(variable: Variable, node: Node) -> GradientError:
    """Say that a variable no longer has the value that a node computed with."""
    return GradientError(
        f"backward: {describe(variable)} was changed after "
        f"{node.primitive.name} at {describe_place(node.place)} had used it, so the gradient would be wrong. Call "
        "backward() before optimizer.step() or an assignment to .data, or compute the result again."
    )


def _unsealed_error(node: Node) -> GradientError:
    """Say that an array of a node has been written to, and not by the engine."""
    return GradientError(
        f"backward: an array of {describe_node(node)} was changed in place since, behind the engine's back: by "
        "t.data[…] = …, or through another name of the same memory. The gradient would be wrong. Give the tensor a "
        "copy of the array, or change the array after backward()."
    )


def _age(variable: Variable) -> int:
    return variable.node.moment if variable.node else 0


def _made_from(targets: Sequence[Variable], variables: list[Variable]) -> list[Variable]:
    """Keep of a tape, oldest first, the targets and what was made from them: no gradient need go elsewhere."""
    useful = {id(target) for target in targets}
    for variable in variables:
        if variable.node and any(id(operand) in useful for operand in variable.node.inputs):
            useful.add(id(variable))
    return [variable for variable in variables if id(variable) in useful]


def walk(
    variables: Sequence[Variable], seed: Array, kept: Sequence[Variable], *, create_graph: bool = False
) -> dict[int, Array]:
    """Carry the seed, the cotangent of the last of the variables, back to all of them (oldest first).

    Return the cotangents of the variables kept, by identity: arrays of their own, which nothing else holds.
    """
    if not variables:
        return {}
    watcher = tape.watcher()
    as_variables = create_graph or (watcher is not None and watcher.traces)
    if not as_variables:
        seed = unwrap(seed)
    elif not isinstance(seed, Variable):
        seed = variables[-1].result_type.of(seed)
        if watcher:
            watcher.made(seed)
    among = {id(variable) for variable in variables}
    owned = {id(variable) for variable in kept}
    kept_cotangents: dict[int, Array] = {}
    cotangents: dict[int, Array] = {id(variables[-1]): seed}
    for variable in reversed(variables):
        cotangent = cotangents.pop(id(variable), None)
        if cotangent is None:
            continue
        if id(variable) in owned:
            kept_cotangents[id(variable)] = cotangent
        contributions: list[Array | None] = []
        if variable.node is not None:
            contributions = _contributions(variable, variable.node, cotangent, among, owned, as_variables)
            for operand, contribution in zip(variable.node.inputs, contributions, strict=True):
                if contribution is not None:
                    earlier = cotangents.get(id(operand))
                    cotangents[id(operand)] = contribution if earlier is None else add(earlier, contribution)
        if watcher:
            watcher.step(variable, cotangent, contributions)
    return kept_cotangents


def _contributions(
    variable: Variable, node: Node, cotangent: Array, among: set[int], owned: set[int], as_variables: bool
) -> list[Array | None]:
    """Return what a node makes of its result's cotangent for each of its operands, None for one not `among` them.

    What goes to one of the variables `owned` shares no memory with anything else.
    """
    watcher = tape.watcher()
    arguments = [variable, *node.inputs]
    if not as_variables:
        arguments = [x._data if isinstance(x, Variable) else x for x in arguments]
    held = set(map(id, arguments))
    if node.primitive.rule_for:
        arguments = [arguments[0], tuple(arguments[1:])]
    contributions: list[Array | None] = []
    for operand, rule in zip(node.inputs, node.primitive.rules_of(node.inputs), strict=True):
        if rule is None or id(operand) not in among:
            contributions.append(None)
            continue
        if watcher:
            watcher.rule(variable, len(contributions))
        try:
            contribution = _fit(rule(cotangent, *arguments, **node.attributes), operand._data)
        except RETOLD as error:
            raise retell(error, describe_rule(node, variable, len(contributions))) from error
        except Exception as error:
            error.add_note(f"in {describe_rule(node, variable, len(contributions))}")
            raise
        if id(operand) in owned and _is_shared(contribution, cotangent, held):
            contribution = astype(contribution, dtype=contribution.dtype)
        contributions.append(contribution)
    if watcher:
        watcher.rule(variable, None)
    return contributions


def describe_rule(node: Node, result: Variable, index: int) -> str:
    """Write the rule of one operand, as a formula if it can be run on symbols, and the operation that was recorded."""
    try:
        rule = formula(node.primitive, node.inputs, node.attributes, result, index)
    except Exception:
        code = getattr(node.primitive.rules_of(node.inputs)[index], "__code__", None)
        rule = f"of operand {index}" + (f", written at {describe_place((code, 0))}," if code else "")
    return f"the rule {rule} of {describe_node(node)}"


def describe_node(node: Node) -> str:
    """Write the operation that was recorded, and where it was called."""
    call = describe_call(node.primitive.name, node.inputs, node.attributes)
    return f"{call} at {describe_place(node.place)}"


def _fit(cotangent: Array, data: np.ndarray) -> Array:
    """Undo what an operation did to an operand unasked: broadcasting, by summing, and casting."""
    if getattr(cotangent, "shape", None) != data.shape:
        if shape_of(cotangent) == ():  # a rule may give one number for all
            cotangent = broadcast_to(cotangent, shape=data.shape)
        else:
            cotangent = sum_to(cotangent, shape=data.shape)
    if cotangent.dtype != data.dtype:
        cotangent = astype(cotangent, dtype=data.dtype)
    return cotangent


def _is_shared(contribution: Array, cotangent: Array, held: set[int]) -> bool:
    """Whether a contribution may share memory with something else: a rule may return its argument, or a view."""
    if isinstance(contribution, Variable) or contribution.base is not None or contribution is cotangent:
        return True
    return id(contribution) in held


def _total_grad(variable: Variable, cotangent: Array | None) -> Any:
    """Return `variable.grad` and a cotangent, if there is one, added up."""
    if cotangent is None:
        return variable.grad
    total = cotangent if variable.grad is None else add(variable.grad, cotangent)
    return total if isinstance(total, Variable) else variable.result_type.of(total)
