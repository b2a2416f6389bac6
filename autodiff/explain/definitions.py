"""The definition of a function as it was written: its syntax tree, found in its file and held against its code."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from types import CodeType
from typing import Any

Function = Callable[..., Any]
Definition = ast.FunctionDef | ast.Lambda


def definition_of(function: Function) -> Definition:
    """Return the definition of a function as it was written, a tree of one's own.

    Raises:
        ValueError: it is not to be had, or is not what the function was made from.
    """
    (statement,) = ast.parse(_text_of(function)).body  # faster than to copy a tree
    definition = statement.value if isinstance(statement, ast.Expr) else statement
    assert isinstance(definition, Definition)
    return definition


@functools.lru_cache(256)
def _text_of(function: Function) -> str:
    """Return the text of a definition."""
    name, code = function.__name__, function.__code__
    try:
        tree, made = _read("".join(inspect.findsource(function)[0]))
    except (OSError, TypeError, SyntaxError) as error:
        raise ValueError(
            f"there is no source of its function {name!r} to be had. Define it in a file or in a notebook, not at a "
            "prompt, in text that is executed, or in C"
        ) from error
    found = [node for node in ast.walk(tree) if isinstance(node, Definition) and _begins_at(node, code)]
    if len(found) > 1:  # lambdas on one line are told apart by where their code comes from
        positions = set(code.co_positions())
        found = [node for node in found if isinstance(node, ast.Lambda) and _extent(node.body) in positions]
    if len(found) != 1 or not any(_is_same(code, other) for other in made):
        raise ValueError(f"its function {name!r} is not what its file says. Has the file been changed since?")
    return ast.unparse(found[0])


@functools.lru_cache(16)
def _read(text: str) -> tuple[ast.Module, list[CodeType]]:
    """Return the syntax tree of a file, and the code of all functions in it."""
    found = [compile(text, "<source>", "exec", dont_inherit=True)]
    for code in found:  # it grows as we go
        found += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return ast.parse(text), found


def _begins_at(node: Definition, code: CodeType) -> bool:
    """Whether a definition stands where a piece of code says that it comes from."""
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    first = node.decorator_list[0] if node.decorator_list else node
    return code.co_name == node.name and first.lineno == code.co_firstlineno


def _extent(node: ast.expr) -> tuple[int | None, ...]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _is_same(a: CodeType, b: CodeType) -> bool:
    """Whether two pieces of code from the same line do the same."""
    if any(getattr(a, part) != getattr(b, part) for part in ("co_firstlineno", "co_code", "co_names", "co_varnames")):
        return False
    return len(a.co_consts) == len(b.co_consts) and all(
        _is_same(x, y) if isinstance(x, CodeType) and isinstance(y, CodeType) else repr(x) == repr(y)
        for x, y in zip(a.co_consts, b.co_consts, strict=True)
    )
