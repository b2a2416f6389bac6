"""`python -m mnist.export`: networks of runs in other libraries, which compute the same, or it is said that not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nets
from mnist import export, formats, settings
from mnist.building import make_network
from mnist.cli import run
from mnist.config import TrainConfig
from mnist.export import logits
from nets import checkpoint

ROOT = Path(__file__).parents[2]

NETWORKS = {
    "mlp": TrainConfig(layers=(784, 32, 16, 10), activation="tanh", init="xavier"),
    "mlp with dropout": TrainConfig(layers=(784, 20, 10), dropout=0.3),
    "lenet": TrainConfig(network="lenet", activation="sigmoid"),
    "cnn": TrainConfig(network="cnn", dropout=0.3),
}
PACKAGES = {"onnx": "onnxruntime", "keras": "keras", "torch": "torch"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of a run for each of the networks, with statistics and biases as a training leaves them."""
    folders = {}
    for name, config in NETWORKS.items():
        model, rng = make_network(config), np.random.default_rng(0)
        for tensor in (*model.parameters(), *model.named_buffers()):
            tensor = tensor[1] if isinstance(tensor, tuple) else tensor
            if tensor.ndim == 1 and tensor.dtype == np.float32:
                tensor.data = rng.uniform(0.1, 1, tensor.shape).astype(np.float32)
        folders[name] = tmp_path_factory.mktemp("run")
        checkpoint.save(model, folders[name] / "model.safetensors")
        (folders[name] / "config.toml").write_text(settings.text(config))
        (folders[name] / "metrics.json").write_text(json.dumps({"test_accuracy": 0.9812}))
    return folders


def installed(format_):
    if format_ == "keras":
        pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    if format_ == "onnx":
        pytest.importorskip("onnx", reason="onnx is not installed")
    if format_ in PACKAGES:
        pytest.importorskip(PACKAGES[format_], reason=f"{PACKAGES[format_]} is not installed")


