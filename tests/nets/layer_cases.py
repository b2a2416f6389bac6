"""The layers, each on random operands, and what TensorFlow computes in its place.

An operand is x or a parameter of the layer: derivatives are taken with respect to all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import autodiff as ad
import nets

LABELS = np.array([0, 2, 1, 2, 0])


@dataclass(frozen=True)
class LayerCase:
    """A layer or a loss, as a function of its operands here, and of a TensorFlow and its operands there."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    here: Callable[..., Any]
    there: Callable[..., Any]

    def operands(self, seed=0):
        """Normal numbers, which are never within 1e-4 of each other: there is no tie, and no kink nearby."""
        rng = np.random.default_rng([seed, *map(len, self.shapes)])
        return [self._apart(rng, shape) for shape in self.shapes]

    @staticmethod
    def _apart(rng, shape):
        x = rng.standard_normal(shape)
        places = np.argsort(np.argsort(x, axis=None)).reshape(shape)
        x = x + 1e-3 * (places - places.size / 2 + 0.25)
        return x.astype(np.float32).astype(np.float64)


def layer(make, *names):
    """A function of x and the parameters of these names, by a layer that is new at each call."""

    def f(x, *parameters):
        module = make(dtype=x.dtype)
        for name, parameter in zip(names, parameters, strict=True):
            assert getattr(module, name).shape == parameter.shape
            setattr(module, name, parameter)
        return module(x)

    return f


def of(make):
    """A function of x by a layer that has no parameters."""
    return lambda x: make()(x)


def nhwc(tf, x):
    return tf.transpose(x, [0, 2, 3, 1])


def nchw(tf, x):
    return tf.transpose(x, [0, 3, 1, 2])


def pairs(n):
    return (n, n) if isinstance(n, int) else n


def surrounded(tf, x, padding, value=0.0):
    (down, across) = pairs(padding)
    width = [[0, 0], [0, 0], [down, down], [across, across]]
    return tf.pad(x, width, constant_values=tf.constant(value, x.dtype))


# ── convolution ─────────────────────────────────────────────────────────────────────────────────────────

CONVOLUTIONS = [
    # m, channels in and out, height and width, kernel, stride, padding, groups
    (3, 1, 2, (6, 5), 3, 1, 0, 1),
    (2, 3, 4, (5, 6), (3, 2), 1, 1, 1),
    (2, 2, 3, (7, 6), (2, 3), (2, 1), (0, 2), 1),
    (1, 2, 2, (5, 5), 5, 1, 0, 1),  # one place
    (2, 3, 2, (4, 4), 1, 1, 0, 1),  # a product at each point
    (2, 1, 1, (6, 6), 2, 3, 0, 1),  # with gaps
    (2, 4, 6, (5, 5), 3, 2, 1, 2),
    (2, 3, 3, (4, 5), 2, 1, 0, 3),  # each channel by itself
]


