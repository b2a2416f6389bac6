"""How many lines one has to write to train with a library.

Counted are the lines of a contestant's `__init__` and `learn`, which build the network and its optimizer and take them
through an epoch, and of all that these come to in the files beside this one and, by hand, in `nets/manual.py`: methods,
functions, classes and constants. What is reached only through what the problem does not choose, as the update of
another optimizer, is left out. A line counts where a piece of code begins on it: so blank lines, comments, docstrings
and brackets alone do not, nor do imports and annotations.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

ROOTS = ("__init__", "learn")
CHOSEN = {"relu", "Linear", "ReLU"}
"""What every problem that is counted chooses, besides its optimizer: a perceptron."""
_DESCRIPTIONS = ("mnist.contestants.architecture", "mnist.contestants.channels_last")
"""They are of the contestants' problems, and nothing that one would write to train."""


def lines(kind: type, optimizer: str) -> int:
    """Return how many lines a contestant of a class takes, with an optimizer."""
    counter = _Counter(kind, {optimizer, *CHOSEN})
    for name in ROOTS:
        counter.method(name)
    return len(counter.lines)


def _is_ours(module: ModuleType | None) -> bool:
    """Whether a module is one that a user of the library would have had to write."""
    if module is None or module.__name__ in _DESCRIPTIONS:
        return False
    return module.__name__.startswith(("mnist.contestants.", "nets.manual"))


class _Counter(ast.NodeVisitor):
    """Walks through the code that a class comes to. `lines` are pairs of a module's name and a number."""

    def __init__(self, kind: type, chosen: set[str]) -> None:
        self.lines: set[tuple[str, int]] = set()
        self._kind = kind
        self._chosen = chosen
        self._seen: set[tuple[str, str]] = set()
        self._module: ModuleType = sys.modules[kind.__module__]
        self._owner: type = kind

    # ── what is come to ─────────────────────────────────────────────────────────────────────────────────

    def method(self, name: str, after: type | None = None) -> None:
        """Walk through a method of the class, as it is found from a class of its ancestry on."""
        ancestry = self._kind.__mro__
        for owner in ancestry[ancestry.index(after) + 1 if after else 0 :]:
            if name in vars(owner) and _is_ours(sys.modules[owner.__module__]):
                (definition,) = [node for node in _body_of(owner) if name in _defined_by(node)]
                self._walk(sys.modules[owner.__module__], f"{owner.__name__}.{name}", definition, owner)
                return

    def _global(self, module: ModuleType, name: str) -> None:
        """Walk through what defines a name at the top of a module of ours, be it imported from another."""
        for node in _tree_of(module).body:
            if isinstance(node, ast.ImportFrom) and name in (alias.name for alias in node.names):
                if _is_ours(found := sys.modules.get(node.module or "")):
                    self._global(found, name)  # type: ignore[arg-type]
            elif name in _defined_by(node):
                self._walk(module, name, node, self._owner)

    def _walk(self, module: ModuleType, name: str, node: ast.AST, owner: type) -> None:
        if (module.__name__, name) in self._seen:
            return
        self._seen.add((module.__name__, name))
        before = self._module, self._owner
        self._module, self._owner = module, owner
        self.visit(node)
        self._module, self._owner = before

    # ── what stands there ───────────────────────────────────────────────────────────────────────────────

    def visit(self, node: ast.AST) -> None:
        """Count the line on which a node begins, and go on."""
        if isinstance(node, ast.expr | ast.stmt):
            self.lines.add((self._module.__name__, node.lineno))
        super().visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        """Pass over a docstring."""
        if isinstance(node.value, ast.Constant):
            self.lines.discard((self._module.__name__, node.lineno))
        else:
            self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Go through all of a class that is used; `self` is then one of it."""
        before = self._kind, self._owner
        self._kind = self._owner = vars(self._module)[node.name]
        self.generic_visit(node)
        self._kind, self._owner = before

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Pass over annotations."""
        for part in (*node.decorator_list, *node.args.defaults, *node.body):
            self.visit(part)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Pass over the annotation."""
        for part in (node.target, node.value):
            if part is not None:
                self.visit(part)

    def visit_Name(self, node: ast.Name) -> None:
        """Go to what a name of the module stands for, but for another module."""
        if isinstance(node.ctx, ast.Load) and not isinstance(vars(self._module).get(node.id), ModuleType):
            self._global(self._module, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Go to a method, if this is one of `self` or `super()`, or into a module of ours."""
        match node.value:
            case ast.Name("self"):
                self.method(node.attr)
            case ast.Call(ast.Name("super")):
                self.method(node.attr, after=self._owner)
            case ast.Name(name) if _is_ours(_module_called(self._module, name)):
                self._global(vars(self._module)[name], node.attr)
        self.visit(node.value)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """Go the way that the problem chooses, if it does."""
        self._go([node.body], [node.orelse], node.test)

    def visit_If(self, node: ast.If) -> None:
        """Go the way that the problem chooses, if it does."""
        self._go(node.body, node.orelse, node.test)

    def _go(self, body: list[Any], orelse: list[Any], test: ast.expr) -> None:
        self.visit(test)
        match test:
            case ast.Compare(ast.Attribute(attr="optimizer"), [ast.Eq()], [ast.Constant(str(name))]):
                ways = body if name in self._chosen else orelse
            case _:
                ways = [*body, *orelse]
        for way in ways:
            self.visit(way)

    def visit_Match(self, node: ast.Match) -> None:
        """Of alternatives, take what the problem chooses."""
        self.visit(node.subject)
        for case in node.cases:
            match case.pattern:
                case ast.MatchClass(ast.Name(name)) if name not in self._chosen:
                    continue
            self.visit(case)

    def visit_Dict(self, node: ast.Dict) -> None:
        """Of alternatives, take what the problem chooses."""
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        chosen = [key in self._chosen for key in keys]
        for key, value, is_chosen in zip(node.keys, node.values, chosen, strict=True):
            if is_chosen or not any(chosen):
                for part in (key, value):
                    if part is not None:
                        self.visit(part)


def _tree_of(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _body_of(kind: type) -> Iterator[ast.stmt]:
    """Yield the statements of a class, with the lines of its file."""
    for node in _tree_of(sys.modules[kind.__module__]).body:
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
            yield from node.body


def _defined_by(node: ast.stmt) -> list[str]:
    """Return the names that a statement at the top of a module defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        case ast.AnnAssign(target=ast.Name(name)):
            return [name]
    return []


def _module_called(module: ModuleType, name: str) -> ModuleType | None:
    found = vars(module).get(name)
    return found if isinstance(found, ModuleType) else None
