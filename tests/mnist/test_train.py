"""`python -m mnist.train`, each time in a process of its own: what it reaches, what it writes, how it ends.

With $MNIST_DATA_DIR it is the full MNIST that the engines are measured on, for one epoch; without it the 5,000 digits,
with every flag at its default. Nothing here reaches the network.
"""

import csv
import json
import os
import signal
import struct
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from mnist import recipes, settings
from nets import checkpoint

ROOT = Path(__file__).parents[2]
FULL = bool(os.environ.get("MNIST_DATA_DIR"))
FILES = [
    "config.toml",
    "confusion.png",
    "curves.png",
    "gradient_norms.png",
    "history.csv",
    "metrics.json",
    "mistakes.png",
    "model.safetensors",
    "state.safetensors",
    "weights.png",
]
ENGINES = ["autodiff", "manual", "tensorflow"]
SMALL = ["--dataset", "mnist-5k", "--epochs", "1", "--layers", "784", "10"]


def start(*arguments, python=(), cwd=None, **environment):
    """Start the command, far from a terminal."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, *python, "-m", "mnist.train", *map(str, arguments)],
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def finish(process):
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def train(*arguments, **settings):
    return finish(start(*arguments, **settings))


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def history_of(folder):
    with (folder / "history.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def assert_one_line(done, status, *told):
    """The command has failed with a status and one line, which says so much, and without a traceback."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    for part in told:
        assert str(part) in lines[0]


# ── accuracy ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run with each engine, two at a time: what it said and the folder it wrote."""
    folder = tmp_path_factory.mktemp("engines")
    flags = ["--epochs", "1"] if FULL else ["--dataset", "mnist-5k"]

    def begin(engine):
        python = ["-W", "error"] if engine != "tensorflow" else []  # TensorFlow's own import may warn
        return start("--engine", engine, *flags, "--out", folder / engine, python=python)

    both = [begin(engine) for engine in ENGINES[:2]]
    done = dict(zip(ENGINES, map(finish, both), strict=False))
    try:
        import tensorflow  # noqa: F401
    except ImportError:
        return folder, done
    return folder, done | {"tensorflow": finish(begin("tensorflow"))}


def run_of(runs, engine):
    folder, done = runs
    if engine not in done:
        pytest.skip("TensorFlow is not installed")
    return folder / engine, done[engine]


every_engine = pytest.mark.parametrize("engine", ENGINES)


@every_engine
def test_every_engine_trains_to_its_accuracy_on_real_digits(runs, engine):
    folder, done = run_of(runs, engine)
    assert done.returncode == 0, done.stderr
    metrics = metrics_of(folder)
    assert metrics["engine"] == engine
    assert metrics["test_accuracy"] >= 0.93
    if FULL:
        assert (metrics["dataset"], metrics["train_size"], metrics["test_size"]) == ("mnist", 60_000, 10_000)
    else:
        assert (metrics["dataset"], metrics["train_size"], metrics["test_size"]) == ("mnist-5k", 4000, 1000)


@every_engine
def test_every_engine_writes_the_same_files(runs, engine):
    folder, _ = run_of(runs, engine)
    assert files_in(folder) == FILES
    assert len(history_of(folder)) == metrics_of(folder)["epochs"]
    assert history_of(folder)[-1]["test_accuracy"] == metrics_of(folder)["test_accuracy"]
    assert tomllib.loads((folder / "config.toml").read_text())["engine"] == engine
    assert checkpoint.load(folder / "model.safetensors").layer_dims == (784, 128, 64, 10)


@every_engine
def test_the_course_and_the_result_are_printed(runs, engine):
    folder, done = run_of(runs, engine)
    accuracy = f"{metrics_of(folder)['test_accuracy']:.2%}"
    *_, table, end = done.stdout.rstrip().split("\n\n")
    assert "109,386 parameters" in done.stdout
    assert "epoch " in done.stdout
    assert table.splitlines()[-1].split()[-1] == accuracy
    assert len(table.splitlines()) == 12
    assert accuracy in end
    assert str(folder) in end
    assert all(name in end for name in FILES if name.endswith(".png"))
    assert len(end.splitlines()) == 2


