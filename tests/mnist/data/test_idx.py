import gzip
import hashlib
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnist.data import idx
from mnist.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
LABELS = np.arange(5, dtype=np.uint8)
HEADER = struct.pack(">IIII", 0x803, 5, 28, 28)
FILE = HEADER + IMAGES.tobytes()

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(content: bytes) -> Path:
        path = tmp_path / "images"
        path.write_bytes(content)
        return path

    return put


@pytest.fixture(params=[bytes, gzip.compress], ids=["plain", "gzip"])
def pack(request: pytest.FixtureRequest) -> Callable[[bytes], bytes]:
    return request.param


def refusal(path: Path, item: tuple[int, ...] = (28, 28)) -> str:
    with pytest.raises(UserError) as caught:
        idx.read(path, item)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def peak_of(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_images_are_read(write: Write, pack: Callable[[bytes], bytes]) -> None:
    images = idx.read(write(pack(FILE)), (28, 28))
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, IMAGES)


def test_labels_are_read(write: Write, pack: Callable[[bytes], bytes]) -> None:
    labels = idx.read(write(pack(struct.pack(">II", 0x801, 5) + LABELS.tobytes())), ())
    np.testing.assert_array_equal(labels, LABELS)


def test_the_hash_is_that_of_the_file(write: Write) -> None:
    assert idx.sha256(IMAGES) == hashlib.sha256(FILE).hexdigest()
    assert idx.sha256(IMAGES[::2]) == idx.sha256(IMAGES[::2].copy())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an IDX file of bytes in 3 dimensions: it begins with 0x, not 0x00000803"),
        (b"<html>no</html>", "it begins with 0x3c68746d"),
        (struct.pack(">IIII", 0x801, 5, 28, 28) + FILE[16:], "it begins with 0x00000801"),
        (struct.pack(">IIII", 0xD03, 5, 28, 28) + FILE[16:], "it begins with 0x00000d03"),
        (HEADER[:10], "ends within its header"),
        (struct.pack(">IIII", 0x803, 5, 32, 32) + bytes(5 * 32 * 32), "images of 32×32 pixels"),
        (struct.pack(">IIII", 0x803, 0, 28, 28), "says that it holds 0 items"),
        (struct.pack(">IIII", 0x803, 0xFFFFFFFF, 28, 28), "says that it holds 4,294,967,295 items"),
        (HEADER, "promises 3,920 bytes and 0 follow"),
        (FILE[:-1], "promises 3,920 bytes and 3,919 follow; fetch it again"),
        (FILE + b"\0", "holds more than the 3,920 bytes"),
    ],
)
def test_what_is_not_well_formed_is_refused(
    write: Write, pack: Callable[[bytes], bytes], content: bytes, words: str
) -> None:
    assert words in refusal(write(pack(content)))


def test_labels_are_not_taken_for_images(write: Write) -> None:
    assert "in 1 dimensions" in refusal(write(FILE), ())


def test_truncated_gzip_is_refused(write: Write) -> None:
    assert "cannot be read (Compressed file ended" in refusal(write(gzip.compress(FILE)[:-9]))


def test_gzip_with_a_wrong_checksum_is_refused(write: Write) -> None:
    packed = bytearray(gzip.compress(FILE))
    packed[-8] ^= 1
    assert "CRC check failed" in refusal(write(bytes(packed)))


def test_gzip_with_rubbish_inside_or_after_is_refused(write: Write) -> None:
    packed = gzip.compress(FILE)
    assert "cannot be read" in refusal(write(packed[:12] + b"\xff" * 100 + packed[112:]))
    assert "cannot be read" in refusal(write(packed + b"rubbish"))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "nothing")


def test_a_forged_header_gets_no_memory_that_the_file_does_not_fill(
    write: Write, pack: Callable[[bytes], bytes]
) -> None:
    path = write(pack(struct.pack(">IIII", 0x803, 1_000_000, 28, 28) + bytes(1000)))
    assert peak_of(lambda: refusal(path)) < 4 << 20


def test_decompression_stops_at_the_size_declared(write: Write) -> None:
    path = write(gzip.compress(FILE + bytes(100 << 20), compresslevel=1))
    assert peak_of(lambda: refusal(path)) < 4 << 20


def test_the_peak_of_memory_is_little_over_the_array(write: Write) -> None:
    path = write(gzip.compress(struct.pack(">IIII", 0x803, 20_000, 28, 28) + bytes(20_000 * 784)))
    assert peak_of(lambda: idx.read(path, (28, 28))) < 1.3 * 20_000 * 784
