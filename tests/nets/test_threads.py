"""Networks trained side by side come out as those trained one after another, bit for bit."""

import json
import os

import pytest

from tests.programs import LAYERS, output_of

ENVIRONMENTS = [
    *[{"AUTODIFF_KERNELS": "numba", "NUMBA_THREADING_LAYER": layer} for layer in LAYERS],
    {"AUTODIFF_KERNELS": "numpy", "OPENBLAS_NUM_THREADS": "1"},
]


@pytest.fixture(scope="module", params=ENVIRONMENTS, ids=[*LAYERS, "numpy"])
def trained(request):
    """What `eight_networks.py` says on one of Numba's threading layers, or without Numba."""
    code = "import runpy; runpy.run_module('tests.nets.eight_networks', run_name='__main__')"
    return json.loads(output_of(code, timeout=300, **request.param))


@pytest.mark.parametrize("way", ["threads", "tasks", "beside failures"])
def test_eight_networks_trained_at_once_are_those_trained_one_after_another(trained, way):
    assert trained["digests"][way] == trained["digests"]["alone"]
    assert len(set(trained["digests"]["alone"])) == 8


def test_the_threads_contended_for_the_team(trained):
    there_is_a_team = trained["kernels"] == "numba"
    assert (trained["led"] > 0) == there_is_a_team
    if there_is_a_team and os.cpu_count() > 1:
        assert trained["declined"] > 0
