"""How each operation is written in mathematics, as text and in LaTeX, where that is not `name(operands)`.

A template has a place for each operand, `{0}` or `{0:n}`: an operand that binds less tightly than n is put in
parentheses. Tightness: 1 a sum, 2 a quotient, 3 a product, 4 a matrix product, 5 a denial, 6 what is raised or
transposed, 7 a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from autodiff.graph import Operation, Value


class Notation(NamedTuple):
    """A template, how tightly what it writes holds together, and the template in LaTeX."""

    template: str
    tightness: int
    latex: str


SUM, QUOTIENT, PRODUCT, MATRIX_PRODUCT, DENIAL, RAISED, WHOLE = range(1, 8)

TRANSPOSED = Notation("{0:6}ᵀ", RAISED, r"{{{0:6}}}^{{\top}}")
SCALED = Notation("{0:4}·{1:4}", PRODUCT, r"{0:4} \, {1:4}")
"""A product with a number."""
PICKED = Notation("{0:7}[i, {1:7}ᵢ]", WHOLE, r"{{{0:7}}}_{{i, {{{1:7}}}_{{i}}}}")
"""From each row i of a matrix the element in column yᵢ."""

BRACKET = Notation("{0}", WHOLE, "{0}")
"""A statement in Iverson's brackets, cast to a number."""

NOTATION = {
    "add": Notation("{0:1} + {1:1}", SUM, "{0:1} + {1:1}"),
    "subtract": Notation("{0:1} − {1:2}", SUM, "{0:1} - {1:2}"),
    "multiply": Notation("{0:3} ∘ {1:3}", PRODUCT, r"{0:3} \circ {1:3}"),
    "divide": Notation("{0:2} / {1:5}", QUOTIENT, r"\frac{{{0}}}{{{1}}}"),
    "matmul": Notation("{0:4}·{1:5}", MATRIX_PRODUCT, r"{0:4} \, {1:5}"),
    "negative": Notation("−{0:2}", QUOTIENT, "-{0:2}"),
    "power": Notation("{0:7}^{1:7}", RAISED, "{{{0:7}}}^{{{1}}}"),
    "matrix_transpose": TRANSPOSED,
    "abs": Notation("|{0}|", WHOLE, r"\left|{0}\right|"),
    "exp": Notation("exp({0})", WHOLE, r"\exp({0})"),
    "log": Notation("log({0})", WHOLE, r"\log({0})"),
    "sqrt": Notation("sqrt({0})", WHOLE, r"\sqrt{{{0}}}"),
    "sin": Notation("sin({0})", WHOLE, r"\sin({0})"),
    "cos": Notation("cos({0})", WHOLE, r"\cos({0})"),
    "tanh": Notation("tanh({0})", WHOLE, r"\tanh({0})"),
    "sigmoid": Notation("sigmoid({0})", WHOLE, r"\sigma({0})"),
    "relu_backward": Notation("{0:3} ∘ [{1:1} > 0]", PRODUCT, r"{0:3} \circ [{1:1} > 0]"),
    "equal": Notation("[{0:1} = {1:1}]", WHOLE, "[{0:1} = {1:1}]"),
    "not_equal": Notation("[{0:1} ≠ {1:1}]", WHOLE, r"[{0:1} \neq {1:1}]"),
    "less": Notation("[{0:1} < {1:1}]", WHOLE, "[{0:1} < {1:1}]"),
    "less_equal": Notation("[{0:1} ≤ {1:1}]", WHOLE, r"[{0:1} \leq {1:1}]"),
    "greater": Notation("[{0:1} > {1:1}]", WHOLE, "[{0:1} > {1:1}]"),
    "greater_equal": Notation("[{0:1} ≥ {1:1}]", WHOLE, r"[{0:1} \geq {1:1}]"),
    "logical_and": Notation("{0:3} ∧ {1:3}", PRODUCT, r"{0:3} \wedge {1:3}"),
    "logical_or": Notation("{0:1} ∨ {1:3}", SUM, r"{0:1} \vee {1:3}"),
    "logical_not": Notation("¬{0:4}", DENIAL, r"\neg {0:4}"),
    "getitem": Notation("{0:7}[{index}]", WHOLE, r"{{{0:7}}}[{index}]"),
    "one_hot": Notation("onehot({0})", WHOLE, r"\mathrm{{onehot}}({0})"),
}
"""By the name of the primitive; square brackets around a statement are Iverson's: 1 where it holds, 0 elsewhere."""

HIDDEN = {("concat", "bounds")}
"""Attributes that follow from the rest, so that nobody need read them."""

Reading = tuple[Notation, tuple[Value, ...]]


def reading(operation: Operation) -> Reading:
    """Return how an operation is written, and the values to put into the template's places."""
    special = _SPECIAL.get(operation.primitive.name)
    if special and (found := special(operation)):
        return found
    return NOTATION.get(operation.primitive.name) or call(operation), operation.inputs


def is_transpose(operation: Operation) -> bool:
    """Whether an operation exchanges the axes of a matrix."""
    if operation.primitive.name == "matrix_transpose":
        return True
    axes = operation.attributes.get("axes")
    return operation.primitive.name == "permute_dims" and len(operation.output.shape) == 2 and axes in (None, (1, 0))


