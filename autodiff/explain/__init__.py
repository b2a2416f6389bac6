"""Write a computation down: a rule as a formula, a graph as equations and as a program."""

from autodiff.explain.equations import equations
from autodiff.explain.formula import formula
from autodiff.explain.program import arguments, to_python
from autodiff.explain.simplify import simplify

__all__ = ["arguments", "equations", "formula", "simplify", "to_python"]
