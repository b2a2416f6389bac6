"""Every operation at random: operands and attributes that the engine and TensorFlow both take.

The numbers are exact in float32, so that both precisions compute with the same. Kinks and ties are met on purpose:
what a derivative is there is a convention, and it is TensorFlow's. Singularities are not: the convention card
(`autodiff/conventions.py`) says what happens there.
"""

import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.autodiff.cases import BINARY, COMPARISONS, UNARY, apart, positive, random

FLAT = {*COMPARISONS, "logical_and", "logical_or", "logical_not", "argmax", "argmin", "one_hot", "uniform"}
"""The operations that have no gradient."""

OF_A_LIST = {"concat", "stack"}
"""The operations that take their operands as one list."""


@dataclass(frozen=True)
class Draw:
    """One use of an operation: its operands, floating-point ones in float64, and its attributes."""

    operation: str
    operands: tuple[np.ndarray, ...]
    attributes: dict[str, Any]

    def of(self, operations):
        """The operation of this name among some, with these attributes, as a function of the operands."""
        f = operations[self.operation]
        return lambda *xs: f(*([list(xs)] if self.operation in OF_A_LIST else xs), **self.attributes)

    def operands_in(self, dtype):
        """The operands, with the floating-point ones in a precision."""
        return [x.astype(dtype) if x.dtype.kind == "f" else x for x in self.operands]

    def __str__(self):
        shapes = ", ".join(f"{x.dtype}{x.shape}" for x in self.operands)
        return f"{self.operation} of {shapes} with {self.attributes}"


def draw(operation, seed):
    """The use of an operation that a seed stands for."""
    rng = np.random.default_rng([seed, zlib.crc32(operation.encode())])
    operands, attributes = DRAWS[operation](rng)
    exact = (x.astype(np.float32).astype(np.float64) if x.dtype.kind == "f" else x for x in map(np.asarray, operands))
    return Draw(operation, tuple(exact), attributes)


# ── shapes and axes ─────────────────────────────────────────────────────────────────────────────────────


def a_shape(rng, least=0, most=4, shortest=1, empty=True):
    """A shape of `least` to `most` axes, each of a length from `shortest` to 4, or now and then empty."""
    lengths = rng.integers(shortest, 5, rng.integers(least, most + 1)).tolist()
    return tuple(0 if empty and rng.random() < 0.04 else n for n in lengths)


def narrowed(rng, shape):
    """A shape that broadcasts to another."""
    short = shape[rng.integers(len(shape) + 1) if rng.random() < 0.4 else 0 :]
    return tuple(1 if rng.random() < 0.2 else n for n in short)


def an_axis(rng, ndim):
    """An axis, counted from either end."""
    return int(rng.integers(-ndim, ndim))


def some_axes(rng, ndim):
    """None, an axis, or several."""
    kind = rng.integers(4) if ndim else 0
    if kind < 2:
        return an_axis(rng, ndim) if kind else None
    axes = rng.permutation(ndim)[: rng.integers(1, ndim + 1)].tolist()
    return tuple(axis - ndim * int(rng.integers(2)) for axis in axes)


def a_seed(rng):
    return int(rng.integers(1 << 30))


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────


def halves(shape, seed=0):
    """Halves around 0, so that zeros and ties are common."""
    return np.round(2 * random(shape, seed)) / 2


def logits(shape, seed=0):
    """Numbers around 0, or so far from it that their exponentials overflow or vanish."""
    return random(shape, seed) + np.random.default_rng(seed).choice([0, 1000, -1000])


def truths(shape, seed=0):
    return random(shape, seed) > 0


KINKED = {"abs", "relu", "sign", "maximum", "minimum"}


# ── families of operations: each gives a function of a generator, which draws operands and attributes ───


def of_numbers(*makers):
    """Operands that broadcast together, each by its maker."""

    def draw(rng):
        shape = a_shape(rng)
        return [make(narrowed(rng, shape), a_seed(rng)) for make in makers], {}

    return draw


