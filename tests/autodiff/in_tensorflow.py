"""Every operation of the engine in TensorFlow's words, under the engine's name and with its arguments.

Left out is what TensorFlow has no word for: softmax along several axes, a variance with another divisor.
"""

import functools
import math

import numpy as np

from tests.autodiff.cases import slid

ALIKE = [
    "abs", "add", "cos", "divide", "equal", "erf", "exp", "expm1", "greater", "greater_equal", "less", "less_equal",
    "log", "log1p", "logical_and", "logical_not", "logical_or", "maximum", "minimum", "multiply", "negative",
    "not_equal", "sigmoid", "sign", "sin", "softplus", "sqrt", "square", "subtract", "tanh",
]  # fmt: skip
"""What `tf.math` has by the same name."""

REDUCTIONS = {"max": "max", "mean": "mean", "min": "min", "prod": "prod", "std": "std", "sum": "sum", "var": "variance"}


def _alike(name):
    return lambda tf, *xs: getattr(tf.math, name)(*xs)


def _reduction(name, axis=None):
    return lambda tf, x, axis=axis, keepdims=False: getattr(tf.math, f"reduce_{name}")(x, axis, keepdims)


def getitem(tf, x, index):
    """A strided slice, a gather or a mask; in a mixture NumPy says which elements are meant."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [isinstance(part, np.ndarray) for part in parts]
    if not any(arrays):
        return x[index]
    if isinstance(index, np.ndarray):
        return tf.boolean_mask(x, index) if index.dtype == bool else tf.gather(x, index % x.shape[0])
    if all(arrays) and len(arrays) == len(x.shape):
        return tf.gather_nd(x, np.stack(np.broadcast_arrays(*(i % n for i, n in zip(index, x.shape, strict=True))), -1))
    places = np.arange(math.prod(x.shape)).reshape(x.shape)[index]
    return tf.gather(tf.reshape(x, [-1]), places)


def sum_to(tf, x, shape):
    """The adjoint of `broadcast_to`: TensorFlow has no name for it, but its tape computes it."""
    with tf.GradientTape() as tape:
        small = tf.zeros(shape, x.dtype)
        tape.watch(small)
        spread = tf.broadcast_to(small, x.shape)
    return tape.gradient(spread, small, x)


def sliding_windows(tf, x, window, stride=1):
    """A gather, with NumPy to say which elements are meant."""
    return tf.gather(tf.reshape(x, [-1]), slid(np.arange(math.prod(x.shape)).reshape(x.shape), window, stride))


def uniform(tf, state, shape, dtype):
    """SplitMix64, in TensorFlow's arithmetic of 64 bits."""
    word = functools.partial(tf.constant, dtype=tf.uint64)

    def mix(z):
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = tf.bitwise.bitwise_xor(z, tf.bitwise.right_shift(z, word(shift))) * word(factor)
        return tf.bitwise.bitwise_xor(z, tf.bitwise.right_shift(z, word(31)))

    places = word(np.arange(1, math.prod(shape) + 1, dtype=np.uint64))
    bits = mix(mix(tf.bitwise.bitwise_xor(state[0], mix(state[1]))) + places * word(0x9E3779B97F4A7C15))
    digits = np.finfo(dtype).nmant + 1
    fractions = tf.cast(tf.bitwise.right_shift(bits, word(64 - digits)), tf.float64) / 2.0**digits
    return tf.reshape(tf.cast(fractions, dtype), shape)


IN_TENSORFLOW = {
    **{name: _alike(name) for name in ALIKE},
    **{name: _reduction(word) for name, word in REDUCTIONS.items()},
    "alias": lambda tf, x: tf.identity(x),
    "argmax": lambda tf, x, axis=None: tf.experimental.numpy.argmax(x, axis),
    "argmin": lambda tf, x, axis=None: tf.experimental.numpy.argmin(x, axis),
    "astype": lambda tf, x, dtype: tf.cast(x, dtype),
    "broadcast_to": lambda tf, x, shape: tf.broadcast_to(x, shape),
    "clip": lambda tf, x, lo, hi: tf.clip_by_value(x, lo, hi),
    "concat": lambda tf, xs, axis: tf.concat(xs, axis),
    "cumsum": lambda tf, x, axis: tf.cumsum(x, axis),
    "expand_dims": lambda tf, x, axis: tf.reshape(x, np.expand_dims(np.empty(x.shape), axis).shape),
    "flatten": lambda tf, x, start_axis: tf.reshape(x, [*x.shape[:start_axis], math.prod(x.shape[start_axis:])]),
    "getitem": getitem,
    "log_softmax": lambda tf, x, axis=-1: tf.nn.log_softmax(x, axis),
    "logsumexp": _reduction("logsumexp", axis=-1),
    "matmul": lambda tf, a, b: tf.experimental.numpy.matmul(a, b),
    "matrix_transpose": lambda tf, x: tf.linalg.matrix_transpose(x),
    "one_hot": lambda tf, i, n: tf.one_hot(i, n),
    "pad": lambda tf, x, pad_width: tf.pad(x, pad_width),
    "permute_dims": lambda tf, x, axes: tf.transpose(x, list(axes)),
    "power": lambda tf, a, b: tf.pow(a, b),
    "ravel": lambda tf, x: tf.reshape(x, [-1]),
    "relu": lambda tf, x: tf.nn.relu(x),
    "reshape": lambda tf, x, shape: tf.experimental.numpy.reshape(x, shape),
    "sliding_windows": sliding_windows,
    "softmax": lambda tf, x, axis=-1: tf.nn.softmax(x, axis),
    "squeeze": lambda tf, x, axis: x if axis == () else tf.squeeze(x, axis),
    "stack": lambda tf, xs, axis: tf.stack(xs, axis),
    "sum_to": sum_to,
    "swapaxes": lambda tf, x, axis1, axis2: tf.experimental.numpy.swapaxes(x, axis1, axis2),
    "take_along_axis": lambda tf, x, i, axis: tf.experimental.numpy.take_along_axis(x, i, axis),
    "uniform": uniform,
    "where": lambda tf, c, a, b: tf.where(c, a, b),
}


def operations(tf):
    """The operations by their names, with TensorFlow inside."""
    return {name: functools.partial(operation, tf) for name, operation in IN_TENSORFLOW.items()}
