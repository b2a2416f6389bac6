"""What the tests of the networks share."""

import os

import pytest


@pytest.fixture(scope="session")
def tf():
    """TensorFlow, where it is installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow
    except ImportError:
        pytest.skip("TensorFlow is not installed")
    return tensorflow
