"""Reverse-mode differentiation: read a tape from its end to its beginning.

Let L be the scalar ⟨seed, output⟩. The cotangent of a variable x is ∂L/∂x, an array of x's shape. The output's
cotangent is the seed. Walking back, each node turns the cotangent of its result into one contribution for
each of its operands (a vector times a Jacobian that nobody builds), and contributions to the same variable
add up, since it influenced L along several paths. A variable must therefore wait until all that was made
from it has contributed: the walk goes from the youngest to the oldest, and an operand is always older than
its result. (Griewank and Walther, Evaluating Derivatives, 2008, chapter 3.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from autodiff import tape
from autodiff.errors import GradientError, describe
from autodiff.ops import add, astype, broadcast_to, sum_to
from autodiff.tape import Array, Node, Variable, shape_of, unwrap

Observer = Callable[[Variable, Array, Sequence[Array | None]], None]
"""`observer(variable, cotangent, contributions)`: called at each step of the walk, with the variable, its
complete cotangent, and what its node contributes to each of its operands (None: nothing)."""


def backward(output: Variable, seed: Array, *, create_graph: bool = False, observer: Observer | None = None) -> None:
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
    create_graph = create_graph or (tape.is_recording() and any(leaf.listening for leaf in leaves))
    kept = [leaf for leaf in leaves if not leaf.listening] + [v for v in variables if v.node and v.retains_grad]
    with tape.recording(create_graph):
        cotangents = walk(variables, seed, kept, create_graph=create_graph, observer=observer)
        for variable in kept:
            if id(variable) in cotangents:
                _accumulate_grad(variable, cotangents[id(variable)])


def pull(output: Variable, seed: Array, targets: Sequence[Variable], *, create_graph: bool) -> list[Array | None]:
    """Return ∂⟨seed, output⟩/∂x for each target x, None where no path leads, and leave every `.grad` alone."""
    variables = _made_from(targets, ancestry(output, stop=targets))
    with tape.recording(create_graph):
        cotangents = walk(variables, seed, targets, create_graph=create_graph)
    return [cotangents.get(id(target)) for target in targets]


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
        for operand in node.inputs:
            if isinstance(operand, Variable):
                if operand._changed[0] > node.moment:
                    raise _changed_error(operand, node)
                if operand.tracked and id(operand) not in seen:
                    seen.add(id(operand))
                    found.append(operand)
    found.sort(key=_age)
    return found


def _changed_error(variable: Variable, node: Node) -> GradientError:
    """Say that a variable no longer has the value that a node computed with."""
    return GradientError(
        f"backward: {variable.name or 'a tensor'} {describe(variable._data)} was changed after {node.primitive.name} "
        "had used it, so the gradient would be wrong. Call backward() before optimizer.step() or an assignment to "
        ".data, or compute the result again."
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
    variables: Sequence[Variable],
    seed: Array,
    kept: Sequence[Variable],
    *,
    create_graph: bool = False,
    observer: Observer | None = None,
) -> dict[int, Array]:
    """Carry the seed, the cotangent of the last of the variables, back to all of them (oldest first).

    Return the cotangents of the variables kept, by identity: arrays of their own, which nothing else holds.
    """
    among = {id(variable) for variable in variables}
    owned = {id(variable) for variable in kept}
    kept_cotangents: dict[int, Array] = {}
    cotangents: dict[int, Array] = {id(variables[-1]): seed if create_graph else unwrap(seed)} if variables else {}
    for variable in reversed(variables):
        cotangent = cotangents.pop(id(variable), None)
        if cotangent is None:
            continue
        if id(variable) in owned:
            kept_cotangents[id(variable)] = cotangent
        contributions: list[Array | None] = []
        node = variable.node
        if node is not None:
            arguments = [variable, *node.inputs]
            if not create_graph:
                arguments = [x._data if isinstance(x, Variable) else x for x in arguments]
            for operand, rule in zip(node.inputs, node.primitive.rules_of(node.inputs), strict=True):
                key = id(operand)
                if rule is None or key not in among:
                    contributions.append(None)
                    continue
                try:
                    contribution = _fit(rule(cotangent, *arguments, **node.attributes), operand._data)
                except Exception as error:
                    error.add_note(f"in the rule of {node.primitive.name} for its operand {describe(operand._data)}")
                    raise
                if key in owned and _is_shared(contribution, cotangent, arguments):
                    contribution = astype(contribution, dtype=contribution.dtype)
                contributions.append(contribution)
                earlier = cotangents.get(key)
                cotangents[key] = contribution if earlier is None else add(earlier, contribution)
        if observer is not None:
            observer(variable, cotangent, contributions)
    return kept_cotangents


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


def _is_shared(contribution: Array, cotangent: Array, arguments: list[Array]) -> bool:
    """Whether a contribution may share memory with something else: a rule may return its argument, or a view."""
    if isinstance(contribution, Variable) or contribution.base is not None or contribution is cotangent:
        return True
    return id(contribution) in map(id, arguments)


def _accumulate_grad(variable: Variable, cotangent: Array) -> None:
    """Add a cotangent to `variable.grad`."""
    total = cotangent if variable.grad is None else add(variable.grad, cotangent)
    variable.grad = total if isinstance(total, Variable) else variable.result_type.of(total)
