"""MNIST on the engine: the data, the training, and what can be done with a trained network.

What is named here is imported when it is asked for: a command that needs no engine does not wait for one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist.callbacks import Callback
    from mnist.config import TrainConfig
    from mnist.training import Result, fit

__all__ = ["Callback", "Result", "TrainConfig", "fit"]

_HOMES = {"Callback": "callbacks", "Result": "training", "TrainConfig": "config", "fit": "training"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"mnist.{_HOMES[name]}"), name)
