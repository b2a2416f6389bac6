"""The weights of a Keras model, given to a network of the same layers.

A file is read as the data that it is: no model is made of it, no Keras is needed, and nothing in it is executed. HDF5
can send a reader on to other files, and unpack little into much; what does either is refused.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nets.convolution import Conv2d
from nets.exchange.keras_layouts import Part, parts
from nets.exchange.layout import Layout, fill
from nets.files import in_short
from nets.layers import Linear
from nets.module import Module
from nets.normalisation import BatchNorm1d, BatchNorm2d, LayerNorm

_GROUPS: dict[type[Module], str] = {
    Linear: "dense", Conv2d: "conv2d", BatchNorm1d: "batch_normalization", BatchNorm2d: "batch_normalization",
    LayerNorm: "layer_normalization",
}  # fmt: skip
"""What Keras calls the layers in a file, whatever their names: those of a kind are counted, dense, dense_1, dense_2."""

_MEMBER = "model.weights.h5"
_SPARE = 16 << 20
"""Bytes that a file may hold beside arrays: the names of all, and what HDF5 keeps of its own."""


def load_keras(
    model: Module,
    source: str | os.PathLike[str] | Sequence[Any] | Any,
    input_shape: tuple[int, ...] | None = None,
) -> None:
    """Give a network the weights of a Keras model of the same layers. On an error nothing is changed.

    Args:
        model: a network of the layers of `nets`.
        source: a .keras or .weights.h5 file; the list that `get_weights()` gives; or the model itself.
        input_shape: the shape of one example here, where the first layer takes several: (channels, height, width).

    Numbers come over bit for bit; how arrays lie there is told in `keras_layouts`. A layer's activation may be one of
    its own there or part of the layer, for it has no weights. What an optimizer has left in a file is not read.

    Raises:
        ImportError: h5py, which comes with Keras, is not installed, and source is a file.
        OSError: the file cannot be read.
        TypeError: there is a module in the network that is not one of `nets`.
        ValueError: it is no such file; there are more layers or fewer; or an array has another shape than the one of
            the network, or numbers that it cannot hold.
    """
    found = parts(model, input_shape)
    if not isinstance(source, str | os.PathLike):
        _fill_from_list(model, found, source.get_weights() if hasattr(source, "get_weights") else source)
        return
    try:
        _fill_from_file(model, found, Path(source))
    except ValueError as error:
        raise ValueError(f"{source}: {in_short(error)}") from error


def _fill_from_list(model: Module, found: list[Part], weights: Sequence[Any]) -> None:
    layouts = [layout for part in found for layout in part.layouts]
    if len(weights) != len(layouts):
        raise ValueError(
            f"there are {len(weights)} arrays, but the network has {len(layouts)}: "
            f"{', '.join(f'{layout.name} {layout.there}' for layout in layouts)}"
        )
    fill(model, {layout: (f"array {i}", array) for i, (layout, array) in enumerate(zip(layouts, weights, strict=True))})


def _fill_from_file(model: Module, found: list[Part], path: Path) -> None:
    import h5py

    most = _SPARE + 8 * sum(array.nbytes for array in model.state_dict().values())  # an optimizer keeps its own, too
    content = _content(path, most)
    try:
        with h5py.File(content, "r") as file:
            fill(model, dict(_named(h5py, file, found)))
    except (KeyError, NotImplementedError, OSError, RuntimeError, TypeError, UnicodeError) as error:
        raise ValueError(f"its HDF5 cannot be read: {error}") from error


def _content(path: Path, most: int) -> Any:
    """Return what h5py is to open: the file, or the part of it that holds the weights, of so many bytes at most."""
    with path.open("rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        return path
    if start[:1] == b"\x80":
        raise ValueError("this is a pickle, which could do anything when read; save it in Keras, model.save('x.keras')")
    if start[:4] != b"PK\x03\x04":
        raise ValueError("this is neither a .keras nor a .weights.h5 file")
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_MEMBER) as member:
            content = member.read(most + 1)
    except KeyError as error:
        raise ValueError(f"this is no .keras file: it holds no {_MEMBER}") from error
    except (EOFError, NotImplementedError, OSError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error
    if len(content) > most:
        raise ValueError(f"its {_MEMBER} has more than {most:,} bytes, far more than this network's weights")
    return io.BytesIO(content)


def _named(h5py: Any, file: Any, found: list[Part]) -> Iterator[tuple[Layout, tuple[str, Any]]]:
    """Yield each layout with the name and the data set of its array."""
    layers = _within(h5py, file, "layers", h5py.Group)
    counts: Counter[str] = Counter()
    seen = set()
    for part in found:
        if kind := _GROUPS.get(type(part.step.layer)):
            seen.add(name := f"{kind}_{counts[kind]}" if counts[kind] else kind)
            counts[kind] += 1
            arrays = _within(h5py, _within(h5py, layers, name, h5py.Group), "vars", h5py.Group)
            if len(arrays) != len(part.layouts):
                expected = ", ".join(layout.name for layout in part.layouts) or "none"
                raise ValueError(f"{name} has {len(arrays)} arrays, where the network has {expected}")
            for i, layout in enumerate(part.layouts):
                yield layout, (f"{name}/{i}", _within(h5py, arrays, str(i), h5py.Dataset))
    kinds = set(_GROUPS.values())
    if more := [name for name in layers if name not in seen and re.sub(r"_[0-9]+$", "", name) in kinds]:
        raise ValueError(f"it has layers that the network has not: {', '.join(more)}")


def _within(h5py: Any, group: Any, name: str, kind: type) -> Any:
    """Return what a group of a file holds under a name, if it is of a kind, and in this file, as it is."""
    link = group.get(name, getlink=True)
    if link is None:
        raise ValueError(f"it holds no {name} in {group.name}; what is read here is what Keras 3 saves as x.keras")
    found = group[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, kind):
        raise ValueError(f"{name} in {group.name} is a {type(found or link).__name__}, not a {kind.__name__}")
    if isinstance(found, h5py.Dataset) and (found.chunks or found.external or found.is_virtual):
        raise ValueError(f"{found.name} lies in chunks or in another file, and Keras writes arrays whole")
    return found
