"""The convention card, `python -m autodiff.conventions`: what operations give where the mathematics leaves a choice.

At a kink, a tie, a pole, an empty axis or the end of the numbers, a derivative is a decision. This table says what
was decided, and what TensorFlow does where that differs, with the reason. The tests hold each row to both.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from autodiff import ops

Numbers: TypeAlias = float | tuple[float, ...]

INF, NAN = math.inf, math.nan


@dataclass(frozen=True)
class Answer:
    """What an engine gives at a point.

    The value, or the kind of exception raised. The gradient of the value's first number, by each operand; None for
    an operand that has none. Where it is of interest, the gradient of that gradient's first number.
    """

    value: Numbers | type[Exception]
    gradient: tuple[Numbers | None, ...] = ()
    second: tuple[Numbers, ...] = ()


@dataclass(frozen=True)
class Row:
    """One convention: an expression at a point, and what comes of it here and in TensorFlow (None: the same)."""

    name: str
    expression: str
    at: Mapping[str, Numbers]
    here: Answer
    tensorflow: Answer | None = None
    reason: str = ""

    def evaluate(self, operands: Mapping[str, Any], operations: Mapping[str, Any] | None = None) -> Any:
        """Return the expression's value, by this engine's operations or by others of the same names.

        What is printed is what is run.
        """
        return eval(self.expression, dict(vars(ops) if operations is None else operations), dict(operands))


CARD: tuple[Row, ...] = (
    Row("at a kink", "relu(x)", {"x": 0.0}, Answer(0.0, (0.0,), (0.0,))),
    Row("at a kink", "relu(x)", {"x": -0.0}, Answer(0.0, (0.0,), (0.0,))),
    Row("at a kink", "abs(x)", {"x": 0.0}, Answer(0.0, (0.0,), (0.0,))),
    Row("at a kink", "abs(x)", {"x": -0.0}, Answer(0.0, (0.0,), (0.0,))),
    Row("at a kink", "sign(x)", {"x": 0.0}, Answer(0.0, (0.0,), (0.0,))),
    Row("at a kink", "sign(x)", {"x": -0.0}, Answer(0.0, (0.0,), (0.0,))),
    Row("at a kink", "sqrt(square(x))", {"x": 0.0}, Answer(0.0, (NAN,), (NAN,))),
    Row("at a tie", "max(x)", {"x": (2.0, 1.0, 2.0)}, Answer(2.0, ((0.5, 0.0, 0.5),), ((0.0, 0.0, 0.0),))),
    Row("at a tie", "min(x)", {"x": (1.0, 1.0, 2.0)}, Answer(1.0, ((0.5, 0.5, 0.0),), ((0.0, 0.0, 0.0),))),
    Row("at a tie", "max(x)", {"x": (0.0, -0.0)}, Answer(0.0, ((0.5, 0.5),))),
    Row("at a tie", "max(x)", {"x": (INF, INF)}, Answer(INF, ((0.5, 0.5),))),
    Row("at a tie", "maximum(a, b)", {"a": 1.0, "b": 1.0}, Answer(1.0, (1.0, 0.0), (0.0, 0.0))),
    Row("at a tie", "minimum(a, b)", {"a": 1.0, "b": 1.0}, Answer(1.0, (1.0, 0.0), (0.0, 0.0))),
    Row("at a tie", "maximum(a, b)", {"a": -0.0, "b": 0.0}, Answer(0.0, (1.0, 0.0))),
    Row("at a tie", "maximum(x, x)", {"x": 1.0}, Answer(1.0, (1.0,))),
    Row("at a tie", "argmax(x)", {"x": (1.0, 3.0, 3.0)}, Answer(1, (None,))),
    Row("at a tie", "argmin(x)", {"x": (3.0, 1.0, 1.0)}, Answer(1, (None,))),
    Row("at a bound", "clip(x, 0, 1)", {"x": 0.0}, Answer(0.0, (1.0,), (0.0,))),
    Row("at a bound", "clip(x, 0, 1)", {"x": 1.0}, Answer(1.0, (1.0,), (0.0,))),
    Row("at a bound", "clip(x, lo, hi)", {"x": 1.0, "lo": 0.0, "hi": 1.0}, Answer(1.0, (1.0, 0.0, 0.0))),
    Row("at a bound", "clip(x, lo, hi)", {"x": 2.0, "lo": 0.0, "hi": 1.0}, Answer(1.0, (0.0, 0.0, 1.0))),
    Row("at a bound", "clip(x, lo, hi)", {"x": 0.0, "lo": 2.0, "hi": 1.0}, Answer(1.0, (0.0, 0.0, 1.0)),
        Answer(2.0, (0.0, 1.0, 0.0)), "Where the bounds are crossed the upper has the last word, as in NumPy."),
    Row("powers", "power(x, 0)", {"x": 0.0}, Answer(1.0, (0.0,), (0.0,)),
        Answer(1.0, (NAN,), (NAN,)), "x⁰ is the constant 1, so its derivatives are 0; 0·x⁻¹ would be 0·∞."),
    Row("powers", "power(a, b)", {"a": 0.0, "b": 0.0}, Answer(1.0, (0.0, 0.0)),
        Answer(1.0, (NAN, 0.0)), "a⁰ is the constant 1; in b, 0ᵇ jumps, and both engines say 0."),
    Row("powers", "power(x, 1)", {"x": 0.0}, Answer(0.0, (1.0,), (0.0,)),
        Answer(0.0, (1.0,), (NAN,)), "The derivative of x is the constant 1, as above."),
    Row("powers", "power(a, b)", {"a": 0.0, "b": 2.0}, Answer(0.0, (0.0, 0.0), (2.0, 0.0))),
    Row("powers", "power(x, 0.5)", {"x": 0.0}, Answer(0.0, (INF,), (-INF,))),
    Row("powers", "power(a, b)", {"a": 0.0, "b": -1.0}, Answer(INF, (-INF, NAN))),
    Row("powers", "power(0, b)", {"b": 2.0}, Answer(0.0, (0.0,), (0.0,))),
    Row("powers", "power(a, b)", {"a": -2.0, "b": 3.0}, Answer(-8.0, (12.0, 0.0), (-12.0, 4.0))),
    Row("powers", "power(a, b)", {"a": -2.0, "b": 0.5}, Answer(NAN, (NAN, NAN))),
    Row("powers", "power(a, b)", {"a": 2.0, "b": 0.0}, Answer(1.0, (0.0, math.log(2)), (0.0, 0.5))),
    Row("at a pole", "log(x)", {"x": 0.0}, Answer(-INF, (INF,), (-INF,))),
    Row("at a pole", "log(x)", {"x": -0.0}, Answer(-INF, (-INF,), (-INF,))),
    Row("at a pole", "log(x)", {"x": -1.0}, Answer(NAN, (-1.0,), (-1.0,))),
    Row("at a pole", "log1p(x)", {"x": -1.0}, Answer(-INF, (INF,), (-INF,))),
    Row("at a pole", "sqrt(x)", {"x": 0.0}, Answer(0.0, (INF,), (-INF,))),
    Row("at a pole", "sqrt(x)", {"x": -1.0}, Answer(NAN, (NAN,), (NAN,))),
    Row("at a pole", "divide(a, b)", {"a": 1.0, "b": 0.0}, Answer(INF, (INF, -INF), (0.0, -INF))),
    Row("at a pole", "divide(a, b)", {"a": 1.0, "b": -0.0}, Answer(-INF, (-INF, -INF), (0.0, -INF))),
    Row("at a pole", "divide(a, b)", {"a": 0.0, "b": 0.0}, Answer(NAN, (INF, NAN), (0.0, -INF))),
    Row("at a pole", "where(x > 0, log(x), 0)", {"x": 0.0}, Answer(0.0, (NAN,))),
    Row("at a pole", "where(x > 0, sqrt(x), 0)", {"x": 0.0}, Answer(0.0, (NAN,)), Answer(0.0, (0.0,)),
        "What where does not choose has the cotangent 0, and 0·∞ is NaN; TensorFlow makes it 0 for sqrt alone. "
        "Guard the operand too: sqrt(where(x > 0, x, 1))."),
    Row("far out", "erf(x)", {"x": 1e4}, Answer(1.0, (0.0,), (0.0,))),
    Row("far out", "exp(x)", {"x": 1e4}, Answer(INF, (INF,), (INF,))),
    Row("far out", "exp(x)", {"x": -1e4}, Answer(0.0, (0.0,), (0.0,))),
    Row("far out", "sigmoid(x)", {"x": 1e4}, Answer(1.0, (0.0,), (0.0,))),
    Row("far out", "sigmoid(x)", {"x": -1e4}, Answer(0.0, (0.0,), (0.0,))),
    Row("far out", "sigmoid(x)", {"x": -INF}, Answer(0.0, (0.0,), (0.0,))),
    Row("far out", "sigmoid(x)", {"x": 40.0}, Answer(1.0, (math.exp(-40),), (-math.exp(-40),)),
        Answer(1.0, (0.0,), (0.0,)), "1 − σ(x) is written σ(−x), which does not round to 0."),
    Row("far out", "softplus(x)", {"x": 1e4}, Answer(1e4, (1.0,), (0.0,))),
    Row("far out", "softplus(x)", {"x": -1e4}, Answer(0.0, (0.0,), (0.0,))),
    Row("far out", "softplus(x)", {"x": INF}, Answer(INF, (1.0,), (0.0,))),
    Row("far out", "softplus(x)", {"x": 40.0}, Answer(40.0, (1.0,), (math.exp(-40),)),
        Answer(40.0, (1.0,), (0.0,)), "Its derivative is σ(x), of which the same is true."),
    Row("far out", "tanh(x)", {"x": 1e4}, Answer(1.0, (0.0,), (0.0,))),
    Row("far out", "tanh(x)", {"x": -1e4}, Answer(-1.0, (0.0,), (0.0,))),
    Row("far out", "tanh(x)", {"x": INF}, Answer(1.0, (0.0,), (0.0,))),
    Row("logits", "softmax(x)", {"x": (1e4, 0.0)}, Answer((1.0, 0.0), ((0.0, 0.0),))),
    Row("logits", "softmax(x)", {"x": (-1e4, -1e4)}, Answer((0.5, 0.5), ((0.25, -0.25),), ((0.0, 0.0),))),
    Row("logits", "softmax(x)", {"x": (0.0, -INF)}, Answer((1.0, 0.0), ((0.0, 0.0),))),
    Row("logits", "softmax(x)", {"x": (-INF, -INF)}, Answer((NAN, NAN), ((NAN, NAN),))),
    Row("logits", "softmax(x)", {"x": (INF, INF)}, Answer((NAN, NAN), ((NAN, NAN),))),
    Row("logits", "log_softmax(x)", {"x": (0.0, 1e4)}, Answer((-1e4, 0.0), ((1.0, -1.0),))),
    Row("logits", "log_softmax(x)", {"x": (1e4, 1e4)},
        Answer((-math.log(2), -math.log(2)), ((0.5, -0.5),), ((-0.25, 0.25),))),
    Row("logits", "log_softmax(x)", {"x": (-INF, 0.0)}, Answer((-INF, 0.0), ((1.0, -1.0),))),
    Row("logits", "log_softmax(x)", {"x": (-INF, -INF)}, Answer((NAN, NAN), ((NAN, NAN),))),
    Row("logits", "log_softmax(x)", {"x": (0.0, INF)}, Answer((NAN, NAN), ((NAN, NAN),))),
    Row("logits", "logsumexp(x)", {"x": (1e4, -1e4)}, Answer(1e4, ((1.0, 0.0),))),
    Row("logits", "logsumexp(x)", {"x": (-1e4, -1e4)},
        Answer(math.log(2) - 1e4, ((0.5, 0.5),), ((0.25, -0.25),))),
    Row("logits", "logsumexp(x)", {"x": (-INF, 0.0)}, Answer(0.0, ((0.0, 1.0),))),
    Row("logits", "logsumexp(x)", {"x": (-INF, -INF)}, Answer(-INF, ((NAN, NAN),))),
    Row("logits", "logsumexp(x)", {"x": (0.0, INF)}, Answer(INF, ((NAN, NAN),)), Answer(INF, ((0.0, NAN),)),
        "The gradient is softmax(x), which has no answer here, in TensorFlow neither."),
    Row("of nothing", "sum(x)", {"x": ()}, Answer(0.0, ((),))),
    Row("of nothing", "prod(x)", {"x": ()}, Answer(1.0, ((),))),
    Row("of nothing", "mean(x)", {"x": ()}, Answer(NAN, ((),))),
    Row("of nothing", "var(x)", {"x": ()}, Answer(NAN, ((),))),
    Row("of nothing", "max(x)", {"x": ()}, Answer(ValueError), Answer(-INF, ((),)),
        "Nothing has no largest element; NumPy says so too, where −∞ would travel on unnoticed."),
    Row("of nothing", "min(x)", {"x": ()}, Answer(ValueError), Answer(INF, ((),)), "As for max."),
    Row("of nothing", "logsumexp(x)", {"x": ()}, Answer(ValueError), Answer(-INF, ((),)),
        "It is the soft maximum, so as for max."),
    Row("of nothing", "softmax(x)", {"x": ()}, Answer(ValueError), Answer((), ((),)),
        "Probabilities of nothing do not sum to 1."),
    Row("of nothing", "argmax(x)", {"x": ()}, Answer(ValueError)),
    Row("of equal numbers", "var(x)", {"x": (2.0, 2.0)}, Answer(0.0, ((0.0, 0.0),), ((0.5, -0.5),))),
    Row("of equal numbers", "std(x)", {"x": (2.0, 2.0)}, Answer(0.0, ((NAN, NAN),))),
    Row("products with zeros", "prod(x)", {"x": (0.0, 2.0, 3.0)}, Answer(0.0, ((6.0, 0.0, 0.0),), ((0.0, 3.0, 2.0),))),
    Row("products with zeros", "prod(x)", {"x": (0.0, 0.0, 3.0)}, Answer(0.0, ((0.0, 0.0, 0.0),), ((0.0, 3.0, 0.0),)),
        Answer(0.0, ((0.0, 0.0, 0.0),), ((0.0, 0.0, 0.0),)), "∂²(x₁x₂x₃)/∂x₁∂x₂ is x₃, whatever x₁ and x₂ are."),
    Row("with NaN", "relu(x)", {"x": NAN}, Answer(NAN, (0.0,))),
    Row("with NaN", "abs(x)", {"x": NAN}, Answer(NAN, (NAN,))),
    Row("with NaN", "sign(x)", {"x": NAN}, Answer(NAN, (0.0,))),
    Row("with NaN", "max(x)", {"x": (NAN, 1.0)}, Answer(NAN, ((NAN, NAN),))),
    Row("with NaN", "min(x)", {"x": (1.0, NAN)}, Answer(NAN, ((NAN, NAN),))),
    Row("with NaN", "maximum(a, b)", {"a": NAN, "b": 1.0}, Answer(NAN, (0.0, 1.0))),
    Row("with NaN", "minimum(a, b)", {"a": 1.0, "b": NAN}, Answer(NAN, (0.0, 1.0))),
    Row("with NaN", "clip(x, 0, 1)", {"x": NAN}, Answer(NAN, (0.0,))),
    Row("with NaN", "log_softmax(x)", {"x": (1.0, NAN)}, Answer((NAN, NAN), ((NAN, NAN),))),
    Row("with NaN", "logsumexp(x)", {"x": (NAN, 1.0)}, Answer(NAN, ((NAN, NAN),))),
    Row("with NaN", "argmax(x)", {"x": (1.0, NAN)}, Answer(1, (None,)), Answer(0, (None,)),
        "Where max is NaN, argmax says where it is, as in NumPy; TensorFlow passes over it."),
    Row("with NaN", "equal(a, b)", {"a": NAN, "b": NAN}, Answer(False, (None, None))),
    Row("of integers", "relu(i)", {"i": -3}, Answer(0, (None,))),
    Row("of integers", "sum(i)", {"i": (1, 2)}, Answer(3, (None,))),
    Row("of integers", "mean(i)", {"i": (1, 2)}, Answer(1.5, (None,)), Answer(1, (None,)),
        "The mean of 1 and 2 is not 1; NumPy computes it in float64."),
    Row("of integers", "divide(i, j)", {"i": 1, "j": 2}, Answer(0.5, (None, None))),
    Row("of integers", "power(i, j)", {"i": 2, "j": -1}, Answer(ValueError)),
    Row("of integers", "sqrt(i)", {"i": 4}, Answer(2.0, (None,)), Answer(Exception),
        "NumPy makes float64 of integers where the result is real."),
    Row("of integers", "multiply(i, x)", {"i": 2, "x": 1.5}, Answer(3.0, (None, 2.0)), Answer(Exception),
        "Dtypes are promoted as in NumPy; TensorFlow asks for a cast."),
    Row("of integers", "sum(p)", {"p": (True, True)}, Answer(2, (None,)), Answer(Exception),
        "NumPy counts what is true."),
    Row("of integers", "astype(x, 'int64')", {"x": -1.7}, Answer(-1, (None,))),
    Row("of integers", "one_hot(i, 3)", {"i": 3}, Answer((0.0, 0.0, 0.0), (None,))),
    Row("of integers", "one_hot(i, 3)", {"i": -1}, Answer((0.0, 0.0, 0.0), (None,))),
)  # fmt: skip


WIDTH = 100


def card() -> Iterator[str]:
    """Yield the lines of the card, aligned, and at most `WIDTH` columns wide."""
    yield from textwrap.wrap(
        "What each operation gives where the mathematics leaves a choice. The gradient is that of the value's first "
        "number, by each operand; the second, that of the gradient's first number.", WIDTH
    )
    table = [("expression", "at", "value", "gradient", "second"), *map(_cells, CARD)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    heading, *lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
    yield from ("", f"  {heading}")
    for name, rows in groupby(zip(CARD, lines, strict=True), key=lambda pair: pair[0].name):
        yield name
        for row, line in rows:
            yield f"  {line}"
            if row.tensorflow:
                yield from textwrap.wrap(_difference(row), WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 6)


def _cells(row: Row) -> tuple[str, ...]:
    """Write a row in the columns of the table."""
    at = ", ".join(f"{name} = {_written(numbers)}" for name, numbers in row.at.items())
    return row.expression, at, *_parts(row.here)


def _parts(answer: Answer) -> tuple[str, ...]:
    """Write an answer's value, gradient and second gradient."""
    return _written(answer.value), *(", ".join(map(_written, part)) for part in (answer.gradient, answer.second))


def _difference(row: Row) -> str:
    """Write what TensorFlow gives otherwise, and why."""
    assert row.tensorflow is not None
    pairs = zip(("value", "gradient", "second"), _parts(row.tensorflow), _parts(row.here), strict=True)
    theirs = "; ".join(f"{part} {there}" for part, there, here in pairs if there and there != here)
    return f"TensorFlow: {'an error' if row.tensorflow.value is Exception else theirs}. {row.reason}"


def _written(value: Numbers | type[Exception] | None) -> str:
    """Write numbers to four digits, and what is none as what it is."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, type):
        return value.__name__
    if value is None or isinstance(value, bool):
        return "none" if value is None else str(value)
    return f"{value:.4g}".replace("e+0", "e").replace("inf", "∞").replace("nan", "NaN").replace("-", "−")


if __name__ == "__main__":
    print("\n".join(card()))
