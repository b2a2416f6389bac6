"""How each operation is written in mathematics, where that is not `name(operands)`.

A template has a place for each operand, `{0}` or `{0:n}`: an operand that binds less tightly than n is put in
parentheses. Tightness: 1 a sum, 2 a product, 3 a matrix product, 4 a sign, 5 what is raised or transposed, 6 a whole.
"""

from __future__ import annotations

from typing import NamedTuple


class Notation(NamedTuple):
    """A template, and how tightly what it writes holds together."""

    template: str
    tightness: int


SUM, PRODUCT, MATRIX_PRODUCT, SIGN, RAISED, WHOLE = range(1, 7)

NOTATION = {
    "add": Notation("{0:1} + {1:1}", SUM),
    "subtract": Notation("{0:1} − {1:2}", SUM),
    "multiply": Notation("{0:2} ∘ {1:2}", PRODUCT),
    "divide": Notation("{0:2} / {1:3}", PRODUCT),
    "matmul": Notation("{0:3}·{1:4}", MATRIX_PRODUCT),
    "negative": Notation("−{0:3}", SIGN),
    "power": Notation("{0:6}^{1:6}", RAISED),
    "matrix_transpose": Notation("{0:5}ᵀ", RAISED),
    "abs": Notation("|{0}|", WHOLE),
    "relu_backward": Notation("{0:2} ∘ [{1:1} > 0]", PRODUCT),
    "equal": Notation("[{0:1} = {1:1}]", WHOLE),
    "not_equal": Notation("[{0:1} ≠ {1:1}]", WHOLE),
    "less": Notation("[{0:1} < {1:1}]", WHOLE),
    "less_equal": Notation("[{0:1} ≤ {1:1}]", WHOLE),
    "greater": Notation("[{0:1} > {1:1}]", WHOLE),
    "greater_equal": Notation("[{0:1} ≥ {1:1}]", WHOLE),
    "logical_and": Notation("{0:2} ∧ {1:2}", PRODUCT),
    "logical_or": Notation("{0:1} ∨ {1:2}", SUM),
    "logical_not": Notation("¬{0:3}", SIGN),
    "getitem": Notation("{0:6}[{index}]", WHOLE),
}
"""By the name of the primitive; square brackets around a statement are Iverson's: 1 where it holds, 0 elsewhere."""

SCALED = Notation("{0:3}·{1:3}", PRODUCT)
"""A product with a number."""
