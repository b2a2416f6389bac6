"""A run that is killed at any moment leaves whole files, of its last epoch or the one before, and goes on from them.

Here are real processes and real signals. Some come when they come, as a user's do; others hit the moment at which a
file is half written, or has just taken its place.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from csv import DictReader
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mnist import state
from nets import arrays, checkpoint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="these signals are not sent here"),
]

ROOT = Path(__file__).parents[2]
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
EPOCHS = 60
FLAGS = ["--dataset", "mnist-5k", "--layers", "784", "16", "10", "--epochs", EPOCHS, "--batch-size", "500"]
AS_THEY_ARE = ["--shift", "0", "--rotate", "0", "--scale", "0"]
"""Not distorted, for a process that distorts images takes half a second longer to begin."""
KINDS = {
    signal.SIGKILL: ["--optimizer", "adam", "--engine", "autodiff", *AS_THEY_ARE],
    signal.SIGTERM: ["--optimizer", "momentum", "--engine", "manual"],
    signal.SIGINT: ["--optimizer", "adamw", "--engine", "manual", "--schedule", "constant", *AS_THEY_ARE],
}
"""What is trained until which signal comes."""

PICTURES = [name for name in FILES if name.endswith(".png")]
END_OF_PNG = b"IEND\xaeB`\x82"

WRITES = 8
"""Four files after each epoch: for each a moment when half of it is written, and one when it has taken its place."""

TRAIN = r"""
import os, runpy, signal, sys
from pathlib import Path
from mnist.run_folder import RunFolder

moment, number = map(int, sys.argv[1:3])
del sys.argv[1:3]
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in its background ignores it
passed, rename = 0, Path.replace

def let_pass(draft=None):
    global passed
    passed += 1
    if passed == moment:
        if draft:
            os.truncate(draft, draft.stat().st_size // 2)
        signal.raise_signal(number)

def replace(draft, path):
    let_pass(draft)
    rename(draft, path)
    let_pass()

def write_unrendered(folder, drawn):
    from viz import figures
    figures.save = lambda figure, path: path.write_bytes(1000 * b"." + b"IEND\xaeB`\x82")
    write(folder, drawn)

Path.replace = replace
write = RunFolder.write_pictures
if moment:  # a picture that may be cut in two need not be a good one
    RunFolder.write_pictures = write_unrendered
runpy.run_module("mnist.train", run_name="__main__", alter_sys=True)
"""

KEEP_EVERY_MODEL = """
from mnist import TrainConfig, fit
from mnist.cli import parse

config = parse(TrainConfig, "")
kept = config.out.parent / "models"
kept.mkdir()

def keep(line):
    if line.startswith("epoch"):
        number = line.split()[1].partition("/")[0]
        (kept / number).write_bytes((config.out / "model.safetensors").read_bytes())

fit(config, announce=keep)
"""

EVERYTHING = [
    "--epochs", 4, "--batch-size", 400, "--optimizer", "adamw", "--schedule", "one-cycle", "--label-smoothing", 0.1,
    "--clip", 1, "--dropout", 0.2, "--ema", 0.9, "--validation", 0.2, "--shift", 2, "--rotate", 10, "--scale", 0.1,
    "--elastic", 30, "--workers", 2,
]  # fmt: skip
"""All that could be remembered wrongly from one step to the next; an epoch has eight."""

KILL_AT_A_STEP = """
import signal, sys
from mnist import TrainConfig, fit
from mnist.callbacks import Callback
from mnist.cli import parse

moment = tuple(map(int, sys.argv[1:3]))
del sys.argv[1:3]

class Killer(Callback):
    def on_epoch_begin(self, epoch):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs):
        if (self.epoch, batch) == moment:
            signal.raise_signal(signal.SIGKILL)

fit(parse(TrainConfig, ""), callbacks=[Killer()])
"""


def start(code, *arguments, **settings):
    """Start a process, on one thread and without compiling anything, for there will be many."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    quick = {"PYTHONPATH": path, "AUTODIFF_KERNELS": "numpy", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **quick},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        **settings,
    )


def finish(process):
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def train(*flags, moment=0, number=0, **settings):
    return finish(start(TRAIN, moment, int(number), *flags, **settings))


def contents_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def tensors_of(folder):
    """Return the arrays of the state: of the network, the optimizer, the averages and the best network so far."""
    return arrays.read(folder / "state.safetensors")[0]


