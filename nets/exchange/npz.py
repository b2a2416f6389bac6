"""A network as NumPy has it: its arrays by name, and its architecture as text, in one .npz file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nets.architecture import describe
from nets.files import replacing
from nets.module import Module


def save_npz(model: Module, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write the state of a network to a file that `np.load` reads, without pickles.

    Beside the arrays it holds two texts as JSON: `architecture`, as `nets.architecture.describe` gives it, and
    `metadata`, what else there is to say.

    Raises:
        OSError: the file cannot be written.
        TypeError: there is a module in it that is not one of `nets`.
    """
    texts = {"architecture": json.dumps(describe(model)), "metadata": json.dumps(dict(metadata or {}))}
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, **texts, **model.state_dict())
