"""The table of operations: for each, what it should compute, and where to try it.

Every operation of `autodiff.ops` stands here, so that the tests that hold for all of them are written once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import autodiff as ad


@dataclass(frozen=True)
class Case:
    """One use of an operation, and its oracle.

    `f` takes Tensors; `numpy` is the same in arrays, independent of the engine. The real operands are float64 and
    keep away from kinks.
    """

    operation: str
    label: str
    operands: tuple[np.ndarray, ...]
    f: Callable[..., Any]
    numpy: Callable[..., Any]
    differentiable: bool = True

    def __post_init__(self):
        object.__setattr__(self, "operands", tuple(np.asarray(x) for x in self.operands))

    @property
    def id(self) -> str:
        return f"{self.operation}-{self.label}"

    @property
    def varied(self) -> tuple[int, ...]:
        """The places of the operands that have a gradient."""
        return tuple(i for i, x in enumerate(self.operands) if x.dtype.kind == "f")

    def of(self, dtype: Any) -> tuple[np.ndarray, ...]:
        """The operands, with the floating-point ones in another precision."""
        return tuple(x.astype(dtype) if x.dtype.kind == "f" else x for x in self.operands)

    def cotangent(self) -> np.ndarray:
        """A random cotangent of the result."""
        return random(np.shape(self.numpy(*self.operands)), seed=99)

    def weights(self) -> tuple[np.ndarray, ...]:
        """A random array like each operand that varies, to make a number of its gradient."""
        return tuple(random(self.operands[i].shape, seed=100 + i) for i in self.varied)


def random(shape, seed=0):
    """Normal numbers."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def apart(shape, seed=0):
    """Numbers of both signs, 0.02 from each other, from 0 and from those of a seed of other parity."""
    n = int(np.prod(shape))
    steps = np.arange(n) - n // 2 + (0.5 if n % 2 else 0.25) + 0.125 * (seed % 2)
    return np.random.default_rng([seed, *shape]).permutation(steps * 0.16).reshape(shape)


def positive(shape, seed=0):
    """Numbers from 0.3 up."""
    return np.abs(random(shape, seed)) + 0.3


def large(shape, seed=0):
    """Numbers away from 0, of either sign."""
    x = random(shape, seed)
    return np.where(x < 0, x - 0.5, x + 0.5)


SHAPES = [(), (0,), (1,), (5,), (3, 4), (2, 0, 3), (2, 1, 3)]
PAIRS = [
    ((), ()),
    ((3, 4), (3, 4)),
    ((4,), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((1,), (5,)),
    ((0, 4), (4,)),
    ((2, 1, 3), (4, 1)),
]


def logsumexp(x, axis=-1, keepdims=False):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def softmax(x, axis=-1):
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)


def log_softmax(x, axis=-1):
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


UNARY = [
    ("abs", np.abs, apart),
    ("alias", np.array, random),
    ("cos", np.cos, random),
    ("erf", lambda x: np.vectorize(math.erf, otypes=[x.dtype])(x), random),
    ("exp", np.exp, random),
    ("expm1", np.expm1, random),
    ("log", np.log, positive),
    ("log1p", np.log1p, positive),
    ("negative", np.negative, random),
    ("relu", lambda x: np.maximum(x, 0), apart),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), random),
    ("sign", np.sign, apart),
    ("sin", np.sin, random),
    ("softplus", lambda x: np.logaddexp(0, x), random),
    ("sqrt", np.sqrt, positive),
    ("square", np.square, random),
    ("tanh", np.tanh, random),
]

BINARY = [
    ("add", np.add, random, random),
    ("subtract", np.subtract, random, random),
    ("multiply", np.multiply, random, random),
    ("divide", np.divide, random, large),
    ("power", np.power, positive, random),
    ("maximum", np.maximum, apart, apart),
    ("minimum", np.minimum, apart, apart),
]

COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]

