"""`python -m mnist.evaluate`: what it says of a run, in text, as JSON and in pictures, and what it cannot read."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist import TrainConfig, evaluate, fit, metrics
from mnist.errors import UserError
from mnist.evaluation import probabilities
from nets import checkpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a short run."""
    given = {"layers": (784, 16, 10), "epochs": 2, "batch_size": 100, "dataset": "mnist-5k"}
    return fit(TrainConfig(**given, out=tmp_path_factory.mktemp("run")), announce=lambda line: None).folder


def run(*arguments):
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "mnist.evaluate", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def said(folder):
    """What it says of the run, as text and as JSON."""
    text, structured = run(folder), run(folder, "--json")
    assert (text.returncode, text.stderr) == (0, "")
    assert structured.returncode == 0, structured.stderr
    return text.stdout, json.loads(structured.stdout)


def test_the_json_is_what_the_network_does_on_the_test_images(folder, said, digits):
    _, found = said
    model = checkpoint.load(folder / "model.safetensors")
    logits = model(digits.test.images.astype(np.float32) / 255).data.astype(float)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels, guesses = digits.test.labels, logits.argmax(axis=1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, guesses), 1)
    assert found["confusion"] == counts.tolist()
    assert found["accuracy"] == np.mean(guesses == labels)
    assert found["loss"] == pytest.approx(-np.log(p[np.arange(1000), labels]).mean(), rel=1e-5)
    assert found["interval"] == pytest.approx(metrics.wilson_interval(int((guesses == labels).sum()), 1000))
    assert [scores["recall"] for scores in found["classes"]] == (np.diagonal(counts) / 100).tolist()
    assert [bin["images"] for bin in found["reliability"]] == [bin.images for bin in metrics.reliability(p, labels)]
    assert len(found["worst_mistakes"]) == 20
    worst = found["worst_mistakes"][0]
    wrong = np.flatnonzero(guesses != labels)
    assert worst["row"] == wrong[p[wrong, labels[wrong]].argmin()]
    assert (worst["label"], worst["guess"]) == (labels[worst["row"]], guesses[worst["row"]])
    np.testing.assert_allclose(probabilities(model, digits.test), p, atol=1e-6)


def test_the_text_says_the_same(said):
    text, found = said
    low, high = found["interval"]
    for part in (
        "MLP(784 → 16 → 10): 12,730 parameters",
        "1,000 test images of mnist-5k",
        f"{found['accuracy']:.2%}, 95% Wilson interval {low:.2%} to {high:.2%}",
        f"{found['calibration_error']:.2%} expected error",
        f"{found['classes'][3]['f1']:.2%}",
        "confusion.png, mistakes.png, reliability.png",
    ):
        assert part in text
    pair = found["most_confused"][0]
    assert f"{pair['label']} taken for {pair['guess']}" in text
    rows = [line.split() for line in text.split("taken for  ")[1].splitlines()[1:11]]
    assert [[0 if cell == "·" else int(cell) for cell in row[1:]] for row in rows] == found["confusion"]


def test_the_pictures_are_in_the_folder_of_the_run(folder, said):
    for name in ("confusion.png", "mistakes.png", "reliability.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_the_bars_of_the_diagram_are_the_bins_that_have_images(said):
    from mnist import pictures

    bins = [metrics.Bin(**bin) for bin in said[1]["reliability"]]
    ((_, figure),) = pictures.of_calibration(bins, 0.125)
    above, below = figure.axes
    full = [bin for bin in bins if bin.images]
    assert [bar.get_height() for bar in above.containers[0]] == [bin.accuracy for bin in full]
    assert [bar.get_height() for bar in below.containers[0]] == [bin.images for bin in full]
    assert [bar.get_x() for bar in above.containers[0]] == [bin.low for bin in full]
    assert above.lines[0].get_xdata().tolist() == [bin.confidence for bin in full]
    assert "12.50%" in above.get_title()


def test_classes_are_called_by_their_names(digits, folder):
    names = tuple("abcdefghij")
    analysis, _ = evaluate.analyse(checkpoint.load(folder / "model.safetensors"), digits, names)
    text = evaluate.page(analysis)
    assert f"{names[analysis.most_confused[0].label]} taken for" in text


def test_a_submission_to_kaggle_has_a_guess_for_each_image_without_a_label(folder, digits, tmp_path):
    model, file = checkpoint.load(folder / "model.safetensors"), tmp_path / "submission.csv"
    evaluate.submit(model, dataclasses.replace(digits, unlabelled=digits.test.images), file)
    header, *rows = file.read_text().splitlines()
    guesses = model(digits.test.images.astype(np.float32) / 255).data.argmax(axis=1)
    assert header == "ImageId,Label"
    assert rows == [f"{number},{guess}" for number, guess in enumerate(guesses, 1)]


def test_it_is_said_where_the_submission_is(folder, digits, tmp_path):
    labelled = np.column_stack([digits.train.labels, digits.train.images])
    np.savetxt(tmp_path / "train.csv", labelled[:100], "%d", ",")
    np.savetxt(tmp_path / "test.csv", digits.test.images[:3], "%d", ",")
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / "config.toml").write_text("")
    done = run(tmp_path / "run", "--data-dir", tmp_path, "--submission", tmp_path / "mine.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{tmp_path / 'mine.csv'}: guesses of the images without labels" in done.stdout.splitlines()
    assert len((tmp_path / "mine.csv").read_text().splitlines()) == 1 + 3


def test_a_submission_of_nothing_or_to_nowhere_is_one_line(folder, digits, tmp_path):
    done = run(folder, "--submission", tmp_path / "submission.csv")
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert done.stderr.startswith(f"error: --submission {tmp_path / 'submission.csv'}: all images have labels")
    some = dataclasses.replace(digits, unlabelled=digits.test.images[:1])
    with pytest.raises(UserError, match=r"submission\.csv: cannot be written \(No such file or directory\)"):
        evaluate.submit(checkpoint.load(folder / "model.safetensors"), some, tmp_path / "nowhere" / "submission.csv")


def test_a_folder_that_takes_no_pictures_is_one_line(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "run", ignore=shutil.ignore_patterns("*.png"))
    (tmp_path / "run" / "confusion.png").mkdir()
    done = run(tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'run'} cannot be written to (Is a directory); mend that\n"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no model.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no"), "is not a network"),
        (lambda folder: (folder / "config.toml").unlink(), "config.toml"),
        (lambda folder: (folder / "config.toml").write_text("colour = 3"), "no setting colour"),
    ],
    ids=["no network", "damaged", "no settings", "other settings"],
)
def test_a_folder_that_holds_no_run_is_one_line(folder, tmp_path, spoil, told):
    for name in ("model.safetensors", "config.toml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    spoil(tmp_path)
    done = run(tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert told in line
    assert str(tmp_path) in line