def of_an_array(attributes=lambda rng, shape: {}, make=random, **limits):
    """One array, of a shape within limits, and attributes that fit the shape."""

    def draw(rng):
        shape = a_shape(rng, **limits)
        return [make(shape, a_seed(rng))], attributes(rng, shape)

    return draw


def reduction(make=random, **limits):
    attributes = lambda rng, shape: {"axis": some_axes(rng, len(shape)), "keepdims": bool(rng.integers(2))}
    return of_an_array(attributes, make, **limits)


def along_an_axis(make=random, **limits):
    return of_an_array(lambda rng, shape: {"axis": an_axis(rng, len(shape))}, make, least=1, **limits)


def clipped(rng):
    """Numbers, and bounds that broadcast to them, the lower at most the upper."""
    shape = a_shape(rng)
    width = np.abs(halves(narrowed(rng, shape), a_seed(rng)))
    lo = halves(narrowed(rng, width.shape), a_seed(rng))
    return [halves(shape, a_seed(rng)), lo, lo + width], {}


def another_shape(rng, shape):
    """As many elements along other axes, the length of one perhaps left to find."""
    lengths = rng.permutation([*shape, 1]).astype(int).tolist()
    if math.prod(shape) and rng.integers(2):
        lengths[rng.integers(len(lengths))] = -1
    return {"shape": tuple(lengths)}


def axes_of_length_one(rng, shape):
    ones = [i - len(shape) * int(rng.integers(2)) for i, n in enumerate(shape) if n == 1]
    return {"axis": None if rng.integers(2) else tuple(ones[: rng.integers(len(ones) + 1)])}


def broadcast(rng):
    shape = a_shape(rng)
    return [random(narrowed(rng, shape), a_seed(rng))], {"shape": shape}


def an_index(rng, shape):
    """Integers and slices, one array of integers, one for each axis, a mask, or a mixture."""
    kind = 0 if 0 in shape or not shape else rng.integers(5)
    if kind == 1:
        return {"index": places(rng, shape[0], (3, 2))}
    if kind == 2:
        return {"index": tuple(places(rng, n, (3, 2)[axis % 2 :]) for axis, n in enumerate(shape))}
    if kind == 3:
        return {"index": rng.random(shape[: rng.integers(1, len(shape) + 1)]) < 0.5}
    parts = [a_part(rng, n) for n in shape[: rng.integers(len(shape) + 1)]]
    if kind == 4 and parts:
        axis = rng.integers(len(parts))
        parts[axis] = places(rng, shape[axis], 3)
    if rng.integers(2):
        parts.insert(int(rng.integers(len(parts) + 1)), None)
    return {"index": tuple(parts)}


def places(rng, n, shape):
    """Places along an axis of length n, counted from either end, of which some repeat."""
    return rng.integers(-n, n, shape)


def a_part(rng, n):
    """An integer, or a slice in either direction."""
    if n and rng.integers(2):
        return int(rng.integers(-n, n))
    bounds = [None if rng.integers(2) else int(rng.integers(-n - 1, n + 2)) for _ in range(2)]
    return slice(*bounds, int(rng.choice([-2, -1, 1, 2])))


def picked(rng):
    shape = a_shape(rng, least=1, empty=False)
    axis = an_axis(rng, len(shape))
    chosen = [*shape]
    chosen[axis] = int(rng.integers(1, 5))
    return [random(shape, a_seed(rng)), places(rng, shape[axis], chosen)], {"axis": axis}


def joined(rng):
    shape = a_shape(rng, least=1)
    axis = an_axis(rng, len(shape))
    parts = [[*shape] for _ in range(rng.integers(1, 4))]
    for part in parts:
        part[axis] = int(rng.integers(4))
    return [random(part, a_seed(rng)) for part in parts], {"axis": axis}


