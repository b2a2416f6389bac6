"""The compiler: a graph in, a Python module of loops out, which Numba makes machine code of.

`program` has the list of passes, each a small file that rewrites the graph; `planning` decides what shares a loop and
what is stored; `memory` where; `emitting` writes the module, and `writing` the loops of each function; `store` keeps
the text and its machine code on disk. `tracing` is where it begins: the graph of a function, with the place where each
leaf is found again; `leaves` takes there what a call is handed.
"""
