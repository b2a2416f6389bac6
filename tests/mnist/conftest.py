"""What the tests of the job share: real digits, TensorFlow, and the devices that it sees."""

import os

import pytest

from mnist import data


@pytest.fixture(scope="session")
def digits():
    """The 5,000 real digits: 4,000 to train on and 1,000 to test on."""
    return data.load("mnist-5k", announce=lambda line: None)


@pytest.fixture(scope="session")
def tf():
    """TensorFlow, where it is installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow
    except ImportError:
        pytest.skip("TensorFlow is not installed")
    return tensorflow


@pytest.fixture(params=["/CPU:0", pytest.param("/GPU:0", marks=pytest.mark.gpu)])
def device(request, tf):
    """Each device that TensorFlow sees, by its name."""
    kind = request.param[1:4]
    if not tf.config.list_physical_devices(kind):
        pytest.skip(f"TensorFlow sees no {kind} on this machine")
    return request.param
