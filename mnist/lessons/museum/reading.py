"""Wrong readers of the tape: backward passes that go wrong."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np

import autodiff as ad
from autodiff import backward as reader
from autodiff.tape import Variable
from mnist.lessons.museum.exhibit import Exhibit, Numbers


def _leaf(value: Any, name: str) -> ad.Tensor:
    return ad.Tensor(np.asarray(value, dtype=float), requires_grad=True, name=name)


# ── overwrite for accumulate ────────────────────────────────────────────────────────────────────────────


def _twice(x: ad.Tensor) -> Any:
    return x * ad.sin(x)


def _overwrite_numbers() -> Numbers:
    x = _leaf(2.0, "x")
    _twice(x).backward()
    by_trying = (_twice(ad.Tensor(2 + 1e-6)).item() - _twice(ad.Tensor(2 - 1e-6)).item()) / 2e-6
    shared = _leaf(3.0, "w")
    (shared * np.array([1.0, 2.0, 3.0]) + shared).sum().backward()
    return {
        "slope of x·sin x at 2": x.grad.item(),
        "the same by trying": round(by_trying, 6),
        "slope of Σ (w·[1, 2, 3] + w)": shared.grad.item(),
    }


OVERWRITE = Exhibit(
    name="overwrite",
    title="= for +=",
    lesson=4,
    story=(
        "A number that is used twice receives two contributions on the way back. Here the second overwrites the "
        "first. Everything that is used only once still has the right gradient, so small examples pass; a network "
        "without shared weights may even train."
    ),
    switch=lambda: patch.object(reader, "add", lambda earlier, contribution: contribution),
    numbers=_overwrite_numbers,
    graph=lambda: ad.Graph.of(_twice(_leaf(2.0, "x")), backward=True),
    caught_by="tests/autodiff/test_backward.py::test_a_node_used_twice_accumulates",
    wrong="cotangents[operand] = contribution",
    right="cotangents[operand] = contribution if earlier is None else add(earlier, contribution)",
)


# ── depth first for topological order ───────────────────────────────────────────────────────────────────


def _in_depth(output: Variable, stop: Any = ()) -> list[Variable]:
    """Return what led to the output as a walk in depth meets it, last to first: an order, but no topological one."""
    met: dict[int, Variable] = {}

    def visit(variable: Variable) -> None:
        if id(variable) in met:
            return
        met[id(variable)] = variable
        for operand in variable.node.inputs if variable.node else ():
            if isinstance(operand, Variable) and operand.tracked:
                visit(operand)

    visit(output)
    return list(reversed(met.values()))


def _arms(x: ad.Tensor) -> Any:
    short = 3 * x
    long = short * short
    return short + long


def _depth_numbers() -> Numbers:
    x = _leaf(1.0, "x")
    _arms(x).backward()
    chain = _leaf(1.0, "x")
    (chain * chain * chain).backward()
    return {"slope of 3x + (3x)² at 1": x.grad.item(), "slope of x³ at 1": chain.grad.item()}


DEPTH_FIRST = Exhibit(
    name="depth-first",
    title="Depth first for topological order",
    lesson=3,
    story=(
        "The walk back goes down one arm to the end before it looks at the other, and visits each number once. So a"
        " number has its turn before all that was made from it has reported; what comes later is lost. Chains come "
        "out right, and a stack of layers is a chain. The first shortcut past a layer breaks it."
    ),
    switch=lambda: patch.object(reader, "ancestry", _in_depth),
    numbers=_depth_numbers,
    graph=lambda: ad.Graph.of(_arms(_leaf(1.0, "x")), backward=True),
    caught_by="tests/autodiff/test_backward.py::test_a_diamond_of_unequal_arms_waits_for_the_longer",
    wrong="for variable in depth_first(output):",
    right="for variable in sorted(ancestry(output), key=age, reverse=True):",
)


# ── no un-broadcasting ──────────────────────────────────────────────────────────────────────────────────


def _biased(b: ad.Tensor) -> Any:
    return (np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]) * b).sum()


def _broadcast_numbers() -> Numbers:
    b = _leaf([0.5, -0.5], "b")
    _biased(b).backward()
    return {"shape of b": b.shape, "shape of its gradient": b.grad.shape, "its gradient": b.grad.data}


NO_UNBROADCASTING = Exhibit(
    name="no-unbroadcasting",
    title="Broadcasting that is not undone",
    lesson=6,
    story=(
        "A row was copied to each line of a table; on the way back nobody adds the copies up. The gradient has the "
        "table's shape. The worst of it: `b -= lr * gradient` broadcasts again, so that b silently becomes a table "
        "too, and the next batch size raises an error far from here."
    ),
    switch=lambda: patch.object(reader, "_fit", lambda cotangent, data: cotangent),
    numbers=_broadcast_numbers,
    graph=lambda: ad.Graph.of(_biased(_leaf([0.5, -0.5], "b")), backward=True),
    caught_by="tests/autodiff/test_backward.py::test_a_bias_gets_the_sum_over_the_batch",
    wrong="contribution = rule(cotangent, …)",
    right="contribution = sum_to(rule(cotangent, …), shape=operand.shape)",
)


# ── a saved value changed in place ──────────────────────────────────────────────────────────────────────


def _square(x: ad.Tensor) -> Any:
    return (x * x).sum()


def _changed_numbers() -> Numbers:
    x = _leaf([1.0, 2.0, 3.0], "x")
    loss = _square(x)
    _meddle(x)
    loss.backward()
    return {"loss, Σ x²": loss.item(), "its gradient, 2·x": x.grad.data}


def _meddle(x: ad.Tensor) -> None:
    """Do nothing; within the switch it normalises x in place, between the way there and the way back."""


def _normalise(x: ad.Tensor) -> None:
    x.data[...] /= x.data.max()


CHANGED_IN_PLACE = Exhibit(
    name="changed-in-place",
    title="A saved value changed in place",
    lesson=2,
    story=(
        "The rule of x·x needs x on the way back. Between the two passes somebody normalises the array in place, "
        "through `x.data[…]`, behind the engine's back. The loss is of the old numbers, the gradient of the new "
        "ones. Within `with ad.anomaly():` the engine seals what it saves, and raises an error that names the line."
    ),
    switch=lambda: patch(f"{__name__}._meddle", _normalise),
    numbers=_changed_numbers,
    graph=lambda: ad.Graph.of(_square(_leaf([1.0, 2.0, 3.0], "x")), backward=True),
    caught_by="tests/autodiff/test_anomaly.py::test_a_change_by_another_name_of_the_memory_is_an_error",
    wrong="x.data[...] /= x.data.max(); loss.backward()",
    right="loss.backward(); x.data = x.data / x.data.max()",
)
