"""`python -m mnist.compare`: the same training side by side, and what is told of it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mnist.compare import running
from mnist.compare.config import USUAL, CompareConfig
from mnist.compare.progress import counting
from mnist.compare.reporting import report_of
from mnist.compare.running import Comparison, Course, compare, first_batch
from mnist.contestants import ENTRIES, devices, learning
from mnist.contestants.by_engine import Eager
from mnist.contestants.learning import Epoch
from mnist.contestants.problem import Problem
from mnist.data import Split
from mnist.witnesses import clear_of_kinks
from nets import manual

ROOT = Path(__file__).parents[3]
SMALL = ("--layers", 784, 12, 10, "--contestants", "manual", "eager", "--epochs", 2)


@pytest.fixture
def few(digits, monkeypatch):
    """A hundred digits, in place of 5,000."""
    train, test = (Split(s.images[::n], s.labels[::n]) for s, n in ((digits.train, 41), (digits.test, 21)))
    few = type(digits)("mnist-5k", train, test)
    monkeypatch.setattr("mnist.data.load", lambda *arguments, **named: few)
    return few


def by_hand(digits, layers, epochs, batch_size=64, lr=0.1, seed=0):
    """Train in float64 with the formulas of `nets/manual.py`; return the losses and the test accuracies."""
    θ = [p.astype(np.float64) for p in Problem(layers, "sgd", batch_size, seed).parameters()]
    losses, accuracies = [], []
    for epoch in range(1, epochs + 1):
        order = np.random.default_rng([seed, epoch]).permutation(len(digits.train))
        for start in range(0, len(order) - batch_size + 1, batch_size):
            x, y = digits.train.batch(order[start : start + batch_size])
            loss, dW, db = manual.loss_and_gradients(θ[::2], θ[1::2], x.astype(np.float64), y)
            losses.append(loss)
            θ = [p - lr * g for p, g in zip(θ, [g for pair in zip(dW, db, strict=True) for g in pair], strict=True)]
        guesses = manual.forward(θ[::2], θ[1::2], digits.test.images / 255).Z[-1].argmax(axis=1)
        accuracies.append(np.mean(guesses == digits.test.labels))
    return losses, accuracies


# ── what it finds ───────────────────────────────────────────────────────────────────────────────────────


def test_in_processes_of_their_own_all_train_as_it_is_by_hand_and_a_report_is_left(run, digits, tmp_path):
    status, out, err = run(*SMALL, "--out", "found", "--threads", 1)
    assert status == 0, err
    folder = tmp_path / "found"
    assert {path.name for path in folder.iterdir()} == {
        "report.md", "report.html", "report.json", "loss.png", "difference.png", "accuracy.png",
    }  # fmt: skip
    found = json.loads((folder / "report.json").read_text())
    losses, accuracies = by_hand(digits, (784, 12, 10), 2)
    assert list(found["contestants"]) == [ENTRIES[name].title for name in ("float64", "manual", "eager")]
    for title, course in found["contestants"].items():
        is_reference = title == ENTRIES["float64"].title
        np.testing.assert_allclose(course["losses"], losses, rtol=1e-12 if is_reference else 1e-4)
        assert course["accuracies"] == pytest.approx(accuracies, abs=0.003)  # rounding may turn a digit or two
        assert len(course["seconds"]) == 2
        assert 1e7 < course["memory"] < 1e9
        if not is_reference:
            assert 0 < course["gradient_error"] < 1e-5
            differences = np.abs(np.subtract(course["losses"], losses))
            np.testing.assert_allclose(course["loss_difference"], differences, atol=1e-9)
        (line,) = [line for line in out.splitlines() if line.startswith(f"{title}  ")]
        assert f"{course['accuracies'][-1]:.2%}" in line.split()
        assert str(course["lines"]) in line.split()
    engine, hand = (found["contestants"][ENTRIES[name].title] for name in ("eager", "manual"))
    assert engine["lines"] < hand["lines"]
    assert out.rstrip().endswith(str(folder / "report.html"))


def test_a_wrong_gradient_is_told_and_the_exit_status_is_1(run, near, undrawn, few, monkeypatch):
    right = Eager._gradients
    monkeypatch.setattr(Eager, "_gradients", lambda self, x, y: [1.0001 * g for g in right(self, x, y)])
    status, out, _ = run(*SMALL)
    assert status == 1
    assert "DIFFERENT: the gradients of this engine, eager are not those of the derivation by hand" in out
    (line,) = [line for line in out.splitlines() if line.startswith("this engine, eager  ")]
    assert float(line.split()[3]) == pytest.approx(1e-4, rel=0.05)


def test_each_device_that_tensorflow_sees_has_a_row_of_its_own(near, undrawn, few, monkeypatch, tf):
    both = ["CPU:0", "GPU:0"]
    monkeypatch.setattr(devices, "seen_by", lambda library: both[: 1 + (library == "tensorflow")])
    monkeypatch.setattr(devices, "on", lambda library, device: tf.device("CPU:0"))
    config = CompareConfig(contestants=("manual", "tf-eager"), layers=(784, 6, 10), epochs=1)
    with counting(4) as progress:
        comparison = compare(config, few, progress)
    assert [(course.name, course.device) for course in comparison.courses] == [
        ("float64", "CPU:0"), ("manual", "CPU:0"), ("tf-eager", "CPU:0"), ("tf-eager", "GPU:0"),
    ]  # fmt: skip
    titles = [row[0] for row in report_of(comparison).rows]
    assert titles[2:] == ["TensorFlow, eager tape, CPU:0", "TensorFlow, eager tape, GPU:0"]
    assert {(worker.name, worker.device) for worker in near} >= {("tf-eager", "GPU:0")}


def test_all_are_asked_for_the_same_epochs_in_turn(run, near, undrawn, few, monkeypatch):
    asked = []
    learn = learning.Learner.epoch
    monkeypatch.setattr(
        learning.Learner, "epoch", lambda self, n: asked.append((n, self._entry.title)) or learn(self, n)
    )
    run(*SMALL)
    assert asked == [(n, ENTRIES[name].title) for n in (1, 2) for name in ("float64", "manual", "eager")]


def test_gradients_are_compared_on_the_first_images_that_are_clear_of_a_kink(digits):
    problem = Problem((784, 128, 64, 10), "sgd", 256, seed=3)
    x, y = first_batch(problem, digits.train)
    order = np.random.default_rng([3, 1]).permutation(len(digits.train))
    all_x, all_y = digits.train.batch(order[:512])
    model = running._network(problem)
    for mine, theirs in zip(model.parameters(), problem.parameters(), strict=True):
        np.testing.assert_array_equal(mine.data, theirs)
    clear = clear_of_kinks(model, all_x)
    assert not clear[:256].all()  # some are left out
    np.testing.assert_array_equal(x, all_x[clear][:256])
    np.testing.assert_array_equal(y, all_y[clear][:256])
    assert len(first_batch(Problem((784, 10), "sgd", 4000), digits.train)[0]) == running.MOST_IMAGES


def course(name, losses, seconds=(1.0,), error=1e-7, device="CPU:0"):
    parts = np.array_split(losses, len(seconds))
    rows = enumerate(zip(seconds, parts, strict=True))
    epochs = [Epoch(s, list(part), 0.9 + 0.01 * i, 10**8 + i) for i, (s, part) in rows]
    return Course(name, device, 30, error, epochs)


def test_a_row_has_the_largest_and_the_last_difference_the_median_and_the_first_time(undrawn, digits):
    true = course("float64", [2.0, 1.0, 0.5, 0.25, 0.125, 0.0625], (3.0, 2.0, 1.5), 0.0)
    other = course("compiled", [2.0, 1.0, 0.75, 0.25, 0.125, 0.0625 - 1e-3], (9.0, 1.0, 2.0), 3.21e-6)
    comparison = Comparison(CompareConfig(epochs=3), digits, 64, [true, other], [])
    reference, row = report_of(comparison).rows
    assert reference == ["by hand, float64", "reference", "", "", "92.00%", "2.00", "3.00", "30", "100"]
    assert row == ["this engine, compiled", "3.2e-06", "2.5e-01", "1.0e-03", "92.00%", "2.00", "9.00", "30", "100"]
    assert comparison.holds


@pytest.mark.parametrize(("error", "holds"), [(0.9e-5, True), (1.1e-5, False), (np.nan, False), (np.inf, False)])
def test_gradients_agree_within_the_bound_of_float32_and_not_beyond(digits, error, holds):
    true, other = course("float64", [1.0], error=0.0), course("eager", [1.0], error=error)
    assert Comparison(CompareConfig(), digits, 64, [true, other], []).holds is holds


# ── what fails ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["lines", "gradients", "begin", "epoch"])
def test_a_contestant_that_fails_is_told_of_and_the_others_go_on(run, near, undrawn, few, monkeypatch, method):
    right = getattr(learning.Learner, method)

    def fails_for_the_engine(self, *arguments):
        if self._entry.library == "autodiff":
            raise RuntimeError("no luck")
        return right(self, *arguments)

    monkeypatch.setattr(learning.Learner, method, fails_for_the_engine)
    status, out, _ = run(*SMALL)
    assert status == 0
    assert "this engine, eager did not come to the end: no luck" in out
    assert [line for line in out.splitlines() if line.startswith("by hand  ")]
    assert not [line for line in out.splitlines() if line.startswith("this engine, eager  ")]


def test_with_nobody_left_there_is_nothing_to_compare(run, near, undrawn, few, monkeypatch):
    right = learning.Learner.epoch
    lost, engine = Epoch(1.0, [np.nan], 0.1, None), ENTRIES["eager"]
    monkeypatch.setattr(learning.Learner, "epoch", lambda self, n: lost if self._entry == engine else right(self, n))
    status, out, _ = run("--layers", 784, 12, 10, "--contestants", "eager", "--epochs", 1)
    assert status == 1
    assert "NOTHING TO COMPARE: nobody came to the end." in out
    assert "its loss became no number in epoch 1; lower --lr, 0.1" in " ".join(out.split())


def test_without_the_reference_there_is_no_comparison_and_no_report(run, near, undrawn, few, tmp_path):
    status, out, err = run(*SMALL, "--lr", "1e200", "--out", "found")
    assert (status, out) == (2, "")
    assert "error: by hand, float64, which the others are held against: its loss became no number" in err
    assert list(tmp_path.iterdir()) == []


def test_a_usual_library_that_is_missing_is_left_out_and_named(undrawn, monkeypatch, digits):
    for library in ("torch", "tensorflow"):
        monkeypatch.setitem(sys.modules, library, None)
    config = CompareConfig()
    assert config.entered == ["manual", "eager", "compiled"]
    comparison = Comparison(config, digits, 64, [course("float64", [1.0]), course("manual", [1.0])], [])
    titles = "TensorFlow, eager tape, keras.fit, PyTorch, eager"
    assert f"not installed, and left out: {titles}; pip install -e '.[bench]'" in report_of(comparison).notes
    assert set(USUAL) <= set(ENTRIES)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--contestants", "theano"], "invalid choice 'theano'"),
        (["--contestants"], "--contestants: name one or more of manual, "),
        (["--contestants", "eager", "eager"], "--contestants eager eager: name nobody twice"),
        (["--contestants", "jax"], "--contestants jax: jax is not installed; pip install -e '.[bench]'"),
        (["--layers", 784], "--layers 784: must run from 784 pixels to 10 classes"),
        (["--layers", 784, 0, 10], "--layers 784 0 10: must run from 784 pixels to 10 classes"),
        (["--layers", 28, 10], "--layers 28 10: must run from 784 pixels to 10 classes"),
        (["--layers", 784, 10**9, 10], "--layers 784 1000000000 10: Unable to allocate"),
        (["--epochs", 0], "--epochs 0: must be 1 or more"),
        (["--epochs", "many"], "--epochs"),
        (["--batch-size", 0], "--batch-size 0: must be 1 or more"),
        (["--batch-size", 4001], "--batch-size 4001: there are only 4,000 images to train on"),
        (["--lr", "nan"], "--lr nan: must be a number above 0"),
        (["--seed", -1], "--seed -1: must be 0 or more"),
        (["--threads", 0], "--threads 0: must be from 1 to"),
        (["--patience", "nan"], "--patience nan: must be more than 0 seconds"),
        (["--suite", "modern"], "invalid choice 'modern'"),
        (["--suite", "classics", "--epochs", 3, "--lr", 0.1], "how they train; leave out --epochs --lr"),
        (["--out", "/proc/here"], "/proc/here cannot be written to"),
        (["--out", __file__], f"{__file__} cannot be written to"),
        (["--out", Path(__file__).parent], "holds something already; name a new folder"),
        (["--data-dir", "nowhere"], "leave out either it or --data-dir"),
        (["--reply", 42], "--reply"),
    ],
)
def test_a_mistake_is_one_line_with_exit_status_2_and_leaves_nothing(run, monkeypatch, tmp_path, flags, told):
    monkeypatch.setitem(sys.modules, "jax", None)
    status, out, err = run(*flags)
    assert (status, out) == (2, "")
    *announced, line = err.splitlines()
    assert line.startswith("error: ")
    assert told in line
    assert all(line.startswith("mnist-5k: ") for line in announced)
    assert [path for path in tmp_path.rglob("*") if path.is_file() or path.name != "runs"] == []


def test_progress_is_for_terminals_alone(run, near, undrawn, few):
    _, _, err = run(*SMALL)
    assert err == ""


def test_on_a_terminal_there_is_a_bar_and_above_it_a_line_for_each_epoch(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with counting(2) as progress:
        progress.waits_for("by hand")
        progress.passed("epoch 1 is over")
        progress.passed()
    shown = sys.stderr.getvalue()
    assert "by hand" in shown
    assert "epoch 1 is over\n" in shown
    assert "/2 " in shown
    assert "\n" not in shown.split("epoch 1 is over\n")[1]  # the bar itself is wiped away


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux has /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_no_report_no_process_and_one_line(tmp_path, number, status):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "AUTODIFF_KERNELS": "numpy"}
    flags = ["--dataset", "mnist-5k", "--contestants", "manual", "--epochs", "1000", "--out", str(tmp_path / "found")]
    process = subprocess.Popen(
        [sys.executable, "-m", "mnist.compare", *flags],
        env=environment, cwd=tmp_path, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while process.poll() is None and len(_living(process.pid)) < 4:  # it, two workers, and what tracks their resources
        time.sleep(0.05)
    time.sleep(0.5)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert out == ""
    assert err.splitlines()[-1] == "interrupted"
    assert not [line for line in err.splitlines() if "Traceback" in line]
    end = time.monotonic() + 30
    while _living(process.pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert _living(process.pid) == []
    assert list(tmp_path.iterdir()) == []


def _living(session):
    """Return the processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(path.parent.name))
    return found
