"""The compiler: a graph in, a Python module of loops out, which Numba makes machine code of.

`passes` lists what is done to the graph, each a small file; `planning` decides what shares a loop and what is stored;
`emitting` writes the loops; `store` keeps the text and its machine code on disk.
"""

from autodiff.compiler.program import PASSES, Program

__all__ = ["PASSES", "Program"]
