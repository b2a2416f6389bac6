"""Networks of every layer, in every surrounding that is told apart somewhere, with weights that are all different."""

import inspect

import numpy as np

import nets
from autodiff.tape import unwrap
from tests.nets.test_checkpoint import network as one_of_each


def given(dtype, seed=0):
    return {"rng": np.random.default_rng(seed), "dtype": dtype}


def mlp(activation="relu", widths=(7, 6, 5, 4)):
    return lambda dtype: nets.MLP(widths, activation, **given(dtype))


def sequential(*makers):
    """Return what makes a network of layers, each made by a function of the arguments that all of them share."""
    return lambda dtype: nets.Sequential(*(make(given(dtype, seed)) for seed, make in enumerate(makers)))


def of(kind, *settings, **named):
    """Return what makes a layer of a kind."""
    wanted = {"rng", "dtype"} & inspect.signature(kind).parameters.keys()
    return lambda shared: kind(*settings, **named, **{name: shared[name] for name in wanted})


CASES = {
    "relu": ((7,), mlp()),
    "tanh": ((7,), mlp("tanh")),
    "sigmoid": ((7,), mlp("sigmoid", (7, 4))),
    "one of each": ((1, 6, 6), one_of_each),
    "lenet": (
        (100,),
        sequential(
            of(nets.Unflatten, 1, (1, 10, 10)), of(nets.Conv2d, 1, 3, 5, padding=2), of(nets.Tanh),
            of(nets.MaxPool2d, 2), of(nets.Conv2d, 3, 4, 3), of(nets.ReLU), of(nets.Flatten), of(nets.Dropout, 0.4),
            of(nets.Linear, 36, 8), of(nets.ReLU), of(nets.Linear, 8, 4),
        ),
    ),
    "cnn": (
        (72,),
        sequential(
            of(nets.Unflatten, 1, (2, 6, 6)), of(nets.Conv2d, 2, 4, 3, padding=1, bias=False),
            of(nets.BatchNorm2d, 4), of(nets.ReLU), of(nets.AvgPool2d, 2), of(nets.Flatten), of(nets.Linear, 36, 3),
        ),
    ),
    "rows of images, normalised": (
        (2, 4, 3),
        sequential(
            of(nets.Flatten), of(nets.LayerNorm, 24), of(nets.GELU), of(nets.BatchNorm1d, 24), of(nets.Dropout),
            of(nets.Linear, 24, 5, bias=False), of(nets.ELU), of(nets.LayerNorm, (5,), elementwise_affine=False),
        ),
    ),
    "rows of images at the end": ((3, 4, 2), sequential(of(nets.Conv2d, 3, 4, (3, 1)), of(nets.Flatten))),
    "rows of images, and images again": (
        (2, 4, 2),
        sequential(
            of(nets.Flatten), of(nets.ReLU), of(nets.Unflatten, 1, (4, 2, 2)), of(nets.Conv2d, 4, 3, 2),
            of(nets.Flatten), of(nets.Flatten), of(nets.Linear, 3, 2),
        ),
    ),
    "rows of images, divided in another way": (
        (2, 4, 2),
        sequential(of(nets.Flatten), of(nets.Unflatten, 1, (4, 2, 2)), of(nets.Flatten), of(nets.Linear, 16, 3)),
    ),
    "half as many places": ((1, 6, 6), sequential(of(nets.Conv2d, 1, 2, 3, stride=2, padding=1), of(nets.ReLU))),
    "images throughout": (
        (3, 5, 4),
        sequential(
            of(nets.LayerNorm, (3, 5, 4)), of(nets.Conv2d, 3, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=3),
            of(nets.LayerNorm, (3, 3), bias=False), of(nets.BatchNorm2d, 6, affine=False), of(nets.Linear, 3, 4),
            of(nets.LayerNorm, 4), of(nets.MaxPool2d, (2, 3), stride=1, padding=1), of(nets.Sigmoid),
        ),
    ),
    "sequences": (
        (6, 4),
        sequential(
            of(nets.BatchNorm1d, 6), of(nets.Linear, 4, 5), of(nets.LayerNorm, (6, 5)), of(nets.Tanh),
            of(nets.Unflatten, 2, (5, 1)), of(nets.Flatten, 2), of(nets.Flatten),
        ),
    ),
    "within one another": (
        (7,),
        sequential(
            lambda shared: nets.Sequential(nets.MLP([7, 6], **shared), nets.Sequential(nets.LeakyReLU(0.3))),
            lambda shared: nets.MLP([6, 5, 4], **shared),
        ),
    ),
    "one layer": ((7,), lambda dtype: nets.Linear(7, 4, **given(dtype))),
    "nothing but dropout": ((7,), lambda dtype: nets.Dropout(0.5, rng=np.random.default_rng(0))),
}  # fmt: skip
"""The shape of an example, and what makes the network in a dtype, by name."""


def made(case, dtype=np.float32, seed=1):
    """Return a network in use whose arrays are all different and nowhere 0 or 1, and the shape of an example."""
    shape, make = CASES[case]
    model, rng = make(dtype), np.random.default_rng(seed)
    for name, array in model.state_dict().items():
        if array.dtype.kind == "f":
            drawn = rng.uniform(0.5, 1.5, array.shape) * rng.choice([-1, 1], array.shape)
            dict(_tensors(model))[name].data = (abs(drawn) if "running_var" in name else drawn).astype(dtype)
    return model.eval(), shape


def _tensors(model):
    yield from model.named_parameters()
    yield from model.named_buffers()


def examples(shape, dtype=np.float32, count=40):
    return np.random.default_rng(2).standard_normal((count, *shape)).astype(dtype)


def computed(model, x):
    """Return what a network makes of x, as an array."""
    return unwrap(model(x))


def numbers(model):
    """Return the arrays of a state that other libraries have, too: all but those of generators."""
    return {name: array for name, array in model.state_dict().items() if array.dtype.kind == "f"}


def check_equal(model, other):
    """Raise unless two networks have the same arrays, bit for bit."""
    ours, theirs = numbers(model), numbers(other)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert array.dtype == theirs[name].dtype
        assert array.tobytes() == theirs[name].tobytes(), name


def relative(a, b):
    """Return max|a − b| / max|b|."""
    a = np.asarray(a)
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    return np.abs(a - b).max() / np.abs(b).max()
