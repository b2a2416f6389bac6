"""Functions of functions: gradients, products with Jacobians, and their nesting.

Each hands `f` Tensors made from its arguments, and reads the tape of what `f` gives back. A gradient is itself
recorded when something outside could differentiate it: when an argument, or anything that `f` closes over,
is a tensor that requires a gradient. So the transformations nest to any depth, in any order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import ops
from autodiff.backward import pull
from autodiff.errors import describe
from autodiff.recording import is_recording, recording
from autodiff.tape import Array, Variable, shape_of, unwrap
from autodiff.tensor import Tensor, is_real

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


def vjp(f: Function, *primals: Array) -> tuple[Tensor, Callable[[Array], tuple[Tensor, ...]]]:
    """Return f(*primals) and its pullback, g ↦ (gᵀ·∂f/∂x for each primal x).

    Args:
        f: a function of Tensors that gives one Tensor, array or number.
        primals: Tensors, arrays or numbers, floating-point.

    The pullback takes a cotangent of the shape of f(*primals) and always gives a tuple, a gradient for each
    primal, of its shape and dtype; zeros for one that f does not use.
    """
    run = _Run(f, primals)
    return run.value(), run.pullback


def grad(f: Function, argnums: Argnums = 0) -> Function:
    """Return the function that gives the gradient of the scalar function f, with respect to argument `argnums`.

    A tuple of argument numbers gives a tuple of gradients.
    """
    with_value = value_and_grad(f, argnums)

    @_with_parameters_of(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return with_value(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0) -> Function:
    """Return the function that gives both f and its gradient, as `grad` does."""

    @_with_parameters_of(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        run = _run_on(f, argnums, args, kwargs)
        if run.out.size != 1:
            raise ValueError(
                f"grad: f gave {describe(run.out._data)}, and only a scalar has a gradient. Reduce it first, with "
                ".sum() or .mean(), or use ad.vjp or ad.jacobian."
            )
        gradients = run.pullback(np.ones_like(run.out._data))
        return run.value(), gradients if isinstance(argnums, tuple) else gradients[0]

    return value_and_gradient


def jvp(f: Function, primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Tensor, Tensor]:
    """Return f(*primals) and its derivative along the tangents, Σ ∂f/∂x·ẋ.

    The pullback is linear in its cotangent, and its own pullback is the transpose of the transpose: no forward
    rules are needed (J. Townsend, A new trick for calculating Jacobian vector products, 2017).
    """
    if len(primals) != len(tangents):
        raise ValueError(f"jvp: {len(primals)} primals need as many tangents, not {len(tangents)}")
    for primal, tangent in zip(primals, tangents, strict=True):
        if shape_of(primal) != shape_of(tangent):
            raise ValueError(f"jvp: a tangent of shape {shape_of(tangent)} does not fit a primal of {shape_of(primal)}")
    run = _Run(f, primals)

    def along_tangents(cotangent: Tensor) -> Tensor:
        gradients = run.pullback(cotangent)
        total: Array = 0.0
        for gradient, tangent in zip(gradients, tangents, strict=True):
            total = total + ops.sum(ops.multiply(gradient, tangent))
        return total

    dtype = run.out.dtype if is_real(run.out._data) else np.float64
    return run.value(), grad(along_tangents)(np.zeros(run.out.shape, dtype))


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """Return the function that gives ∂f/∂x, of shape f(x).shape + x.shape, a row of f(x) at a time."""

    @_with_parameters_of(f)
    def rows(*args: Any, **kwargs: Any) -> Any:
        run = _run_on(f, argnums, args, kwargs)
        out = run.out
        basis = np.eye(out.size, dtype=out.dtype).reshape(out.size, *out.shape)
        by_row = [run.pullback(direction) for direction in basis]
        matrices = tuple(
            ops.reshape(ops.stack([row[i] for row in by_row]), out.shape + x.shape)
            if by_row
            else Tensor(np.zeros(out.shape + x.shape, x.dtype))
            for i, x in enumerate(run.inputs)
        )
        return matrices if isinstance(argnums, tuple) else matrices[0]

    return rows


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """Return the function that gives ∂²f/∂x², of shape x.shape + x.shape, for a scalar f.

    A tuple of argument numbers gives a tuple of rows, each a tuple of blocks ∂²f/∂x∂y.
    """
    if not isinstance(argnums, tuple):
        return jacobian(grad(f, argnums), argnums)

    def blocks(*args: Any, **kwargs: Any) -> tuple[tuple[Tensor, ...], ...]:
        rows = (grad(f, argnum) for argnum in argnums)
        return tuple(jacobian(row, argnums)(*args, **kwargs) for row in rows)

    return blocks


def _with_parameters_of(f: Function) -> Callable[[Function], Function]:
    """Let a function that takes what f takes say so, to a trace and to `inspect.signature`."""
    return functools.wraps(f, assigned=(), updated=())


class _Primal(Tensor):
    """A leaf made for one run of a function; something listens to it only while the function runs."""

    __slots__ = ("listening",)

    def __init__(self, primal: Array) -> None:
        super().__init__(primal.detach() if isinstance(primal, Tensor) else primal)
        self.tracked = self.listening = True


class _Run:
    """One run of a function on variables of its own, and the tape that it left."""

    def __init__(self, f: Function, primals: tuple[Array, ...]) -> None:
        self.inputs = [_fresh(primal) for primal in primals]
        try:
            with recording(True):
                self.out = _as_output(f(*self.inputs))
        finally:
            for variable in self.inputs:
                if isinstance(variable, _Primal):
                    variable.listening = False
        self.has_listener = is_recording() and self.out.tracked and _has_listener(self.out)

    def value(self) -> Tensor:
        """Return the output, recorded only for those who listen outside."""
        return self.out if self.has_listener else self.out.detach()

    def pullback(self, cotangent: Array) -> tuple[Tensor, ...]:
        """Return ⟨cotangent, ∂out/∂x⟩ for each input x, of x's shape and dtype."""
        if shape_of(cotangent) != self.out.shape:
            raise ValueError(
                f"pullback: a cotangent of shape {shape_of(cotangent)} does not fit an output of {self.out.shape}"
            )
        if not self.out.tracked:
            return tuple(_zeros_like(x) for x in self.inputs)
        tracked = isinstance(cotangent, Variable) and cotangent.tracked
        create_graph = is_recording() and (self.has_listener or tracked)
        seed = ops.astype(cotangent if create_graph else unwrap(cotangent), self.out.dtype)
        gradients = pull(self.out, seed, self.inputs, create_graph=create_graph)
        return tuple(
            _zeros_like(x) if g is None else g if isinstance(g, Tensor) else Tensor.of(g)
            for x, g in zip(self.inputs, gradients, strict=True)
        )


