"""Every layer and loss against finite differences, to the second order."""

import pytest

import autodiff as ad
from tests.nets.layer_cases import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gradients_are_those_that_differences_measure(case):
    ad.check_gradients(case.here, *case.operands(), order=2)