def stacked(rng):
    shape = a_shape(rng, most=3)
    return [random(shape, a_seed(rng)) for _ in range(rng.integers(1, 4))], {"axis": an_axis(rng, len(shape) + 1)}


def matrices(rng):
    """Matrices, stacks of them that broadcast, and vectors."""
    m, k, n = rng.integers(1, 5, 3).tolist()
    stack = a_shape(rng, most=2)
    a = (k,) if rng.random() < 0.2 else (*narrowed(rng, stack), m, k)
    b = (k,) if rng.random() < 0.2 else (*narrowed(rng, stack), k, n)
    return [random(a, a_seed(rng)), random(b, a_seed(rng))], {}


def slid(rng):
    shape = a_shape(rng, least=1, empty=False)
    window = tuple(int(rng.integers(1, n + 1)) for n in shape[-rng.integers(1, min(len(shape), 2) + 1) :])
    return [random(shape, a_seed(rng))], {"window": window, "stride": tuple(rng.integers(1, 4, len(window)).tolist())}


def counted(rng):
    state = rng.integers(2**64, size=2, dtype=np.uint64)
    return [state], {"shape": a_shape(rng), "dtype": str(rng.choice(["float32", "float64"]))}


DRAWS = {
    **{name: of_numbers(halves if name in KINKED else make) for name, _, make in UNARY},
    **{name: of_numbers(*[halves] * 2 if name in KINKED else makers) for name, _, *makers in BINARY},
    **{name: of_numbers(halves, halves) for name in COMPARISONS},
    "argmax": along_an_axis(halves, empty=False),
    "argmin": along_an_axis(halves, empty=False),
    "astype": of_an_array(lambda rng, shape: {"dtype": str(rng.choice(["float32", "float64"]))}),
    "broadcast_to": broadcast,
    "clip": clipped,
    "concat": joined,
    "cumsum": along_an_axis(positive),
    "expand_dims": of_an_array(lambda rng, shape: {"axis": an_axis(rng, len(shape) + 1)}),
    "flatten": of_an_array(lambda rng, shape: {"start_axis": int(rng.integers(len(shape)))}, least=1),
    "getitem": of_an_array(an_index),
    "log_softmax": along_an_axis(logits, empty=False),
    "logical_and": of_numbers(truths, truths),
    "logical_not": of_numbers(truths),
    "logical_or": of_numbers(truths, truths),
    "logsumexp": reduction(logits, empty=False),
    "matmul": matrices,
    "matrix_transpose": of_an_array(least=2),
    "max": reduction(halves, empty=False),
    "mean": reduction(positive, empty=False),
    "min": reduction(halves, empty=False),
    "one_hot": lambda rng: ([rng.integers(-1, 5, a_shape(rng))], {"n": int(rng.integers(1, 5))}),
    "pad": of_an_array(lambda rng, shape: {"pad_width": rng.integers(3, size=(len(shape), 2)).tolist()}, least=1),
    "permute_dims": of_an_array(lambda rng, shape: {"axes": tuple(rng.permutation(len(shape)).tolist())}),
    "prod": reduction(positive),
    "ravel": of_an_array(),
    "reshape": of_an_array(another_shape),
    "sliding_windows": slid,
    "softmax": along_an_axis(logits, empty=False),
    "squeeze": of_an_array(axes_of_length_one),
    "stack": stacked,
    "std": reduction(apart, shortest=3, least=1, empty=False),
    "sum": reduction(positive),
    "sum_to": of_an_array(lambda rng, shape: {"shape": narrowed(rng, shape)}),
    "swapaxes": of_an_array(lambda rng, shape: {f"axis{i}": an_axis(rng, len(shape)) for i in (1, 2)}, least=1),
    "take_along_axis": picked,
    "var": reduction(shortest=2, empty=False),
    "uniform": counted,
    "where": of_numbers(truths, random, random),
}
