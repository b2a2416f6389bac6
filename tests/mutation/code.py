"""The code of a function as a tree, and the same function made to run another tree.

A function keeps its identity, so that all who have imported it, or hold it as a rule, run the other code.
"""

from __future__ import annotations

import ast
import functools
import inspect
from types import CodeType, FunctionType, ModuleType

from autodiff.kernels.specialised import Specialised

Definition = ast.FunctionDef | ast.Lambda


@functools.cache
def _definitions(module: ModuleType) -> dict[int, list[Definition]]:
    """Return the functions that a module's text defines, by the line on which each begins."""
    found: dict[int, list[Definition]] = {}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, Definition):
            decorators = getattr(node, "decorator_list", [])
            found.setdefault(min([node.lineno, *(d.lineno for d in decorators)]), []).append(node)
    return found


def definition(function: FunctionType) -> Definition:
    """Return the tree of a function: its `def` or its lambda, one on a line. Not to be changed; copy it."""
    module = inspect.getmodule(function)
    assert module is not None
    there = _definitions(module).get(function.__code__.co_firstlineno, [])
    (node,) = [node for node in there if getattr(node, "name", "<lambda>") == function.__name__]
    return node


def replace(function: FunctionType, node: Definition) -> None:
    """Have a function run the code of another tree, wherever it has been imported to, compiled kernels included."""
    function.__code__ = _compiled(node, function)
    for kernel in function.__globals__.values():
        if isinstance(kernel, Specialised) and kernel.inner._function is function:
            kernel.clear()
            kernel.inner.clear()
            kernel.inner._function = _in_no_file(function)


def _in_no_file(function: FunctionType) -> FunctionType:
    """Return the same function as if it had been typed in: its machine code is not kept on disk, nor sought there."""
    code = function.__code__.replace(co_filename="<mutant>")
    return FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)


def _compiled(node: Definition, function: FunctionType) -> CodeType:
    """Compile a tree in the place of a function's own."""
    if isinstance(node, ast.Lambda):
        outer = compile(ast.fix_missing_locations(ast.Expression(node)), function.__code__.co_filename, "eval")
    else:
        bare = ast.FunctionDef(**{**vars(node), "decorator_list": []})
        outer = compile(ast.fix_missing_locations(ast.Module([bare], [])), function.__code__.co_filename, "exec")
    return next(constant for constant in outer.co_consts if isinstance(constant, CodeType))
