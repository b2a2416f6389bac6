"""`python -m mnist.draw`: a file from flags, or one line on what is wrong with them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nets
from mnist import data, presets
from mnist.draw import DrawConfig, main, page_of, save, scene_of
from mnist.errors import UserError
from nets import checkpoint
from viz.picture import renderers

ROOT = Path(__file__).parents[2]


@pytest.fixture
def alone(monkeypatch):
    """Without TensorFlow, which takes seconds to import."""

    def no(name):
        raise UserError("not here")

    monkeypatch.setattr(presets, "load_engine", no)


def draw(monkeypatch, *flags):
    monkeypatch.setattr(sys, "argv", ["draw", *flags])
    return main()


def test_the_toy_is_drawn_to_the_file_named(monkeypatch, tmp_path, capsys, alone):
    path = tmp_path / "step.html"
    assert draw(monkeypatch, "--preset", "toy", "--layers", "2", "3", "3", "--batch-size", "4", "--out", str(path)) == 0
    assert capsys.readouterr().out == f"{path}\n"
    text = path.read_text(encoding="utf-8")
    assert "<h1>A training step of the network 2‑3‑3</h1>" in text
    assert "TensorFlow was not installed" in text


def test_without_out_the_file_is_named_after_the_preset(monkeypatch, tmp_path, alone):
    monkeypatch.chdir(tmp_path)
    draw(monkeypatch, "--preset", "toy")
    picture = "toy.svg" if renderers() else "toy.dot"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["toy.html", picture])


def test_a_picture_is_drawn_in_the_format_that_the_file_ends_in(monkeypatch, tmp_path, alone):
    path = tmp_path / "step.dot"
    draw(monkeypatch, "--preset", "toy", "--out", str(path), "--pass", "forward", "--depth", "layer")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("digraph")
    assert "layers.0" in text
    assert "style=dashed" not in text.split("how to read it")[0]


def test_without_a_renderer_a_picture_is_one_line_that_says_what_to_install(monkeypatch, tmp_path, alone):
    monkeypatch.setattr("viz.picture.renderers", lambda: [])
    with pytest.raises(UserError, match=r"--format png: .*install Graphviz"):
        draw(monkeypatch, "--preset", "toy", "--out", str(tmp_path / "step.png"))
    assert list(tmp_path.iterdir()) == []


def test_a_network_is_trained_on_the_spot_or_read_from_a_file(monkeypatch, tmp_path, digits, alone):
    monkeypatch.setattr(presets, "STEPS", 30)
    path = tmp_path / "mnist.html"
    draw(monkeypatch, "--dataset", "mnist-5k", "--out", str(path))
    assert "784‑128‑64‑10" in path.read_text(encoding="utf-8")
    checkpoint.save(nets.MLP([784, 20, 10], rng=np.random.default_rng(0)), tmp_path / "model.safetensors")
    draw(monkeypatch, "--dataset", "mnist-5k", "--weights", str(tmp_path / "model.safetensors"), "--out", str(path))
    assert "784‑20‑10" in path.read_text(encoding="utf-8")


def test_the_network_trained_on_the_spot_knows_its_digits(digits):
    model = presets.train((784, 128, 64, 10), digits, 0)
    x, y = digits.test.batch(slice(None))
    assert np.mean(np.argmax(model(x).data, 1) == y) > 0.88


def test_the_toy_has_one_decimal_and_both_signs_in_front_of_relu():
    scene = presets.toy((3, 4, 2), 2, 0)
    for array in (scene.x, *scene.model.state_dict().values()):
        np.testing.assert_array_equal(array, np.round(array, 1))
    z = next(value.data for value in scene.graph.values if value.name == "Z")
    assert (z > 0).any()
    assert (z < 0).any()


def test_the_step_moves_a_copy_and_not_the_network():
    scene = presets.toy((3, 4, 2), 2, 0)
    before = {value.path: value.data for value in scene.graph.of_kind("parameter")}
    for name, array in scene.model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert all(not np.array_equal(old.data, new.data) for old, new in scene.graph.assignments)


def test_the_witnesses_agree(tf):
    said = presets.witnesses(scene := presets.toy((3, 5, 4, 2), 3, 0))
    assert set(said) == {"by hand", "TensorFlow"}
    parameters = [value.cotangent for value in scene.graph.of_kind("parameter")]
    for witness in said.values():
        assert {scene.graph.outputs[0], *parameters} <= witness.keys()
        for value, numbers in witness.items():
            np.testing.assert_allclose(numbers, value.data, rtol=1e-9, atol=1e-15)
    assert {value.name for value in said["by hand"]} >= {"Z", "A"}


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"preset": "toy", "layers": (3,)}, "--layers 3: needs two widths or more"),
        ({"preset": "toy", "layers": (3, 0, 2)}, "--layers 3 0 2: needs two widths or more, each 1 or more"),
        ({"layers": (784, 5)}, "--layers 784 5: must run from 784 pixels to 10 classes"),
        ({"batch_size": 0}, "--batch-size 0: must be from 1 to 10000"),
        ({"preset": "toy", "batch_size": 10**9}, "--batch-size 1000000000: must be from 1 to 10000"),
        ({"preset": "toy", "layers": (3, 10**9, 2)}, "more than 100,000,000 weights; give narrower layers"),
        ({"seed": -1}, "--seed -1: must be 0 or more"),
        ({"out": Path("a.gif")}, r"--out a.gif: must end in .html, .svg, .png, .pdf, .dot"),
        ({"out": Path("a.svg"), "format": "png"}, r"--out a.svg: must end in .png"),
        ({"preset": "toy", "weights": Path("m")}, "--weights: a saved network has its own layers"),
        ({"layers": (784, 5, 10), "weights": Path("m")}, "--weights: a saved network has its own layers"),
    ],
)
def test_flags_that_make_no_sense_are_told_in_one_line(flags, problem):
    with pytest.raises(UserError, match=problem):
        DrawConfig(**flags)


def test_weights_that_are_not_there_or_do_not_fit_are_told_in_one_line(tmp_path):
    config = DrawConfig(dataset="mnist-5k", weights=tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"--weights .*model.safetensors: No such file.*; name the model.safetensors"):
        scene_of(config)
    config.weights.write_bytes(b"no")
    with pytest.raises(UserError, match="is not a network saved"):
        scene_of(config)
    checkpoint.save(nets.MLP([6, 10], rng=np.random.default_rng(0)), config.weights)
    with pytest.raises(UserError, match=r"its layers are \(6, 10\), not 784 to 10"):
        scene_of(config)


def test_a_file_that_cannot_be_written_is_told_in_one_line(tmp_path, alone):
    config = DrawConfig(preset="toy", out=tmp_path / "missing" / "page.html")
    with pytest.raises(UserError, match=r"--out .*page.html: cannot be written \(No such file or directory\)"):
        save(page_of(config, scene_of(config)), config.out)


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--format", "png"], r"--format png: .*pip install pygraphviz"),
        (["--out", "missing/page.html"], r"--out missing/page.html: cannot be written \(No such file or directory\)"),
    ],
)
def test_what_can_surely_not_be_written_is_refused_before_a_network_is_trained(monkeypatch, tmp_path, flags, problem):
    def train(*arguments):
        raise AssertionError("trained")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("viz.picture.renderers", list)
    monkeypatch.setattr(presets, "train", train)
    with pytest.raises(UserError, match=problem):
        draw(monkeypatch, "--dataset", "mnist-5k", *flags)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_in_one_line_and_leaves_what_was_there(monkeypatch, tmp_path, alone):
    path = tmp_path / "toy.html"
    path.write_text("old")

    def full(draft, *arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\); name another file"):
        draw(monkeypatch, "--preset", "toy", "--out", str(path))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_drawing_says_which_files_it_has_written_and_nothing_else(tf, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mnist.draw", "--preset", "toy", "--out", str(tmp_path / "toy.html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path / 'toy.html'}\n", "")
    assert '"name":"TensorFlow"' in (tmp_path / "toy.html").read_text(encoding="utf-8")


def test_in_another_process_with_another_hash_seed_the_same_files_are_written(tmp_path):
    script = "import sys; sys.modules['tensorflow'] = None; from mnist.draw import main; main()"
    for seed in "12":
        for ending in ("html", "dot"):
            subprocess.run(
                [sys.executable, "-c", script, "--preset", "toy", "--out", str(tmp_path / f"{seed}.{ending}")],
                cwd=ROOT,
                env={**os.environ, "PYTHONHASHSEED": seed, "AUTODIFF_KERNELS": "numpy"},
                check=True,
                timeout=60,
                capture_output=True,
            )
    for ending in ("html", "dot"):
        assert (tmp_path / f"1.{ending}").read_bytes() == (tmp_path / f"2.{ending}").read_bytes()


def test_more_examples_than_there_are_digits_are_all_of_them(digits, alone):
    model = nets.MLP([784, 10], rng=np.random.default_rng(0))
    small = data.Dataset("small", digits.train, data.Split(digits.test.images[:3], digits.test.labels[:3]))
    assert presets.trained(model, small, 50).x.shape == (3, 784)


def test_a_mistake_ends_the_command_with_status_2_and_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "mnist.draw", "--format", "gif"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