def history_of(folder):
    """Return the history as it is written, without the seconds, which differ from run to run."""
    with (folder / "history.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in DictReader(file)]


def assert_one_line(done, *told):
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")
    for part in told:
        assert str(part) in done.stderr


# ── the run that nothing has interrupted ────────────────────────────────────────────────────────────────


@dataclass
class Whole:
    """A run that nothing has interrupted: its folder, and its network after each epoch."""

    folder: Path
    models: dict[int, Path]

    def examine(self, folder):
        """See that each file in the folder of the same run is whole and of its time; return the epochs in its state."""
        names = {path.name for path in folder.iterdir() if not re.fullmatch(r"\..+\.[0-9a-f]{16}\.draft", path.name)}
        assert names <= set(FILES)
        if "state.safetensors" not in names:
            assert names == set()
            return None
        kept = state.load(folder / "state.safetensors")
        epoch = len(kept.history)
        if epoch:
            np.testing.assert_equal(kept.model.state_dict(), checkpoint.load(self.models[epoch]).state_dict())
        if "model.safetensors" in names:
            assert checkpoint.load(folder / "model.safetensors").layer_dims == (784, 16, 10)
            of_its_time = {self.models[e].read_bytes() for e in (epoch - 1, epoch) if e > 0}
            assert epoch == 0 or (folder / "model.safetensors").read_bytes() in of_its_time
        if "history.csv" in names:
            rows = history_of(self.folder)
            assert history_of(folder) in (rows[: max(0, epoch - 1)], rows[:epoch])
        if "config.toml" in names:
            assert tomllib.loads((folder / "config.toml").read_text())["epochs"] == EPOCHS
        if "metrics.json" in names:
            assert json.loads((folder / "metrics.json").read_text())["epochs"] == epoch
        for name in names.intersection(PICTURES):
            assert (folder / name).read_bytes().endswith(END_OF_PNG), name
        return epoch

    def assert_is(self, folder):
        """See that a folder holds this very run."""
        assert sorted(path.name for path in folder.iterdir()) == FILES
        for name in ("model.safetensors", *PICTURES):
            assert (folder / name).read_bytes() == (self.folder / name).read_bytes(), name
        assert history_of(folder) == history_of(self.folder)
        metrics = [json.loads((place / "metrics.json").read_text()) for place in (folder, self.folder)]
        assert metrics[0] | {"seconds": 0} == metrics[1] | {"seconds": 0}


@pytest.fixture(scope="module")
def wholes(tmp_path_factory):
    """For each signal the run that it will end, not ended."""

    def train_whole(number):
        place = tmp_path_factory.mktemp("whole")
        done = finish(start(KEEP_EVERY_MODEL, *FLAGS, *KINDS[number], "--out", place / "run"))
        assert done.returncode == 0, done.stderr
        return Whole(place / "run", {int(path.name): path for path in (place / "models").iterdir()})

    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(KINDS, pool.map(train_whole, KINDS), strict=True))
    assert all(len(whole.models) == EPOCHS for whole in found.values())
    return found


# ── signals ─────────────────────────────────────────────────────────────────────────────────────────────


def kill_again_and_again(number, whole, folder):
    """Start a run and end it, go on with it and end it, …, and let it come to its end; return how often it was."""
    rng = random.Random(int(number))
    moments = rng.sample(range(1, 2 * WRITES + 1), 2 * WRITES)
    endings = [end(number, whole, folder, moment, rng) for moment in [*moments, *[None] * 6]]
    done = train("--resume", folder)
    assert done.returncode == 0, done.stderr
    whole.assert_is(folder)
    endings += [end(number, whole, folder, WRITES + moment, rng) for moment in (1, 2, 3, 8, 11)]  # metrics, pictures
    done = train("--resume", folder)
    assert done.returncode == 0, done.stderr
    assert f"{folder}: {EPOCHS} of {EPOCHS} epochs were finished" in done.stdout
    whole.assert_is(folder)
    return sum(endings)


def end(number, whole, folder, moment, rng):
    """Go on with the run of a folder, or start it; end it at a moment of writing, or at any; say whether it did end."""
    before = whole.examine(folder) if folder.exists() else None
    flags = [*FLAGS, *KINDS[number], "--out", folder] if before is None else ["--resume", folder]
    process = start(TRAIN, moment or 0, int(number), *flags)
    if moment is None:
        process.stdout.readline()  # once the digits are there
        try:
            process.wait(rng.uniform(0, 0.2))
        except subprocess.TimeoutExpired:
            process.send_signal(number)
    done = finish(process)
    after = whole.examine(folder) if folder.exists() else None
    assert (after or 0) >= (before or 0)
    if done.returncode == 0:
        assert moment is None, "the moment did not come"
        return False
    assert done.returncode == (-number if number == signal.SIGKILL else 128 + number), done
    if number != signal.SIGKILL:
        assert done.stderr in ("", "interrupted\n")
        if not done.stderr:
            assert done.stdout.splitlines()[-1].startswith(f"interrupted after {after} of {EPOCHS} epochs")
    return True


