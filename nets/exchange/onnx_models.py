"""A network as ONNX: a graph of its layers in use, for onnxruntime and for whatever else runs such graphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from autodiff import Tensor
from nets.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, Tanh
from nets.convolution import Conv2d
from nets.dropout import Dropout
from nets.exchange.steps import Step, dtype_of, steps
from nets.files import replacing
from nets.layers import Flatten, Linear, Unflatten
from nets.module import Module
from nets.normalisation import BatchNorm, LayerNorm
from nets.pooling import AvgPool2d, MaxPool2d

OPSET = 20
"""The version of ONNX's operators: the first that has Gelu."""

IR_VERSION = 9
"""The version of the file format that came with it."""


def save_onnx(
    model: Module,
    path: Path,
    input_shape: tuple[int, ...] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network to an ONNX file, which takes `x`, (batch, *input_shape), and gives `logits`, for any batch.

    Both are of the network's floating-point type. A batch normalisation uses its running statistics, and a dropout is
    not there.

    Args:
        model: a network of the layers of `nets`.
        path: the file.
        input_shape: the shape of one example, where the first layer takes several.
        metadata: what else to say of it in the file.

    Raises:
        ImportError: onnx is not installed.
        OSError: the file cannot be written.
        TypeError, ValueError: the network cannot be written, see `steps`.
    """
    import onnx
    from onnx import helper, numpy_helper

    found, dtype = steps(model, input_shape), dtype_of(model)
    operators = [(step, *operator) for step in found for operator in _operators(step, dtype)]
    operators = operators or [(found[0], "Identity", {}, {})]
    values = ["x", *(f"{step.name}.{name}" for step, name, *_ in operators[:-1]), "logits"]
    nodes, constants = [], []
    for (step, name, operands, attributes), (x, out) in zip(operators, pairwise(values), strict=True):
        named = {f"{step.name}.{operand}": array for operand, array in operands.items()}
        nodes.append(helper.make_node(name, [x, *named], [out], f"{step.name}.{name}", **attributes))
        constants += [numpy_helper.from_array(array, operand) for operand, array in named.items()]

    kind = helper.np_dtype_to_tensor_dtype(dtype)
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", kind, ["batch", *found[0].before])],
        [helper.make_tensor_value_info("logits", kind, ["batch", *found[-1].after])],
        constants,
    )
    written = helper.make_model(
        graph, producer_name="autodiff-mnist", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    helper.set_model_props(written, dict(metadata or {}))
    onnx.checker.check_model(written, full_check=True)
    with replacing(path) as draft:
        draft.write_bytes(written.SerializeToString())


Operator = tuple[str, dict[str, np.ndarray], dict[str, Any]]
"""An operator's name, its operands after the value that comes in, by name, and its attributes."""


def _operators(step: Step, dtype: np.dtype) -> Iterator[Operator]:
    """Yield the operators that make a layer, in the order in which the value goes through them."""
    match step.layer:
        case Dropout():
            return
        case Linear() as layer:
            yield "MatMul", {"weight": layer.weight.data}, {}
            if layer.bias is not None:
                yield "Add", {"bias": layer.bias.data}, {}
        case Conv2d() as layer:
            operands = _arrays(weight=layer.weight, bias=layer.bias)
            yield "Conv", operands, {**_windows(layer), "group": layer.groups}
        case BatchNorm(num_features=n) as layer:
            usual = {"weight": np.ones(n, dtype), "bias": np.zeros(n, dtype)}
            statistics = _arrays(running_mean=layer.running_mean, running_var=layer.running_var)
            operands = usual | _arrays(weight=layer.weight, bias=layer.bias) | statistics
            yield "BatchNormalization", operands, {"epsilon": layer.eps}
        case LayerNorm(normalized_shape=shape) as layer:
            operands = {"weight": np.ones(shape, dtype)} | _arrays(weight=layer.weight, bias=layer.bias)
            yield "LayerNormalization", operands, {"axis": -len(shape), "epsilon": layer.eps}
        case MaxPool2d() as layer:
            yield "MaxPool", {}, _windows(layer)
        case AvgPool2d() as layer:
            yield "AveragePool", {}, {**_windows(layer), "count_include_pad": 1}
        case Flatten() | Unflatten():
            yield "Reshape", {"shape": np.array([0, *step.after], np.int64)}, {}  # 0 leaves the number of examples
        case LeakyReLU(negative_slope=slope):
            yield "LeakyRelu", {}, {"alpha": slope}
        case ELU(alpha=alpha):
            yield "Elu", {}, {"alpha": alpha}
        case GELU(approximate=approximate):
            yield "Gelu", {}, {"approximate": approximate}
        case ReLU():
            yield "Relu", {}, {}
        case Tanh():
            yield "Tanh", {}, {}
        case Sigmoid():
            yield "Sigmoid", {}, {}


def _arrays(**tensors: Tensor | None) -> dict[str, np.ndarray]:
    """Return the arrays of those tensors that there are."""
    return {name: tensor.data for name, tensor in tensors.items() if tensor is not None}


def _windows(layer: Conv2d | MaxPool2d | AvgPool2d) -> dict[str, Any]:
    """Return the attributes that say where windows lie; padding is that above, to the left, below, to the right."""
    return {"kernel_shape": layer.kernel_size, "strides": layer.stride, "pads": layer.padding * 2}