AXES = [
    ((), None),
    ((5,), 0),
    ((1,), -1),
    ((3, 4), None),
    ((3, 4), 0),
    ((3, 4), -1),
    ((2, 3, 4), 1),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (-1, -2)),
    ((2, 3, 4), ()),
    ((2, 1, 4), (1,)),
]
EMPTY_AXES = [((0,), None), ((0, 3), 0), ((2, 0, 3), (0, 1)), ((0, 3), 1)]


def use(operation, label, operands, *args, numpy=None, differentiable=True, **kwargs):
    """The case of an operation on operands, with attributes that NumPy's function takes in the same way."""
    ours, theirs = getattr(ad, operation), numpy or getattr(np, operation)
    f, oracle = (lambda *xs: ours(*xs, *args, **kwargs)), (lambda *xs: theirs(*xs, *args, **kwargs))
    return Case(operation, label, operands, f, oracle, differentiable)


def elementwise():
    for name, numpy, make in UNARY:
        for shape in SHAPES:
            yield use(name, str(shape), (make(shape),), numpy=numpy)
    for name, numpy, make_a, make_b in BINARY:
        for a, b in PAIRS:
            yield use(name, f"{a},{b}", (make_a(a), make_b(b, 1)), numpy=numpy)
    for name in COMPARISONS:
        for a, b in PAIRS:
            yield use(name, f"{a},{b}", (np.round(random(a)), np.round(random(b, 1))), differentiable=False)
    for shape in SHAPES:
        x, y = random(shape) > 0, random(shape, 1) > 0
        yield use("logical_and", str(shape), (x, y), differentiable=False)
        yield use("logical_or", str(shape), (x, y), differentiable=False)
        yield use("logical_not", str(shape), (x,), differentiable=False)
        yield Case("astype", str(shape), (random(shape),), lambda x: ad.astype(x, x.dtype), np.array)
    for n in (-2, -1, 2, 3):
        yield Case("power", f"**{n}", (large((3, 4)),), lambda x, n=n: x**n, lambda x, n=n: x ** float(n))
    yield Case("power", "2**", (random((3, 4)),), lambda x: 2**x, lambda x: 2.0**x)
    triples = [
        ((3, 4),) * 3,
        ((4,), (3, 1), (1, 4)),
        ((3, 1), (), (4,)),
        ((), (2,), (2,)),
        ((0, 2), (2,), ()),
    ]
    for c, a, b in triples:
        operands = (random(c, 5) > 0, random(a), random(b, 1))
        yield use("where", f"{c},{a},{b}", operands)
    for a, lo, hi in [((3, 4), (), ()), ((5,), (1,), ()), ((3, 4), (4,), (3, 1)), ((0,), (), ())]:
        operands = (apart(a), -np.abs(random(lo)) - 0.011, np.abs(random(hi)) + 0.011)
        yield use("clip", f"{a},{lo},{hi}", operands)
    x = (apart((3, 4)),)
    yield use("clip", "no lo", x, None, 0.5)
    yield use("clip", "no hi", x, -0.5, None)
    yield Case("clip", "no bound", x, ad.clip, np.array)