@pytest.fixture(scope="module")
def chains(wholes, tmp_path_factory):
    """For each signal a run that it has ended many a time, two at once."""
    with ThreadPoolExecutor(2) as pool:
        return {
            number: pool.submit(kill_again_and_again, number, wholes[number], tmp_path_factory.mktemp("ended") / "run")
            for number in KINDS
        }


@pytest.mark.parametrize("number", KINDS, ids=lambda number: number.name)
def test_a_run_that_is_killed_again_and_again_comes_to_the_same_end(chains, number):
    kills = chains[number].result()
    print(f"{number.name} ended the run {kills} times")
    assert kills >= 2 * WRITES + 5


@pytest.mark.parametrize("how", [[], ["--jit"]], ids=["eager", "compiled"])
def test_with_everything_on_a_run_killed_within_an_epoch_comes_to_the_same_end(tmp_path, how):
    flags = [*FLAGS, *EVERYTHING, *how]
    with ThreadPoolExecutor(1 if how else 2) as pool:  # compiled, one after the other, so that only the first compiles
        whole = pool.submit(train, *flags, "--out", tmp_path / "whole")
        killed = pool.submit(lambda: finish(start(KILL_AT_A_STEP, 3, 5, *flags, "--out", tmp_path / "killed")))
        assert killed.result().returncode == -signal.SIGKILL, killed.result()
        assert len(history_of(tmp_path / "killed")) == 2
        for done in (train("--resume", tmp_path / "killed"), whole.result()):
            assert done.returncode == 0, done.stderr
    found, expected = (tensors_of(tmp_path / name) for name in ("killed", "whole"))
    np.testing.assert_equal(found, expected)
    assert {name.partition(".")[0] for name in expected} == {"model", "optimizer", "average", "best"}
    assert history_of(tmp_path / "killed") == history_of(tmp_path / "whole")


@pytest.mark.parametrize("moment", [1, 2, 3, 4, 5])
def test_a_run_killed_over_an_earlier_one_leaves_the_one_or_the_other(wholes, tmp_path, moment):
    whole, earlier, folder = wholes[signal.SIGKILL], wholes[signal.SIGINT], tmp_path / "run"
    shutil.copytree(earlier.folder, folder)
    flags = [*FLAGS, *KINDS[signal.SIGKILL], "--out", folder]
    assert train(*flags, moment=moment, number=signal.SIGKILL).returncode == -signal.SIGKILL
    model = (folder / "model.safetensors").read_bytes()
    assert model == (whole.models[1] if moment > 3 else earlier.folder / "model.safetensors").read_bytes()
    assert ("metrics.json" in contents_of(folder)) == (moment < 3)
    done = train("--resume", folder)
    assert done.returncode == 0, done.stderr
    (earlier if moment == 1 else whole).assert_is(folder)


# ── a full disk ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte, where one may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(wholes, small_disk):
    whole, folder = wholes[signal.SIGTERM], small_disk / "run"
    flags = [*FLAGS, *KINDS[signal.SIGTERM], "--out", folder]
    assert train(*flags, moment=3 * WRITES, number=signal.SIGKILL).returncode == -signal.SIGKILL
    assert whole.examine(folder) == 3
    before = contents_of(folder)
    ballast = small_disk / "ballast"
    space = os.statvfs(small_disk)
    ballast.write_bytes(bytes(space.f_bavail * space.f_frsize - (20 << 10)))
    assert_one_line(train("--resume", folder), folder, "No space left on device")
    assert contents_of(folder) == before
    ballast.unlink()
    assert train("--resume", folder).returncode == 0
    whole.assert_is(folder)


def test_a_file_that_may_not_grow_is_one_line_and_the_earlier_run_stays(wholes, tmp_path):
    resource = pytest.importorskip("resource")
    folder = tmp_path / "run"
    shutil.copytree(wholes[signal.SIGINT].folder, folder)
    before = contents_of(folder)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    assert_one_line(train(*FLAGS, "--out", folder, preexec_fn=limit), folder, "File too large")
    assert contents_of(folder) == before


# ── the command ─────────────────────────────────────────────────────────────────────────────────────────


def test_resume_beside_other_flags_or_without_a_sound_state_is_one_line(wholes, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    assert_one_line(train("--resume", folder), f"--resume {folder}", "state.safetensors")
    assert_one_line(train("--resume", folder, "--epochs", "7", "--seed", "1"), f"--resume {folder}", "--epochs --seed")
    content = (wholes[signal.SIGTERM].folder / "state.safetensors").read_bytes()
    (folder / "state.safetensors").write_bytes(content[: len(content) // 2])
    assert_one_line(train("--resume", folder), folder / "state.safetensors")
    assert sorted(contents_of(folder)) == ["state.safetensors"]