def exported(capsys, *arguments):
    """Run the command in this process; return its exit status, stdout and stderr."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["export", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            run(export.main)
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("format_", formats.FORMATS)
def test_every_network_has_the_same_logits_in_every_library(
    runs, capsys, monkeypatch, tmp_path, digits, format_, network
):
    installed(format_)
    if network == "cnn":
        monkeypatch.setattr(export, "_DIGITS", 100)  # of 1,000 its windows take seconds
    form = formats.FORMATS[format_]
    path = tmp_path / form.file
    status, out, err = exported(capsys, runs[network], "--format", format_, "--out", path)
    assert (status, err) == (0, "")
    assert f"{form.reader} " in out.splitlines()[-1]
    assert out.endswith("bound 1e-05: ok\n")
    assert f"of {100 if network == 'cnn' else 1000:,} digits" in out
    x, _ = digits.train.batch(slice(50))
    ours = checkpoint.load(runs[network] / "model.safetensors", nets.Sequential).eval()(x).data
    theirs = form.logits(path, x)
    assert theirs.shape == (50, 10)
    assert np.abs(theirs - ours).max() / np.abs(ours).max() < 1e-5
    wanted = [path.name, *([f"{path.stem}.py"] if format_ == "torch" else [])]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(wanted)


def test_by_default_the_file_is_in_the_folder_of_the_run_which_is_else_as_it_was(runs, capsys):
    before = (runs["mlp with dropout"] / "model.safetensors").read_bytes()
    for format_ in ("npz", "torch"):
        assert exported(capsys, runs["mlp with dropout"], "--format", format_)[0] == 0
        assert (runs["mlp with dropout"] / formats.FORMATS[format_].file).exists()
    assert (runs["mlp with dropout"] / "torch_model.py").exists()
    assert (runs["mlp with dropout"] / "model.safetensors").read_bytes() == before


def test_an_onnx_file_says_of_which_run_it_is_and_how_well_it_does(runs, capsys, tmp_path):
    installed("onnx")
    import onnx

    exported(capsys, runs["mlp"], "--format", "onnx", "--out", tmp_path / "m.onnx")
    found = {p.key: p.value for p in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert found["run"] == runs["mlp"].name
    assert json.loads(found["class_names"]) == [str(digit) for digit in range(10)]
    assert (found["dataset"], found["test_accuracy"]) == ("mnist", "0.9812")


def test_a_run_that_was_ended_before_it_was_measured_is_exported_without_its_accuracy(runs, capsys, tmp_path):
    (runs["mlp"] / "metrics.json").rename(tmp_path / "away")
    status, _, _ = exported(capsys, runs["mlp"], "--format", "npz", "--out", tmp_path / "m.npz")
    (tmp_path / "away").rename(runs["mlp"] / "metrics.json")
    assert status == 0
    assert "test_accuracy" not in json.loads(np.load(tmp_path / "m.npz")["metadata"].item())


@pytest.mark.parametrize("spoil", [lambda a: a * (1 + 3e-5), lambda a: a * np.nan], ids=["a little", "NaN"])
def test_a_reader_that_computes_something_else_is_told_of(runs, capsys, tmp_path, monkeypatch, spoil):
    form = formats.FORMATS["npz"]
    other = form._replace(logits=lambda path, x: spoil(form.logits(path, x)))
    monkeypatch.setitem(formats.FORMATS, "npz", other)
    status, out, _ = exported(capsys, runs["mlp"], "--format", "npz", "--out", tmp_path / "m.npz")
    assert status == 1
    assert out.endswith("bound 1e-05: BROKEN\n")


def test_the_engines_logits_are_those_in_use(runs, digits):
    model = checkpoint.load(runs["cnn"] / "model.safetensors", nets.Sequential)
    x, _ = digits.test.batch(slice(150))
    assert model.training
    found = logits(model, x)
    np.testing.assert_array_equal(found, np.concatenate([model.eval()(part).data for part in (x[:100], x[100:])]))


# ── what cannot be done ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("format_", "package", "extra"), [("onnx", "onnx", "export"), ("keras", "keras", "tensorflow")]
)
def test_a_library_that_it_takes_to_write_is_asked_for_in_one_line(runs, capsys, monkeypatch, format_, package, extra):
    installed(format_)
    monkeypatch.setitem(sys.modules, package, None)
    status, out, err = exported(capsys, runs["mlp"], "--format", format_)
    assert (status, out) == (2, "")
    assert err == (
        f"error: --format {format_}: it takes {package}, which is not installed; pip install -e '.[{extra}]'\n"
    )
    assert not (runs["mlp"] / formats.FORMATS[format_].file).exists()


@pytest.mark.parametrize(
    ("format_", "package", "extra"), [("onnx", "onnxruntime", "export"), ("torch", "torch", "bench")]
)
def test_without_the_library_that_reads_it_a_file_is_written_and_that_is_said(
    runs, capsys, monkeypatch, tmp_path, format_, package, extra
):
    if format_ == "onnx":
        pytest.importorskip("onnx", reason="onnx is not installed")
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / formats.FORMATS[format_].file
    status, out, err = exported(capsys, runs["mlp"], "--format", format_, "--out", path)
    assert (status, err) == (0, "")
    assert out.endswith(f"{package} is not installed, so it is not read back; pip install -e '.[{extra}]'\n")
    assert path.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{run}", "--format", "tflite"], "invalid choice 'tflite'"),
        (["{run}"], "Missing"),
        (["{run}/nowhere", "--format", "npz"], "holds no model.safetensors; name the folder of a run"),
        (["{run}", "--format", "npz", "--out", "{run}/no/m.npz"], "m.npz cannot be written: No such file"),
        (["{run}", "--format", "npz", "--out", "{run}"], "must have a name that ends with .npz"),
        (["{run}", "--format", "keras", "--out", "m.h5"], "a file for keras must have a name that ends with .keras"),
        (["{run}", "--format", "torch", "--out", "{run}/model.safetensors"], "is what the run itself has left"),
        (["{run}", "--format", "torch", "--out", "{run}/./state.safetensors"], "is what the run itself has left"),
        (["{run}", "--format", "torch", "--out", "{run}/mine.safetensors"], "mine.py is there, and is no module"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(runs, capsys, arguments, told):
    (runs["mlp"] / "mine.py").write_text("print('mine')")
    before = sorted(runs["mlp"].iterdir())
    status, out, err = exported(capsys, *(argument.format(run=runs["mlp"]) for argument in arguments))
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert told in err
    assert sorted(runs["mlp"].iterdir()) == before


def test_a_network_for_other_images_is_refused_before_anything_is_written(capsys, tmp_path):
    checkpoint.save(nets.MLP([6, 5, 4], rng=np.random.default_rng(0)), tmp_path / "model.safetensors")
    status, _, err = exported(capsys, tmp_path, "--format", "npz")
    assert status == 2
    assert err.count("\n") == 1
    assert "model.safetensors: takes no images of 784 pixels" in err
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_the_command_itself_says_nothing_but_that(runs, tmp_path):
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "mnist.export", runs["mlp"], "--format=npz", "--out", tmp_path / "m.npz"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].startswith(f"{tmp_path / 'm.npz'} is written")
