"""What all tests share: TensorFlow, each device that it sees, and a browser."""

import os
import shutil
import signal

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


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


@pytest.fixture(scope="session")
def browser():
    """The system's own Chromium, without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine; apt-get install chromium")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()