def reductions():
    for name in ("sum", "mean", "prod", "max", "min", "var", "std", "logsumexp"):
        numpy = logsumexp if name == "logsumexp" else getattr(np, name)
        for shape, axis in AXES + (EMPTY_AXES if name in ("sum", "prod") else EMPTY_AXES[-1:]):
            if name == "std" and np.var(apart(shape), axis=axis).min(initial=1) == 0:
                continue  # a standard deviation of 0 has no derivative
            for keep in (False, True):
                label = f"{shape},{axis},{keep}"
                yield use(name, label, (apart(shape),), numpy=numpy, axis=axis, keepdims=keep)
    for name in ("var", "std"):
        yield use(name, "ddof", (random((3, 4)),), axis=1, ddof=1)
    for axis in (0, 1, -1, -2):
        yield use("cumsum", str(axis), (random((3, 4)),), axis)
    for shape in ((), (1,), (0, 3), (3, 4)):
        yield use("cumsum", str(shape), (random(shape),))
    for name in ("argmax", "argmin"):
        for axis in (None, 0, 1, -1):
            for keep in (False, True):
                x = (np.round(random((3, 4))),)
                yield use(name, f"{axis},{keep}", x, axis=axis, keepdims=keep, differentiable=False)
    one = [((5,), -1), ((1,), 0), ((3, 4), -1), ((3, 4), 0), ((2, 3, 4), 1), ((2, 3, 4), -3), ((0, 4), -1)]
    for name, numpy in (("softmax", softmax), ("log_softmax", log_softmax)):
        for shape, axis in one:
            yield use(name, f"{shape},{axis}", (random(shape),), numpy=numpy, axis=axis)
        for axis in (None, (0, 2), (-1, 0)):
            yield use(name, str(axis), (random((2, 3, 4)),), numpy=numpy, axis=axis)


def shapes():
    x = (random((2, 3, 4)),)
    for shape in ((24,), (4, 6), (-1, 4), -1, (2, 1, 3, 4)):
        yield use("reshape", str(shape), x, shape)
    yield use("reshape", "number", (random(()),), (1, 1))
    yield use("reshape", "empty", (random((0, 3)),), (3, 0, 2))
    for axes in (None, (0, 1, 2), (1, 2, 0), (-1, 0, 1), (2, -2, 0)):
        yield use("permute_dims", str(axes), x, axes, numpy=np.transpose)
    for axes in ((0, 1), (-1, 0), (2, -2), (1, 1)):
        yield use("swapaxes", str(axes), x, *axes)
    yield use("swapaxes", "two names of one axis", (random((3, 4)),), 0, -2)
    for shape in ((3, 4), (2, 3, 4), (0, 2)):
        numpy = lambda x: np.einsum("...ij->...ji", x)
        yield use("matrix_transpose", str(shape), (random(shape),), numpy=numpy)
    for a, b in [
        ((), (2, 3)),
        ((1,), (3,)),
        ((4,), (3, 4)),
        ((3, 1), (2, 3, 4)),
        ((3, 1), (3, 0)),
        ((3, 4),) * 2,
    ]:
        yield use("broadcast_to", f"{a},{b}", (random(a),), b)
        yield use("sum_to", f"{b},{a}", (random(b),), a, numpy=summed_to)
    for axis in (0, 1, -1, (0, 2), (0, -1), ()):
        yield use("expand_dims", str(axis), (random((3, 4)),), axis)
    for axis in (None, 0, -1, (0, 3), (-1,), ()):
        yield use("squeeze", str(axis), (random((1, 2, 3, 1)),), axis)
    for shape in SHAPES:
        for name in ("ravel", "flatten"):
            yield use(name, str(shape), (random(shape),), numpy=np.ravel)
    yield Case("flatten", "from 1", x, lambda x: ad.flatten(x, 1), lambda x: x.reshape(2, 12))
    yield Case("flatten", "from -2", x, lambda x: ad.flatten(x, -2), lambda x: x.reshape(2, 12))
    images = (random((0, 3, 2)),)
    yield Case("flatten", "no images", images, lambda x: ad.flatten(x, 1), lambda x: x.reshape(0, 6))


def summed_to(x, shape):
    """The sum, one element at a time, of what broadcasting from a shape would have spread."""
    total = np.zeros(shape, x.dtype)
    for index in np.ndindex(x.shape):
        own = index[len(index) - len(shape) :]
        total[tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))] += x[index]
    return total


