"""What the tests of the job share: real digits, and runs that draw no pictures."""

import contextlib
import json
import os

import numpy as np
import pytest

from mnist import TrainConfig, data, fit
from viz import confusion, curves, figures, gradient_norms, mistakes, weights


@pytest.fixture(scope="session")
def digits():
    """The 5,000 real digits: 4,000 to train on and 1,000 to test on."""
    return data.load("mnist-5k", announce=lambda line: None)


@contextlib.contextmanager
def without_pictures():
    """Put pictures down as the numbers that they would show, for to draw them would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (confusion, curves, gradient_norms, mistakes, weights):
            name = module.__name__.rpartition(".")[2]
            patch.setattr(module, f"draw_{name}", lambda *shown: json.dumps(shown, default=np.ndarray.tolist))
        patch.setattr(figures, "save", lambda shown, path: path.write_text(shown))
        yield


@pytest.fixture(scope="module")
def undrawn():
    """Draw no pictures."""
    with without_pictures():
        yield


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory):
    """A folder of two runs: mlp, which knows its digits, and lenet, the later, which has but begun to learn."""
    folder = tmp_path_factory.mktemp("runs")
    given = {"dataset": "mnist-5k", "workers": 1}
    with without_pictures():
        for name, settings in {
            "mlp": {"layers": (784, 64, 10), "epochs": 8},
            "lenet": {"network": "lenet", "epochs": 1, "optimizer": "adamw", "lr": 3e-3},
        }.items():
            fit(TrainConfig(**given, **settings, out=folder / name), announce=lambda line: None)
    for moment, name in enumerate(("mlp", "lenet"), 1):
        os.utime(folder / name / "model.safetensors", (moment, moment))
    return folder
