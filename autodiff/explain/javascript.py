"""Write a graph down as JavaScript that computes it again, in a page that nothing else stands behind.

The code is a line an operation, as the graph has them, over a small table of kernels; the arrays are row-major lists
of float64. A kernel is chosen by the name of the primitive alone, so the page can do no other operations, and in no
other order, than the engine did.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.graph import Graph, Operation
from autodiff.source import describe_place

HELPERS = """\
const sizeOf = (shape) => shape.reduce((product, length) => product * length, 1);

const stridesOf = (shape) => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

const made = (shape, number) => ({ shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => number(i)) });

/* The shape that two shapes broadcast to: matched from the right, an axis of length 1 is repeated. */
function broadcastShape(a, b) {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const added = long.length - short.length;
  return long.map((length, axis) => (axis < added || short[axis - added] === 1 ? length : short[axis - added]));
}

/* For position i in a shape, the position in an operand that is broadcast to it. */
function positionIn(operand, shape) {
  const strides = stridesOf(shape), own = stridesOf(operand), added = shape.length - operand.length;
  return (i) => own.reduce((sum, stride, axis) => {
    const along = Math.floor(i / strides[axis + added]) % shape[axis + added];
    return sum + (operand[axis] === 1 ? 0 : along * stride);
  }, 0);
}

const each = (f) => (a) => made(a.shape, (i) => f(a.data[i]));

const both = (f) => (a, b) => {
  const shape = broadcastShape(a.shape, b.shape);
  const inA = positionIn(a.shape, shape), inB = positionIn(b.shape, shape);
  return made(shape, (i) => f(a.data[inA(i)], b.data[inB(i)]));
};

/* Add up what lies along some axes; they stay, with length 1. */
function totals(a, axes) {
  const result = made(a.shape.map((length, axis) => (axes.includes(axis) ? 1 : length)), () => 0);
  const position = positionIn(result.shape, a.shape);
  a.data.forEach((number, i) => { result.data[position(i)] += number; });
  return result;
}

/* For each line along an axis: the positions of its numbers. */
function linesOf(shape, axis) {
  const stride = stridesOf(shape)[axis], length = shape[axis];
  const starts = [...Array(sizeOf(shape)).keys()].filter((i) => Math.floor(i / stride) % length === 0);
  return starts.map((start) => Array.from({ length }, (_, k) => start + k * stride));
}

/* Change each line along an axis by a function of a list of numbers. */
function byLines(f, axis, a, ...others) {
  const result = made(a.shape, () => 0);
  for (const line of linesOf(a.shape, axis)) {
    const numbers = f(...[a, ...others].map((array) => line.map((i) => array.data[i])));
    line.forEach((i, k) => { result.data[i] = numbers[k]; });
  }
  return result;
}

/* For position i among what is picked along an axis of a shape: the position that it is picked from. */
function pickedFrom(indices, axis, shape, picked) {
  const strides = stridesOf(shape), within = stridesOf(picked), inIndices = positionIn(indices.shape, picked);
  return (i) => {
    const index = indices.data[inIndices(i)], place = index < 0 ? index + shape[axis] : index;
    if (!(place >= 0 && place < shape[axis]))
      throw new RangeError(`${index} is no index from 0 to ${shape[axis] - 1}`);
    return strides.reduce((sum, stride, k) =>
      sum + stride * (k === axis ? place : Math.floor(i / within[k]) % picked[k] % shape[k]), 0);
  };
}

/* e to each number, after the largest was taken away, so that nothing overflows; and how large that was. */
function exponentials(numbers) {
  const largest = numbers.reduce((most, x) => (x > most || Number.isNaN(x) ? x : most), -Infinity);
  return { largest, powers: numbers.map((x) => Math.exp(x - largest)) };
}