INDICES = {
    "integer": 1,
    "negative": -1,
    "numpy integer": np.int64(2),
    "slice": slice(1, 3),
    "step": slice(None, None, -2),
    "empty slice": slice(2, 2),
    "ellipsis": Ellipsis,
    "none": None,
    "nothing": (),
    "tuple": (1, 2),
    "mixture": (None, 1, Ellipsis, slice(None, None, -2), None),
    "ellipsis and integer": (Ellipsis, -1),
    "list": [2, 0],
    "list with repeats": [0, 0, 1, 0],
    "array of 2 axes": np.array([[0, 2, 0], [1, 1, 1]]),
    "negative and positive names of one row": np.array([2, -1, 2]),
    "pair of arrays": (np.array([0, 2, 0]), np.array([1, 1, 1])),
    "arrays that broadcast": (np.array([[0], [2]]), np.array([1, 1, 3])),
    "array and slice": (np.array([1, 1]), slice(1, None, 2)),
    "slice and array": (slice(None), np.array([3, 3, 0])),
    "integer and array": (1, np.array([0, 0])),
    "array, none, array": (np.array([0, 0]), None, np.array([1, 1])),
    "tuples": ((0, 0, 2), (1, 1, 3)),
    "one tuple": ((0, 0),),
    "range": range(2),
    "rows by booleans": np.array([True, False, True]),
    "all by booleans": np.arange(20).reshape(4, 5) % 3 == 0,
    "no rows": np.zeros(4, bool),
    "list of booleans": [True, False, False, True],
    "boolean": True,
    "false": False,
    "empty list": [],
    "empty array": np.zeros((0, 2), int),
    "booleans and integer": (np.array([True, False, True, True]), 2),
    "unsigned": np.array([3, 3], np.uint8),
}


def fitted(index):
    """The index, with an array of booleans made as long as an axis of 4."""
    if isinstance(index, np.ndarray) and index.dtype == bool and index.shape == (3,):
        return np.append(index, True)
    return index


def indexing():
    x = (random((4, 5)),)
    for label, given in INDICES.items():
        index = fitted(given)
        yield Case("getitem", label, x, lambda x, i=index: x[i], lambda x, i=index: x[i])
    yield Case("getitem", "function", x, lambda x: ad.getitem(x, (0, slice(1, 3))), lambda x: x[0, 1:3])
    yield Case("getitem", "number", (random(()),), lambda x: x[...], lambda x: x[...])
    rng = np.random.default_rng(7)
    for shape, chosen, axis in [
        ((5,), (3,), 0),
        ((3, 4), (3, 1), 1),
        ((3, 4), (3, 1), -1),
        ((3, 4), (3, 6), -1),
        ((3, 4), (2, 4), 0),
        ((2, 3, 4), (2, 5, 4), 1),
        ((3, 4), (1, 2), 1),
        ((1, 4), (3, 2), 1),
        ((3, 4), (3, 0), 1),
    ]:
        i = rng.integers(-shape[axis], shape[axis], chosen)
        yield use("take_along_axis", f"{shape},{chosen},{axis}", (random(shape), i), axis=axis)
    operands = (random((3, 4)), np.array([[2], [0], [3]]))
    yield use("take_along_axis", "labels", operands, axis=1)
    for i in (np.array(2), np.array([0, 2, 2]), np.array([[1], [0]]), np.zeros(0, int)):
        oracle = lambda i, n: np.eye(n, dtype=np.float32)[i]
        yield use("one_hot", str(i.shape), (i,), 3, numpy=oracle, differentiable=False)


def joined(operation, label, operands, **kwargs):
    """The case of an operation on a list of its operands."""
    ours, numpy = getattr(ad, operation), getattr(np, operation)
    return Case(operation, label, operands, lambda *xs: ours(xs, **kwargs), lambda *xs: numpy(xs, **kwargs))


