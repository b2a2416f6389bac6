"""Find the first NaN or infinity where it arises, and changes behind the engine's back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autodiff import tape
from autodiff.backward import describe_rule, seal
from autodiff.errors import describe, describe_call
from autodiff.source import caller, describe_place
from autodiff.tape import Array, Primitive, Variable, unwrap


@contextlib.contextmanager
def anomaly() -> Iterator[None]:
    """Within `with anomaly(): …`, raise as soon as an operation or a derivative rule gives a NaN or an infinity.

    What is recorded here is sealed as well: a backward pass, here or later, raises if an array that a rule reads has
    been changed in place since, by `t.data[…] = …` or through another name of its memory. Outside of `anomaly` only
    changes through the engine are noticed (an optimizer's step, `t.data = …`).

    Everything is looked at, so that a training step takes a few times as long. It holds for the current thread and
    async context alone.

    Raises:
        FloatingPointError: in the operation or the rule that gave the first NaN or infinity; it names the operation,
            its operands and what they hold, and where it was called.
        GradientError: in the backward pass that would read a changed array.
    """
    with tape.watching(_Inspector()):
        yield


class _Inspector(tape.Watcher):
    def operation(
        self, primitive: Primitive, operands: tuple[Array, ...], attributes: dict[str, Any], result: Array
    ) -> None:
        if fault := _fault(result):
            raise FloatingPointError(
                f"{describe_call(primitive.name, operands, attributes)} at {describe_place(caller())} gave {fault}. "
                f"Operands: {_statistics(operands)}."
            )
        if isinstance(result, Variable) and result.node:
            result.node.seal = seal(result.node, result)

    def step(self, variable: Variable, cotangent: Array, contributions: Sequence[Array | None]) -> None:
        for index, contribution in enumerate(contributions):
            if variable.node and (fault := _fault(contribution)):
                raise FloatingPointError(
                    f"{describe_rule(variable.node, variable, index)} gave {fault}. The cotangent ȳ: "
                    f"{_statistics([cotangent])}. Operands: {_statistics(variable.node.inputs)}."
                )


def _fault(value: Array) -> str:
    """Say how many numbers of a value are NaN or infinite; nothing if none is."""
    array = np.asarray(unwrap(value))
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return ""
    return f"{_count(array)} among {array.size}"


def _count(array: np.ndarray) -> str:
    counts = {"NaN": np.isnan(array).sum(), "infinite": np.isinf(array).sum()}
    return " and ".join(f"{count} {kind}" for kind, count in counts.items() if count)


def _statistics(operands: Sequence[Array]) -> str:
    """Describe each operand by the range and mean of its finite numbers, and by how many are not finite."""
    return "; ".join(f"{describe(operand)}{_range(np.asarray(unwrap(operand)))}" for operand in operands)


def _range(array: np.ndarray) -> str:
    if array.size == 0 or not array.shape:
        return f" {array}" if array.size else ""
    finite = array[np.isfinite(array)]
    range_ = f" from {finite.min():g} to {finite.max():g}, mean {finite.mean():g}" if finite.size else ""
    return range_ if finite.size == array.size else f"{range_}, {_count(array)}"