def picked_column(operation: Operation) -> Value | None:
    """Return the y of `take_along_axis(a, y[:, None], axis=1)`, where a is a matrix; None if this is no such thing."""
    a, indices = operation.inputs
    if len(a.shape) != 2 or operation.attributes["axis"] % 2 != 1 or indices.operation is None:
        return None
    (y, *_), made_by = indices.operation.inputs, indices.operation.primitive.name
    is_column = y.shape == (a.shape[0],) and indices.shape == (*y.shape, 1)
    return y if made_by in ("getitem", "reshape") and is_column else None


def vector_product(operation: Operation) -> tuple[Value, Value] | None:
    """Return the operands of a·b where one is a vector, which the engine computes as a matrix and reshapes."""
    product = operation.inputs[0].operation
    if product is None or product.primitive.name != "matmul":
        return None
    a, b = (_as_vector(value, axis) for value, axis in zip(product.inputs, (-2, -1), strict=True))
    if len(a.shape) > 1 and len(b.shape) > 1:
        return None
    shape = a.shape[:-1] + (b.shape[:-2] + b.shape[-1:] if len(b.shape) > 1 else ())
    return (a, b) if shape == operation.output.shape else None


def _as_vector(matrix: Value, axis: int) -> Value:
    """Return the vector that was given an axis of length 1 to be a matrix; or else the matrix."""
    made = matrix.operation
    if made is None or made.primitive.name != "reshape" or len(made.inputs[0].shape) != 1:
        return matrix
    return made.inputs[0] if len(matrix.shape) == 2 and matrix.shape[axis] == 1 else matrix


def _product(operation: Operation) -> Reading | None:
    is_scaling = any(value.shape == () for value in operation.inputs)
    return (SCALED, operation.inputs) if is_scaling else None


def _power(operation: Operation) -> Reading | None:
    exponent = operation.inputs[1].data
    if operation.inputs[1].kind != "constant" or operation.inputs[1].shape or exponent != int(exponent):
        return None
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return NOTATION["power"]._replace(template=f"{{0:7}}{raised}"), operation.inputs


def _transposed(operation: Operation) -> Reading | None:
    return (TRANSPOSED, operation.inputs) if is_transpose(operation) else None


def _reshaped(operation: Operation) -> Reading | None:
    operands = vector_product(operation)
    return (NOTATION["matmul"], operands) if operands else None


def _cast(operation: Operation) -> Reading | None:
    made = operation.inputs[0].operation
    is_bracket = made is not None and NOTATION.get(made.primitive.name, TRANSPOSED).template.startswith("[")
    return (BRACKET, operation.inputs) if is_bracket else None


def _summed(operation: Operation) -> Reading:
    axis, ndim = operation.attributes["axis"], len(operation.inputs[0].shape)
    axes = range(ndim) if axis is None else sorted(i % ndim for i in (axis if isinstance(axis, tuple) else (axis,)))
    if len(axes) == ndim:
        over = ""
    elif ndim == 2 and len(axes) == 1:
        over = "rows" if axes[0] == 0 else "columns"
    else:
        over = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes)) or 'none'}"
    notation = Notation(f"Σ {over} {{0:3}}", SUM, rf"\sum_{{{{\text{{{{{over}}}}}}}}} {{0:3}}")
    return notation if over else Notation("Σ {0:3}", SUM, r"\sum {0:3}"), operation.inputs


def _picked(operation: Operation) -> Reading | None:
    column = picked_column(operation)
    return (PICKED, (operation.inputs[0], column)) if column else None


def _along_last_axis(operation: Operation) -> Reading | None:
    axis, ndim = operation.attributes["axis"], len(operation.output.shape)
    if not isinstance(axis, int) or axis % max(ndim, 1) != ndim - 1:
        return None
    return call(operation, {"axis"}), operation.inputs


_SPECIAL: dict[str, Callable[[Operation], Reading | None]] = {
    "astype": _cast,
    "multiply": _product,
    "power": _power,
    "permute_dims": _transposed,
    "reshape": _reshaped,
    "sum": _summed,
    "take_along_axis": _picked,
    "softmax": _along_last_axis,
    "log_softmax": _along_last_axis,
    "log_softmax_backward": _along_last_axis,
}


def call(operation: Operation, hidden: set[str] | None = None) -> Notation:
    """Return the notation `name(operands, attribute=value)`."""
    name = "".join(c if c.isprintable() else "?" for c in operation.primitive.name.lstrip("_"))
    shown = [
        key
        for key, value in operation.attributes.items()
        if value is not None and value is not False and key not in (hidden or ()) and (name, key) not in HIDDEN
    ]
    places = [f"{{{i}}}" for i in range(len(operation.inputs))]
    text = ", ".join(places + [f"{key}={{{key}}}" for key in shown])
    latex = ", ".join(places + [f"{braced(in_roman(key))}={{{key}}}" for key in shown])
    return Notation(f"{braced(name)}({text})", WHOLE, f"{braced(in_roman(name))}({latex})")


def braced(literal: str) -> str:
    """Write a literal so that it can stand in a template."""
    return literal.replace("{", "{{").replace("}", "}}")


def in_roman(word: str) -> str:
    """Write a word upright, in LaTeX."""
    word = word.replace("′", "'")
    return rf"\{'mathrm' if word.isascii() else 'text'}{{{escaped(word)}}}"


def escaped(text: str) -> str:
    """Write in LaTeX what it would read as more than letters; what it cannot show is a question mark."""
    escapes = {"_": r"\_", " ": r"\ "}
    return "".join(c if c.isalnum() or c in "()[],.:;+-=<>…'" else escapes.get(c, "?") for c in text)
