"""Write mathematics down: the formula of a derivative rule, read off the rule itself.

No formula is typed by hand. A rule is run on symbols, as it is run on numbers in a backward pass, and what it did is
written in the notation of `notation.py`; so a formula cannot say anything that the code does not do.
"""

from __future__ import annotations

import inspect
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff import tape
from autodiff.explain.names import Name
from autodiff.explain.writing import Part, write, write_leaf
from autodiff.graph import Tracer, Value
from autodiff.recording import recording
from autodiff.tape import Array, Primitive, Variable, unwrap


class Symbols(NamedTuple):
    """What stands in a formula for the operands, the result and its cotangent, and for the operand's cotangent."""

    operands: Sequence[Part]
    result: Part
    cotangent: Part
    gradient: str


class Rule:
    """The rule of one operand, as it was seen to work on symbols; it can be written with any."""

    def __init__(
        self, primitive: Primitive, operands: Sequence[Array], attributes: dict[str, Any], out: Variable, index: int
    ) -> None:
        """Run the rule; see `formula` for the arguments, and for what is raised."""
        rule = primitive.rules_of(operands)[index]
        if rule is None:
            raise TypeError(f"{primitive.name} has no rule for operand {index}: it is flat in it")
        self._tracer = Tracer()
        symbols = [_symbol(operand, out) for operand in operands]
        cotangent, result = _symbol(out, out), _symbol(out, out)
        self._symbols = [
            self._tracer.add(symbol, "input") if isinstance(symbol, Variable) else None
            for symbol in (*symbols, result, cotangent)
        ]
        with recording(False), tape.watching(self._tracer), np.errstate(all="ignore"):
            given = (tuple(symbols),) if primitive.rule_for else symbols
            self._written = self._tracer.value_of(rule(cotangent, result, *given, **attributes))

    def write(self, symbols: Symbols, *, latex: bool = False) -> str:
        """Return the rule as an equation, `dW1 = Xᵀ·dZ1`, in Unicode or in LaTeX. Numbers are written as numbers."""
        given = (*symbols.operands, symbols.result, symbols.cotangent)
        parts = {value.id: part for value, part in zip(self._symbols, given, strict=True) if value}

        def part_of(value: Value) -> Part:
            return parts.get(value.id) or write_leaf(value.data, latex)

        for operation in self._tracer.graph:
            parts[operation.output.id] = write(operation, part_of, latex)
        return f"{symbols.gradient} = {part_of(self._written).text}"


def formula(
    primitive: Primitive,
    operands: Sequence[Array],
    attributes: dict[str, Any],
    out: Variable,
    index: int,
    *,
    latex: bool = False,
) -> str:
    """Return the rule of one operand as an equation, such as `b̄ = aᵀ·ȳ`, in Unicode or in LaTeX.

    The operands have the names of the kernel's parameters, the result is y, and a bar marks a cotangent. The
    operands' shapes and dtypes are those of the operation asked about; their numbers are of no account.

    Raises whatever the rule does when it is run on symbols; TypeError for an operand that has no rule.
    """
    rule = Rule(primitive, operands, attributes, out, index)
    return rule.write(usual_symbols(primitive, len(operands), index, latex=latex), latex=latex)


def usual_symbols(primitive: Primitive, count: int, index: int, *, latex: bool = False) -> Symbols:
    """Return the names of the kernel's parameters, y for the result, and bars over the cotangents."""

    def shown(name: str, bar: bool = False) -> str:
        return _in_latex(name, bar) if latex else barred(name) if bar else name

    names = parameter_names(primitive, count)
    operands = [Part(shown(name)) for name in names]
    return Symbols(operands, Part(shown("y")), Part(shown("y", bar=True)), shown(names[index], bar=True))


def _symbol(value: Array, out: Variable) -> Array:
    """Return a variable of the same shape and dtype, which is no other; a plain number stands for itself."""
    array = unwrap(value)
    if not isinstance(array, np.ndarray):
        return array
    return out.result_type.of(np.ones(array.shape, array.dtype) if array.dtype.kind == "f" else array.copy())


def parameter_names(primitive: Primitive, count: int) -> list[str]:
    """Return what the kernel calls its operands: `a`, `b`; or `arrays₀`, `arrays₁` where it takes any number."""
    parameters = list(inspect.signature(primitive.kernel).parameters.values())
    if parameters[0].kind == inspect.Parameter.VAR_POSITIONAL:
        return [f"{parameters[0].name}{str(i).translate(_SUBSCRIPTS)}" for i in range(count)]
    return [parameter.name for parameter in parameters[:count]]


def barred(name: str) -> str:
    """Write the cotangent of a variable: its name with a bar over the first letter."""
    return unicodedata.normalize("NFC", f"{name[0]}\N{COMBINING MACRON}{name[1:]}")


def _in_latex(name: str, bar: bool) -> str:
    """Write a parameter's name in LaTeX."""
    word = name.rstrip("₀₁₂₃₄₅₆₇₈₉")
    letter = Name(word).latex()
    number = unicodedata.normalize("NFKC", name[len(word) :])
    return (rf"\bar{{{letter}}}" if bar else letter) + (f"_{{{number}}}" if number else "")


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
