"""Every layer and loss against TensorFlow, which has images with channels last: values, first and second gradients."""

import functools

import numpy as np
import pytest

import nets
from nets.module import Module
from tests.autodiff.oracles import assert_near, first, of_tensorflow, second
from tests.nets.layer_cases import CASES

PRECISIONS = [
    # the engine's, and the relative errors allowed in the value, first and second gradients
    (np.float64, (1e-9, 1e-9, 1e-9)),
    (np.float32, (1e-5, 1e-5, 1e-4)),
]
LEAST = 1.0
"""The numbers drawn are around 1: what is much smaller is left by a cancellation, and has the errors of its terms."""

ELSEWHERE = {"Linear", "Sequential", "MLP", "Module", "Tanh", "Sigmoid"}
"""What other tests hold against TensorFlow, as parts of networks."""


@pytest.mark.parametrize(("dtype", "tolerances"), PRECISIONS, ids=["float64", "float32"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_and_gradients_are_tensorflows_to_second_order(tf, device, case, dtype, tolerances):
    operands = case.operands()
    rng = np.random.default_rng(len(case.name))
    cotangent = rng.standard_normal(np.shape(case.here(*operands)))
    weights = [rng.standard_normal(x.shape) for x in operands]
    with tf.device(device):
        value, *wanted = of_tensorflow(tf, functools.partial(case.there, tf), operands, cotangent, weights)
    operands = [x.astype(dtype) for x in operands]
    out, firsts = first(case.here, operands, cotangent)
    results = [[out], firsts, second(case.here, operands, cotangent, weights)]
    assert all(g.dtype == dtype for gradients in results for g in gradients)
    for result, want, tolerance in zip(results, [[value], *wanted], tolerances, strict=True):
        assert_near([x.data for x in result], [x.numpy() for x in want], tolerance, LEAST)


def test_every_layer_is_held_against_tensorflow():
    layers = {n for n, item in vars(nets).items() if isinstance(item, type) and issubclass(item, Module)}
    tried = {case.name.split("-")[0].split("(")[0] for case in CASES}
    assert layers <= tried | ELSEWHERE
