"""Write a computation down: a rule as a formula, a graph as equations or as code."""

from autodiff.explain.formula import formula

__all__ = ["formula"]
