"""The derivation by hand, layer by layer, in whole arrays and slowly: what everybody else is held against.

Each layer says what it makes of x and, given the cotangent g of that, what the cotangents of x, W and b are. With
windows X (m, channels, down, across, a, b) of the images, a convolution by W (out, channels, a, b) is

    Z[m, o, i, j] = Σ_{c,a,b} X[m, c, i, j, a, b]·W[o, c, a, b] + b[o],

a product of which each factor's cotangent is read off: dW sums over examples and places, dX over outputs; and dx adds
each window's cotangent where the window lay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mnist.contestants.architecture import Architecture, Convolution, Flatten, Images, Layer, Linear, MaxPool, ReLU

Back = Callable[[np.ndarray], tuple[np.ndarray, list[np.ndarray]]]
"""From the cotangent of a layer's result to that of its input, and of its parameters."""


def loss_and_gradients(
    architecture: Architecture, parameters: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray
) -> tuple[float, list[np.ndarray]]:
    """Return the mean cross-entropy of a network's logits and labels y (m,), and its derivatives by W_1, b_1, …."""
    own = iter(parameters)
    backs: list[Back] = []
    for layer in architecture:
        x, back = _forward(layer, x, own)
        backs.append(back)
    log_p = x - x.max(axis=1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    rows = np.arange(len(y))
    g = np.exp(log_p)
    g[rows, y] -= 1
    g /= len(y)
    gradients: list[np.ndarray] = []
    for back in reversed(backs):
        g, of_parameters = back(g)
        gradients = of_parameters + gradients
    return float(-log_p[rows, y].mean()), gradients


def _forward(layer: Layer, x: np.ndarray, parameters: Iterator[np.ndarray]) -> tuple[np.ndarray, Back]:
    match layer:
        case Linear():
            W, b = next(parameters), next(parameters)
            return x @ W + b, lambda g: (g @ W.T, [x.T @ g, g.sum(axis=0)])
        case ReLU():
            return np.maximum(x, 0), lambda g: (g * (x > 0), [])
        case Images():
            return x.reshape(-1, *layer.shape), lambda g: (g.reshape(x.shape), [])
        case Flatten():
            return x.reshape(len(x), -1), lambda g: (g.reshape(x.shape), [])
        case Convolution():
            return _convolution(x, next(parameters), next(parameters), layer.padding)
        case MaxPool():
            return _max_pool(x, layer.size)


def _convolution(x: np.ndarray, W: np.ndarray, b: np.ndarray, p: int) -> tuple[np.ndarray, Back]:
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    windows = sliding_window_view(padded, W.shape[2:], axis=(2, 3))

    def back(g: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        dX = np.einsum("moij,ocab->mcijab", g, W, optimize=True)
        dx = np.zeros_like(padded)
        for i, j in np.ndindex(g.shape[2:]):
            dx[:, :, i : i + W.shape[2], j : j + W.shape[3]] += dX[:, :, i, j]
        inside = slice(p, p + x.shape[2]), slice(p, p + x.shape[3])
        return dx[:, :, *inside], [np.einsum("mcijab,moij->ocab", windows, g, optimize=True), g.sum(axis=(0, 2, 3))]

    return np.einsum("mcijab,ocab->moij", windows, W, optimize=True) + b[:, None, None], back


def _max_pool(x: np.ndarray, n: int) -> tuple[np.ndarray, Back]:
    m, channels, height, width = x.shape
    squares = x.reshape(m, channels, height // n, n, width // n, n)
    largest = squares.max(axis=(3, 5), keepdims=True)

    def back(g: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        is_largest = squares == largest
        share = is_largest / is_largest.sum(axis=(3, 5), keepdims=True)
        return (share * g.reshape(largest.shape)).reshape(x.shape), []

    return largest.reshape(m, channels, height // n, width // n), back
