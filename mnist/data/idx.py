"""IDX, the format of MNIST's own files.

A file is a header and then bytes, one for each element in row-major order. The header is big-endian:
two zero bytes, the type (8 for unsigned bytes), the number of dimensions, and a uint32 for the size
of each. Nothing in it is believed before the file has borne it out.
"""

import gzip
import hashlib
import io
import math
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist.data.dataset import MOST_ITEMS
from mnist.errors import UserError

_UBYTE = 8
_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"


def read(path: Path, item: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read an IDX file, gzipped or not, of items of the shape `item`.

    `item` is (28, 28) for images and () for labels. Returns uint8 of shape (n, *item), n ≥ 1.

    Raises UserError if the file cannot be read, is not IDX, holds items of another shape or none,
    or ends before or after its header says.
    """
    try:
        with _open(path) as file:
            count = _read_header(file, path, item)
            payload = _read_payload(file, path, count * math.prod(item))
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read ({error}): fetch it again") from error
    return np.frombuffer(payload, np.uint8).reshape(count, *item)


def sha256(array: NDArray[np.uint8]) -> str:
    """Hash an array as the IDX file that holds it, so that the same data in any container match."""
    digest = hashlib.sha256(_magic(array.ndim) + struct.pack(f">{array.ndim}I", *array.shape))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _magic(dimensions: int) -> bytes:
    return bytes((0, 0, _UBYTE, dimensions))


def _open(path: Path) -> io.BufferedIOBase:
    """Open the file by what it holds, not by its name: browsers unpack gzip and keep the name."""
    with path.open("rb") as file:
        gzipped = file.read(2) == _GZIP_MAGIC
    return gzip.open(path) if gzipped else path.open("rb")


def _read_header(file: io.BufferedIOBase, path: Path, item: tuple[int, ...]) -> int:
    """Check the header and return the number of items that it promises."""
    dimensions = 1 + len(item)
    magic, sizes = file.read(4), file.read(4 * dimensions)
    if magic != _magic(dimensions):
        raise UserError(
            f"{path} is not an IDX file of bytes in {dimensions} dimensions: it begins with "
            f"0x{magic.hex()}, not 0x{_magic(dimensions).hex()}; fetch it again"
        )
    if len(sizes) < 4 * dimensions:
        raise UserError(f"{path} ends within its header: fetch it again")
    count: int
    count, *shape = struct.unpack(f">{dimensions}I", sizes)
    if tuple(shape) != item:
        raise UserError(f"{path} holds images of {_times(shape)} pixels: give it images of {_times(item)}")
    if not 1 <= count <= MOST_ITEMS:
        raise UserError(f"{path} says that it holds {count:,} items: give it 1 to {MOST_ITEMS:,}")
    return count


def _times(shape: Iterable[int]) -> str:
    return "×".join(map(str, shape))


def _read_payload(file: io.BufferedIOBase, path: Path, size: int) -> bytearray:
    """Read the `size` bytes that the header promises, and see that the file ends there.

    The buffer grows with what is read, so that a forged header gets no memory that the file does
    not fill; and no more than `size` bytes are decompressed.
    """
    payload = bytearray()
    while chunk := file.read(min(_CHUNK, size - len(payload))):
        payload += chunk
    if len(payload) < size:
        raise UserError(
            f"{path} is truncated: its header promises {size:,} bytes and {len(payload):,} follow; "
            "fetch it again"
        )
    if file.read(1):
        raise UserError(f"{path} holds more than the {size:,} bytes that its header promises: fetch it again")
    return payload
