"""The domains of the primitives: where each is tried, and what NumPy says that it gives there.

This is data. `test_contract.py` demands of every registered primitive all that a primitive promises, and asks
here, by the primitive's name, for operands and attributes to try it on. To declare a new one is a line of
`DOMAINS`, made of the strategies above it: `elementwise`, `along_axis`, `made_of` one array and attributes
that fit its shape. Numbers are drawn off kinks and singularities, where a derivative can be measured.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.autodiff.cases import log_softmax, logsumexp, slid, softmax, splitmix, summed_to

Shape = tuple[int, ...]
Strategy = st.SearchStrategy
Use = tuple[tuple[np.ndarray, ...], dict[str, Any]]
"""The operands and attributes of one use of a primitive. Floating-point operands are float64 and C-contiguous."""


@dataclass(frozen=True)
class Domain:
    """Where a primitive is tried, and its oracle.

    The oracle takes what the primitive takes, and computes it without the engine, from NumPy's functions.
    """

    oracle: Callable[..., Any]
    uses: Strategy[Use]
    differentiable: bool = True
    """Whether results are recorded. Their derivatives are measured for every floating-point operand."""
    analytic: bool = True
    """Whether the oracle can be carried on to complex numbers: its derivative is then known to the last digits."""
    takes_numbers: bool = False
    """Whether a Python number may stand for a floating-point operand."""


# ── numbers: of a shape, a strategy for arrays ──────────────────────────────────────────────────────────


def numbers(make: Callable[[np.random.Generator, Shape], np.ndarray]) -> Callable[[Shape], Strategy[np.ndarray]]:
    """Leave the choice of numbers to a generator: Hypothesis is to look for shapes, and needs only a seed."""
    seeds = st.integers(0, 2**32 - 1)
    return lambda shape: seeds.map(lambda seed: np.asarray(make(np.random.default_rng(seed), shape)))


def between(low, high):
    return numbers(lambda rng, shape: rng.uniform(low, high, shape))


def apart(offset):
    """Numbers of both signs, 1/4 from each other and at least 1/16 from 0 and from those of another offset."""

    def make(rng, shape):
        n = math.prod(shape)
        return (rng.permutation(n).reshape(shape) - rng.integers(n + 1) + offset) / 4

    return numbers(make)


any_sign, positive, above_minus_1 = between(-2, 2), between(0.5, 2.5), between(-0.5, 2)
off_zero = numbers(lambda rng, shape: rng.uniform(0.5, 2.5, shape) * rng.choice([-1, 1], shape))
with_ties = numbers(lambda rng, shape: rng.integers(-2, 3, shape) * 0.5)
truths = numbers(lambda rng, shape: rng.random(shape) < 0.5)
labels = numbers(lambda rng, shape: rng.integers(-2, 6, shape).astype(rng.choice([float, int])))
dtypes, doubles, singles = st.sampled_from((np.float64, np.float32)), st.just(np.float64), st.just(np.float32)


# ── shapes and places ───────────────────────────────────────────────────────────────────────────────────


@st.composite
def shapes(draw, min_dims=0, max_dims=4):
    """Shapes mostly of two or three axes, some of length 1; in one shape of six, one of length 0."""
    ndim = draw(st.sampled_from([n for n in (0, 1, 2, 3, 2, 3, 4) if min_dims <= n <= max_dims]))
    lengths = [draw(st.integers(1, 4)) for _ in range(ndim)]
    if lengths and draw(st.integers(0, 5)) == 5:
        lengths[draw(st.integers(0, ndim - 1))] = 0
    return tuple(lengths)


@st.composite
def narrower(draw, shape):
    """A shape that broadcasts to the one given."""
    if draw(st.booleans()):
        return shape
    kept = shape[draw(st.integers(0, len(shape))) :]
    return tuple(1 if draw(st.booleans()) else n for n in kept)


@st.composite
def rearranged(draw, shape):
    """A shape, or a single length, for as many elements; −1 may stand for one of the lengths."""
    result = draw(st.sampled_from(([], [1])))
    for n in draw(st.permutations(shape)):
        if result and draw(st.booleans()):
            result[-1] *= n
        else:
            result.append(n)
    if result and 0 not in shape and draw(st.booleans()):
        result[draw(st.integers(0, len(result) - 1))] = -1
    return result[0] if len(result) == 1 and draw(st.booleans()) else tuple(result)


def axis_of(ndim, tuples=True):
    """None, an axis counted from either end, or a tuple of those."""
    axes = [st.none()] + [st.integers(-ndim, ndim - 1)] * (ndim > 0) + [hnp.valid_tuple_axes(ndim)] * tuples
    return st.one_of(*axes)


def orders(ndim):
    """The order of axes reversed, or given by numbers counted from either end."""
    signed = st.tuples(st.permutations(range(ndim)), st.lists(st.booleans(), min_size=ndim, max_size=ndim))
    return st.none() | signed.map(lambda s: tuple(i - ndim * sign for i, sign in zip(*s, strict=True)))


def indices(shape):
    """An index of any kind: numbers, slices, new axes, an ellipsis; booleans; arrays of integers that may repeat."""

    def part(n):
        if n == 0:
            return st.slices(n)
        picks = hnp.arrays(np.intp, st.sampled_from(((2,), (3, 1))), elements=st.integers(-n, n - 1))
        return st.slices(n) | st.integers(-n, n - 1) | picks | picks.map(np.ndarray.tolist)

    masks = st.integers(0, len(shape)).flatmap(lambda n: hnp.arrays(bool, shape[:n]))
    return st.one_of(hnp.basic_indices(shape, allow_newaxis=True), masks, st.tuples(*map(part, shape)))


def margins(ndim):
    """Widths to pad by: a number, a pair, or a pair for each axis."""
    counts = st.integers(0, 2)
    pairs = st.tuples(counts, counts)
    return counts | pairs | st.tuples(pairs) | st.tuples(*[pairs] * max(ndim, 1))


# ── uses: operands and the attributes that fit them ─────────────────────────────────────────────────────


@st.composite
def elementwise(draw, *operands):
    """Operands that broadcast together, and no attributes."""
    shape = draw(shapes())
    return tuple(draw(numbers(draw(narrower(shape)) if len(operands) > 1 else shape)) for numbers in operands), {}


@st.composite
def made_of(draw, shapes, numbers=any_sign, **attributes):
    """One operand, and for each attribute a strategy that is given the operand's shape."""
    shape = draw(shapes)
    return (draw(numbers(shape)),), {name: draw(strategy(shape)) for name, strategy in attributes.items()}


