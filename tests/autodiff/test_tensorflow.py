"""TensorFlow as the reference: each operation's value and its first and second gradients, over random shapes."""

import contextlib

import numpy as np
import pytest

from autodiff import ops
from tests.autodiff.cases import positive
from tests.autodiff.draws import DRAWS, FLAT, draw
from tests.autodiff.in_tensorflow import IN_TENSORFLOW, operations
from tests.autodiff.oracles import as_leaves, assert_near, first, of_tensorflow, second

SEEDS = range(100)
PRECISIONS = [
    # the engine's, TensorFlow's, and the relative errors allowed in the value, first and second gradients
    (np.float64, np.float64, (1e-9, 1e-9, 1e-9)),
    (np.float32, np.float32, (1e-5, 1e-5, 1e-4)),
    (np.float32, np.float64, (1e-5, 1e-5, 1e-4)),
]
LEAST = 0.1
"""The numbers drawn are around 1; what is much smaller is left by a cancellation, and has the errors of its terms."""


def test_every_operation_has_a_word_in_tensorflow_and_is_drawn():
    assert set(IN_TENSORFLOW) == set(DRAWS) == set(ops.__all__)


@contextlib.contextmanager
def named(use):
    """Say in an error which use of an operation it was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {use}")
        raise


@pytest.mark.parametrize(
    ("dtype", "reference", "tolerances"), PRECISIONS, ids=["float64", "float32", "float32-to-float64"]
)
@pytest.mark.parametrize("operation", sorted(set(ops.__all__) - FLAT))
def test_values_and_gradients_are_tensorflows_to_second_order(tf, device, operation, dtype, reference, tolerances):
    for seed in SEEDS:
        use = draw(operation, seed)
        f, operands = use.of(vars(ops)), use.operands_in(dtype)
        cotangent = positive(np.shape(f(*operands)), seed)  # sums of which do not cancel
        weights = [positive(x.shape, seed + 1000 * i) for i, x in enumerate(operands, 1) if x.dtype.kind == "f"]
        with named(use), tf.device(device):
            theirs = use.of(operations(tf))
            value, *wanted = of_tensorflow(tf, theirs, use.operands_in(reference), cotangent, weights)
            out, firsts = first(f, operands, cotangent)
            results = [[out], firsts, second(f, operands, cotangent, weights)]
            assert all(g.dtype == dtype for gradients in results[1:] for g in gradients)
            for result, want, tolerance in zip(results, [[value], *wanted], tolerances, strict=True):
                assert_near([x.data for x in result], [x.numpy() for x in want], tolerance, LEAST)


@pytest.mark.parametrize("operation", sorted(FLAT))
def test_what_is_flat_has_tensorflows_value_and_neither_has_a_gradient(tf, device, operation):
    for seed in SEEDS:
        use = draw(operation, seed)
        with named(use), tf.device(device):
            out = use.of(vars(ops))(*as_leaves(use.operands))
            want, gradients, _ = of_tensorflow(tf, use.of(operations(tf)), use.operands, None, ())
            np.testing.assert_array_equal(out.data, want)
            assert not out.requires_grad
            assert not any(gradients)
