"""The formats that a network is exported to: how each is written, and what the library that it is for makes of it."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

import nets
from autodiff import no_grad
from mnist.engines import import_tensorflow
from nets import checkpoint, exchange

FormatName = Literal["onnx", "keras", "torch", "npz"]


class Format(NamedTuple):
    """What there is to know of a format."""

    file: str
    """What a file of it is called in the folder of a run."""
    save: Callable[[nets.Sequential, Path, Mapping[str, str]], None]
    """Writes a network to a file, with some text about it; raises ImportError if it lacks a library."""
    logits: Callable[[Path, np.ndarray], np.ndarray]
    """Reads the file, and computes the logits (m, 10) of images (m, 784); raises ImportError if it lacks a library."""
    reader: str
    """The package that does so."""
    extra: str
    """With which of our extras the libraries are installed."""
    usage: str
    """How a program reads the file at a path."""


def _save_keras(model: nets.Sequential, path: Path, about: Mapping[str, str]) -> None:
    _import_keras()  # in silence
    exchange.save_keras(model, path)


def _import_keras() -> Any:
    import_tensorflow()
    import keras

    return keras


def _by_onnxruntime(path: Path, x: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {"x": x})[0])


def _by_keras(path: Path, x: np.ndarray) -> np.ndarray:
    model = _import_keras().saving.load_model(path, compile=False)
    return np.asarray(model.predict(x, verbose=0))


def _by_torch(path: Path, x: np.ndarray) -> np.ndarray:
    import torch

    model = runpy.run_path(str(path.with_suffix(".py")))["load"](path)
    with torch.inference_mode():
        return np.asarray(model(torch.from_numpy(x)))


@no_grad()
def _by_numpy(path: Path, x: np.ndarray) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        texts = {name: json.loads(file[name].item()) for name in ("architecture", "metadata")}
        state = {name: file[name] for name in file.files if name not in texts}
    model = checkpoint.build(texts["architecture"], state, nets.Sequential)
    return np.asarray(model.eval()(x).data)


def _save_onnx(model: nets.Sequential, path: Path, about: Mapping[str, str]) -> None:
    exchange.save_onnx(model, path, metadata=about)


def _save_torch(model: nets.Sequential, path: Path, about: Mapping[str, str]) -> None:
    exchange.save_torch(model, path, metadata=about)


FORMATS: dict[FormatName, Format] = {
    "onnx": Format(
        "model.onnx", _save_onnx, _by_onnxruntime, "onnxruntime", "export",
        'onnxruntime.InferenceSession("{path}").run(None, {{"x": x}})[0]',
    ),
    "keras": Format(
        "model.keras", _save_keras, _by_keras, "keras", "tensorflow", 'keras.saving.load_model("{path}")(x)',
    ),
    "torch": Format(
        "torch_model.safetensors", _save_torch, _by_torch, "torch", "bench",
        "load()(torch.from_numpy(x)), by `from {module} import load` in that folder",
    ),
    "npz": Format(
        "model.npz", exchange.save_npz, _by_numpy, "numpy", "mnist",
        'yours to compute, from np.load("{path}")["layers.0.weight"] and so on',
    ),
}  # fmt: skip
