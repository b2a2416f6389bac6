"""Whatever is in a file, its reader gives an answer that is right, or one line that names the file.

10,000 files for each reader: sound ones that were cut, flipped, patched and spliced, and forged ones that are whole and
say what is not so. Each is read within a bound on memory, and with an alarm for a reader that never ends.
"""

import gzip
import io
import itertools
import json
import math
import os
import re
import signal
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as serialize

import nets
from autodiff import Tensor
from mnist import TrainConfig, state
from mnist.data import digits_5k, idx, kaggle
from mnist.errors import UserError
from nets import arrays, checkpoint

pytestmark = pytest.mark.slow
resource = pytest.importorskip("resource", reason="there are no limits on memory to set")

STATM = Path("/proc/self/statm")

EACH = 10_000
MEMORY = 256 << 20
"""What a reader may take, in bytes: far more than any of these files need, far less than they may ask for."""
SECONDS = 20
"""An input that takes longer than this, thousands of times what any needs, is said to hang."""


class HangError(BaseException):
    """A reader that does not end; no `except` in it shall catch this."""


@pytest.fixture(autouse=True)
def bounded():
    """Let this process have so much memory more and not a byte beyond, and sound an alarm."""

    def ring(number, frame):
        raise HangError

    if not STATM.exists():
        pytest.skip("this system does not tell how much memory a process has")
    size = int(STATM.read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, ring)
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, limits[1]))
    yield
    signal.alarm(0)
    resource.setrlimit(resource.RLIMIT_AS, limits)
    signal.signal(signal.SIGALRM, before)


def fuzz(path, inputs, read, check, error):
    """Give a reader each input; `check` gets it, and what the reader made or None, and says if that is wrong."""
    accepted = refused = 0
    for content in inputs:
        path.unlink(missing_ok=True)  # to write over a file waits for the disk
        path.write_bytes(content)
        signal.alarm(SECONDS)
        try:
            made = read(path)
        except error as refusal:
            message = str(refusal)
            assert path.name in message, message[:2000]
            assert "\n" not in message, message[:2000]
            assert len(message) < 1000, message[:2000]
            check(content, None)
            refused += 1
        else:
            check(content, made)
            accepted += 1
    assert accepted + refused == EACH
    assert min(accepted, refused) > EACH // 100, "nearly all inputs ended alike, which tries little"


# ── damage ──────────────────────────────────────────────────────────────────────────────────────────────

INTEGERS = [0, 1, 2, 7, 9, 10, 28, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1]


def damaged(content, rng, header):
    """Return the content with one to three faults, half of them within the first `header` bytes."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        reach = max(1, min(len(content), header) if rng.random() < 0.5 else len(content))
        at, length = int(rng.integers(reach)), int(rng.integers(1, 20))
        match rng.integers(9):
            case 0:
                del content[at:]
            case 1 | 2 if content:
                content[at % len(content)] ^= 1 << int(rng.integers(8))
            case 3 if content:
                content[at % len(content)] = int(rng.integers(256))
            case 4:
                del content[at : at + length]
            case 5:
                content[at:at] = rng.bytes(length)
            case 6:
                content[at:at] = content[at : at + length]
            case 7:
                number, form = INTEGERS[rng.integers(len(INTEGERS))], "<>"[rng.integers(2)] + "BHIQ"[rng.integers(4)]
                size = struct.calcsize(form)
                content[at : at + size] = struct.pack(form, number % 256**size)
            case 8:
                content[at : at + rng.integers(2)] = b'0123456789[]{}",:-eE\n\r \t\0'[rng.integers(26) :][:1]
    return bytes(content)


def damage_to(*sound, header=64, pack=lambda content: content, count=EACH):
    """Yield sound contents, and damaged ones, each as `pack` makes a file of it."""
    rng = np.random.default_rng(0)
    for number in range(count):
        content = sound[number % len(sound)]
        yield pack(content if number % 50 == 0 else damaged(content, rng, header))


# ── IDX ─────────────────────────────────────────────────────────────────────────────────────────────────

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
IMAGES = struct.pack(">IIII", 0x803, 3, 28, 28) + PIXELS.tobytes()
LABELS = struct.pack(">II", 0x801, 20) + bytes(range(20))


def zipped(content, level=1):
    return gzip.compress(content, level, mtime=0)


def is_zipped(content):
    return content[:2] == b"\x1f\x8b"


def unpacked(content):
    """Return what a file holds, unzipped if it is zipped, and None if it cannot be."""
    if not is_zipped(content):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return None


def check_idx(shape):
    """Return a check that IDX is read if and only if it is what the format's description says."""

    def check(content, made):
        plain, dimensions = unpacked(content), 1 + len(shape)
        start = 4 + 4 * dimensions
        sound = plain is not None and len(plain) >= start
        if sound:
            magic, count, *rest = struct.unpack(f">{1 + dimensions}I", plain[:start])
            sound = magic == 0x800 + dimensions and tuple(rest) == shape and count >= 1
            sound = sound and len(plain) == start + count * math.prod(shape)
        assert sound == (made is not None)
        if sound:
            assert made.shape == (count, *shape)
            assert made.tobytes() == plain[start:]

    return check


@pytest.mark.parametrize(
    ("shape", "sound", "header"), [((28, 28), IMAGES, 16), ((), LABELS, 8)], ids=["images", "labels"]
)
@pytest.mark.parametrize("form", ["plain", "damaged and zipped", "zipped and damaged"])
def test_idx_is_read_if_and_only_if_it_is_sound(tmp_path, form, shape, sound, header):
    match form:
        case "plain":
            inputs = damage_to(sound, header=header)
        case "damaged and zipped":
            inputs = damage_to(sound, header=header, pack=zipped)
        case "zipped and damaged":
            inputs = damage_to(*(zipped(sound, level) for level in (0, 1, 9)), header=20)
    fuzz(tmp_path / "digits", inputs, lambda path: idx.read(path, shape), check_idx(shape), UserError)


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────────────

ROWS = "".join(f"{label},{','.join(map(str, row))}\n" for label, row in enumerate(PIXELS[:2].reshape(2, 784).tolist()))
NAMES = ",".join(["label", *(f"{i}x{j}" for i in range(1, 29) for j in range(1, 29))]) + "\n"


def check_table(lines, made, most):
    """What is plainly a table of bytes is read, and what is read is what Python makes of the text."""
    rows = [line.split(",") for line in lines]
    if made is None:
        plain = all(len(row) == 785 and all(map(re.compile("[0-9]{1,3}").fullmatch, row)) for row in rows)
        assert not (rows and plain and all(int(row[0]) < most and max(map(int, row)) < 256 for row in rows))
    else:
        np.testing.assert_array_equal(made, [[int(field.strip()) for field in row] for row in rows])
        assert max(made[:, 0]) < most


def test_csv_is_read_as_the_table_that_it_is_or_refused(tmp_path):
    def check(content, made):
        lines = [line.rstrip("\n") for line in io.StringIO(content.decode("utf-8-sig", "replace"), newline=None)]
        if lines and lines[0].startswith("label"):
            del lines[0]
        check_table(lines, made and np.column_stack([made.labels, made.images]), most=10)

    sound = [ROWS.encode(), (NAMES + ROWS).encode(), ("\ufeff" + ROWS.replace("\n", "\r\n")).encode()]
    fuzz(tmp_path / "mnist_train.csv", damage_to(*sound, header=12), kaggle.read, check, UserError)


def test_the_embedded_digits_are_read_as_the_table_that_they_are_or_refused(tmp_path, monkeypatch):
    def check(content, made):
        text = (unpacked(content) if is_zipped(content) else None) or b""
        lines = io.StringIO(text.decode("ascii", "replace"), newline=None)
        check_table([line.rstrip("\n") for line in lines], made, most=256)

    path = tmp_path / "data" / "data" / "mnist_5k.csv.gz"
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(digits_5k, "files", lambda package: tmp_path)
    halves = [
        *damage_to(ROWS.encode(), pack=zipped, count=EACH // 2),
        *damage_to(zipped(ROWS.encode()), header=20, count=EACH // 2),
    ]
    fuzz(path, halves, lambda path: digits_5k._read(), check, UserError)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("digits.gz", lambda path: idx.read(path, (28, 28))),
        ("data/data/mnist_5k.csv.gz", lambda path: digits_5k._read()),
    ],
    ids=["IDX", "CSV"],
)
@pytest.mark.parametrize("start", [b"", IMAGES, ROWS.encode()], ids=["nothing", "images", "rows"])
def test_a_file_that_unpacks_to_eight_gigabytes_is_refused_within_the_bound(tmp_path, monkeypatch, name, read, start):
    monkeypatch.setattr(digits_5k, "files", lambda package: tmp_path)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zipped(start) + 128 * zipped(bytes(64 << 20)))
    signal.alarm(SECONDS)
    with pytest.raises(UserError, match=path.name):
        read(path)


