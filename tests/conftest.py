"""What all tests share: TensorFlow, and each device that it sees."""

import os
import signal

import pytest


def pytest_configure():
    """Let Ctrl-C interrupt, as commands expect it: a shell that runs the tests in the background has it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tf():
    """TensorFlow, where it is installed, computing float32 in float32 on every device."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow
    except ImportError:
        pytest.skip("TensorFlow is not installed")
    tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    return tensorflow


@pytest.fixture(params=["/CPU:0", pytest.param("/GPU:0", marks=pytest.mark.gpu)])
def device(request, tf):
    """Each device that TensorFlow sees, by its name."""
    kind = request.param[1:4]
    if not tf.config.list_physical_devices(kind):
        pytest.skip(f"TensorFlow sees no {kind} on this machine")
    return request.param