@st.composite
def along_axis(draw, *operands, tuples=True, empty=False, **attributes):
    """Operands of one shape and an axis (or axes), along which there is nothing only where `empty`."""
    shape = draw(shapes())
    axis = draw(axis_of(len(shape), tuples))
    if not empty:
        along = range(len(shape)) if axis is None else [i % len(shape) for i in np.atleast_1d(axis).astype(int)]
        shape = tuple(max(n, 1) if i in along else n for i, n in enumerate(shape))
    others = {name: draw(strategy) for name, strategy in attributes.items()}
    return tuple(draw(numbers(shape)) for numbers in operands), {"axis": axis, **others}


@st.composite
def summing_to(draw):
    """An array, and a shape that broadcasts to its own."""
    shape = draw(shapes())
    return (draw(any_sign(shape)),), {"shape": draw(narrower(shape))}


@st.composite
def broadcasting_to(draw):
    """An array, and a shape that its own broadcasts to."""
    shape = draw(shapes())
    return (draw(any_sign(draw(narrower(shape)))),), {"shape": shape}


@st.composite
def scattering(draw):
    """An array of the shape that an index picks from another shape, that index and that shape."""
    shape = draw(shapes())
    index = draw(indices(shape))
    return (draw(any_sign(np.empty(shape)[index].shape)),), {"index": index, "shape": shape}


@st.composite
def picking(draw, adjoint=False):
    """An array and indices along one of its axes; for the adjoint, an array of the shape that they pick."""
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    n, chosen = shape[axis], [n if draw(st.booleans()) else 1 for n in shape]
    chosen[axis] = draw(st.sampled_from((1, 2, 3, 4, 0) if n else (0,)))
    places = draw(numbers(lambda rng, shape: rng.integers(-n, n, shape) if n else np.zeros(shape, int))(tuple(chosen)))
    if not adjoint:
        return (draw(any_sign(shape)), places), {"axis": axis}
    picked = np.take_along_axis(np.empty(shape), places, axis).shape
    return (draw(any_sign(picked)), places), {"axis": axis, "shape": shape}