def convolution(m, channels, out, size, kernel, stride, padding, groups):
    weight = (out, channels // groups, *pairs(kernel))
    settings = {"stride": stride, "padding": padding, "groups": groups}

    def there(tf, x, w, b):
        x, down_and_across = surrounded(tf, x, padding), pairs(stride)
        parts = [
            tf.nn.conv2d(nhwc(tf, part), tf.transpose(own, [2, 3, 1, 0]), down_and_across, "VALID")
            for part, own in zip(tf.split(x, groups, 1), tf.split(w, groups, 0), strict=True)
        ]
        return nchw(tf, tf.concat(parts, -1) + b)

    make = lambda dtype: nets.Conv2d(channels, out, kernel, **settings, rng=np.random.default_rng(0), dtype=dtype)
    name = f"Conv2d-{m}x{channels}x{size} to {out}, kernel {kernel}, {settings}"
    return LayerCase(name, ((m, channels, *size), weight, (out,)), layer(make, "weight", "bias"), there)


# ── pooling ─────────────────────────────────────────────────────────────────────────────────────────────

POOLS = [
    # height and width, kernel, stride, padding
    ((6, 4), 2, None, 0),
    ((5, 7), 2, None, 0),  # a row and a column are left over
    ((5, 6), (3, 2), 1, 0),
    ((7, 7), 2, (3, 2), 0),
    ((5, 4), 3, 2, 1),
    ((4, 6), (2, 4), (1, 3), (1, 2)),
]


def pool(kind, size, kernel, stride, padding):
    around = -np.inf if kind is nets.MaxPool2d else 0.0

    def there(tf, x):
        pooled = tf.nn.max_pool2d if kind is nets.MaxPool2d else tf.nn.avg_pool2d
        x = nhwc(tf, surrounded(tf, x, padding, around))
        return nchw(tf, pooled(x, pairs(kernel), pairs(kernel if stride is None else stride), "VALID"))

    name = f"{kind.__name__}-{size}, kernel {kernel}, stride {stride}, padding {padding}"
    return LayerCase(name, ((2, 3, *size),), of(lambda: kind(kernel, stride, padding)), there)


# ── normalisation ───────────────────────────────────────────────────────────────────────────────────────


def moments(tf, x, axes):
    """Mean and variance. `tf.nn.moments` holds the mean constant within the variance: its second order is not right."""
    return tf.math.reduce_mean(x, axes, keepdims=True), tf.math.reduce_variance(x, axes, keepdims=True)


def batch_norm(shape, training, affine=True):
    kind = nets.BatchNorm2d if len(shape) == 4 else nets.BatchNorm1d
    channels = shape[1]
    running = np.linspace(-1, 1, channels), np.linspace(0.5, 2, channels)
    names = ("weight", "bias") if affine else ()

    def make(dtype):
        module = kind(channels, 1e-3, affine=affine, dtype=dtype).train(training)
        module.running_mean, module.running_var = (nets.Buffer(statistic.astype(dtype)) for statistic in running)
        return module

    def there(tf, x, γ=None, β=None):
        axes, across = [0, *range(2, len(shape))], [1, -1, *[1] * (len(shape) - 2)]
        mean, variance = moments(tf, x, axes)
        if not training:
            mean, variance = (tf.reshape(tf.constant(statistic, x.dtype), across) for statistic in running)
        γ, β = (None if p is None else tf.reshape(p, across) for p in (γ, β))
        return tf.nn.batch_normalization(x, mean, variance, β, γ, 1e-3)

    name = f"{kind.__name__}-{shape}, {'training' if training else 'in use'}{'' if affine else ', not affine'}"
    return LayerCase(name, (shape, *[(channels,)] * len(names)), layer(make, *names), there)


def layer_norm(shape, axes, bias=True):
    own = shape[-axes:]
    names = ("weight", "bias") if bias else ("weight",)

    def there(tf, x, γ, β=None):
        mean, variance = moments(tf, x, [*range(len(shape) - axes, len(shape))])
        return tf.nn.batch_normalization(x, mean, variance, β, γ, 1e-5)

    make = lambda dtype: nets.LayerNorm(own if axes > 1 else own[0], bias=bias, dtype=dtype)
    shapes = (shape, *[own] * len(names))
    return LayerCase(f"LayerNorm-{shape}, {axes} axes, {names}", shapes, layer(make, *names), there)


# ── the rest ────────────────────────────────────────────────────────────────────────────────────────────


def activation(make, there):
    return LayerCase(repr(make()), ((4, 5),), of(make), there)


def dropout(p):
    state = np.array([7, 3], np.uint64)

    def here(x):
        module = nets.Dropout(p, rng=np.random.default_rng(0))
        module.load_state_dict({"state": state})
        return module(x)

    def there(tf, x):
        kept = ad.uniform(state, tuple(x.shape), x.dtype.as_numpy_dtype) >= p
        return tf.where(kept, x, tf.zeros_like(x)) / (1 - p)

    return LayerCase(f"Dropout-{p}", ((6, 5),), here, there)


def smoothed(ε, soft):
    onehot = np.eye(4)[LABELS]
    labels = 0.7 * onehot + 0.3 * np.roll(onehot, 1, 1) if soft else LABELS

    def there(tf, z):
        y = tf.constant(labels if soft else onehot, z.dtype)
        losses = tf.keras.losses.categorical_crossentropy(y, z, from_logits=True, label_smoothing=ε)
        return tf.reduce_mean(losses)

    name = f"cross_entropy-{ε}, {'soft' if soft else 'integer'} labels"
    return LayerCase(name, ((5, 4),), lambda z: nets.cross_entropy(z, labels, ε), there)


# TensorFlow's own gelu, leaky_relu and elu round their numbers to float32, or have none.


def gelu(tf, x):
    return x * 0.5 * (1 + tf.math.erf(x / np.sqrt(2)))


def gelu_by_tanh(tf, x):
    return x * 0.5 * (1 + tf.math.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def leaky_relu(tf, x, slope):
    return tf.where(x > 0, x, slope * x)


def elu(tf, x, α):
    return tf.where(x > 0, x, α * tf.math.expm1(tf.minimum(x, 0)))


CASES = [
    *(convolution(*settings) for settings in CONVOLUTIONS),
    *(pool(kind, *settings) for kind in (nets.MaxPool2d, nets.AvgPool2d) for settings in POOLS),
    *(batch_norm(shape, training) for shape in ((6, 3), (3, 2, 4), (2, 3, 3, 2)) for training in (True, False)),
    batch_norm((2, 3, 3, 2), True, affine=False),
    layer_norm((4, 5), 1),
    layer_norm((2, 3, 2, 3), 3),
    layer_norm((2, 3, 4), 2, bias=False),
    activation(nets.ReLU, lambda tf, x: tf.nn.relu(x)),
    activation(nets.GELU, gelu),
    activation(lambda: nets.GELU("tanh"), gelu_by_tanh),
    activation(nets.LeakyReLU, lambda tf, x: leaky_relu(tf, x, 0.01)),
    activation(lambda: nets.LeakyReLU(0.3), lambda tf, x: leaky_relu(tf, x, 0.3)),
    activation(nets.ELU, lambda tf, x: tf.nn.elu(x)),
    activation(lambda: nets.ELU(0.5), lambda tf, x: elu(tf, x, 0.5)),
    LayerCase("Flatten", ((3, 2, 4),), of(nets.Flatten), lambda tf, x: tf.reshape(x, [3, 8])),
    LayerCase("Unflatten", ((3, 8),), of(lambda: nets.Unflatten(1, (2, 4))), lambda tf, x: tf.reshape(x, [3, 2, 4])),
    dropout(0.3),
    dropout(0.8),
    *(smoothed(ε, soft) for ε in (0.0, 0.1, 1.0) for soft in (False, True)),
]
