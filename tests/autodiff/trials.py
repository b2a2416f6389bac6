"""One use of a primitive: as it is drawn, as the engine and NumPy compute it, and how its derivatives are measured."""

import numpy as np
from hypothesis import strategies as st

import autodiff as ad
from autodiff import ops
from autodiff.tape import bind, registry
from tests.autodiff.domains import DOMAINS, doubles

STEP = 5e-4
"""Of the central difference, whose truncation error is its fourth power. No kink is within eight steps of a point."""

COMPLEX_STEP = 1e-30
"""As small as one likes, since nothing is subtracted; the truncation error is its square."""


class Trial:
    """A primitive on operands and attributes, as the engine computes it and as NumPy does.

    Both are functions of the points: the operands for which a derivative can be taken.
    """

    def __init__(self, name, operands, attributes):
        self.name, self.operands, self.attributes = name, operands, attributes
        self.domain = DOMAINS[name]
        self.points = tuple(filter(is_real, operands))

    def of(self, operands):
        """The primitive's result for operands of any kind."""
        return bind(registry[self.name], tuple(operands), self.attributes)

    def engine(self, *points):
        return self.of(self._filled(points))

    def numpy(self, *points):
        return np.asarray(self.domain.oracle(*self._filled(points), **self.attributes))

    def _filled(self, points):
        rest = iter(points)
        return tuple(next(rest) if is_real(x) else x for x in self.operands)

    def leaves(self):
        """The points as tensors that a gradient is asked for."""
        return [ad.Tensor(x, requires_grad=True) for x in self.points]

    def rules(self, out):
        """The rules, as functions of a cotangent alone, that of `out`."""
        for rule in registry[self.name].rules_of(self.operands):
            if rule is not None:
                operands = (self.operands,) if registry[self.name].rule_for else self.operands
                yield lambda g, rule=rule, xs=operands: np.asarray(rule(g, out, *xs, **self.attributes))

    def gradients(self, g, **options):
        """The gradients by `backward`, of points made leaves, and the result; None where no rule leads."""
        leaves = self.leaves()
        out = self.engine(*leaves)
        out.backward(g, **options)
        return [leaf.grad for leaf in leaves], out

    def weighted_gradient(self, g, weights):
        """A function of the points: the sum of the gradients for a cotangent, weighted."""

        def function(*points):
            gradients = ad.vjp(self.engine, *points)[1](g)
            return sum((ops.sum(dx * w) for dx, w in zip(gradients, weights, strict=True)), 0.0)

        return function

    def along(self, points, directions):
        """∂f/∂x·ẋ of NumPy's f: by the complex step where that is analytic, else by the central difference."""
        if self.domain.analytic:
            return self.numpy(*shifted(points, directions, 1j * COMPLEX_STEP)).imag / COMPLEX_STEP
        return central_difference(lambda h: self.numpy(*shifted(points, directions, h)))

    def along_twice(self, directions, others):
        """∂²f/∂x²·ẋ·ẍ of NumPy's f: the central difference of its derivative along the one direction, by the other."""
        return central_difference(lambda h: self.along(shifted(self.points, directions, h), others))

    def tolerance(self, exact):
        """The error allowed of a derivative, relative to its terms; `exact` where the complex step measures it."""
        if any(x.dtype == np.float32 for x in (*self.points, self.numpy(*self.points))):
            return 1e-5
        return exact if self.domain.analytic else 1e-6

    def __repr__(self):
        operands = [f"{x!r} at strides {x.strides}" if isinstance(x, np.ndarray) else repr(x) for x in self.operands]
        return f"{self.name}({', '.join(operands + [f'{k}={v!r}' for k, v in self.attributes.items()])})"


def is_real(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def shifted(points, directions, h):
    """x + h·ẋ for each point, in double precision."""
    return tuple(np.asarray(x + h * d.astype(np.float64)) for x, d in zip(points, directions, strict=True))


def central_difference(f):
    """f'(0), by the difference of fourth order."""
    return (8 * (f(STEP) - f(-STEP)) - (f(2 * STEP) - f(-2 * STEP))) / (12 * STEP)


def inner(xs, ys):
    """Σ⟨x, y⟩, and the size of the terms that it sums."""
    terms = [np.asarray(x, np.float64) * y for x, y in zip(xs, ys, strict=True)]
    return sum(map(np.sum, terms)), 1 + sum(np.sum(np.abs(term)) for term in terms)


def arrays(tensors):
    return [t.data for t in tensors]


# ── what is drawn ───────────────────────────────────────────────────────────────────────────────────────


@st.composite
def laid_out(draw, array):
    """The same numbers in any layout: axes in any order and direction, NaN between the numbers, perhaps read-only."""
    order = draw(st.permutations(range(array.ndim)))
    steps = [draw(st.sampled_from((1, -1, 2, -2))) for _ in order]
    lengths = [array.shape[axis] * abs(step) for axis, step in zip(order, steps, strict=True)]
    memory = np.full(lengths, np.nan if is_real(array) else 1, array.dtype)
    view = memory[(*(slice(None, None, step) for step in steps), ...)].transpose(np.argsort(order))
    view[...] = array
    view.flags.writeable = draw(st.booleans())
    return view


@st.composite
def trials(draw, name, dtypes=doubles):
    """A primitive on what its domain gives, each real operand in a precision and a layout of its own."""
    operands, attributes = draw(DOMAINS[name].uses)
    operands = (x.astype(draw(dtypes)) if is_real(x) else x for x in operands)
    return Trial(name, tuple(draw(laid_out(x)) for x in operands), attributes)


@st.composite
def random_like(draw, *arrays):
    """Numbers from −1 to 1 of the shapes and dtypes of arrays, in any layout: cotangents and directions."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return tuple(draw(laid_out(np.asarray(rng.uniform(-1, 1, x.shape), x.dtype))) for x in arrays)
