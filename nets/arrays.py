"""Named arrays in a safetensors file, with some text: nothing in such a file is ever executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialize

from nets.files import replacing


def write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write arrays and text to a file, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    in_order = {name: np.asarray(array, order="C") for name, array in arrays.items()}  # as safetensors takes them to be
    content = serialize(in_order, dict(metadata))
    with replacing(path) as draft:
        draft.write_bytes(content)


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the arrays and the text of a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no safetensors file, or of numbers that NumPy has not.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, AttributeError, TypeError) as error:  # the last two of numbers such as bfloat16
        raise ValueError(str(error)) from error
