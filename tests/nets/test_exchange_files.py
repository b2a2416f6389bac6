"""Whatever is in a file of weights: it is read, or refused in one line that names it, and then nothing is changed."""

import io
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save as serialize

import nets
from nets import exchange
from tests.mnist.test_fuzz import damaged
from tests.nets.exchange_cases import check_equal

EACH = 1000


def small(seed=0):
    given = {"rng": np.random.default_rng(seed)}
    layers = (nets.Linear(6, 5, **given), nets.BatchNorm1d(5), nets.ReLU(), nets.Linear(5, 3, **given))
    return nets.Sequential(*layers).eval()


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py", reason="h5py is not installed")


def refuse(load, path, match):
    """Check that a file is refused in one line, and that the network is as it was."""
    model = small(1)
    with pytest.raises(ValueError, match=match) as refusal:
        load(model, path)
    message = str(refusal.value)
    assert path.name in message
    assert "\n" not in message
    assert len(message) < 1000
    check_equal(model, small(1))


def fuzz(load, path, contents):
    """Give a reader each of the contents; what is not refused must have been read to finite shapes of its own."""
    read = 0
    model = small(1)
    for content in contents:
        path.unlink(missing_ok=True)  # to write over a file waits for the disk
        path.write_bytes(content)
        before = model.state_dict()
        try:
            load(model, path)
        except ValueError as refusal:
            message = str(refusal)
            assert path.name in message
            assert "\n" not in message
            assert len(message) < 1000
            for name, array in model.state_dict().items():
                assert array.tobytes() == before[name].tobytes()
        else:
            read += 1
    assert EACH // 100 < read < EACH * 99 // 100, "nearly all inputs ended alike, which tries little"


