"""`python -m mnist.export RUN`: a trained network for other libraries, held against what they make of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import tyro

import nets
from autodiff import no_grad
from mnist import data, settings
from mnist.cli import parse, run
from mnist.data import PIXELS
from mnist.data.sources import classes_of
from mnist.errors import UserError
from mnist.formats import FORMATS, FormatName
from mnist.run_folder import CONFIG, METRICS, MODEL, STATE, load_network
from nets.files import in_short

BOUND = 1e-5
"""How far logits may lie apart: max|a − b| / max|b|, with b the engine's."""

_DIGITS = 1000
_CHUNK = 100
"""Images that the engine looks at together: of more, the windows of a convolution take hundreds of megabytes."""


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Write the network of a run as another library reads it, and compare what the two make of 1,000 digits.

    The exit status is 0 if their logits agree or if the other library is not installed, and 1 if they differ.
    """

    run: tyro.conf.Positional[Path]
    """Folder of a run, such as runs/001."""
    format: FormatName
    """onnx for onnxruntime and its like, keras, torch for PyTorch (safetensors and a module), or npz for NumPy."""
    out: Path | None = None
    """The file to write; by default model.onnx, model.keras, torch_model.safetensors or model.npz in that folder."""

    def __post_init__(self) -> None:
        """Raise UserError where a value makes no sense."""
        ending = Path(FORMATS[self.format].file).suffix
        if self.path.suffix != ending:
            raise UserError(f"--out {self.path}: a file for {self.format} must have a name that ends with {ending}")
        if self.path.resolve() in {(self.run / own).resolve() for own in (MODEL, STATE)}:
            raise UserError(f"--out {self.path}: is what the run itself has left; name another file")

    @property
    def path(self) -> Path:
        """The file to write."""
        return self.out or self.run / FORMATS[self.format].file


def export(config: ExportConfig, announce: Callable[[str], None] = print) -> bool:
    """Write a file as the configuration says, and return whether its reader agrees, or could not be asked.

    Raises:
        UserError: there is no such run, a library is missing, or the file cannot be written.
    """
    model = load_network(config.run)
    x, _ = data.load("mnist-5k", announce=lambda line: None).test.batch(slice(_DIGITS))
    try:
        ours = logits(model, x)
    except ValueError as error:
        raise UserError(f"{config.run / MODEL}: takes no images of {PIXELS} pixels ({in_short(error)})") from error
    _write(model, config)
    format_ = FORMATS[config.format]
    announce(f"{config.path} is written; of images x, (m, 784) in float32 with pixels from 0 to 1, the logits are")
    announce(f"    {format_.usage.format(path=config.path, module=config.path.stem)}")
    try:
        theirs = format_.logits(config.path, x)
    except ImportError:
        announce(f"{format_.reader} is not installed, so it is not read back; pip install -e '.[{format_.extra}]'")
        return True
    difference = _difference(theirs, ours)
    agree = difference <= BOUND
    announce(
        f"{format_.reader} {metadata.version(format_.reader)} reads it; of {len(x):,} digits, its logits a and the "
        f"engine's b have max|a − b| / max|b| = {difference:.1e}, bound {BOUND:g}: {'ok' if agree else 'BROKEN'}"
    )
    return agree


def _write(model: nets.Sequential, config: ExportConfig) -> None:
    format_ = FORMATS[config.format]
    try:
        format_.save(model, config.path, about(config.run))
    except ImportError as error:
        needed = f"--format {config.format}: it takes {error.name or error}, which is not installed"
        raise UserError(f"{needed}; pip install -e '.[{format_.extra}]'") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or in_short(error)
        raise UserError(f"{config.path} cannot be written: {reason}") from error


def about(folder: Path) -> dict[str, str]:
    """Return what a file shall say of the network besides: its run, its data, the classes, and how well it does."""
    dataset = settings.read(folder / CONFIG).dataset
    found = {"run": folder.resolve().name, "dataset": dataset, "class_names": json.dumps(classes_of(dataset))}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # a run that was ended early has no metrics
        found["test_accuracy"] = str(json.loads((folder / METRICS).read_text())["test_accuracy"])
    return found


@no_grad()
def logits(model: nets.Sequential, x: np.ndarray) -> np.ndarray:
    """Return the engine's logits (m, 10) of images (m, 784)."""
    model.eval()
    return np.concatenate([model(x[start : start + _CHUNK]).data for start in range(0, len(x), _CHUNK)])


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return max|a − b| / max|b|."""
    return float(np.abs(a - b).max() / np.abs(b).max())


def main() -> int:
    """Export as the flags say, and return the exit status."""
    config = parse(ExportConfig, "python -m mnist.export")
    return 0 if export(config) else 1


if __name__ == "__main__":
    run(main)
