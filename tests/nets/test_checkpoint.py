"""A network comes back from its file as it was, and a file that is not one is refused; files are written whole."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save as serialize

import nets
from nets import checkpoint
from nets.architecture import describe
from nets.files import discard_drafts, replacing

ROOT = Path(__file__).parents[2]


def mlp(*widths, **settings):
    return nets.MLP(widths or (6, 5, 4), rng=np.random.default_rng(0), **settings)


def forge(path, architecture, tensors=None):
    """Write a well-formed safetensors file that says of itself what we like."""
    text = architecture if isinstance(architecture, str) else json.dumps(architecture)
    path.write_bytes(serialize(mlp().state_dict() if tensors is None else tensors, {"architecture": text}))
    return path


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


# ── there and back ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("widths", "activation"),
    [((6, 5, 4), "relu"), ((6, 4), "tanh"), ((6, 1, 4), "sigmoid"), ((6, *[3] * 9, 4), "relu")],
)
def test_a_network_comes_back_as_it_was(tmp_path, widths, activation, dtype):
    model = mlp(*widths, activation=activation, dtype=dtype)
    checkpoint.save(model, tmp_path / "model.safetensors")
    twin = checkpoint.load(tmp_path / "model.safetensors")
    assert type(twin) is nets.MLP
    assert twin.layer_dims == widths
    assert twin.activation == activation
    for (name, a), (other, b) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        assert name == other
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a.data, b.data)
    x = np.random.default_rng(1).standard_normal((3, 6)).astype(dtype)
    np.testing.assert_array_equal(model(x).data, twin(x).data)


def network(dtype=np.float32, seed=0):
    """One of each layer that there is."""
    given = {"rng": np.random.default_rng(seed), "dtype": dtype}
    return nets.Sequential(
        nets.Conv2d(1, 4, 3, padding=(1, 0), **given), nets.BatchNorm2d(4, momentum=0.3, dtype=dtype),
        nets.GELU("tanh"),
        nets.MaxPool2d(2, stride=(2, 1)), nets.Conv2d(4, 4, (2, 1), groups=2, bias=False, **given), nets.ELU(0.7),
        nets.AvgPool2d(2, padding=1),
        nets.Sequential(nets.LeakyReLU(0.2), nets.Unflatten(1, (2, 2)), nets.Flatten(), nets.ReLU()),
        nets.Linear(16, 6, **given), nets.BatchNorm1d(6, affine=False, dtype=dtype), nets.Tanh(),
        nets.LayerNorm((6,), bias=False, dtype=dtype), nets.Dropout(0.25, rng=given["rng"]), nets.Sigmoid(),
        nets.MLP([6, 5, 3], "tanh", **given),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_of_any_layers_comes_back_with_its_statistics_and_its_course_of_random_numbers(tmp_path, dtype):
    model = network(dtype)
    x = np.random.default_rng(1).standard_normal((5, 1, 6, 6)).astype(dtype)
    for _ in range(3):
        model(x)
    checkpoint.save(model, tmp_path / "model.safetensors")
    twin = checkpoint.load(tmp_path / "model.safetensors", nets.Sequential)
    assert repr(twin) == repr(model)
    assert twin.state_dict().keys() == model.state_dict().keys()
    for name, array in model.state_dict().items():
        assert twin.state_dict()[name].dtype == array.dtype
        np.testing.assert_array_equal(twin.state_dict()[name], array)
    for mode in (True, True, False):
        np.testing.assert_array_equal(twin.train(mode)(x).data, model.train(mode)(x).data)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[name], array)


def test_every_layer_of_nets_is_in_that_network():
    layers = {item for item in vars(nets).values() if isinstance(item, type) and issubclass(item, nets.Module)}
    assert {type(module) for module in network().modules()} == layers - {nets.Module}


def test_a_module_of_ones_own_is_refused_before_anything_is_written(tmp_path):
    class Mine(nets.Module):
        pass

    with pytest.raises(TypeError, match=r"Mine is not one of the modules of nets.*state_dict"):
        checkpoint.save(nets.Sequential(Mine()), tmp_path / "model.safetensors")
    assert files_in(tmp_path) == []


def test_a_network_of_another_kind_than_asked_for_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoint.save(network(), path)
    with pytest.raises(ValueError, match="it is a Sequential, not a network of the kind MLP"):
        checkpoint.load(path)
    checkpoint.save(mlp(), path)
    assert type(checkpoint.load(path, nets.Module)) is nets.MLP
    assert type(checkpoint.load(path, nets.Sequential)) is nets.MLP  # an MLP is one


def test_a_network_that_came_back_can_be_trained(tmp_path):
    checkpoint.save(mlp(), tmp_path / "model.safetensors")
    model = checkpoint.load(tmp_path / "model.safetensors")
    optimizer = nets.SGD(model.parameters(), lr=0.5)
    before = model.state_dict()
    nets.cross_entropy(model(np.ones((2, 6), np.float32)), np.array([0, 1])).backward()
    optimizer.step()
    assert any(np.any(before[name] != after) for name, after in model.state_dict().items())


def test_others_can_read_the_weights_and_the_architecture(tmp_path):
    model = mlp(activation="tanh")
    checkpoint.save(model, tmp_path / "model.safetensors")
    with safe_open(tmp_path / "model.safetensors", framework="numpy") as file:
        names = set(file.keys())
        architecture = json.loads(file.metadata()["architecture"])
        np.testing.assert_array_equal(file.get_tensor("layers.0.weight"), model[0].weight.data)
    assert names == set(model.state_dict())
    assert architecture == {"type": "MLP", "layer_dims": [6, 5, 4], "activation": "tanh"}


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        checkpoint.save(mlp(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_saving_replaces_what_was_there_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")
    checkpoint.save(mlp(), path)
    checkpoint.load(path)
    assert files_in(tmp_path) == ["model.safetensors"]


def test_a_saved_file_has_the_permissions_of_any_new_file(tmp_path):
    checkpoint.save(mlp(), tmp_path / "model.safetensors")
    (tmp_path / "other").touch()
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("where", ["missing/model", "file/model", "folder"])
def test_a_path_that_cannot_be_written_raises_and_leaves_nothing(tmp_path, where):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        checkpoint.save(mlp(), tmp_path / where)
    assert files_in(tmp_path) == ["file", "folder"]
    assert files_in(tmp_path / "folder") == []


# ── what is no network ──────────────────────────────────────────────────────────────────────────────────


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(OSError):
        checkpoint.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 7, b"\0" * 64, b"\xff" * 64, b"PK\x03\x04" * 20, b"\x89PNG\r\n\x1a\n" * 9, b'{"a": 1}' * 9],
    ids=["empty", "short", "zeros", "ones", "zip", "png", "json"],
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        checkpoint.load(path)


def test_safetensors_of_another_program_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    for content in (
        serialize(mlp().state_dict()),
        serialize(mlp().state_dict(), {"format": "pt"}),
        serialize({}),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            checkpoint.load(path)


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoint.save(mlp(), path)
    content = path.read_bytes()
    for length in {*range(0, len(content), 7), len(content) - 1}:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            checkpoint.load(path)


GOOD = {"type": "MLP", "layer_dims": [6, 5, 4], "activation": "relu"}


@pytest.mark.parametrize(
    "architecture",
    [
        None,
        [],
        "MLP",
        {},
        {**GOOD, "type": "CNN"},
        {**GOOD, "activation": "gelu"},
        {**GOOD, "activation": ["relu"]},
        {**GOOD, "activation": None},
        {"type": "MLP", "layer_dims": [6, 5, 4]},
        {"type": "MLP", "activation": "relu"},
        {**GOOD, "layer_dims": None},
        {**GOOD, "layer_dims": 6},
        {**GOOD, "layer_dims": []},
        {**GOOD, "layer_dims": [6]},
        {**GOOD, "layer_dims": [6, 4]},
        {**GOOD, "layer_dims": [4, 5, 6]},
        {**GOOD, "layer_dims": [6, 5, 4, 4]},
        {**GOOD, "layer_dims": [6, 0, 4]},
        {**GOOD, "layer_dims": [6, -5, 4]},
        {**GOOD, "layer_dims": [58, 1, 0]},  # as many numbers as there are, and yet not those
        {**GOOD, "layer_dims": [6, "five", 4]},
        {**GOOD, "layer_dims": [6, [5], 4]},
        {**GOOD, "layer_dims": [6, None, 4]},
        {**GOOD, "layer_dims": [6, float("inf"), 4]},
        {**GOOD, "layer_dims": [6, float("nan"), 4]},
        {**GOOD, "layer_dims": [6, 5.5, 4]},
        {**GOOD, "layer_dims": [10**9, 10**9, 10]},
        {**GOOD, "layer_dims": [10**13, 1, (59 - 10**13 - 1) // 2]},  # 59 numbers, one layer of them immense
    ],
    ids=str,
)
def test_a_forged_architecture_is_refused(tmp_path, architecture):
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        checkpoint.load(forge(tmp_path / "model.safetensors", architecture))


def changed(layer, **settings):
    """The architecture of the network above with other settings of a layer; None: without the setting."""
    architecture = describe(network())
    architecture["layers"][layer] |= settings
    architecture["layers"][layer] = {k: v for k, v in architecture["layers"][layer].items() if v is not None}
    return architecture


@pytest.mark.parametrize(
    "architecture",
    [
        {"type": "Sequential"},
        {"type": "Sequential", "layers": None},
        {"type": "Sequential", "layers": []},
        {"type": "Sequential", "layers": [None]},
        {"type": "Sequential", "layers": [{"type": ["ReLU"]}]},
        {"type": "ReLU"},
        changed(0, type="Conv3d"),
        changed(0, in_channels=2),
        changed(0, in_channels="1"),
        changed(0, out_channels=10**12),
        changed(0, kernel_size=[10**6, 10**6]),
        changed(0, kernel_size=3),
        changed(0, stride=[0, 1]),
        changed(0, stride="far"),
        changed(0, stride=None),
        changed(0, more=1),
        changed(0, groups=0),
        changed(0, bias=False),
        changed(1, num_features=10**12),
        changed(1, num_features=4.5),
        changed(1, momentum="fast"),
        changed(2, approximate="well"),
        changed(3, kernel_size=[0, 0]),
        changed(5, alpha="a"),
        changed(7, layers=[{"type": "Flatten", "start_dim": "x"}]),
        changed(7, layers=[{"type": "LeakyReLU", "negative_slope": float("nan")}]),
        changed(8, out_features=10**12),
        changed(11, normalized_shape=[10**12]),
        changed(12, p=2.0),
        changed(14, layer_dims=[6, 10**12, 3]),
        changed(14, activation="gelu"),
    ],
    ids=lambda architecture: str(architecture)[:50],
)
def test_a_forged_architecture_of_layers_is_refused(tmp_path, architecture):
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        checkpoint.load(forge(tmp_path / "model.safetensors", architecture, network().state_dict()), nets.Module)


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 100_000], ids=["empty", "open", "word", "deep"])
def test_an_architecture_that_is_no_json_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        checkpoint.load(forge(tmp_path / "model.safetensors", text))


@pytest.mark.parametrize("widths", [[], [6], [6, 0]], ids=str)
def test_a_file_without_tensors_is_refused_whatever_it_says_of_itself(tmp_path, widths):
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        checkpoint.load(forge(tmp_path / "model.safetensors", {**GOOD, "layer_dims": widths}, tensors={}))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: {name: array.astype(np.int32) for name, array in state.items()},
        lambda state: {name: array.astype(bool) for name, array in state.items()},
        lambda state: {name: array.ravel() for name, array in state.items()},
        lambda state: {name.replace("layers", "net"): array for name, array in state.items()},
        lambda state: {name: array for name, array in state.items() if name != "layers.0.bias"},
        lambda state: {**state, "extra": np.zeros(1, np.float32)},
        lambda state: {**state, "layers.0.weight": np.ascontiguousarray(state["layers.0.weight"].T)},
    ],
    ids=["integers", "booleans", "flat", "renamed", "missing", "extra", "transposed"],
)
def test_forged_tensors_are_refused(tmp_path, spoil):
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        checkpoint.load(forge(tmp_path / "model.safetensors", GOOD, spoil(mlp().state_dict())))


# ── files written whole ─────────────────────────────────────────────────────────────────────────────────


def test_the_new_content_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as draft:
        assert draft in tmp_path.iterdir()
        assert draft.parent == path.parent  # a rename within a folder is atomic
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert files_in(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("there", [True, False], ids=["replacing", "new"])
def test_an_exception_leaves_what_was_there_and_no_draft(tmp_path, error, there):
    path = tmp_path / "file"
    if there:
        path.write_text("old")

    def fail():
        with replacing(path) as draft:
            draft.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert files_in(tmp_path) == (["file"] if there else [])
    assert not there or path.read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    code = (
        "import os, pathlib, signal\nfrom nets.files import replacing\n"
        f"with replacing(pathlib.Path({str(path)!r})) as draft:\n"
        "    draft.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, timeout=60
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert path.read_text() == "old"
    assert len(files_in(tmp_path)) == 2
    discard_drafts(tmp_path / "another file")
    assert len(files_in(tmp_path)) == 2
    discard_drafts(path)
    assert files_in(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["model.safetensors", "[a]*?.txt", "…"])
def test_no_files_but_drafts_of_its_own_are_discarded(tmp_path, name):
    digits = "0123456789abcdef"
    drafts = [f".{name}.{digits}.draft", f".{name}.{digits[::-1]}.draft"]
    others = [
        name,
        f".{name}",
        f"{name}.{digits}.draft",
        f".{name}.{digits}",
        f".{name}.old.draft",
        f".{name}.{digits[:-1]}.draft",
        f".{name}.{digits}0.draft",
        f".{name}.{digits.upper()}.draft",
        f".a.{digits}.draft",
    ]
    for file in drafts + others:
        (tmp_path / file).write_text("precious")
    discard_drafts(tmp_path / name)
    assert files_in(tmp_path) == sorted(others)


def test_nothing_to_discard_is_no_error(tmp_path):
    discard_drafts(tmp_path / "file")
    discard_drafts(tmp_path / "nowhere" / "file")


@pytest.mark.skipif(os.name != "posix", reason="permissions are otherwise elsewhere")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000], ids=oct)
def test_a_new_file_has_the_permissions_that_the_user_lets_it_have(tmp_path, mask):
    before = os.umask(mask)
    try:
        with replacing(tmp_path / "file") as draft:
            draft.write_text("new")
    finally:
        assert os.umask(before) == mask
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask
