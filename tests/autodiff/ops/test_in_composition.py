"""Operations on square matrices, behind which something bends, to the third order.

Of a square matrix a transposed gradient has the right shape and the wrong numbers. And where something nonlinear
follows, the cotangent of an operation depends on its operands, so that the rules of rules are asked of everything.
"""

import numpy as np
import pytest

import autodiff as ad
from tests.autodiff.cases import BINARY, UNARY, apart, random

SHAPE = (3, 3)
PLACES = np.array([[2, 0, 2], [1, 1, 0], [0, 2, 1]])
MASK = random(SHAPE, 5) > 0

OPERATIONS = {
    **{name: (getattr(ad, name), [make(SHAPE)]) for name, *_, make in UNARY},
    **{name: (getattr(ad, name), [make_a(SHAPE), make_b(SHAPE, 1)]) for name, *_, make_a, make_b in BINARY},
    "where": (lambda a, b: ad.where(MASK, a, b), [random(SHAPE), random(SHAPE, 1)]),
    "sum": (lambda a: ad.sum(a, axis=0), [random(SHAPE)]),
    "max": (lambda a: ad.max(a, axis=0), [apart(SHAPE)]),
    "min": (lambda a: ad.min(a, axis=1), [apart(SHAPE)]),
    "var": (lambda a: ad.var(a, axis=1), [random(SHAPE)]),
    "prod": (lambda a: ad.prod(a, axis=0), [random(SHAPE)]),
    "cumsum": (lambda a: ad.cumsum(a, axis=0), [random(SHAPE)]),
    "softmax": (ad.softmax, [random(SHAPE)]),
    "log_softmax": (lambda a: ad.log_softmax(a, axis=0), [random(SHAPE)]),
    "logsumexp": (ad.logsumexp, [random(SHAPE)]),
    "matmul": (ad.matmul, [random(SHAPE), random(SHAPE, 1)]),
    "matrix_transpose": (ad.matrix_transpose, [random(SHAPE)]),
    "permute_dims": (lambda a: ad.permute_dims(a, (2, 0, 1)), [random((3, 3, 3))]),
    "reshape": (lambda a: ad.reshape(a, (9, 1)), [random(SHAPE)]),
    "broadcast_to": (lambda a: ad.broadcast_to(a, (2, 3, 3)), [random(SHAPE)]),
    "sum_to": (lambda a: ad.sum_to(a, (1, 3)), [random(SHAPE)]),
    "getitem": (lambda a: a[[2, 0, 0], ::-1], [random(SHAPE)]),
    "take_along_axis": (lambda a: ad.take_along_axis(a, PLACES, axis=0), [random(SHAPE)]),
    "concat": (lambda a, b: ad.concat([a, b], axis=1), [random(SHAPE), random(SHAPE, 1)]),
    "pad": (lambda a: ad.pad(a, ((1, 0), (0, 2))), [random(SHAPE)]),
}


@pytest.mark.parametrize(("f", "operands"), OPERATIONS.values(), ids=OPERATIONS)
def test_derivatives_of_what_bends_behind_it_agree_with_finite_differences_to_third_order(f, operands):
    ad.check_gradients(lambda *xs: ad.sin(f(*xs)), *operands, order=3, tolerance=1e-5)