@st.composite
def joining(draw):
    """Arrays that differ in length along the axis on which they are joined, and the bounds that they reach to."""
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    lengths = draw(st.lists(st.sampled_from((1, 2, 3, 4, 0)), min_size=1, max_size=3))
    parts = [tuple(n if i == axis % len(shape) else m for i, m in enumerate(shape)) for n in lengths]
    return tuple(draw(any_sign(part)) for part in parts), {"axis": axis, "bounds": (*accumulate(lengths, initial=0),)}


@st.composite
def matrices(draw):
    """Stacks of matrices, of shapes (…, m, k) and (…, k, n)."""
    stack = draw(shapes(max_dims=2))
    m, k, n = (draw(st.integers(1, 5) | st.integers(0, 5)) for _ in range(3))
    return (draw(any_sign((*draw(narrower(stack)), m, k))), draw(any_sign((*draw(narrower(stack)), k, n)))), {}


@st.composite
def sliding(draw, adjoint=False):
    """An array, windows over its last axes, and strides; for the adjoint, an array of such windows, and the shape."""
    stack = draw(shapes(max_dims=2))
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=2))
    window = tuple(draw(st.integers(1, n)) for n in lengths)
    steps = tuple(draw(st.integers(1, 3)) for _ in lengths)
    if len(set(steps)) == 1 and draw(st.booleans()):
        steps = steps[0]
    shape = (*stack, *lengths)
    if adjoint:
        return (draw(any_sign(slid(np.empty(shape), window, steps).shape)),), {"shape": shape, "stride": steps}
    return (draw(any_sign(shape)),), {"window": window[0] if len(window) == 1 else window, "stride": steps}


@st.composite
def drawing(draw):
    """A seed and a count, and a shape and dtype of what they determine."""
    words = st.integers(0, 2**64 - 1) | st.integers(0, 3)
    state = np.array([draw(words), draw(words)], np.uint64)
    return (state,), {"shape": draw(shapes()), "dtype": draw(dtypes)}


# ── oracles for which NumPy has no name ─────────────────────────────────────────────────────────────────


def astype(a, dtype):
    """A conversion: over the complex numbers none, for its derivative is that of the identity."""
    return a if np.iscomplexobj(a) else a.astype(dtype)


def relu_backward(cotangent, a):
    return np.where(a.real > 0, cotangent, 0 * a)


def added_to(places, g, shape):
    """Zeros of a shape, to which each element of g is added at its place in row-major order: a product with 0 and 1."""
    chosen = places.reshape(-1, 1) == np.arange(math.prod(shape))
    return (g.reshape(-1) @ chosen).reshape(shape)


def places_of(shape):
    """For each element of a shape, its place in row-major order."""
    return np.arange(math.prod(shape)).reshape(shape)


def scatter(g, index, shape):
    return added_to(places_of(shape)[index], g, shape)


def add_along_axis(g, indices, axis, shape):
    return added_to(np.take_along_axis(places_of(shape), indices, axis), g, shape)


def add_windows(g, shape, stride):
    return added_to(slid(places_of(shape), g.shape[len(shape) :], stride), g, shape)


def log_softmax_backward(cotangent, log_p, axis):
    return cotangent - np.exp(log_p) * np.sum(cotangent, axis, keepdims=True)


def one_hot(indices, n, dtype):
    return np.array([[i == j for j in range(n)] for i in indices.flat], dtype).reshape(*indices.shape, n)


# ── the domains ─────────────────────────────────────────────────────────────────────────────────────────


def unary(oracle, numbers, **kinds):
    return Domain(oracle, elementwise(numbers), **kinds)


def nary(oracle, *numbers, **kinds):
    return Domain(oracle, elementwise(*numbers), takes_numbers=True, **kinds)


def flat(oracle, uses):
    return Domain(oracle, uses, differentiable=False)


keepdims = st.booleans()

