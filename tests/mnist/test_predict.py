"""`python -m mnist.predict`: what it says of images, folders and samples, and of what it cannot read."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist import predict, runs
from mnist.cli import parse
from mnist.errors import UserError
from viz.letters import in_letters

ROOT = Path(__file__).parents[2]


def run(*arguments, folder=ROOT, **environment):
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "mnist.predict", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "AUTODIFF_KERNELS": "numpy", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@pytest.fixture
def called(monkeypatch, capsys, runs_folder):
    """A function that runs the command in this process: its status, what it printed, and what it complained of."""

    def call(*arguments, network="mlp"):
        monkeypatch.setattr(sys, "argv", ["predict", *map(str, arguments), "--run", str(runs_folder / network)])
        status = predict.main()
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.fixture
def pictures(tmp_path, digits):
    """A folder of five digits of the test set, enlarged, dark on light, each named after its label."""
    for row in range(5):
        image = Image.fromarray(255 - digits.test.images[row].reshape(28, 28)).resize((90, 90))
        image.save(tmp_path / f"{digits.test.labels[row]}.png")
    return tmp_path


def test_each_image_has_its_line_and_each_unreadable_file_too(pictures, runs_folder):
    (pictures / "notes.txt").write_text("seven")
    (pictures / "void.png").touch()
    (pictures / "inner").mkdir()
    done = run(pictures, pictures / "nowhere", pictures / "inner", "--run", runs_folder / "mlp")
    assert done.returncode == 1
    seen = [line.split() for line in done.stdout.splitlines()]
    assert [(Path(words[0]).stem, words[1]) for words in seen] == [(str(i), str(i)) for i in range(5)]
    asked, *complaints = done.stderr.splitlines()
    assert asked == f"asked: the network of {runs_folder / 'mlp'}, 784-64-10"
    assert complaints == [
        f"{pictures / 'notes.txt'}: is not an image",
        f"{pictures / 'void.png'}: is empty",
        f"{pictures / 'nowhere'}: is not there",
        f"{pictures / 'inner'}: holds no images",
    ]


def test_the_json_has_the_probabilities_that_the_network_gives(called, pictures, runs_folder):
    (pictures / "notes.txt").write_text("seven")
    status, out, err = called(pictures, "--json")
    found = json.loads(out)
    assert (status, err, found["run"]) == (1, "", str(runs_folder / "mlp"))
    *seen, failed = found["images"]
    assert failed == {"name": str(pictures / "notes.txt"), "error": "is not an image"}
    for i, each in enumerate(seen):
        p = each["probabilities"]
        assert list(p) == list("0123456789")
        assert sum(p.values()) == pytest.approx(1, abs=1e-5)
        assert each["seen"] == max(p, key=p.get) == str(i)


def test_all_read_is_status_0_and_show_draws_what_the_network_sees(called, pictures):
    status, out, _ = called(pictures / "3.png", "--show")
    assert status == 0
    first, *drawing = out.splitlines()
    assert first.split()[1] == "3"
    assert len(drawing[:28]) == 28
    assert sum("█" in row for row in drawing) > 10
    assert max(map(len, drawing)) < 90
    bars = [row.split()[-3:] for row in drawing if row.endswith("#")]
    assert bars[0][0] == "3"


def test_a_name_that_would_command_the_terminal_is_printed_on_one_line_and_told_to_programs_as_it_is(called, pictures):
    shutil.copy(pictures / "3.png", pictures / "a\x1b[31m.png")
    (pictures / "b\nc.txt").write_text("seven")
    _, out, err = called(pictures / "a\x1b[31m.png", pictures / "b\nc.txt")
    assert out.split()[:2] == [str(pictures / "a?[31m.png"), "3"]
    assert err.splitlines()[1:] == [f"{pictures / 'b?c.txt'}: is not an image"]
    _, out, _ = called(pictures / "b\nc.txt", "--json")
    assert json.loads(out)["images"][0]["name"] == str(pictures / "b\nc.txt")


def test_probabilities_stand_below_one_another_though_the_names_of_classes_are_of_other_lengths():
    names = ("bag", "ankle boot")
    lines = [predict.line(predict.Seen("a"), np.array(p), names, 1) for p in ([0.75, 0.25], [0.25, 0.75])]
    assert lines == ["a  bag          75.0%   then ankle boot 25.0%", "a  ankle boot   75.0%   then bag 25.0%"]


def test_an_image_in_letters_is_two_characters_a_pixel_and_plain_where_there_are_no_shades():
    image = np.array([[0, 255], [64, 128]], np.uint8)
    assert in_letters(image) == ["  ██", "░░▒▒"]
    assert in_letters(image, "ascii") == ["  ##", "..++"]


def test_a_sample_is_of_test_images_and_says_what_is_right(called, digits, runs_folder):
    status, out, _ = called("--sample", 40, "--seed", 3, "--json")
    found = json.loads(out)["images"]
    assert status == 0
    rows = [int(each["name"].split()[-1]) for each in found]
    assert len(set(rows)) == 40
    assert [each["label"] for each in found] == [str(digits.test.labels[row]) for row in rows]
    right = sum(each["label"] == each["seen"] for each in found)
    _, text, _ = called("--sample", 40, "--seed", 3)
    assert text.splitlines()[-1] == f"{right} of 40 right"
    assert text.count("  right") == right
    assert text.count("WRONG, it is") == 40 - right
    trained = runs.load(runs_folder / "mlp")
    shares = trained.probabilities(digits.test.images[rows])
    assert [each["seen"] for each in found] == [str(share.argmax()) for share in shares]


def test_the_latest_run_is_asked_unless_another_is_named(runs_folder):
    assert runs.latest(runs_folder).name == "lenet"
    assert [folder.name for folder in runs.folders(runs_folder)] == ["lenet", "mlp"]


def test_before_any_training_it_says_to_train_first(tmp_path):
    done = run("seven.png", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: runs: holds no trained network; train one: python -m mnist.train\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give images, folders of images, or --sample 10"),
        (("7.png", "--sample", "3"), "one or the other"),
        (("--sample", "0"), "must be 1 or more"),
        (("--sample", "3", "--seed", "-1"), "must be 0 or more"),
        (("7.png", "--seed", "1"), "add --sample"),
        (("7.png", "--data-dir", "there"), "add --sample"),
    ],
)
def test_wrong_usage_is_one_line(monkeypatch, arguments, told):
    monkeypatch.setattr(sys, "argv", ["predict", *arguments])
    with pytest.raises(UserError, match=told):
        parse(predict.PredictConfig, "python -m mnist.predict")


def test_more_than_there_are_cannot_be_sampled(called):
    with pytest.raises(UserError, match="1,000 test images"):
        called("--sample", 1001)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no model.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no"), "is not a network"),
        (lambda folder: _save_a_network_for_something_else(folder), "from 784 pixels to 10 classes"),
    ],
    ids=["none", "damaged", "for something else"],
)
def test_a_run_that_cannot_be_asked_is_told(tmp_path, runs_folder, spoil, told):
    folder = shutil.copytree(runs_folder / "mlp", tmp_path / "copy")
    spoil(folder)
    with pytest.raises(UserError, match=told):
        runs.load(folder)


def test_a_damaged_run_is_named_once(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"no")
    with pytest.raises(UserError) as caught:
        runs.load(tmp_path)
    assert str(caught.value).count(str(tmp_path)) == 1


def _save_a_network_for_something_else(folder):
    import nets
    from nets import checkpoint

    checkpoint.save(nets.MLP([3, 2], rng=np.random.default_rng(0)), folder / "model.safetensors")


def test_a_probability_is_never_written_as_certain_or_impossible():
    assert [predict.percent(p) for p in (0.0, 0.0004, 0.5, 0.9994, 1.0)] == [
        "<0.1%",
        "<0.1%",
        "50.0%",
        ">99.9%",
        ">99.9%",
    ]
