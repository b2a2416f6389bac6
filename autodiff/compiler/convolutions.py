"""Convolutions: windows and a product become one operation, done image by image, so that a cache holds the columns.

A convolution multiplies its weights by a matrix of which the windows of an image are the columns. It holds each pixel
as often as there are windows over it, and in the whole batch comes to megabytes; that of one image stays in the cache
until the product has read it. The three products of a training step are found by what they do:

    Z   = W·columns(x)              the convolution,
    dx  = images(Wᵀ·dZ)             the adjoint, which adds windows to where they lie,
    dWᵀ = Σ columns(x)·dZᵀ          over the images: in parts, one for each thread to compute.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from autodiff.compiler.rewriting import Rewriter, rewritten
from autodiff.compiler.splitting import PARTS, total
from autodiff.compiler.units import FLOATS
from autodiff.graph import Graph, Operation, Value
from autodiff.tape import Primitive, registry

CHANNELS_WINDOW_PLACES = (0, 1, 4, 5, 2, 3)
"""The order of the axes of windows (m, channels, down, across, a, b) in which they are columns; its own inverse."""


def convolutions(graph: Graph) -> Graph:
    """Return the graph in which products with windows of images are done image by image."""

    def rewrite(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
        if operation.output.dtype not in FLOATS or 0 in operation.output.shape:
            return None
        rule = {"matmul": _forth, "sum_to": _weights, "add_windows": _back}.get(operation.primitive.name)
        return rule(rewriter, operation, inputs) if rule else None

    return rewritten(graph, rewrite)


class Columns(NamedTuple):
    """Windows of images, as the columns of a matrix for each image."""

    images: Value
    window: tuple[int, int]
    stride: tuple[int, int]


def _forth(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
    a, b = inputs
    columns = _columns(b)
    if columns is None or len(a.shape) != 2 or a.dtype != b.dtype:
        return None
    return rewriter.write(CONVOLUTION, a, columns.images, window=columns.window, stride=columns.stride)


def _back(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
    shape, stride = operation.attributes["shape"], operation.attributes["stride"]
    permuted = _made_by(inputs[0], "permute_dims")
    reshaped = permuted and _made_by(permuted.inputs[0], "reshape")
    product = reshaped and _made_by(reshaped.inputs[0], "matmul")
    if not (permuted and product) or len(shape) != 4 or permuted.attributes["axes"] != CHANNELS_WINDOW_PLACES:
        return None
    a, g = product.inputs
    m, channels, *lengths = permuted.inputs[0].shape
    window, places, stride = (lengths[0], lengths[1]), tuple(lengths[2:]), _pair(stride)
    if len(a.shape) != 2 or len(g.shape) != 3 or (g.shape[0], a.shape[0]) != (m, channels * prod(window)):
        return None
    if a.dtype != g.dtype or places != places_of(shape, window, stride):
        return None
    return rewriter.write(IMAGES, a, g, shape=shape, window=window, stride=stride)


def _weights(rewriter: Rewriter, operation: Operation, inputs: tuple[Value, ...]) -> Value | None:
    product = _made_by(inputs[0], "matmul")
    transposed = product and _made_by(product.inputs[1], "matrix_transpose")
    columns = transposed and _columns(transposed.inputs[0])
    if not (product and columns) or operation.output.shape != inputs[0].shape[1:]:
        return None
    g = product.inputs[0]
    if len(g.shape) != 3 or g.dtype != columns.images.dtype:
        return None
    parts = rewriter.write(PARTIAL_GRADIENTS, columns.images, g, window=columns.window, stride=columns.stride)
    return rewriter.do("matrix_transpose", total(rewriter, parts))


def _columns(value: Value) -> Columns | None:
    """Return the windows that a stack of matrices has as its columns, if that is what it is."""
    reshaped = _made_by(value, "reshape")
    permuted = reshaped and _made_by(reshaped.inputs[0], "permute_dims")
    windows = permuted and _made_by(permuted.inputs[0], "sliding_windows")
    if not (permuted and windows) or permuted.attributes["axes"] != CHANNELS_WINDOW_PLACES:
        return None
    (images,) = windows.inputs
    m, channels, *window = permuted.output.shape[:4]
    if len(images.shape) != 4 or len(value.shape) != 3 or value.shape[:2] != (m, channels * prod(window)):
        return None
    return Columns(images, (window[0], window[1]), _pair(windows.attributes["stride"])) if m else None


def _made_by(value: Value, name: str) -> Operation | None:
    """Return the operation that made a value, if it is of this name."""
    return value.operation if value.operation and value.operation.primitive.name == name else None


def _pair(stride: int | tuple[int, ...]) -> tuple[int, int]:
    return (stride, stride) if isinstance(stride, int) else (stride[0], stride[1])


def places_of(images: tuple[int, ...], window: tuple[int, int], stride: tuple[int, int]) -> tuple[int, ...]:
    """Return how many windows there are down and across in images of a shape (m, channels, height, width)."""
    return tuple((n - w) // step + 1 for n, w, step in zip(images[2:], window, stride, strict=True))


def _columns_of(x: np.ndarray, window: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    windows = registry["sliding_windows"].kernel(x, window, stride).transpose(CHANNELS_WINDOW_PLACES)
    return windows.reshape(len(x), prod(windows.shape[1:4]), -1)


def _convolution(a: np.ndarray, x: np.ndarray, window: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    """The products (m, r, places) of a (r, k) and the columns (k, places) of each image of x (m, channels, …)."""
    return np.matmul(a, _columns_of(x, window, stride))


def _images(
    a: np.ndarray, g: np.ndarray, shape: tuple[int, ...], window: tuple[int, int], stride: tuple[int, int]
) -> np.ndarray:
    """Images of a shape, to which the columns a·g of each are added as windows; a (k, r), g (m, r, places)."""
    columns = np.matmul(a, g).reshape(*shape[:2], *window, *places_of(shape, window, stride))
    return registry["add_windows"].kernel(columns.transpose(CHANNELS_WINDOW_PLACES), shape, stride)


def _partial_gradients(x: np.ndarray, g: np.ndarray, window: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    """Sums (PARTS, k, r) over parts of the images of columns (k, places) times gᵀ (places, r)."""
    products = np.matmul(_columns_of(x, window, stride), g.swapaxes(1, 2))
    return np.stack([products[part].sum(axis=0) for part in np.array_split(np.arange(len(x)), PARTS)])


CONVOLUTION, IMAGES, PARTIAL_GRADIENTS = (
    Primitive(name, kernel, (None, None), None)
    for name, kernel in (
        ("convolution", _convolution), ("images", _images), ("partial_gradients", _partial_gradients)
    )
)  # fmt: skip
"""Known to the compiler alone."""
