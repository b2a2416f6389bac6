"""Layers in machine code, by Numba: what `test_layers_compiled.py` lets Python run, because that is quicker."""

import copy

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff import Tensor


@pytest.mark.by_numba
def test_in_machine_code_values_gradients_statistics_and_masks_are_the_same():
    rng = np.random.default_rng(0)
    model = nets.Sequential(
        nets.Conv2d(1, 2, 2, padding=1, rng=rng), nets.BatchNorm2d(2), nets.MaxPool2d(2), nets.Dropout(0.3, rng=rng),
        nets.GELU(), nets.Conv2d(2, 3, 2, rng=rng),
    )  # fmt: skip
    twin = copy.deepcopy(model)

    def gradient_of(model):
        return lambda x: ad.grad(lambda x: ad.sum(ad.square(model(x))))(x)

    compiled, same = ad.jit(gradient_of(model)), gradient_of(twin)
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal((4, 1, 6, 6)).astype(np.float32)
        np.testing.assert_allclose(compiled(x).data, same(Tensor(x)).data, rtol=1e-5, atol=1e-5)
    state = twin.state_dict()
    assert int(state["layers.3.state"][1]) == 3
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(array, state[name], rtol=1e-5, atol=1e-5)
