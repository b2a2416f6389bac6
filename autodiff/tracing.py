"""Write down what a computation does, as a graph that can be read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autodiff import explain
from autodiff import graph as plain
from autodiff.backward import ancestry, pull
from autodiff.errors import GradientError, describe
from autodiff.graph import Tracer
from autodiff.tape import Array, Variable, watching
from autodiff.tensor import Tensor


class Graph(plain.Graph):
    """A computation as plain data, `graph.Graph`, that can be written down as mathematics and as code."""

    __slots__ = ()

    @classmethod
    def of(cls, output: Variable, backward: bool = False) -> Graph:
        """Read the tape that led to a variable.

        Args:
            output: the variable.
            backward: go on with the backward pass from it, starting from ones; no `.grad` is touched. (To trace the
                backward pass that a function itself makes, use `trace`.)

        Raises:
            GradientError: with `backward`, the output is not recorded, or a value that a rule needs was changed since.
        """
        found = cls()
        tracer = Tracer(found)
        tracer.read_tape(output)
        if backward:
            if not output.tracked:
                raise GradientError(f"Graph.of: {describe(output)} is not recorded, so there is no backward pass.")
            leaves = [variable for variable in ancestry(output) if variable.node is None]
            with watching(tracer):
                pull(output, np.ones_like(output._data), leaves, create_graph=False)
        return found

    def equations(self, simplify: bool = False, latex: bool = False) -> str:
        """Return the computation as mathematics, pass by pass, with shapes: `Z1 = x·W1 + b1   (64, 128)`.

        There is a line for each value that has a name or is used more than once; dV is the cotangent of V, ∂L/∂V.
        A graph of a forward pass alone has the backward half too if it comes from `trace(value_and_grad(f), …)` or
        from `Graph.of(loss, backward=True)`.

        Args:
            simplify: apply the rewrites of `explain/rewrites` first, which bring it to the form of textbooks.
            latex: write an `aligned` environment of LaTeX rather than Unicode.
        """
        return explain.equations(explain.simplify(self) if simplify else self, latex=latex)

    def to_python(self, simplify: bool = False) -> str:
        """Return the computation as a Python program that needs NumPy alone, one operation a line.

        It defines `computation`, whose parameters are those that `arguments` lists; it returns a dict of the outputs,
        the gradients of all leaves that have one, and the updated parameters (`W1_new`). Not simplified, it gives the
        numbers of the engine's NumPy kernels (AUTODIFF_KERNELS=numpy) bit for bit.

            scope = {}
            exec(graph.to_python(), scope)
            results = scope["computation"](**graph.arguments())

        Raises:
            ValueError: there is no source of a primitive's kernel to be had, or it uses what cannot be printed.
        """
        return explain.to_python(explain.simplify(self) if simplify else self)

    def arguments(self, simplify: bool = False) -> dict[str, Array]:
        """Return the arguments that the printed program takes, as they were when the graph was traced.

        These are the inputs, the parameters, and large arrays that the function traced took from elsewhere.
        """
        return explain.arguments(explain.simplify(self) if simplify else self)


def trace(f: Callable[..., Any], *args: Array) -> Graph:
    """Run f once, and return all that it did as a graph: operations, backward passes and updates within f included.

    f is handed Tensors made from the arguments, which are the graph's inputs under the names of f's parameters. It may
    give one Tensor, several in tuples or lists, or None; these are the graph's outputs.
    """
    graph = Graph()
    tracer = Tracer(graph)
    inputs = [arg if isinstance(arg, Tensor) else Tensor(arg) for arg in args]
    for variable, name in zip(inputs, _names_of_parameters(f, len(args)), strict=True):
        tracer.add(variable, "input", variable.name or name)
    with watching(tracer):
        out = f(*inputs)
    graph.outputs = [tracer.value_of(output) for output in _flat(out)]
    tracer.learn_names()
    return graph


def _flat(out: Any) -> Iterator[Array]:
    """Yield what a function gave, one by one."""
    if isinstance(out, list | tuple):
        for part in out:
            yield from _flat(part)
    elif out is not None:
        yield out


def _names_of_parameters(f: Callable[..., Any], count: int) -> list[str]:
    """Return what f calls its first arguments, or x0, x1, … where that cannot be known."""
    try:
        names = [p.name for p in inspect.signature(f).parameters.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        names = []
    return [names[i] if i < len(names) else f"x{i}" for i in range(count)]