def joining():
    for parts, axis in [
        (((2,), (3,)), 0),
        (((2, 3), (1, 3), (4, 3)), 0),
        (((2, 3), (2, 1)), 1),
        (((2, 3), (2, 2)), -1),
        (((2, 3), (0, 3)), 0),
        (((2, 3, 4), (2, 1, 4)), -2),
    ]:
        operands = tuple(random(shape, i) for i, shape in enumerate(parts))
        yield joined("concat", f"{parts},{axis}", operands, axis=axis)
    x = (random((2, 3)),)
    yield joined("concat", "flat", (*x, random((), 1)), axis=None)
    yield Case("concat", "one twice", x, lambda x: ad.concat([x, x]), lambda x: np.concatenate([x, x]))
    for shape, axis in [((), 0), ((3,), 0), ((3,), 1), ((2, 3), -1), ((2, 3), 1), ((2, 3), -3), ((0, 2), 0)]:
        operands = tuple(random(shape, i) for i in range(3))
        yield joined("stack", f"{shape},{axis}", operands, axis=axis)
    for width in (1, (1, 2), ((1, 0), (2, 3)), ((0, 0), (0, 1)), ((1, 2),)):
        yield use("pad", str(width), x, width)
    yield use("pad", "empty", (random((0,)),), 2)


def slid(x, window, stride=1):
    """NumPy's windows, of which some are picked."""
    window = (window,) if isinstance(window, int) else window
    steps = (stride,) * len(window) if isinstance(stride, int) else stride
    every = np.lib.stride_tricks.sliding_window_view(x, window, axis=range(x.ndim - len(window), x.ndim))
    return every[(..., *(slice(None, None, step) for step in steps), *(slice(None),) * len(window))]


def windows():
    for shape, window, stride in [
        ((5,), 3, 1),
        ((5,), (5,), 7),
        ((2, 6), 2, (2,)),
        ((4, 5), (2, 3), 1),
        ((2, 1, 5, 6), (3, 2), (2, 3)),
        ((2, 4, 4), (2, 2), 2),
        ((0, 4, 4), (2, 2), 1),
        ((3, 4, 5), (2, 3, 2), (1, 1, 2)),
    ]:
        yield use("sliding_windows", f"{shape},{window},{stride}", (random(shape),), window, stride, numpy=slid)


def splitmix(state, shape, dtype=np.float32):
    """The outputs of SplitMix64 as fractions, from its published text (Vigna, splitmix64.c) in Python's integers."""
    whole = 2**64

    def mix(z):
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % whole
        z = (z ^ z >> 27) * 0x94D049BB133111EB % whole
        return z ^ z >> 31

    seed, count = map(int, state)
    start, digits = mix(seed ^ mix(count)), {"f": 24, "d": 53}[np.dtype(dtype).char]
    numbers = [mix((start + (i + 1) * 0x9E3779B97F4A7C15) % whole) for i in range(math.prod(shape))]
    return np.array([n >> 64 - digits for n in numbers], np.float64).reshape(shape).astype(dtype) / dtype(2**digits)


def draws():
    for state in ((0, 0), (1, 0), (0, 1), (2**64 - 1, 2**63 + 5)):
        for shape, dtype in (((3, 4), np.float32), ((), np.float64), ((0, 2), np.float32), ((5,), np.float64)):
            operands = (np.array(state, np.uint64),)
            label = f"{state},{shape},{dtype.__name__}"
            yield use("uniform", label, operands, shape, dtype, numpy=splitmix, differentiable=False)


MATRICES = [
    ((3, 4), (4, 2)),
    ((1, 4), (4, 1)),
    ((4,), (4,)),
    ((4,), (4, 2)),
    ((3, 4), (4,)),
    ((5, 3, 4), (4,)),
    ((4,), (5, 4, 2)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((6, 1, 3, 4), (2, 4, 5)),
    ((0, 4), (4, 2)),
    ((3, 0), (0, 2)),
    ((2, 3, 4), (1, 4, 0)),
]


def products():
    for a, b in MATRICES:
        yield use("matmul", f"{a},{b}", (random(a), random(b, 1)))


CASES = [*elementwise(), *reductions(), *shapes(), *indexing(), *joining(), *products(), *windows(), *draws()]
DIFFERENTIABLE = [case for case in CASES if case.differentiable]