const sumOf = (numbers) => numbers.reduce((sum, x) => sum + x, 0);
"""

KERNELS = {
    "add": "both((a, b) => a + b)",
    "subtract": "both((a, b) => a - b)",
    "multiply": "both((a, b) => a * b)",
    "divide": "both((a, b) => a / b)",
    "power": "both((a, b) => (a === 1 ? 1 : a ** b))",
    "negative": "each((a) => -a)",
    "exp": "each(Math.exp)",
    "log": "each(Math.log)",
    "sqrt": "each(Math.sqrt)",
    "sin": "each(Math.sin)",
    "cos": "each(Math.cos)",
    "tanh": "each(Math.tanh)",
    "sigmoid": "each((a) => { const e = Math.exp(-Math.abs(a)); return (a >= 0 ? 1 : e) / (1 + e); })",
    "relu": "each((a) => (a <= 0 ? 0 : a))",
    "relu_backward": "both((g, a) => (a > 0 ? g : 0))",
    "astype": "each((a) => a)",
    "matmul": """(a, b) => {
  const [rows, inner] = a.shape, columns = b.shape[1];
  return made([rows, columns], (i) => {
    const row = Math.floor(i / columns), column = i % columns;
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a.data[row * inner + k] * b.data[k * columns + column];
    return sum;
  });
}""",
    "matrix_transpose": """(a) => {
  const [rows, columns] = a.shape;
  return made([columns, rows], (i) => a.data[(i % rows) * columns + Math.floor(i / rows)]);
}""",
    "sum": "(a, axes, shape) => ({ shape, data: totals(a, axes).data })",
    "sum_to": """(a, shape) => {
  const added = a.shape.length - shape.length;
  const axes = [...a.shape.keys()].filter((axis) => axis < added || shape[axis - added] === 1);
  return { shape, data: totals(a, axes).data };
}""",
    "broadcast_to": """(a, shape) => {
  const position = positionIn(a.shape, shape);
  return made(shape, (i) => a.data[position(i)]);
}""",
    "reshape": "(a, shape) => ({ shape, data: a.data })",
    "getitem": "(a, positions, shape) => made(shape, (i) => a.data[positions[i]])",
    "scatter": """(g, positions, shape) => {
  const result = made(shape, () => 0);
  positions.forEach((position, i) => { result.data[position] += g.data[i]; });
  return result;
}""",
    "take_along_axis": """(a, indices, axis, shape) => {
  const position = pickedFrom(indices, axis, a.shape, shape);
  return made(shape, (i) => a.data[position(i)]);
}""",
    "add_along_axis": """(g, indices, axis, shape) => {
  const result = made(shape, () => 0), position = pickedFrom(indices, axis, shape, g.shape);
  g.data.forEach((number, i) => { result.data[position(i)] += number; });
  return result;
}""",
    "softmax": """(a, axis) => byLines((numbers) => {
  const { powers } = exponentials(numbers), total = sumOf(powers);
  return powers.map((power) => power / total);
}, axis, a)""",
    "log_softmax": """(a, axis) => byLines((numbers) => {
  const { largest, powers } = exponentials(numbers), total = Math.log(sumOf(powers));
  return numbers.map((x) => x - largest - total);
}, axis, a)""",
    "log_softmax_backward": """(g, logP, axis) => byLines((cotangents, logs) => {
  const total = sumOf(cotangents);
  return cotangents.map((c, k) => c - Math.exp(logs[k]) * total);
}, axis, g, logP)""",
}
"""By the name of the primitive: a function of its operands and of what `_arguments` makes of its attributes."""


def to_javascript(graph: Graph) -> str:
    """Return the code of a function `recompute(v)`, which fills a list of arrays `{shape, data}`, one a value, by id.

    The leaves must be in the list; every result is then computed from them, line by line in the order of the graph.

    Raises:
        NotImplementedError: an operation has no kernel in JavaScript, or a value is of a type that it cannot hold.
    """
    for operation in graph:
        _check(operation)
    names = sorted({operation.primitive.name for operation in graph})
    kernels = [f"const {name} = {KERNELS[name]};" for name in names]
    lines = [f"  v[{operation.output.id}] = {_call(operation)};" for operation in graph]
    return "\n".join([HELPERS, *kernels, "", "function recompute(v) {", *lines, "}", ""])


def _check(operation: Operation) -> None:
    """Raise unless the page can do an operation as the engine does it."""
    name = operation.primitive.name
    where = f"{name} at {describe_place(operation.place)}"
    if name not in KERNELS:
        raise NotImplementedError(f"{where} has no kernel in JavaScript; add one in autodiff/explain/javascript.py")
    for value in (*operation.inputs, operation.output):
        if value.dtype.kind == "f" and value.dtype != np.float64:
            raise NotImplementedError(f"{where} computes in {value.dtype}, and JavaScript in float64")
    if name in ("matmul", "matrix_transpose") and any(len(value.shape) != 2 for value in operation.inputs):
        raise NotImplementedError(f"{where} takes stacks of matrices, which the kernel in JavaScript does not")
    if "softmax" in name and not isinstance(operation.attributes["axis"], int):
        raise NotImplementedError(f"{where} goes along several axes, which the kernel in JavaScript does not")
    if name == "astype" and operation.output.dtype.kind != "f":
        raise NotImplementedError(f"{where} rounds to {operation.output.dtype}, and JavaScript's kernel does not")


def _call(operation: Operation) -> str:
    """Write the call of a kernel."""
    name = operation.primitive.name
    operands = [f"v[{value.id}]" for value in operation.inputs]
    arguments = _ARGUMENTS[name](operation) if name in _ARGUMENTS else []
    return f"{name}({', '.join([*operands, *map(json.dumps, arguments)])})"


def _shape(operation: Operation) -> list[Any]:
    return [operation.output.shape]


def _axis(operation: Operation) -> list[Any]:
    return [operation.attributes["axis"] % len(operation.inputs[0].shape)]


def _summed(operation: Operation) -> list[Any]:
    """Return the axes that are summed over, as non-negative numbers, and the shape of the result."""
    axis, ndim = operation.attributes["axis"], len(operation.inputs[0].shape)
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return [[each % ndim for each in axes], operation.output.shape]


def _picked(shape: tuple[int, ...], index: Any) -> list[int]:
    """Return the positions that an index of any kind picks from an array of a shape, by picking from these."""
    positions = np.arange(math.prod(shape)).reshape(shape)
    return [int(position) for position in positions[index].flat]


_ARGUMENTS: dict[str, Callable[[Operation], list[Any]]] = {
    "sum": _summed,
    "sum_to": _shape,
    "broadcast_to": _shape,
    "reshape": _shape,
    "getitem": lambda o: [_picked(o.inputs[0].shape, o.attributes["index"]), *_shape(o)],
    "scatter": lambda o: [_picked(o.output.shape, o.attributes["index"]), *_shape(o)],
    "take_along_axis": lambda o: [*_axis(o), *_shape(o)],
    "add_along_axis": lambda o: [*_axis(o), *_shape(o)],
    "softmax": _axis,
    "log_softmax": _axis,
    "log_softmax_backward": _axis,
}
"""What a kernel is told besides its operands: the attributes in a form that needs no more thought."""