# ── safetensors, and the JSON within ────────────────────────────────────────────────────────────────────

VALUES = [
    *[None, True, False, 0, 1, -1, 5, 784, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, math.nan, math.inf, -math.inf],
    *["", "relu", "MLP", "adam", "--help", "a\nb", "\ud800", "x" * 10_000],
    *[[], {}, [[]], [None], [784, 10], [0.9], {"a": 1}],
]
BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "U8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "F16": 16}
BITS |= {"BF16": 16, "I32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64, "X128": 128}
SIZES = [0, 1, 2, 5, 10, 784, -1, 2**31, 2**32, 2**62, 2**63, 2**64, 1.5]


def forged(node, rng):
    """Return a value of JSON with one thing in it changed, left out, added or said twice."""
    if isinstance(node, dict | list) and node and rng.random() < 0.9:
        node = node.copy()
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = keys[rng.integers(len(keys))]
        match rng.integers(8):
            case 0:
                del node[key]
            case 1 if isinstance(node, dict):
                node[str(key) + "x"] = node[key]
            case 1:
                node.insert(key, node[key])
            case _:
                node[key] = forged(node[key], rng)
        return node
    values = VALUES
    if isinstance(node, int | float) and rng.random() < 0.5:
        values = [float(node), bool(node), str(node), -node, node + 1]
    return values[rng.integers(len(values))]


def forged_text(content, rng):
    """Return forged JSON as text, which now and then is damaged too, or nested too deeply for any reader."""
    match rng.integers(20):
        case 0:
            text = json.dumps(content).replace("{", "[" * 100_000, 1)
        case 1 | 2 | 3:
            text = damaged(json.dumps(content).encode(), rng, 64).decode("utf-8", "replace")
        case _:
            text = json.dumps(forged(content, rng))
    return text


def retyped(header, dtype, rng):
    """Return a sound safetensors file of arrays of these names and shapes, but of another type of numbers."""
    end = 0
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = end, end + math.prod(entry["shape"]) * BITS[dtype] // 8
            entry |= {"dtype": dtype, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rng.bytes(end)


def forged_header(content, rng):
    """Return a safetensors file whose header makes another claim on the same bytes."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    names = [name for name in header if name != "__metadata__"]
    entry = header[names[rng.integers(len(names))]]
    match rng.integers(5):
        case 0:
            return retyped(header, list(BITS)[rng.integers(len(BITS))], rng)
        case 1:
            entry["shape"] = [SIZES[i] for i in rng.integers(len(SIZES), size=rng.integers(5))]
        case 2:
            entry["data_offsets"] = [SIZES[i] for i in rng.integers(len(SIZES), size=2)]
        case 3:  # as large as the offsets say, and the file far smaller
            entry["shape"], entry["data_offsets"] = [2**40], [0, 2**42]
        case 4:
            header = forged(header, rng)
    text = json.dumps(header).encode()
    claimed = len(text) if rng.random() < 0.9 else INTEGERS[rng.integers(len(INTEGERS))]
    return struct.pack("<Q", claimed % 2**64) + text + content[8 + size :]


def arrays_in(content):
    """Return the arrays of a safetensors file, by the description of the format."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    kinds = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I64": np.int64}
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            numbers = np.frombuffer(content[8 + size :][slice(*entry["data_offsets"])], kinds[entry["dtype"]])
            found[name] = numbers.reshape(entry["shape"])
    return found


def assert_same_arrays(given, expected):
    assert given.keys() == expected.keys()
    for name, array in given.items():
        assert array.dtype == expected[name].dtype
        np.testing.assert_array_equal(array, expected[name])


def network(*widths, dtype=np.float32):
    return nets.MLP(widths, rng=np.random.default_rng(0), dtype=dtype)


def in_turn(*kinds):
    """Yield of each kind of inputs in turn."""
    for number, kind in zip(range(EACH), itertools.cycle(kinds)):
        yield kind(number)


def text_of(content, rng):
    """Return forged JSON, with what no file can hold replaced."""
    return forged_text(content, rng).encode("utf-8", "replace").decode()


def test_a_network_is_read_as_its_file_has_it_or_refused(tmp_path):
    def check(content, made):
        if made is not None:
            assert_same_arrays(made.state_dict(), arrays_in(content))
            assert all(type(width) is int for width in made.layer_dims)
            with np.errstate(all="ignore"):
                assert made(np.ones((2, made.layer_dims[0]), np.float32)).shape == (2, made.layer_dims[-1])

    rng, sound = np.random.default_rng(1), []
    for model in (network(6, 5, 4), network(6, 4, dtype=np.float64)):
        checkpoint.save(model, tmp_path / "sound")
        sound.append((tmp_path / "sound").read_bytes())
    damages = damage_to(*sound, header=400)
    weights = network(6, 1, 4).state_dict()
    architecture = {"type": "MLP", "layer_dims": [6, 1, 4], "activation": "relu"}
    inputs = in_turn(
        lambda number: next(damages),
        lambda number: forged_header(sound[number % 2], rng),
        lambda number: serialize(weights, {"architecture": text_of(architecture, rng)}),
    )
    fuzz(tmp_path / "model.safetensors", inputs, checkpoint.load, check, ValueError)


# ── the state of a run ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sound_state(tmp_path, monkeypatch):
    """Return the file of the state of a small run, with everything in it; nothing here waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    config = TrainConfig(layers=(784, 1, 10), optimizer="adam", epochs=3, data_dir=Path("digits"))
    run = state.begin(config, state.DataStamp("mnist", 60_000, 10_000, "0" * 64))
    for epoch in (1, 2):
        step(run)
        run.history.append({**dict.fromkeys(state.columns(run.config, run.model), 0.5), "epoch": epoch})
    state.save(run, tmp_path / "state.safetensors")
    return tmp_path / "state.safetensors"


def step(run):
    for parameter in run.model.parameters():
        parameter.grad = Tensor(np.ones(parameter.shape, parameter.dtype))
    with np.errstate(all="ignore"):
        run.optimizer.step()


def parts_of(path):
    """Return the arrays of a state's file, and its JSON."""
    tensors, metadata = arrays.read(path)
    return tensors, json.loads(metadata["state"])


def test_the_state_of_a_run_is_read_as_it_was_written_or_refused(sound_state, tmp_path):
    rng, sound = np.random.default_rng(1), sound_state.read_bytes()
    tensors, content = parts_of(sound_state)

    def check(_, made):
        if made is not None:
            (tmp_path / "again").unlink(missing_ok=True)
            state.save(made, tmp_path / "again")
            again, same = parts_of(tmp_path / "again")
            assert_same_arrays(again, tensors)
            assert same == content

    damages = damage_to(sound, header=1000)
    inputs = in_turn(lambda number: next(damages), lambda number: forged_header(sound, rng) if number % 20 else sound)
    fuzz(sound_state, inputs, state.load, check, ValueError)


def forged_tensors(tensors, rng):
    """Return the arrays with one of them renamed, reshaped, retyped, left out, or filled with what is no number."""
    tensors = dict(tensors)
    name = list(tensors)[rng.integers(len(tensors))]
    array = tensors.pop(name)
    match rng.integers(8):
        case 0:
            tensors[name.replace("0", "1", 1)] = array
        case 1:
            names = ["x", "model.", "optimizer.9.t", "optimizer.-1.t", "optimizer.x.t", "a.b.c"]
            tensors[names[rng.integers(len(names))]] = array
        case 2:
            tensors[name] = array.reshape(-1)[: rng.integers(array.size + 1)]
        case 3:
            tensors[name] = array.astype([np.float64, np.int64, bool, np.complex64][rng.integers(4)])
        case 4:
            tensors[name] = np.full_like(array, [np.nan, np.inf, -1][rng.integers(3)], np.float32)
        case 5:
            tensors[name] = np.asarray(array - 10)
        case 6:
            tensors[name] = np.broadcast_to(array, (1, *array.shape)).copy()
    return tensors


def test_a_forged_state_is_refused_or_can_be_gone_on_with(sound_state):
    """Here the hash is right, as whoever forges a file will make it."""
    rng = np.random.default_rng(1)
    tensors, content = parts_of(sound_state)

    def sealed(tensors, text):
        return serialize(tensors, {"state": text, "sha256": state._sha256(text, tensors)})

    def check(_, made):
        if made is not None:
            step(made)
            assert len(made.history) <= made.config.epochs
            json.dumps([made.config.as_json(), made.history, made.seconds], allow_nan=False)

    inputs = in_turn(
        lambda number: sealed(tensors, text_of(content, rng)),
        lambda number: sealed(forged_tensors(tensors, rng), json.dumps(content)),
    )
    fuzz(sound_state, inputs, state.load, check, ValueError)
