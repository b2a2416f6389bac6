"""Slips of the pen, everywhere in the text of a rule or a kernel: a part left out, a sign, an edge, a number."""

from __future__ import annotations

import ast
import copy
import functools
from collections import Counter
from collections.abc import Iterator
from types import FunctionType

from tests.mutation.code import Definition, definition, replace
from tests.mutation.mutant import Mutant

EDGES = {
    "greater": "greater_equal",
    "greater_equal": "greater",
    "less": "less_equal",
    "less_equal": "less",
    "equal": "not_equal",
}
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
}


def mutants_in(
    function: FunctionType, subject: str, place: str = "", site: FunctionType | None = None
) -> Iterator[Mutant]:
    """Yield the function with each slip. Where Numba runs it, `site` is the function of Python that calls it."""
    tree = definition(function)
    idle = _idle(tree)
    seen: Counter[str] = Counter()
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in idle:
            continue
        for operator, other in _slips(node):
            apply = functools.partial(_apply, function, number, other)
            detail = f"{_line(node)} → {_line(other)}"
            seen[detail] += 1
            detail += f" ({seen[detail]})" if seen[detail] > 1 else ""
            yield Mutant(subject, place, operator, detail, site or function, apply)


def _line(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _idle(tree: Definition) -> set[int]:
    """The parts of a function that no gradient passes through: annotations, defaults and messages of errors."""
    parts: list[ast.AST] = [tree.args]
    if isinstance(tree, ast.FunctionDef):
        parts += [*tree.decorator_list, *([tree.returns] if tree.returns else [])]
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.ExceptHandler):
            parts.append(node)
        elif isinstance(node, ast.FunctionDef) and node is not tree:
            parts += [node.args, *([node.returns] if node.returns else [])]
    return {id(node) for part in parts for node in ast.walk(part)}


def _slips(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield what a slip may make of one expression."""
    match node:
        case ast.Call(func, arguments):
            for argument in arguments:
                if not isinstance(argument, ast.Starred):
                    yield "a part for the whole", argument
            if (name := getattr(func, "attr", getattr(func, "id", None))) in EDGES:
                module = getattr(func, "value", ast.parse("__import__('autodiff')", mode="eval").body)
                yield "edge moved", ast.Call(ast.Attribute(module, EDGES[name], ast.Load()), arguments, node.keywords)
        case ast.BinOp(left, operator, right):
            yield "a part for the whole", left
            yield "a part for the whole", right
            if type(operator) in ARITHMETIC:
                yield "arithmetic sign changed", ast.BinOp(left, ARITHMETIC[type(operator)](), right)
        case ast.Compare(left, [operator], others) if type(operator) in COMPARISONS:
            yield "edge moved", ast.Compare(left, [COMPARISONS[type(operator)]()], others)
        case ast.IfExp(_, body, orelse):
            yield "a part for the whole", body
            yield "a part for the whole", orelse
        case ast.Constant(bool() as value):
            yield "number changed", ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield "number changed", ast.Constant(value + 1)


def _apply(function: FunctionType, number: int, other: ast.expr) -> None:
    tree = copy.deepcopy(definition(function))
    replace(function, _Swap(list(ast.walk(tree))[number], other).visit(tree))


class _Swap(ast.NodeTransformer):
    """One node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, copy.deepcopy(new)

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)
