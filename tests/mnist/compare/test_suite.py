"""`--suite classics`: five projects as they trained, and what comes of them here."""

import dataclasses
import json

import numpy as np
import pytest

from mnist.compare import classics, suite
from mnist.compare.classics import CLASSICS, Classic
from mnist.compare.config import CompareConfig
from mnist.compare.progress import counting
from mnist.compare.suite import Outcome, run_classic
from mnist.contestants import ENTRIES
from nets import manual
from tests.autodiff.compiler.conftest import let_python_run_it

EASY = Classic(1, "784-10, SGD, an epoch", (784, 10), "sgd", 0.1, 1, reported=50)


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch):
    """Let the engine's steps be run by Python: Numba would take long to compile them."""
    let_python_run_it(monkeypatch, np.inf)


def outcome(percents, **changes):
    return Outcome(dataclasses.replace(EASY, **changes), {name: [0.1, p / 100] for name, p in percents.items()})


def test_all_that_the_projects_report_is_there():
    reported = [(classic.project, classic.layers, classic.reported) for classic in CLASSICS]
    assert reported == [
        (1, (784, 10, 10), 89),
        (1, (784, 10, 10), 97),
        (2, (784, 128, 10), 86),
        (2, (784, 128, 64, 10), 92),
        (3, (784, 128, 64, 10), 96.5),
        (3, (784, 512, 256, 10), 97.43),
        (4, (784, 10, 10), 88),
        (4, (784, 10, 10), 92),
        (5, (784, 128, 64, 10), None),
    ]
    full = [classic for classic in CLASSICS if classic.batch_size is None]
    assert [(classic.optimizer, classic.epochs) for classic in full] == [("sgd", 400)]
    assert [classic.epochs for classic in CLASSICS if classic.optimizer == "adam"] == [10, 10, 20]
    assert {classic.framework for classic in CLASSICS} - {None} <= set(ENTRIES)
    assert [classic.init for classic in CLASSICS].count("xavier") == 1
    assert [classic.is_beyond for classic in CLASSICS].count(True) == 1
    assert all(classic.remark for classic in CLASSICS if classic.is_beyond)


def test_the_command_trains_them_and_sets_its_accuracies_beside_theirs(run, near, monkeypatch, tmp_path, digits):
    hard = dataclasses.replace(EASY, setting="784-4-10, beyond", reported=99.9, is_beyond=True, remark="it cannot")
    monkeypatch.setattr(classics, "CLASSICS", (EASY, hard))
    status, out, err = run("--suite", "classics", "--out", "found")
    assert status == 0, err
    found = json.loads((tmp_path / "found" / "report.json").read_text())
    assert [classic["is_below"] for classic in found["classics"]] == [False, False]
    θ = [p.astype(np.float64) for p in EASY.problem(4000, 0).parameters()]
    for rows in EASY.problem(4000, 0).rows(4000, 1):
        x, y = digits.train.batch(rows, np.float64)
        _, (dW,), (db,) = manual.loss_and_gradients(θ[:1], θ[1:], x, y)
        θ = [θ[0] - 0.1 * dW, θ[1] - 0.1 * db]
    guesses = manual.forward(θ[:1], θ[1:], digits.test.images / 255).Z[-1].argmax(axis=1)
    accuracy = np.mean(guesses == digits.test.labels)
    for name in ("manual", "compiled"):
        assert found["classics"][0]["accuracies"][name] == [pytest.approx(accuracy, abs=0.0021)]
    row, beyond = (line for line in out.splitlines() if line.startswith("1  "))
    assert "50 %" in row
    assert f"{100 * found['classics'][0]['accuracies']['manual'][0]:.2f} %" in row
    assert "99.9 % *" in beyond
    assert "1, 784-4-10, beyond: * it cannot" in out
    assert "Every project whose net can reach the accuracy that it reports is reached" in out
    assert (tmp_path / "found" / "classics.png").read_bytes().startswith(b"\x89PNG")


def test_a_row_below_what_is_reported_is_told_and_the_exit_status_is_1(run, near, undrawn, monkeypatch):
    monkeypatch.setattr(classics, "CLASSICS", (dataclasses.replace(EASY, reported=99.99),))
    status, out, _ = run("--suite", "classics")
    assert status == 1
    assert "BELOW what is reported: 1: 784-10, SGD, an epoch." in out
    assert "report what they have on MNIST, all of it, and not on mnist-5k" in out


@pytest.mark.parametrize(
    ("percents", "changes", "below"),
    [
        ({"manual": 90, "compiled": 90}, {"reported": 90}, False),
        ({"manual": 90, "compiled": 89.98}, {"reported": 90}, True),
        ({"manual": 89.98, "compiled": 91}, {"reported": 90}, True),
        ({"manual": 50, "compiled": 50}, {"reported": 90, "is_beyond": True}, False),
        ({"manual": 50, "compiled": 50}, {"reported": None}, False),
        ({"manual": 91}, {"reported": 90}, True),
    ],
)
def test_both_must_reach_what_is_reported_where_it_can_be_reached(percents, changes, below):
    assert outcome(percents, **changes).is_below is below


def test_who_fails_in_the_middle_has_no_accuracy():
    failed = outcome({"manual": 90, "compiled": 90})
    failed.failures["compiled"] = "no luck"
    assert failed.percent("compiled") is None
    assert failed.is_below
    assert suite._row(failed)[1:] == ["50 %", "90.00 %", "–", ""]


def test_a_dev_set_is_a_tenth_of_the_training_images_and_the_test_set_chooses_nothing(near, digits):
    classic = dataclasses.replace(EASY, on_dev_set=True)
    with counting(1) as progress:
        run_classic(classic, CompareConfig(dataset="mnist-5k"), digits, progress)
    for worker in near:
        assert (len(worker._served._labels), len(worker._served._test_labels)) == (3600, 400)
    seen = {image.tobytes() for image in digits.train.images}
    dev = np.rint(255 * near[0]._served._test_x).astype(np.uint8)
    assert all(image.tobytes() in seen for image in dev)


def test_a_full_batch_is_all_images_once_an_epoch(near, digits):
    classic = dataclasses.replace(EASY, batch_size=None, epochs=2)
    with counting(2) as progress:
        found = run_classic(classic, CompareConfig(dataset="mnist-5k"), digits, progress)
    assert near[0]._served._problem.rows(4000, 1).shape == (1, 4000)
    assert [len(accuracies) for accuracies in found.accuracies.values()] == [2, 2]


def test_a_framework_that_is_missing_is_named(monkeypatch):
    nowhere = dataclasses.replace(ENTRIES["torch"], library="nowhere")
    monkeypatch.setattr(suite, "ENTRIES", {**ENTRIES, "torch": nowhere})
    (note, *_) = suite._notes([outcome({"manual": 90, "compiled": 90}, framework="torch")], {"torch": "PyTorch, eager"})
    assert note == "not installed, and left out: PyTorch, eager; pip install -e '.[bench]'"