@pytest.mark.parametrize("engine", ["autodiff", "manual"])
def test_nothing_is_said_on_stderr_even_with_warnings_as_errors(runs, engine):
    assert run_of(runs, engine)[1].stderr == ""


@pytest.mark.parametrize("engine", ["manual", "tensorflow"])
def test_the_engines_give_the_same_curve(runs, engine):
    """Within 1e-3 after an epoch of the full MNIST; on 4,000 digits the rounding of float32 is blown up from epoch to
    epoch, so that three are compared, and the end.
    """
    ours = history_of(run_of(runs, "autodiff")[0])
    theirs = history_of(run_of(runs, engine)[0])
    assert len(ours) == len(theirs)
    for a, b in list(zip(ours, theirs, strict=True))[:3]:
        for name in ("train_loss", "test_loss"):
            assert abs(a[name] - b[name]) < (1e-3 if FULL else 2e-2), f"{name} after epoch {a['epoch']}"
    for name in ("train_accuracy", "test_accuracy"):
        assert abs(ours[-1][name] - theirs[-1][name]) < (0.002 if FULL else 0.02)


# ── flags ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("flags", "layers", "least"),
    [
        (["--layers", "784", "10", "10", "--optimizer", "sgd"], (784, 10, 10), 0.5),
        (["--layers", "784", *["32"] * 9, "10", "--epochs", "2"], (784, *[32] * 9, 10), 0.2),
        (["--layers", "784", "32", "10", "--optimizer", "adam"], (784, 32, 10), 0.7),
        (
            ["--layers", "784", "10", "--optimizer", "adamw", "--activation", "tanh", "--init", "xavier"],
            (784, 10),
            0.6,
        ),
    ],
    ids=["784 10 10", "ten layers", "adam", "adamw"],
)
def test_other_networks_and_optimizers_train_with_no_code_changed(tmp_path, flags, layers, least):
    done = train("--dataset", "mnist-5k", "--epochs", "1", *flags, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert metrics_of(tmp_path / "run")["test_accuracy"] > least
    assert checkpoint.load(tmp_path / "run" / "model.safetensors").layer_dims == layers


def test_help_tells_every_flag_and_succeeds():
    done = train("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    flags = "layers epochs batch-size optimizer lr schedule clip l2 label-smoothing ema init activation seed "
    flags += "validation patience dataset data-dir engine jit anomaly out resume preset config repeat"
    flags += " network dropout shift rotate scale elastic workers"
    for flag in flags.split():
        assert f"--{flag}" in done.stdout


def test_without_out_the_run_is_numbered_where_the_command_is_called(tmp_path):
    done = train(*SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert files_in(tmp_path / "runs" / "001") == FILES
    assert "runs/001" in done.stdout.splitlines()[-1]


def test_numpy_kernels_train_as_well(tmp_path):
    done = train(*SMALL, "--out", tmp_path / "run", AUTODIFF_KERNELS="numpy")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert metrics_of(tmp_path / "run")["test_accuracy"] > 0.6


def test_output_that_cannot_show_every_character_is_no_reason_to_stop(tmp_path):
    done = train(*SMALL, "--out", tmp_path / "run", PYTHONIOENCODING="ascii")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0
    assert files_in(tmp_path / "run") == FILES


def test_a_run_can_be_had_again_from_its_configuration_and_flags_change_it(tmp_path):
    flags = ["--optimizer", "adam", "--validation", "0.1", "--schedule", "one-cycle", "--ema", "0.9", "--seed", "3"]
    assert train(*SMALL, *flags, "--out", tmp_path / "one").returncode == 0
    given = ["--config", tmp_path / "one" / "config.toml"]
    for name, more in (("same", []), ("other", ["--seed", "4"])):
        done = train(*given, *more, "--out", tmp_path / name)
        assert (done.returncode, done.stderr) == (0, "")
    one, same, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "same", "other"))
    assert one == same != other
    configs = [(tmp_path / name / "config.toml").read_text() for name in ("one", "same", "other")]
    assert configs[0] == configs[1]
    assert configs[2] == configs[0].replace("seed = 3", "seed = 4")


def test_a_preset_is_where_other_flags_begin(tmp_path):
    done = train("--preset", "tiny", "--dataset", "mnist-5k", "--epochs", "1", "--out", tmp_path / "run")
    assert (done.returncode, done.stderr) == (0, "")
    assert settings.read(tmp_path / "run" / "config.toml") == recipes.preset(
        "tiny", dataset="mnist-5k", epochs=1, l2=0.0
    )
    assert_one_line(train("--preset", "tiny", "--config", tmp_path / "run" / "config.toml"), 2, "--preset tiny")


def test_repeated_training_gives_a_folder_for_each_seed_and_their_mean(tmp_path):
    done = train(*SMALL, "--engine", "manual", "--seed", "4", "--repeat", "3", "--out", tmp_path / "runs")
    assert (done.returncode, done.stderr) == (0, "")
    assert files_in(tmp_path / "runs") == ["seed-4", "seed-5", "seed-6"]
    found = [metrics_of(tmp_path / "runs" / f"seed-{seed}")["test_accuracy"] for seed in (4, 5, 6)]
    mean, spread = np.mean(found), np.std(found, ddof=1)
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"test accuracy {mean:.2%} ± {spread:.2%} over 3 seeds")
    assert last.endswith(f"from {min(found):.2%} to {max(found):.2%}")
    one = train(*SMALL, "--engine", "manual", "--seed", "5", "--out", tmp_path / "one")
    assert one.returncode == 0
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "runs/seed-5")]
    assert models[0] == models[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [('colour = "red"', "no setting colour"), ("epochs = 0", "--epochs 0"), ("epochs = ", "Invalid"), (None, "cannot")],
)
def test_a_wrong_configuration_is_one_line(tmp_path, text, told):
    if text is not None:
        (tmp_path / "mine.toml").write_text(text)
    assert_one_line(train("--config", tmp_path / "mine.toml"), 2, f"--config {tmp_path / 'mine.toml'}", told)


