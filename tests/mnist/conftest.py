"""What the tests of the job share: real digits, and runs that draw no pictures."""

import json

import numpy as np
import pytest

from mnist import data
from viz import confusion, curves, figures, gradient_norms, mistakes, weights


@pytest.fixture(scope="session")
def digits():
    """The 5,000 real digits: 4,000 to train on and 1,000 to test on."""
    return data.load("mnist-5k", announce=lambda line: None)


@pytest.fixture(scope="module")
def undrawn():
    """Put pictures down as the numbers that they would show, for to draw them would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (confusion, curves, gradient_norms, mistakes, weights):
            name = module.__name__.rpartition(".")[2]
            patch.setattr(module, f"draw_{name}", lambda *shown: json.dumps(shown, default=np.ndarray.tolist))
        patch.setattr(figures, "save", lambda shown, path: path.write_text(shown))
        yield
