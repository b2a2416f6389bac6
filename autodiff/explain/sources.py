"""The source of kernels, and of all that they call, made ready to be printed in a program of its own.

A kernel that is a single `return …` is printed as that expression, with its arguments put in; any other is printed as a
function, and called. What it takes from outside is found where it would find it: NumPy is `np`, a function of the
engine or of the kernel's own package is printed too, a number is written out, and a module is imported.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from autodiff import kernels
from autodiff.explain.definitions import Definition, Function, definition_of
from autodiff.explain.literals import as_subscript, literal
from autodiff.kernels import vectorized
from autodiff.tape import Primitive, registry


class Sources:
    """What a program has to define and to import for the kernels that it uses.

    A call of a function that has to be defined is the name of it, an `ast.Name` with the `function` for an attribute,
    until the program has found a name that is free.
    """

    def __init__(self) -> None:
        self.functions: dict[Function, ast.FunctionDef] = {}
        self.imports: set[str] = set()
        self._definitions: dict[Function, Definition] = {}

    def call(self, primitive: Primitive, operands: Sequence[ast.expr], attributes: dict[str, Any]) -> ast.expr:
        """Return an expression that does what the kernel of a primitive does.

        Raises:
            ValueError: the kernel's source is not to be had, or uses what cannot be printed.
        """
        try:
            given = {name: literal(value) for name, value in attributes.items()}
            expression = self._applied(self._found(primitive.kernel, primitive.kernel), list(operands), given)
            self._require(expression)
        except ValueError as error:
            raise ValueError(f"to_python: the primitive {primitive.name!r} cannot be printed: {error}") from error
        return expression if _is_of(primitive.kernel, "autodiff") else ast.Call(_dotted("np.asarray"), [expression], [])

    def _require(self, expression: ast.AST) -> None:
        """Define the functions that an expression calls, and those that they call."""
        pending = [expression]
        while pending:
            for node in ast.walk(pending.pop()):
                function = getattr(node, "function", None)
                if function is not None and function not in self.functions:
                    self.functions[function] = _as_function(self._definition(function))
                    pending.append(self.functions[function])

    # ── calls ───────────────────────────────────────────────────────────────────────────────────────────

    def _applied(self, function: ast.expr, args: list[ast.expr], kwargs: dict[str, ast.expr]) -> ast.expr:
        """Return a call, or what the function would return, if that is one expression."""
        called = getattr(function, "function", None)
        definition = self._definition(called) if called else None
        expression = _single_expression(definition) if definition else None
        bound = _bound(definition.args, args, kwargs) if definition else None
        if expression is None or bound is None:
            return ast.Call(function, args, [ast.keyword(name, value) for name, value in kwargs.items()])
        expression = _Substitution(bound).visit(copy.deepcopy(expression))
        if isinstance(expression, ast.Call) and hasattr(expression.func, "function"):  # it only passes the call on
            passed = {keyword.arg or "**": keyword.value for keyword in expression.keywords}
            if all(map(_is_simple, (*expression.args, *passed.values()))):
                return self._applied(expression.func, expression.args, passed)
        return expression

    # ── definitions ─────────────────────────────────────────────────────────────────────────────────────

    def _definition(self, function: Function) -> Definition:
        """Return the definition of a function, in which all that comes from outside can be printed."""
        if function not in self._definitions:
            definition = definition_of(function)
            outside = _Outside(function, self._found, _local_names(definition))
            self._definitions[function] = outside.visit(_Bare().visit(definition))
        return self._definitions[function]

    def _found(self, value: Any, user: Function) -> ast.expr:
        """Return an expression for something that a function uses."""
        if isinstance(value, ModuleType):
            return self._module(value)
        if type(value).__name__ == "_lru_cache_wrapper":
            value = value.__wrapped__
        if isinstance(value, FunctionType):
            value = _kernel(value)
            if _is_of(value, "autodiff") or _is_of(value, str(user.__module__).split(".")[0]):
                reference = ast.Name(value.__name__, ast.Load())
                reference.function = value  # type: ignore[attr-defined]
                return reference
        name = getattr(value, "__name__", "")
        if name and getattr(np, name, None) is value:
            return _dotted(f"np.{name}")
        module = inspect.getmodule(value) if callable(value) else None
        if module and module.__name__ != "__main__" and getattr(module, name, None) is value:
            return ast.Attribute(self._module(module), name, ast.Load())
        try:
            return literal(value)
        except ValueError:
            raise ValueError(f"it uses {value!r:.60}, of which the source is not to be had") from None

    def _module(self, module: ModuleType) -> ast.expr:
        if _is_of(module, "numpy"):
            return _dotted("np" + module.__name__.removeprefix("numpy"))
        self.imports.add(module.__name__)
        return _dotted(module.__name__)


def _is_of(value: Any, package: str) -> bool:
    """Whether a function or a module belongs to a package."""
    name = value.__name__ if isinstance(value, ModuleType) else str(value.__module__)
    return name == package or name.startswith(f"{package}.")


def _kernel(function: FunctionType) -> Function:
    """Return the function itself; the kernel of an operation; and of the engine's kernels, the version in NumPy."""
    if _is_of(function, kernels.__name__):
        return getattr(vectorized, function.__name__)
    wrapped: Function = getattr(function, "__wrapped__", function)
    return wrapped if any(primitive.kernel is wrapped for primitive in registry.values()) else function