# ── ends before the end ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGINT to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupt_keeps_the_network_and_its_history_and_says_where(tmp_path, number):
    # A process started in the background of a shell ignores SIGINT, and so would its children.
    code = (
        "import runpy, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "runpy.run_module('mnist.train', run_name='__main__', alter_sys=True)\n"
    )
    flags = ["--dataset", "mnist-5k", "--epochs", "100000", "--layers", "784", "16", "10", "--out", "run"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *flags],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            for line in process.stdout:
                if line.startswith("epoch") and line.split()[1].startswith("2/"):
                    break
            time.sleep(0.05)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 128 + number, err
    assert err == ""
    assert out.splitlines()[-1].startswith("interrupted after")
    assert "run" in out.splitlines()[-1].split()[-1]
    folder = tmp_path / "run"
    assert files_in(folder) == FILES
    assert len(history_of(folder)) >= 2
    assert metrics_of(folder)["interrupted"] is True
    assert metrics_of(folder)["epochs"] == len(history_of(folder))
    assert checkpoint.load(folder / "model.safetensors").layer_dims == (784, 16, 10)


@pytest.mark.parametrize("engine", ["autodiff", "manual"])
def test_a_loss_that_becomes_no_number_ends_with_status_3_and_no_network(tmp_path, engine):
    flags = [
        "--dataset",
        "mnist-5k",
        "--epochs",
        "2",
        "--lr",
        "1e30",
        "--engine",
        engine,
        "--out",
        tmp_path / "run",
    ]
    assert_one_line(train(*flags), 3, "loss", "step", "epoch", "--lr")
    assert "model.safetensors" not in files_in(tmp_path / "run")


