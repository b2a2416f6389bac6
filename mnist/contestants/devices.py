"""What a contestant computes on: the processor, or, with TensorFlow, each device that it sees."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

CPU = "CPU:0"


def seen_by(library: str) -> list[str]:
    """Return the devices that a library's contestants can compute on. TensorFlow is imported for it."""
    if library != "tensorflow":
        return [CPU]
    import tensorflow as tf

    return [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]


def on(library: str, device: str) -> AbstractContextManager[Any]:
    """Compute on a device within a `with`, and in full float32: a GPU would round to fewer digits by itself."""
    if library != "tensorflow":
        return nullcontext()
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(False)
    where: AbstractContextManager[Any] = tf.device(device)
    return where