def _run_on(f: Function, argnums: Argnums, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Run:
    """Run f, on variables of its own in the places of `argnums` and on the other arguments as they are."""
    places = argnums if isinstance(argnums, tuple) else (argnums,)
    if any(not isinstance(place, int) or not -len(args) <= place < len(args) for place in places):
        raise TypeError(f"argnums={argnums!r} must be an int or a tuple of ints, and {len(args)} arguments were given")
    places = tuple(place % len(args) for place in places)
    if len(set(places)) < len(places):
        raise ValueError(f"argnums={argnums!r} names an argument twice")

    def of_places(*variables: Tensor) -> Any:
        complete = list(args)
        for place, variable in zip(places, variables, strict=True):
            complete[place] = variable
        return f(*complete, **kwargs)

    return _Run(of_places, tuple(args[place] for place in places))


def _fresh(primal: Array) -> Tensor:
    """Return a variable that stands for a primal within one run: tied to it on the tape if it is tracked."""
    if isinstance(primal, Variable) and primal.tracked and is_recording():
        variable: Tensor = ops.alias(primal)
    else:
        variable = _Primal(primal)
    if not is_real(variable._data):
        raise TypeError(
            f"a gradient needs floating-point numbers, not {describe(variable._data)}. Write 1.0 for 1, or convert "
            "with x.astype(float)."
        )
    variable.name = getattr(primal, "name", None)
    return variable


def _has_listener(output: Variable) -> bool:
    """Whether something listens to a leaf that the output was made from, be it behind the inputs of its run.

    All on the way to such a leaf remember it: else each step of a descent would look for it through all steps before.
    """
    found = [output]
    made: dict[int, Variable] = {}  # from each operand found, the result that it was found behind
    while found:
        variable = found.pop()
        leaf = variable.node.listener if variable.node else variable
        if leaf is not None and _listens(leaf):
            while variable is not output:
                variable = made[id(variable)]
                if variable.node:
                    variable.node.listener = leaf
            return True
        for operand in variable.node.inputs if variable.node else ():
            if isinstance(operand, Variable) and operand.tracked and id(operand) not in made:
                made[id(operand)] = variable
                found.append(operand)
    return False


def _listens(leaf: Variable) -> bool:
    """Whether something may want the gradient of a leaf: a user, or a run that is still going on."""
    return not isinstance(leaf, _Primal) or leaf.listening


def _as_output(out: Any) -> Tensor:
    """Return what a function gave as a Tensor; a plain number or array is a constant."""
    if isinstance(out, Tensor):
        return out
    if out is None or isinstance(out, list | tuple | dict):
        raise TypeError(f"f gave {type(out).__name__}, but must give one Tensor, array or number. Is a return missing?")
    return Tensor(out)


def _zeros_like(x: Tensor) -> Tensor:
    return Tensor(np.zeros_like(x._data))