# ── PyTorch's ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def safetensors(tmp_path):
    exchange.save_torch(small(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


class Bomb:
    """What a pickle does when it is read."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was read",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_not_read_and_it_is_told_how_to_do_without(tmp_path, protocol):
    path = tmp_path / "w.pt"
    path.write_bytes(pickle.dumps(Bomb(), protocol))
    refuse(exchange.load_torch, path, "pickle.*safetensors.torch.save_file" if protocol > 1 else "no safetensors file")
    refuse(exchange.load_keras, path, "pickle" if protocol > 1 else "neither")


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_save_has_written_is_a_pickle(tmp_path, zipped):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    path = tmp_path / "w.pt"
    torch.save({"0.weight": torch.ones(5, 6)}, path, _use_new_zipfile_serialization=zipped)
    refuse(exchange.load_torch, path, r"a pickle, as torch.save makes them.*safetensors\.torch\.save_file\(.*\)$")


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"\xff" * 64, b'{"a": 1}' * 9], ids=["empty", "0", "1", "json"])
@pytest.mark.parametrize("load", [exchange.load_torch, exchange.load_keras])
def test_a_file_of_another_kind_is_refused(tmp_path, load, content):
    (tmp_path / "w").write_bytes(content)
    refuse(load, tmp_path / "w", "no safetensors file" if load is exchange.load_torch else "neither a .keras")


@pytest.mark.parametrize("load", [exchange.load_torch, exchange.load_keras])
def test_a_file_that_is_not_there_is_an_os_error(tmp_path, load):
    with pytest.raises(FileNotFoundError):
        load(small(), tmp_path / "nothing")


def test_every_truncation_of_safetensors_is_refused(safetensors):
    content = safetensors.read_bytes()
    for length in {*range(0, len(content), 11), len(content) - 1}:
        safetensors.write_bytes(content[:length])
        refuse(exchange.load_torch, safetensors, "no safetensors file")


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda s: {**s, "0.weight": s["0.weight"].T.copy()}, r"0\.weight has shape \(6, 5\), but layers\.0\.weight"),
        (lambda s: {**s, "0.weight": s["0.weight"].astype("f8")}, "0.weight is of float64"),
        (lambda s: {**s, "0.weight": s["0.weight"].astype("i4")}, "0.weight is of int32"),
        (lambda s: {n: a for n, a in s.items() if n != "1.running_var"}, r"missing are \['1\.running_var'\]"),
        (lambda s: {**s, "9.weight": s["0.weight"]}, r"unknown \['9\.weight'\]"),
        (lambda s: {f"module.{n}": a for n, a in s.items()}, r"unknown \['module\.0\.bias'"),
        (lambda s: {**s, "x" * 5000: s["0.weight"]}, "unknown"),
        (lambda s: {}, "missing"),
    ],
    ids=["transposed", "wider", "integers", "missing", "more", "renamed", "long", "none"],
)
def test_forged_safetensors_are_refused(safetensors, spoil, match):
    from nets import arrays

    safetensors.write_bytes(serialize(spoil(arrays.read(safetensors)[0])))
    refuse(exchange.load_torch, safetensors, match)


def test_damaged_safetensors_are_read_whole_or_refused(safetensors):
    rng = np.random.default_rng(0)
    content = safetensors.read_bytes()
    fuzz(exchange.load_torch, safetensors, (damaged(content, rng, 600) if i % 20 else content for i in range(EACH)))


# ── Keras' ──────────────────────────────────────────────────────────────────────────────────────────────


def hdf5(h5py, arrays=None, build=lambda file: None):
    """Return an HDF5 file as Keras writes it, but for what a function does to it."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in (weights() if arrays is None else arrays).items():
            file[name] = array
        build(file)
    return content.getvalue()


def weights():
    kinds = {"dense": (0, 2), "batch_normalization": (2, 6), "dense_1": (6, 8)}
    own = [small()[i] for i in (0, 1, 3)]
    arrays = [t.data for layer in own for t in (layer.weight, layer.bias, *running(layer))]
    return {
        f"layers/{kind}/vars/{i}": array
        for kind, (start, end) in kinds.items()
        for i, array in enumerate(arrays[start:end])
    }


def running(layer):
    return (layer.running_mean, layer.running_var) if isinstance(layer, nets.BatchNorm1d) else ()


def zipped(content, name="model.weights.h5", method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("pack", [lambda content: content, zipped], ids=["h5", "keras"])
def test_files_made_as_keras_makes_them_are_read(h5py, tmp_path, pack):
    (tmp_path / "w").write_bytes(pack(hdf5(h5py)))
    model = small(1)
    exchange.load_keras(model, tmp_path / "w")
    check_equal(model, small())


def at(name):
    """Return what takes away what a file has under a name, and puts something else there."""

    def put(make):
        def build(file):
            del file[name]
            make(file)

        return build

    return put


def chunked(file):
    room = {"chunks": (4096, 4096), "maxshape": (None, None), "compression": "gzip"}
    file.create_dataset("layers/dense/vars/0", (6, 5), "f4", **room)[...] = 1.0


def outside(file):
    file.create_dataset("layers/dense/vars/0", (6, 5), "f4", external=[("/etc/passwd", 0, 120)])


def linked(link):
    return lambda file: file["layers/dense/vars"].__setitem__("0", link)


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda file: file["layers/dense"].__delitem__("vars"), "it holds no vars in /layers/dense;"),
        (lambda file: file.__delitem__("layers/dense_1"), "it holds no dense_1 in /layers;"),
        (lambda file: file.__delitem__("layers"), "it holds no layers in /;"),
        (lambda file: file.__delitem__("layers/dense_1/vars/1"), "dense_1 has 1 arrays, where the network has"),
        (lambda file: file.move("layers/dense/vars/0", "layers/dense/vars/x"), "it holds no 0 in /layers/dense/vars"),
        (lambda file: file.create_group("layers/dense_2/vars"), "layers that the network has not: dense_2"),
        (lambda file: file.create_group("layers/conv2d/vars"), "layers that the network has not: conv2d"),
        (lambda file: file.create_dataset("layers/dense/vars/2", data=1.0), "dense has 3 arrays"),
        (at("layers/dense")(lambda file: file.create_dataset("layers/dense", data=1.0)), "dense in /layers is a Data"),
        (at("layers/dense/vars/0")(lambda file: file.create_group("layers/dense/vars/0")), "is a Group, not a Dataset"),
        (at("layers/dense/vars/0")(chunked), "lies in chunks or in another file"),
        (at("layers/dense/vars/0")(outside), "lies in chunks or in another file"),
    ],
)
def test_forged_groups_are_refused(h5py, tmp_path, build, match):
    (tmp_path / "w.keras").write_bytes(zipped(hdf5(h5py, build=build)))
    refuse(exchange.load_keras, tmp_path / "w.keras", match)


