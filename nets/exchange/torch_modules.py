"""A network in PyTorch: a module in Python that one can read, and a state_dict in safetensors.

The layers of `nets` bear PyTorch's names and have its settings, so that the module is written as they are described. A
state differs in three things: a `Linear` keeps its weights there as (out_features, in_features); what is `layers.0` of
a `Sequential` here is `0` there; and a batch normalisation counts the batches that it has seen, while a `Dropout` keeps
no state of its own.
"""

from __future__ import annotations

import errno
import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nets import arrays
from nets.architecture import describe
from nets.dropout import Dropout
from nets.exchange.layout import Layout, fill
from nets.exchange.steps import dtype_of, steps
from nets.files import in_short, replacing
from nets.layers import Linear, Sequential
from nets.module import Module
from nets.normalisation import BatchNorm

_SOURCE = '''\
"""A network of autodiff-mnist in PyTorch: `load()` returns it with its weights, ready to use or to train further.

It takes examples {input_shape}, one or more along a first axis, of {dtype}.
"""

from pathlib import Path

from safetensors.torch import load_file
from torch import nn


def network() -> nn.Module:
    """Return the layers, with weights of PyTorch's choice."""
    return {network}


def load(path: Path = Path(__file__).with_suffix(".safetensors")) -> nn.Module:
    """Return the network with the weights in a file, in the mode of use; `.train()` puts it into that of training."""
    model = network(){conversion}
    model.load_state_dict(load_file(path))
    return model.eval()
'''

_CONVERSIONS = {"float16": ".half()", "float32": "", "float64": ".double()"}


# ── to PyTorch ──────────────────────────────────────────────────────────────────────────────────────────


def save_torch(
    model: Module,
    path: Path,
    input_shape: tuple[int, ...] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write the state_dict of a network to a file, and beside it, as .py, the module that it belongs to.

    PyTorch takes it by `module.load_state_dict(safetensors.torch.load_file(path))`, or all by `load()` of the module.

    Args:
        model: a network of the layers of `nets`.
        path: the file, which ends with .safetensors.
        input_shape: the shape of one example, where the first layer takes several.
        metadata: what else to say of it in the file.

    Raises:
        OSError: a file cannot be written, or the .py is there and is another's.
        TypeError, ValueError: the network cannot be written, see `steps`.
    """
    before = steps(model, input_shape)[0].before
    dtype = dtype_of(model)
    source = _SOURCE.format(
        input_shape=before, dtype=dtype, network=_written(model, "    "), conversion=_CONVERSIONS[str(dtype)]
    )
    state, layouts = model.state_dict(), _layouts(model)
    counts = {name: np.zeros((), np.int64) for name in _counts(model)}
    given = {name: layout.away(state[layout.name]) for name, layout in layouts.items()}
    beside = path.with_suffix(".py")
    if beside.exists() and not beside.read_bytes().startswith(_SOURCE.partition(":")[0].encode()):
        raise FileExistsError(errno.EEXIST, f"{beside} is there, and is no module that this has written")
    arrays.write(path, given | counts, {**(metadata or {}), "format": "pt"})
    with replacing(beside) as draft:
        draft.write_text(source, encoding="utf-8")


def _written(module: Module, indent: str) -> str:
    """Write a module as a call of PyTorch's of the same name."""
    if isinstance(module, Sequential):
        layers = [f"{indent}    {_written(layer, indent + '    ')},\n" for layer in module]
        return f"nn.Sequential(\n{''.join(layers)}{indent})"
    settings = {name: _plain(name, value) for name, value in describe(module).items() if name != "type"}
    usual = {name: parameter.default for name, parameter in inspect.signature(type(module)).parameters.items()}
    given = [
        repr(value) if usual[name] is inspect.Parameter.empty else f"{name}={value!r}"
        for name, value in settings.items()
        if value != usual[name]
    ]
    return f"nn.{type(module).__name__}({', '.join(given)})"


def _plain(name: str, value: Any) -> Any:
    """Return a setting as one writes it: one number for equal lengths down and across, tuples for lists."""
    if not isinstance(value, list):
        return value
    return value[0] if name in ("kernel_size", "stride", "padding") and value[0] == value[1] else tuple(value)


# ── and back ────────────────────────────────────────────────────────────────────────────────────────────


def load_torch(model: Module, source: str | os.PathLike[str] | Mapping[str, Any] | Any) -> None:
    """Give a network the weights of a PyTorch module of the same layers. On an error nothing is changed.

    Args:
        model: the network, which may be a `Module` of one's own whose attributes have PyTorch's names.
        source: a file in safetensors; a `state_dict()`, of tensors or of arrays; or the module itself.

    Numbers come over bit for bit; float16 becomes float32 where that is what the network has. Generators, as a
    `Dropout` has, stay where they are.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no safetensors file, a pickle say; names are missing or too many; or an array has another
            shape than the one of the network, or numbers that it cannot hold.
    """
    if not isinstance(source, str | os.PathLike):
        _load(model, source.state_dict() if hasattr(source, "state_dict") else source)
        return
    try:
        _load(model, _read(Path(source)))
    except ValueError as error:
        raise ValueError(f"{source}: {in_short(error)}") from error


def _read(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PK\x03\x04" or start[:1] == b"\x80":
        raise ValueError(
            "this is a zip or a pickle, as torch.save makes them, which could do anything when read; write it in "
            "PyTorch by safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
        )
    try:
        return arrays.read(path)[0]
    except ValueError as error:
        raise ValueError(f"this is no safetensors file of NumPy's numbers: {error}") from error


def _load(model: Module, state: Mapping[str, Any]) -> None:
    layouts = _layouts(model)
    missing, unknown = layouts.keys() - state.keys(), state.keys() - layouts.keys() - _counts(model)
    if missing or unknown:
        raise ValueError(f"missing are {sorted(missing)}, unknown {sorted(map(str, unknown))}")
    fill(model, {layout: (name, state[name]) for name, layout in layouts.items()})


# ── names and layouts ───────────────────────────────────────────────────────────────────────────────────


def _layouts(model: Module) -> dict[str, Layout]:
    """Return how each array lies in PyTorch, by the name that it has there."""
    modules = dict(model.named_modules())
    left_out = {_path(path, "state") for path, module in modules.items() if isinstance(module, Dropout)}
    turned = {_path(path, "weight") for path, module in modules.items() if isinstance(module, Linear)}
    shapes = {name: array.shape for name, array in model.state_dict().items() if name not in left_out}
    return {
        _name(name, modules): Layout(name, shape, (1, 0)) if name in turned else Layout.same(name, shape)
        for name, shape in shapes.items()
    }


def _counts(model: Module) -> set[str]:
    """Return what PyTorch calls the numbers of batches that the batch normalisations have seen."""
    modules = dict(model.named_modules())
    found = (path for path, module in modules.items() if isinstance(module, BatchNorm))
    return {_name(_path(path, "num_batches_tracked"), modules) for path in found}


def _name(name: str, modules: Mapping[str, Module]) -> str:
    """Return PyTorch's name for one of ours: without the `layers` of each `Sequential` on the way, innermost first."""
    for path in sorted(modules, key=len, reverse=True):
        if isinstance(modules[path], Sequential) and name.startswith(within := _path(path, "layers.")):
            name = _path(path, name.removeprefix(within))
    return name


def _path(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