class _Bare(ast.NodeTransformer):
    """Take away what a program does without: annotations and decorators."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list, node.returns = [], None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return ast.Assign([node.target], node.value, lineno=0) if node.value else None


class _Outside(ast.NodeTransformer):
    """Put what can be printed in the place of what a function takes from outside."""

    def __init__(self, function: Function, found: Callable[[Any, Function], ast.expr], local: set[str]) -> None:
        self._function = function
        self._found = found
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        outside = function.__globals__ | {name: cell.cell_contents for name, cell in cells}
        self._outside = {name: value for name, value in outside.items() if name not in local}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._outside:
            return self._found(self._outside[node.id], self._function)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        value = self._module_of(node.value)
        if value is None or _is_of(value, "numpy"):
            self.generic_visit(node)
            return node
        return self._found(getattr(value, node.attr), self._function)

    def _module_of(self, node: ast.expr) -> ModuleType | None:
        """Return the module that an expression stands for."""
        if isinstance(node, ast.Name):
            value = self._outside.get(node.id)
        elif isinstance(node, ast.Attribute) and (module := self._module_of(node.value)):
            value = getattr(module, node.attr)
        else:
            return None
        return value if isinstance(value, ModuleType) else None


class _Substitution(ast.NodeTransformer):
    """Put arguments in the place of parameters."""

    def __init__(self, arguments: dict[str, ast.expr]) -> None:
        self._arguments = arguments

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self._arguments.get(node.id, node))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        node.slice = as_subscript(node.slice)
        return node


def _local_names(definition: Definition) -> set[str]:
    """Return the names that a function gives to something, anywhere within."""
    names = set()
    for node in ast.walk(definition):
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef) and node is not definition:
            names.add(node.name)
    return names


def _single_expression(definition: Definition) -> ast.expr | None:
    """Return what a function returns, if it does nothing else, and gives no names within that arguments could meet."""
    if isinstance(definition, ast.Lambda):
        expression: ast.expr | None = definition.body
    else:
        body = definition.body[1:] if ast.get_docstring(definition) is not None else definition.body
        expression = body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None
    if expression is None:
        return None
    gives_names = any(isinstance(x, ast.Lambda | ast.comprehension | ast.NamedExpr) for x in ast.walk(expression))
    return None if gives_names else expression


def _bound(
    parameters: ast.arguments, args: list[ast.expr], kwargs: dict[str, ast.expr]
) -> dict[str, ast.expr] | None:
    """Return the argument for each parameter; None if that is not plain to see."""
    names = [parameter.arg for parameter in (*parameters.posonlyargs, *parameters.args)]
    if parameters.kwarg or "**" in kwargs or any(isinstance(argument, ast.Starred) for argument in args):
        return None
    defaults = dict(zip(names[len(names) - len(parameters.defaults) :], parameters.defaults, strict=True))
    for parameter, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True):
        defaults |= {parameter.arg: default} if default else {}
    bound = defaults | dict(zip(names, args, strict=False)) | kwargs
    if parameters.vararg:
        bound[parameters.vararg.arg] = ast.Tuple(args[len(names) :], ast.Load())
    return bound


def _as_function(definition: Definition) -> ast.FunctionDef:
    """Return a lambda as a function of several lines."""
    if isinstance(definition, ast.FunctionDef):
        return definition
    return ast.FunctionDef("function", definition.args, [ast.Return(definition.body)], [], lineno=0)


def _is_simple(expression: ast.expr) -> bool:
    """Whether an expression computes nothing, so that it may be repeated."""
    return not any(isinstance(x, ast.Call | ast.BinOp | ast.Compare | ast.Subscript) for x in ast.walk(expression))


def _dotted(name: str) -> ast.expr:
    return ast.parse(name, mode="eval").body
