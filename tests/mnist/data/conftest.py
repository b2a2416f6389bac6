"""Small data sets in MNIST's form, and a machine without the user's data, cache or network."""

import gzip
import hashlib
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pooch
import pytest
from numpy.typing import NDArray

from mnist.data.sources import MNIST, SOURCES, File, Source

REAL_MNIST = os.environ.get("MNIST_DATA_DIR")


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@dataclass
class Small:
    """A data set small enough to make: its source, and its four files by their names on a mirror."""

    source: Source
    idx: dict[str, bytes]

    @property
    def gzipped(self) -> dict[str, bytes]:
        return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in self.idx.items()}

    def put(self, folder: Path, gzipped: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (self.gzipped if gzipped else self.idx).items():
            (folder / name).write_bytes(content)
        return folder

    def put_csv(self, folder: Path, header: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        train_images, train_labels, test_images, test_labels = self.idx.values()
        for name, images, labels in (
            (self.source.train_csv, train_images, train_labels),
            (self.source.test_csv, test_images, test_labels),
        ):
            pixels = np.frombuffer(images[16:], np.uint8).reshape(-1, 784)
            rows = np.column_stack([np.frombuffer(labels[8:], np.uint8), pixels])
            text = "\n".join(",".join(map(str, row)) for row in rows.tolist()) + "\n"
            columns = ",".join(["label", *(f"{i}x{j}" for i in range(1, 29) for j in range(1, 29))])
            (folder / name).write_text(f"{columns}\n{text}" if header else text)
        return folder

    def put_competition(self, folder: Path) -> Path:
        """Put the same down as Kaggle's competition does: the test images without labels, and under other names."""
        (self.put_csv(folder, header=True) / self.source.train_csv).rename(folder / "train.csv")
        lines = (folder / self.source.test_csv).read_text().splitlines()
        (folder / self.source.test_csv).unlink()
        header = ",".join(f"pixel{i}" for i in range(784))
        images = [line.partition(",")[2] for line in lines[1:]]
        (folder / "test.csv").write_text("\n".join([header, *images]) + "\n")
        return folder


def _file(known: File, content: bytes) -> File:
    return File(
        known.name,
        sha256=hashlib.sha256(content).hexdigest(),
        gzip_sha256=hashlib.sha256(gzip.compress(content, mtime=0)).hexdigest(),
    )


@pytest.fixture
def small() -> Small:
    """Twenty noisy images to train on and ten to test on."""
    rng = np.random.default_rng(0)
    arrays = (
        rng.integers(0, 256, (20, 28, 28), np.uint8),
        np.arange(20, dtype=np.uint8) % 10,
        rng.integers(0, 256, (10, 28, 28), np.uint8),
        np.arange(10, dtype=np.uint8),
    )
    contents = [idx_bytes(array) for array in arrays]
    files = [_file(known, content) for known, content in zip(MNIST.files, contents, strict=True)]
    keys = ("train_images", "train_labels", "test_images", "test_labels")
    source = replace(MNIST, mirrors=(), **dict(zip(keys, files, strict=True)))
    return Small(source, dict(zip((file.name for file in files), contents, strict=True)))


@pytest.fixture
def known(small: Small, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Source]:
    """Let "mnist" stand for the small data set, on the mirrors given."""

    def know(*mirrors: str) -> Source:
        source = replace(small.source, mirrors=mirrors)
        monkeypatch.setitem(SOURCES, "mnist", source)
        return source

    return know


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The cache folder, empty, of the data set "mnist"."""
    return tmp_path / "caches" / "autodiff-mnist" / "mnist"


@pytest.fixture
def real_mnist() -> Path:
    """The folder of the real MNIST, where there is one."""
    if not REAL_MNIST:
        pytest.skip("MNIST_DATA_DIR is not set")
    return Path(REAL_MNIST)


@pytest.fixture
def dead_mirror() -> str:
    """A mirror at a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def _bare_machine(tmp_path: Path, dead_mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNIST_DATA_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "caches" / project)
    monkeypatch.setitem(SOURCES, "mnist", replace(MNIST, mirrors=(dead_mirror,)))
