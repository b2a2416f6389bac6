"""Splitting: a large parameter's product is summed over parts of the shared axis, one for each thread to compute.

A thread that computes some rows of x·W reads all of W, and the half that another thread has updated in the step before
has to come from that one's cache, which takes as long as half of the arithmetic. Split along the shared axis,
x·W = Σ x[:, part]·W[part], a thread needs of W the rows that it updates itself.
"""

from __future__ import annotations

import numpy as np

from autodiff.compiler.access import factor
from autodiff.compiler.rewriting import Rewriter, rewritten
from autodiff.compiler.scheduling import AWAKE_FROM
from autodiff.compiler.units import is_product
from autodiff.graph import Graph, Operation, Value
from autodiff.tape import Primitive

PARTS = 4
"""As many on every machine, so that the bits of the sum do not depend on the number of threads."""
LARGE = 1 << 17
"""Bytes from which a parameter is worth it."""


def splitting(graph: Graph) -> Graph:
    """Return the graph in which the products of large parameters are sums.

    Those of parameters that are a factor of one product only, on its right: another would read all of it anyway.
    """
    products = [op for op in graph if is_product(op)]
    factors = [factor(value).stored for op in products for value in op.inputs]
    updated = {leaf.id for leaf, _ in graph.assignments}

    def split(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
        if not is_product(operation):
            return None
        a, W = operation.inputs
        is_own = W.id in updated and W.operation is None and sum(value is W for value in factors) == 1
        if not (is_own and pays(a.shape[0], W)):
            return None
        return total(rewriter, rewriter.write(PARTIAL_PRODUCTS, *inputs))

    return rewritten(graph, split)


def total(rewriter: Rewriter, parts: Value) -> Value:
    """Write the sum of parts (PARTS, …), one after the other."""
    found = rewriter.do("getitem", parts, index=0)
    for i in range(1, PARTS):
        found = rewriter.do("add", found, rewriter.do("getitem", parts, index=i))
    return found


def pays(m: int, W: Value) -> bool:
    """Whether it pays to split the product of (m, k) and W (k, n): the parts' sums must not outweigh the parameter."""
    k, n = W.shape
    return k * n * W.dtype.itemsize >= LARGE and m * k * n >= AWAKE_FROM and m * PARTS <= k


def _partial_products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The products (PARTS, m, n) of parts of a's columns (m, k) with the same parts of b's rows (k, n)."""
    parts = np.array_split(np.arange(a.shape[1]), PARTS)
    return np.stack([a[:, part] @ b[part] for part in parts])


PARTIAL_PRODUCTS = Primitive("partial_products", _partial_products, (None, None), None)
"""Known to the compiler alone."""