# ── bad input ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--layers", "28", "10"], ["--layers 28 10", "784", "10"]),
        (["--layers", "784", "20"], ["--layers 784 20", "10"]),
        (["--layers", "784", "0", "10"], ["--layers 784 0 10"]),
        (["--layers", "784", "x", "10"], ["--layers", "x"]),
        (["--batch-size", "0"], ["--batch-size 0"]),
        (["--epochs", "0"], ["--epochs 0"]),
        (["--lr", "-1"], ["--lr -1"]),
        (["--l2", "nan"], ["--l2 nan"]),
        (["--optimizer", "rmsprop"], ["rmsprop", "--optimizer", "momentum"]),
        (["--engine", "jax"], ["jax", "--engine", "autodiff"]),
        (["--colour", "red"], ["--colour"]),
        (["--config"], ["--config"]),
        (["--preset", "huge"], ["--preset huge", "tiny, default, wide"]),
        (["--preset", "tiny", "--resume", "run"], ["--resume run", "leave out --preset"]),
        (["--preset", "tiny", "--repeat", "0"], ["--repeat 0"]),
        (["--preset", "lenet", "--engine", "manual"], ["--network lenet", "leave out --engine manual"]),
        (["--schedule", "steep"], ["steep", "--schedule", "one-cycle"]),
        (["--patience", "3"], ["--patience 3", "--validation"]),
        (["--engine", "manual", "--label-smoothing", "0.1"], ["--label-smoothing", "--engine manual"]),
        (["--dataset", "mnist-5k", "--data-dir", "."], ["--data-dir"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("--") else "",
)
def test_a_wrong_flag_is_one_line_and_leaves_nothing(tmp_path, flags, told):
    done = train("--out", tmp_path / "run", *flags)
    assert_one_line(done, 2, *told)
    assert files_in(tmp_path) == []


def test_a_wrong_flag_is_told_in_any_encoding(tmp_path):
    assert_one_line(train("--colour", "red", PYTHONIOENCODING="ascii"), 2, "--colour")
    assert_one_line(train("--colour", "red", PYTHONIOENCODING="UTF-8"), 2, "--colour")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("precious")
    assert_one_line(train(*SMALL, "--out", tmp_path / "file" / "run"), 2, "--out", tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "precious"


def no_such_folder(folder):
    return "data"


def empty(folder):
    folder.mkdir()
    return "data"


def _idx(images=2, labels=(1, 2), shape=(28, 28)):
    pixels = struct.pack(">IIII", 2051, images, *shape) + bytes(images * 784)
    return pixels, struct.pack(">II", 2049, len(labels)) + bytes(labels)


def _put(folder, train_images, train_labels, test_images=None, test_labels=None):
    folder.mkdir()
    sound = _idx()
    for name, content in (
        ("train-images-idx3-ubyte", train_images),
        ("train-labels-idx1-ubyte", train_labels),
        ("t10k-images-idx3-ubyte", test_images or sound[0]),
        ("t10k-labels-idx1-ubyte", test_labels or sound[1]),
    ):
        (folder / name).write_bytes(content)


def truncated(folder):
    images, labels = _idx()
    _put(folder, images[:-100], labels)
    return "train-images"


def promising_more(folder):
    images, labels = _idx()
    _put(folder, images[:4] + struct.pack(">I", 10**6) + images[8:], labels)
    return "train-images"


def inconsistent(folder):
    _put(folder, _idx()[0], _idx(labels=(1, 2, 3))[1])
    return "train-"


def label_out_of_range(folder):
    _put(folder, *_idx(labels=(1, 10)))
    return "train-labels"


def _put_csv(folder, row):
    folder.mkdir()
    sound = ",".join(["3", *["0"] * 784])
    (folder / "mnist_train.csv").write_text(f"{sound}\n{row}\n")
    (folder / "mnist_test.csv").write_text(f"{sound}\n")
    return "mnist_train.csv"


def csv_of_too_few_columns(folder):
    return _put_csv(folder, ",".join(["3", *["0"] * 783]))


def csv_of_a_value_over_255(folder):
    return _put_csv(folder, ",".join(["3", *["0"] * 783, "256"]))


@pytest.mark.parametrize(
    "spoil",
    [
        no_such_folder,
        empty,
        truncated,
        promising_more,
        inconsistent,
        label_out_of_range,
        csv_of_too_few_columns,
        csv_of_a_value_over_255,
    ],
    ids=lambda spoil: spoil.__name__,
)
def test_bad_data_are_one_line_that_says_where_and_leave_nothing(tmp_path, spoil):
    named = spoil(tmp_path / "data")
    done = train("--data-dir", tmp_path / "data", "--epochs", "1", "--out", tmp_path / "run")
    assert_one_line(done, 2, named)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_data_in_the_environment_is_never_passed_over(tmp_path):
    assert_one_line(train("--out", tmp_path / "run", MNIST_DATA_DIR=str(tmp_path)), 2, tmp_path)
    assert not (tmp_path / "run").exists()


def test_other_images_of_the_same_form_are_recorded_as_custom(tmp_path):
    _put(tmp_path / "data", *_idx())
    flags = [
        "--data-dir",
        tmp_path / "data",
        "--epochs",
        "1",
        "--layers",
        "784",
        "10",
        "--out",
        tmp_path / "run",
    ]
    done = train(*flags)
    assert done.returncode == 0, done.stderr
    assert "custom" in done.stdout
    assert metrics_of(tmp_path / "run")["dataset"] == "custom"


def test_anomaly_names_the_operation_that_gave_the_first_number_not_finite(tmp_path):
    done = train(*SMALL, "--layers", "784", "20", "10", "--lr", "1e30", "--anomaly", "--out", tmp_path)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for words in ("--anomaly", "gave", "among", "engines.py:"):
        assert words in line


def test_anomaly_trains_the_same_where_all_is_finite(tmp_path):
    for name, flags in (("plain", []), ("watched", ["--anomaly"])):
        assert train(*SMALL, "--out", tmp_path / name, *flags).returncode == 0
    plain, watched = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("plain", "watched"))
    assert plain == watched


def test_anomaly_looks_into_this_engine_alone():
    done = train("--engine", "manual", "--anomaly")
    assert done.returncode == 2
    assert "leave out --engine manual" in done.stderr


def test_a_compiled_run_learns_the_same_and_goes_on_bit_for_bit(tmp_path):
    flags = [*SMALL, "--layers", "784", "12", "10", "--epochs", "3", "--optimizer", "adam"]
    for name, more in (("eager", []), ("compiled", ["--jit"])):
        done = train(*flags, *more, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    eager, compiled = (history_of(tmp_path / name) for name in ("eager", "compiled"))
    for a, b in zip(eager, compiled, strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-3)
        assert a["test_accuracy"] == pytest.approx(b["test_accuracy"], abs=0.004)

    process = start(*flags, "--jit", "--out", tmp_path / "cut")
    while process.poll() is None and not (tmp_path / "cut" / "state.safetensors").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    finish(process)
    done = train("--resume", tmp_path / "cut")
    assert done.returncode == 0, done.stderr
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("compiled", "cut")]
    assert models[0] == models[1]


@pytest.mark.parametrize(("flags", "words"), [(["--engine", "manual"], "--engine manual"), (["--anomaly"], "--jit")])
def test_what_cannot_be_compiled_is_one_line(flags, words):
    done = train("--jit", *flags)
    assert done.returncode == 2
    assert f"leave out {words}" in done.stderr
