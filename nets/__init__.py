"""Networks on the engine, with the names and habits of PyTorch: modules, layers, losses, optimizers."""

import os

from autodiff.source import add_library
from nets.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, Tanh
from nets.averaging import ExponentialMovingAverage
from nets.clipping import clip_grad_norm_, clip_grad_value_
from nets.convolution import Conv2d, conv2d
from nets.dropout import Dropout
from nets.initializers import he, xavier
from nets.layers import MLP, Flatten, Linear, Sequential, Unflatten
from nets.losses import cross_entropy
from nets.module import Buffer, Module, Parameter
from nets.normalisation import BatchNorm1d, BatchNorm2d, LayerNorm, update_batch_norm
from nets.optimizers import SGD, Adam, AdamW, Optimizer
from nets.pooling import AvgPool2d, MaxPool2d, avg_pool2d, max_pool2d

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "Dropout",
    "ExponentialMovingAverage",
    "Flatten",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Module",
    "Optimizer",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "Unflatten",
    "avg_pool2d",
    "clip_grad_norm_",
    "clip_grad_value_",
    "conv2d",
    "cross_entropy",
    "he",
    "max_pool2d",
    "update_batch_norm",
    "xavier",
]

add_library(os.path.dirname(__file__))