@pytest.mark.parametrize("kind", ["external", "soft", "virtual"])
def test_a_file_does_not_send_the_reader_on_to_another(h5py, tmp_path, kind):
    (tmp_path / "other.h5").write_bytes(hdf5(h5py))

    def build(file):
        name = "layers/dense/vars/0"
        del file[name]
        if kind == "virtual":
            layout = h5py.VirtualLayout((6, 5), "f4")
            layout[...] = h5py.VirtualSource(str(tmp_path / "other.h5"), name, (6, 5))
            file.create_virtual_dataset(name, layout)
        elif kind == "soft":
            file[name] = h5py.SoftLink("/layers/dense_1/vars/0")
        else:
            file[name] = h5py.ExternalLink(str(tmp_path / "other.h5"), f"/{name}")

    (tmp_path / "w.weights.h5").write_bytes(hdf5(h5py, build=build))
    refuse(exchange.load_keras, tmp_path / "w.weights.h5", "in another file" if kind == "virtual" else "is a .*Link")


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.ones((5, 6), "f4"), r"dense/0 has shape \(5, 6\), but layers\.0\.weight, \(6, 5\) here, has \(6"),
        (np.ones((6, 5), "f8"), "is of float64"),
        (np.ones((6, 5), "i4"), "is of int32"),
        (np.ones((6, 5), "S3"), r"is of \|S3"),
        (np.float32(1), r"has shape \(\)"),
    ],
)
def test_forged_arrays_are_refused(h5py, tmp_path, array, match):
    (tmp_path / "w.weights.h5").write_bytes(hdf5(h5py, {**weights(), "layers/dense/vars/0": array}))
    refuse(exchange.load_keras, tmp_path / "w.weights.h5", match)


def test_an_array_that_claims_to_be_immense_is_not_made_room_for(h5py, tmp_path):
    immense = at("layers/dense/vars/0")(lambda file: file.create_dataset("layers/dense/vars/0", (10**6, 10**6), "f4"))
    (tmp_path / "w.weights.h5").write_bytes(hdf5(h5py, build=immense))
    refuse(exchange.load_keras, tmp_path / "w.weights.h5", r"dense/0 has shape \(1000000, 1000000\)")


def test_a_zip_bomb_is_unpacked_no_further_than_the_network_is_large(tmp_path):
    bomb = zipped(bytes(256 << 20), method=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 20
    (tmp_path / "w.keras").write_bytes(bomb)
    tracemalloc.start()
    refuse(exchange.load_keras, tmp_path / "w.keras", "has more than 16,7.. bytes|far more than this network's weights")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 64 << 20


def test_zips_that_are_no_keras_files_are_refused(h5py, tmp_path):
    path = tmp_path / "w.keras"
    path.write_bytes(zipped(b"", "data.pkl"))
    refuse(exchange.load_keras, path, r"holds no model\.weights\.h5")
    path.write_bytes(zipped(b"no HDF5"))
    refuse(exchange.load_keras, path, "its HDF5 cannot be read")
    path.write_bytes(zipped(hdf5(h5py))[:-30])
    refuse(exchange.load_keras, path, "it cannot be unpacked")


@pytest.mark.parametrize("pack", [lambda content: content, zipped], ids=["h5", "keras"])
def test_truncated_keras_files_are_refused(h5py, tmp_path, pack):
    content = pack(hdf5(h5py))
    for length in range(0, len(content) - 1, len(content) // 50):
        (tmp_path / "w").write_bytes(content[:length])
        refuse(exchange.load_keras, tmp_path / "w", "neither|cannot be")


def test_damaged_keras_files_are_read_whole_or_refused(h5py, tmp_path):
    rng = np.random.default_rng(0)
    content = hdf5(h5py)
    kinds = (lambda: damaged(content, rng, 2000), lambda: zipped(damaged(content, rng, 2000)),
             lambda: damaged(zipped(content), rng, 100))  # fmt: skip
    fuzz(exchange.load_keras, tmp_path / "w", (kinds[i % 3]() for i in range(EACH)))