DOMAINS = {
    "abs": unary(np.abs, apart(0.25), analytic=False),
    "add": nary(np.add, any_sign, any_sign),
    "add_along_axis": Domain(add_along_axis, picking(adjoint=True)),
    "add_windows": Domain(add_windows, sliding(adjoint=True)),
    "alias": unary(np.array, any_sign),
    "argmax": flat(np.argmax, along_axis(with_ties, tuples=False, keepdims=keepdims)),
    "argmin": flat(np.argmin, along_axis(with_ties, tuples=False, keepdims=keepdims)),
    "astype": Domain(astype, made_of(shapes(), dtype=lambda _: dtypes)),
    "broadcast_to": Domain(np.broadcast_to, broadcasting_to()),
    "concat": Domain(lambda *arrays, axis, bounds: np.concatenate(arrays, axis), joining()),
    "cos": unary(np.cos, any_sign),
    "cumsum": Domain(np.cumsum, along_axis(any_sign, tuples=False, empty=True)),
    "divide": nary(np.divide, any_sign, off_zero),
    "equal": flat(np.equal, elementwise(with_ties, with_ties)),
    "erf": unary(lambda a: np.vectorize(math.erf, otypes=[a.dtype])(a), any_sign, analytic=False),
    "exp": unary(np.exp, any_sign),
    "expm1": unary(np.expm1, any_sign),
    "getitem": Domain(lambda a, index: a[index], made_of(shapes(), index=indices)),
    "greater": flat(np.greater, elementwise(with_ties, with_ties)),
    "greater_equal": flat(np.greater_equal, elementwise(with_ties, with_ties)),
    "less": flat(np.less, elementwise(with_ties, with_ties)),
    "less_equal": flat(np.less_equal, elementwise(with_ties, with_ties)),
    "log": unary(np.log, positive),
    "log1p": unary(np.log1p, above_minus_1),
    "log_softmax": Domain(log_softmax, along_axis(any_sign)),
    "log_softmax_backward": Domain(log_softmax_backward, along_axis(any_sign, any_sign, empty=True)),
    "logical_and": flat(np.logical_and, elementwise(truths, truths)),
    "logical_not": flat(np.logical_not, elementwise(truths)),
    "logical_or": flat(np.logical_or, elementwise(truths, truths)),
    "logsumexp": Domain(logsumexp, along_axis(any_sign, keepdims=keepdims)),
    "matmul": Domain(np.matmul, matrices()),
    "matrix_transpose": Domain(np.matrix_transpose, made_of(shapes(min_dims=2))),
    "max": Domain(np.max, along_axis(apart(0.25), keepdims=keepdims)),
    "maximum": nary(np.maximum, apart(0.25), apart(0.75)),
    "min": Domain(np.min, along_axis(apart(0.25), keepdims=keepdims)),
    "minimum": nary(np.minimum, apart(0.25), apart(0.75)),
    "multiply": nary(np.multiply, any_sign, any_sign),
    "negative": unary(np.negative, any_sign),
    "not_equal": flat(np.not_equal, elementwise(with_ties, with_ties)),
    "one_hot": flat(one_hot, made_of(shapes(), labels, n=lambda _: st.integers(0, 5), dtype=lambda _: dtypes)),
    "pad": Domain(np.pad, made_of(shapes(), pad_width=lambda shape: margins(len(shape)))),
    "permute_dims": Domain(np.transpose, made_of(shapes() | shapes(min_dims=3), axes=lambda shape: orders(len(shape)))),
    "power": nary(np.power, positive, any_sign),
    "relu": unary(lambda a: np.maximum(a, 0), apart(0.25)),
    "relu_backward": nary(relu_backward, any_sign, apart(0.25)),
    "reshape": Domain(np.reshape, made_of(shapes(), shape=rearranged)),
    "scatter": Domain(scatter, scattering()),
    "sigmoid": unary(lambda a: 1 / (1 + np.exp(-a)), any_sign),
    "sign": unary(np.sign, apart(0.25), analytic=False),
    "sin": unary(np.sin, any_sign),
    "sliding_windows": Domain(slid, sliding()),
    "softmax": Domain(softmax, along_axis(any_sign)),
    "softplus": unary(lambda a: np.log1p(np.exp(a)), any_sign),
    "sqrt": unary(np.sqrt, positive),
    "subtract": nary(np.subtract, any_sign, any_sign),
    "sum": Domain(np.sum, along_axis(any_sign, empty=True, keepdims=keepdims)),
    "sum_to": Domain(summed_to, summing_to()),
    "take_along_axis": Domain(np.take_along_axis, picking()),
    "tanh": unary(np.tanh, any_sign),
    "uniform": flat(splitmix, drawing()),
    "where": nary(np.where, truths, any_sign, any_sign),
}  # fmt: skip
"""The domain of every primitive of the engine, by its name."""
