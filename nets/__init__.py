"""Networks on the engine, with the names and habits of PyTorch: modules, layers, losses, optimizers."""

import os

from autodiff.source import add_library
from nets.initializers import he, xavier
from nets.layers import MLP, Linear, ReLU, Sequential, Sigmoid, Tanh
from nets.losses import cross_entropy
from nets.module import Module, Parameter
from nets.optimizers import SGD, Adam, AdamW, Optimizer

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "Linear",
    "Module",
    "Optimizer",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "cross_entropy",
    "he",
    "xavier",
]

add_library(os.path.dirname(__file__))
