"""MNIST on the engine: the data, the training, and what can be done with a trained network."""

from mnist.callbacks import Callback
from mnist.config import TrainConfig
from mnist.fit import Result, fit

__all__ = ["Callback", "Result", "TrainConfig", "fit"]
