"""A run that was ended goes on to the same weights, bit for bit, from one file; what is no such file is refused."""

import copy
import csv
import dataclasses
import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save as serialize

import nets
from autodiff import Tensor
from mnist import TrainConfig, data, fit, settings, state, training
from mnist.engines import by_autodiff, load_engine
from mnist.errors import UserError
from mnist.evaluation import evaluate
from mnist.recipes import AS_THEY_ARE
from mnist.run_folder import RunFolder
from mnist.state import DataStamp
from mnist.steps import make_step
from nets import checkpoint

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
PICTURES = ["confusion.png", "gradient_norms.png", "mistakes.png", "weights.png"]
"""Those of which the same run gives the same; what stands here for the curves has the seconds in it."""

STEPS = 8
"""The steps of an epoch of 4,000 images in batches of 500."""


def config(out, **settings):
    """A short run on the 5,000 digits."""
    given = {"layers": (784, 16, 10), "epochs": 3, "batch_size": 500, "dataset": "mnist-5k", "engine": "manual"}
    return TrainConfig(**{**given, **AS_THEY_ARE, "out": out, **settings})


def run(out, **settings):
    return fit(config(out, **settings), announce=lambda line: None)


def resume(folder, **settings):
    lines = []
    return fit(TrainConfig(resume=folder, **settings), announce=lines.append), lines


def interrupted(monkeypatch, out, steps, **settings):
    """Run until Ctrl-C is pressed in the course of a step."""
    with monkeypatch.context() as patch:
        press_at(patch, steps, settings.get("engine", "manual"))
        return run(out, **settings)


def press_at(patch, steps, name="manual"):
    """Let Ctrl-C be pressed once so many steps have been taken."""
    real, count = load_engine(name), iter(range(10**9))

    def engine(model, x, y, **settings):
        if next(count) == steps:
            raise KeyboardInterrupt
        return real(model, x, y, **settings)

    patch.setattr(training, "load_engine", lambda name: engine)


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def contents_of(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file()}


def history_of(folder):
    """Return the history as it is written, without the seconds, which differ from run to run."""
    with (folder / "history.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def json_of(folder, name, *without):
    return {key: value for key, value in json.loads((folder / name).read_text()).items() if key not in without}


def assert_same_run(folder, other):
    """Two folders hold the same run, but for its seconds and where it is."""
    assert files_in(folder) == files_in(other) == FILES
    for name in ("model.safetensors", *PICTURES):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    assert history_of(folder) == history_of(other)
    assert json_of(folder, "metrics.json", "seconds") == json_of(other, "metrics.json", "seconds")
    assert (folder / "config.toml").read_bytes() == (other / "config.toml").read_bytes()


@pytest.fixture(autouse=True, scope="module")
def _in_haste(digits, undrawn):
    """Load the digits once for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", lambda *arguments, **settings: digits)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing has interrupted."""
    return run(tmp_path_factory.mktemp("runs") / "whole").folder


# ── the same, bit for bit ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("engine", ["autodiff", "manual"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_a_run_that_goes_on_ends_as_one_never_interrupted(tmp_path, monkeypatch, optimizer, engine):
    settings = {"optimizer": optimizer, "engine": engine, "l2": 1e-3, "seed": 3}
    run(tmp_path / "whole", **settings)
    interrupted(monkeypatch, tmp_path / "ended", steps=STEPS + 3, **settings)
    assert len(history_of(tmp_path / "ended")) == 1
    result, _ = resume(tmp_path / "ended")
    assert not result.interrupted
    assert_same_run(tmp_path / "ended", tmp_path / "whole")


def test_a_run_by_tensorflow_that_goes_on_ends_as_one_never_interrupted(tmp_path, monkeypatch, tf):
    settings = {"optimizer": "adam", "engine": "tensorflow", "batch_size": 600}  # whose last batch is smaller
    run(tmp_path / "whole", **settings)
    interrupted(monkeypatch, tmp_path / "ended", steps=10, **settings)
    resume(tmp_path / "ended")
    assert_same_run(tmp_path / "ended", tmp_path / "whole")


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_schedule_and_activation_go_on_too(tmp_path, monkeypatch, schedule, activation):
    settings = {"schedule": schedule, "activation": activation, "layers": (784, 10, 10), "batch_size": 333}
    run(tmp_path / "whole", **settings)
    interrupted(monkeypatch, tmp_path / "ended", steps=30, **settings)
    resume(tmp_path / "ended")
    assert_same_run(tmp_path / "ended", tmp_path / "whole")


EVERYTHING = {
    "shift": 2, "rotate": 10.0, "scale": 0.1, "elastic": 30.0, "clip": 0.5, "ema": 0.9, "validation": 0.2,
    "schedule": "one-cycle", "l2": 1e-3, "batch_size": 400,
}  # fmt: skip
"""Eight steps an epoch again, on the 3,200 images that are left."""


@pytest.mark.parametrize("engine", ["autodiff", "manual"])
@pytest.mark.parametrize("steps", [STEPS + 3, 2 * STEPS])
def test_with_everything_on_a_run_goes_on_as_one_never_interrupted(tmp_path, monkeypatch, engine, steps):
    settings = {**EVERYTHING, "optimizer": "adamw", "engine": engine, "seed": 3}
    if engine == "autodiff":
        settings["label_smoothing"] = 0.1
    run(tmp_path / "whole", **settings)
    interrupted(monkeypatch, tmp_path / "ended", steps=steps, **settings)
    assert len(history_of(tmp_path / "ended")) == steps // STEPS
    resume(tmp_path / "ended")
    assert_same_run(tmp_path / "ended", tmp_path / "whole")


@pytest.mark.parametrize("settings", [{"dropout": 0.3}, {"network": "lenet", "dropout": 0.2}], ids=str)
def test_what_is_left_out_at_random_goes_on_too(tmp_path, monkeypatch, digits, settings):
    few = (data.Split(split.images[:400], split.labels[:400]) for split in (digits.train, digits.test))
    small = data.Dataset("few", *few)
    monkeypatch.setattr(data, "load", lambda *arguments, **settings: small)
    settings = {**settings, "layers": TrainConfig.layers, "engine": "autodiff", "epochs": 2, "batch_size": 50}
    run(tmp_path / "whole", **settings)
    interrupted(monkeypatch, tmp_path / "ended", steps=STEPS + 3, **settings)
    assert len(history_of(tmp_path / "ended")) == 1
    resume(tmp_path / "ended")
    assert_same_run(tmp_path / "ended", tmp_path / "whole")


def test_the_statistics_of_a_convolutional_network_are_in_the_state_too(tmp_path):
    given = TrainConfig(network="cnn", dropout=0.3, lr=0.1, l2=0.0)
    run = state.begin(given, DataStamp("mnist", 60_000, 10_000, "0123"))
    run.model(np.random.default_rng(0).random((3, 784), np.float32))
    state.save(run, tmp_path / "state.safetensors")
    again = state.load(tmp_path / "state.safetensors").model
    np.testing.assert_equal(again.state_dict(), run.model.state_dict())
    assert not np.array_equal(again.state_dict()["layers.2.running_mean"], np.zeros(32))


def test_the_network_of_a_run_has_the_averages_of_its_statistics_too_and_they_go_on(tmp_path):
    run = state.begin(TrainConfig(network="cnn", dropout=0.3, ema=0.75), DataStamp("mnist", 60_000, 10_000, "0123"))
    batch, labels = np.random.default_rng(0).random((4, 784), np.float32), np.arange(4)
    average, draws = np.zeros(32), []
    for _ in range(2):
        make_step(run, by_autodiff)(batch, labels, False)
        average = 0.75 * average + 0.25 * run.model[2].running_mean.data
        draws.append(run.model[-2].state.data[1])
        state.save(run, tmp_path / "state.safetensors")
        run = state.load(tmp_path / "state.safetensors")
    np.testing.assert_allclose(run.network()[2].running_mean.data, average, rtol=1e-5, atol=1e-8)
    assert not np.allclose(run.model[2].running_mean.data, average, rtol=1e-2)
    assert draws == [1, 2]


def test_a_run_that_has_stopped_early_has_stopped(tmp_path):
    """With such steps no epoch is better than the first for long."""
    settings = {"validation": 0.2, "patience": 2, "epochs": 30, "lr": 2.0, "optimizer": "sgd", "schedule": "constant"}
    first = run(tmp_path / "run", **settings)
    assert len(first.history) < 30
    before = contents_of(tmp_path / "run")
    result, _ = resume(tmp_path / "run")
    assert result.history == first.history
    after = contents_of(tmp_path / "run")
    assert all(after[name] == before[name] for name in FILES if name not in ("state.safetensors", "metrics.json"))


def test_the_best_network_is_kept_over_later_ones(tmp_path, digits):
    settings = {"validation": 0.2, "epochs": 6, "lr": 3.0, "optimizer": "sgd", "schedule": "constant", "seed": 1}
    result = run(tmp_path, **settings)
    accuracies = [row["validation_accuracy"] for row in result.history]
    best = max(range(6), key=lambda i: (accuracies[i], -result.history[i]["validation_loss"]))
    assert best < 5, "nothing to be seen: the last epoch is the best"
    model = checkpoint.load(tmp_path / "model.safetensors")
    assert evaluate(model, digits.test).loss == result.history[best]["test_loss"] == result.test.loss
    assert json_of(tmp_path, "metrics.json")["best_epoch"] == best + 1


@pytest.mark.parametrize("steps", [1, STEPS - 1, STEPS, 3 * STEPS - 1])
def test_it_does_not_matter_when_a_run_was_interrupted(tmp_path, monkeypatch, whole, steps):
    result = interrupted(monkeypatch, tmp_path / "ended", steps)
    assert len(result.history) == steps // STEPS
    resume(tmp_path / "ended")
    assert_same_run(tmp_path / "ended", whole)


def test_a_run_may_be_interrupted_again_and_again(tmp_path, monkeypatch, whole):
    interrupted(monkeypatch, tmp_path / "ended", steps=STEPS + 1)
    for _ in range(2):
        with monkeypatch.context() as patch:
            press_at(patch, steps=2)
            result, _ = resume(tmp_path / "ended")
        assert result.interrupted
        assert len(result.history) == 1
    resume(tmp_path / "ended")
    assert_same_run(tmp_path / "ended", whole)


def test_the_state_alone_is_enough_wherever_it_is_brought(tmp_path, monkeypatch, whole):
    interrupted(monkeypatch, tmp_path / "ended", steps=2 * STEPS)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "ended" / "state.safetensors", tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "ended")
    resume(tmp_path / "elsewhere")
    assert_same_run(tmp_path / "elsewhere", whole)
    assert not (tmp_path / "ended").exists()


def test_what_else_is_in_the_folder_is_written_again_from_the_state(tmp_path, monkeypatch, whole):
    interrupted(monkeypatch, tmp_path / "ended", steps=2 * STEPS)
    for name in set(FILES) - {"state.safetensors"}:
        (tmp_path / "ended" / name).write_text("of another time")
    resume(tmp_path / "ended")
    assert_same_run(tmp_path / "ended", whole)


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────────


def test_an_interrupted_run_keeps_the_network_of_its_last_whole_epoch(tmp_path, monkeypatch, digits):
    result = interrupted(monkeypatch, tmp_path, steps=2 * STEPS + 5)
    last = result.history[-1]
    assert last["epoch"] == 2
    for model in (result.model, checkpoint.load(tmp_path / "model.safetensors")):
        assert evaluate(model, digits.test).loss == last["test_loss"] == result.test.loss
        assert evaluate(model, digits.train).loss == last["train_loss"]
    kept = state.load(tmp_path / "state.safetensors")
    assert kept.history == result.history
    np.testing.assert_equal(kept.model.state_dict(), result.model.state_dict())


def test_a_finished_run_says_so_and_stays_as_it_is(tmp_path, whole):
    shutil.copytree(whole, tmp_path / "run")
    result, lines = resume(tmp_path / "run")
    assert f"{tmp_path / 'run'}: 3 of 3 epochs were finished" in lines
    assert not any(line.startswith("epoch") for line in lines)
    assert not result.interrupted
    assert_same_run(tmp_path / "run", whole)
    for name in ("history.csv", "metrics.json"):  # the seconds too
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes()


def test_the_seconds_of_a_run_are_those_of_all_its_parts(tmp_path, monkeypatch):
    first = interrupted(monkeypatch, tmp_path, steps=2 * STEPS)
    before = json_of(tmp_path, "metrics.json")["seconds"]
    assert before >= sum(row["seconds"] for row in first.history)
    result, _ = resume(tmp_path)
    assert result.history[:2] == first.history
    assert json_of(tmp_path, "metrics.json")["seconds"] >= before + result.history[2]["seconds"]


def test_a_run_interrupted_in_its_first_epoch_leaves_an_earlier_run_in_peace(tmp_path, monkeypatch, whole):
    shutil.copytree(whole, tmp_path / "run")
    before = contents_of(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        interrupted(monkeypatch, tmp_path / "run", steps=STEPS - 1, seed=5)
    assert contents_of(tmp_path / "run") == before


def test_metrics_and_pictures_go_when_the_run_goes_on_from_what_they_are_of(tmp_path, monkeypatch):
    def fail():
        assert files_in(tmp_path) == ["config.toml", "history.csv", "model.safetensors", "state.safetensors"]
        raise ZeroDivisionError

    interrupted(monkeypatch, tmp_path, steps=STEPS)
    monkeypatch.setattr(training, "load_engine", lambda name: lambda model, x, y: fail())
    with pytest.raises(ZeroDivisionError):
        resume(tmp_path)


def test_drafts_of_a_killed_run_are_removed_by_the_next_in_that_folder_and_nothing_else(tmp_path, monkeypatch):
    drafts = [tmp_path / f".{name}.0123456789abcdef.draft" for name in FILES]
    others = [tmp_path / ".notes", tmp_path / ".model.safetensors.backup", tmp_path / "model.safetensors.draft"]
    for path in drafts + others:
        path.write_text("half")
    interrupted(monkeypatch, tmp_path, steps=STEPS)
    assert files_in(tmp_path) == sorted([*FILES, *(path.name for path in others)])
    drafts[0].write_text("half")
    resume(tmp_path)
    assert files_in(tmp_path) == sorted([*FILES, *(path.name for path in others)])


# ── a full disk ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("moment", range(18))
def test_a_disk_that_is_full_at_any_write_is_one_line_and_the_run_can_go_on_later(tmp_path, monkeypatch, whole, moment):
    """There are four files after each of the three epochs, and six at the end."""
    count, sync = iter(range(10**9)), os.fsync

    def fsync(handle):
        if next(count) >= moment:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(UserError, match="No space left on device") as caught:
            run(tmp_path / "run")
    assert str(tmp_path / "run") in str(caught.value)
    assert "\n" not in str(caught.value)
    found = files_in(tmp_path / "run")
    assert set(found) <= set(FILES)
    if moment == 0:
        assert found == []
        return
    epochs = len(state.load(tmp_path / "run" / "state.safetensors").history)
    assert epochs == min(3, moment // 4 + (moment % 4 > 0))
    if moment > 1:
        model = checkpoint.load(tmp_path / "run" / "model.safetensors")
        assert model.layer_dims == (784, 16, 10)
    resume(tmp_path / "run")
    assert_same_run(tmp_path / "run", whole)


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────


def refusal(folder, **settings):
    before = contents_of(folder)
    with pytest.raises(UserError) as caught:
        resume(folder, **settings)
    assert contents_of(folder) == before
    message = str(caught.value)
    assert message.startswith(f"--resume {folder}")
    assert "\n" not in message
    return message


def test_a_folder_without_a_state_is_refused(tmp_path):
    assert "holds no state.safetensors" in refusal(tmp_path)
    assert "holds no state.safetensors" in refusal(tmp_path / "nowhere")
    (tmp_path / "state.safetensors").mkdir()
    assert "state.safetensors cannot be read" in refusal(tmp_path)


def test_other_data_are_refused_by_their_name_and_sizes(tmp_path, monkeypatch, digits):
    interrupted(monkeypatch, tmp_path, steps=STEPS)
    images = digits.test.images.copy()
    images[17, 300] ^= 1
    other = data.Dataset("custom", digits.train, data.Split(images, digits.test.labels))
    monkeypatch.setattr(data, "load", lambda *arguments, **settings: other)
    message = refusal(tmp_path)
    assert "mnist-5k with 4000 and 1000 images" in message
    assert "not custom with 4000 and 1000 images" in message
    assert "--data-dir" in message


def test_the_data_may_have_moved(tmp_path, monkeypatch, digits):
    """A folder that is named is looked at, and what is found there must be the same."""
    interrupted(monkeypatch, tmp_path / "run", steps=STEPS)
    asked = []
    monkeypatch.setattr(data, "load", lambda name, folder, announce: asked.append(folder) or digits)
    resume(tmp_path / "run", data_dir=tmp_path / "digits")
    assert asked == [tmp_path / "digits"]
    assert settings.read(tmp_path / "run" / "config.toml").data_dir == tmp_path / "digits"


def test_the_stamp_tells_every_change_to_the_data(digits):
    def flipped(array, *index):
        array = array.copy()
        array[index] ^= 1
        return array

    train, test = digits.train, digits.test
    others = [
        data.Dataset("mnist", train, test),
        data.Dataset(digits.name, test, train),
        data.Dataset(digits.name, data.Split(flipped(train.images, 3999, 783), train.labels), test),
        data.Dataset(digits.name, data.Split(train.images, flipped(train.labels, 0)), test),
        data.Dataset(digits.name, train, data.Split(flipped(test.images, 0, 0), test.labels)),
        data.Dataset(digits.name, train, data.Split(test.images, flipped(test.labels, 999))),
        data.Dataset(digits.name, data.Split(train.images[:-1], train.labels[:-1]), test),
    ]
    assert len({DataStamp.of(dataset) for dataset in [digits, *others]}) == 8
    again = data.Dataset(digits.name, data.Split(train.images.copy(), train.labels.copy()), test)
    assert DataStamp.of(again) == DataStamp.of(digits)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:100],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: b"\0" * 500,
        lambda content: b"PK\x03\x04" + content,
        lambda content: content[:-200] + bytes([content[-200] ^ 1]) + content[-199:],
        lambda content: content.replace(b"momentum", b"adamw\\\"  "),
        lambda content: content.replace(b"784, 16, 10", b"784, 17, 10"),
    ],
    ids=["empty", "short", "cut", "longer", "zeros", "zip", "bit", "optimizer", "layers"],
)
def test_a_state_that_is_not_as_it_was_written_is_refused(tmp_path, whole, spoil):
    path = tmp_path / "state.safetensors"
    path.write_bytes(spoil((whole / path.name).read_bytes()))
    assert str(path) in refusal(tmp_path)


def test_a_network_is_no_state(tmp_path, whole):
    shutil.copy(whole / "model.safetensors", tmp_path / "state.safetensors")
    assert "is not the state of a run" in refusal(tmp_path)


def forge(folder, whole, change):
    """Change what a state says, and seal it with a right hash."""
    with safe_open(whole / "state.safetensors", framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        content = json.loads(file.metadata()["state"])
    change(content, tensors)
    text = json.dumps(content)
    sealed = serialize(tensors, {"state": text, "sha256": state._sha256(text, tensors)})
    (folder / "state.safetensors").write_bytes(sealed)


def test_a_state_that_is_forged_with_care_and_says_the_same_is_read(tmp_path, whole):
    forge(tmp_path, whole, lambda content, tensors: None)
    assert len(state.load(tmp_path / "state.safetensors").history) == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content, tensors: content.update(version=1), "version is 1"),
        (lambda content, tensors: content.pop("version"), "version"),
        (lambda content, tensors: content["config"].update(epochs=2), "3 of 2 epochs"),
        (lambda content, tensors: content["config"].update(epochs=0), "--epochs 0"),
        (lambda content, tensors: content["config"].update(layers=[784, 10**9, 10]), "widths"),
        (lambda content, tensors: content["config"].update(layers=[784, 10]), "widths"),
        (lambda content, tensors: content["config"].update(optimizer="adam"), "what is remembered"),
        (lambda content, tensors: content["config"].update(optimizer="rmsprop"), "optimizer"),
        (lambda content, tensors: content["config"].update(engine=["manual"]), "engine"),
        (lambda content, tensors: content["config"].pop("seed"), "another version, which differs in seed"),
        (lambda content, tensors: content["data"].update(train_size="many"), "train_size"),
        (lambda content, tensors: content.update(data=None), "DataStamp"),
        (lambda content, tensors: content["history"].reverse(), "epoch 1"),
        (lambda content, tensors: content["history"][1].update(test_loss=float("nan")), "epoch 2"),
        (lambda content, tensors: content["history"][1].update(test_loss="low"), "str"),
        (lambda content, tensors: content["history"][1].pop("seconds"), "seconds"),
        (lambda content, tensors: content.update(history=None), "NoneType"),
        (lambda content, tensors: content.update(seconds=-1), "-1"),
        (lambda content, tensors: content.update(seconds=float("inf")), "inf"),
        (lambda content, tensors: tensors.pop("model.layers.0.bias"), "widths"),
        (lambda content, tensors: tensors.pop("optimizer.1.velocity"), None),
        (lambda content, tensors: tensors.update({"optimizer.9.velocity": np.zeros(3, np.float32)}), "9"),
        (lambda content, tensors: tensors.update({"optimizer.0.velocity": np.zeros(3, np.float32)}), "velocity"),
        (lambda content, tensors: tensors.update({"optimizer.x.velocity": np.zeros(3, np.float32)}), "'x'"),
        (lambda content, tensors: tensors.update({"extra": np.zeros(3, np.float32)}), "extra"),
        (lambda content, tensors: tensors.update({"average.0": np.zeros(3, np.float32)}), "nothing is averaged"),
        (lambda content, tensors: tensors.update({"best.layers.0.bias": np.zeros(16, np.float32)}), "best network"),
        (lambda content, tensors: content["config"].update(ema=0.9), "averages have shapes"),
        (lambda content, tensors: content["config"].update(validation=0.1), "validation_loss"),
    ],
)
def test_what_a_forged_state_claims_is_believed_only_if_it_is_there(tmp_path, whole, change, told):
    forge(tmp_path, whole, change)
    if told is None:  # a parameter of which nothing is remembered has simply had no gradient yet
        state.load(tmp_path / "state.safetensors")
    else:
        message = refusal(tmp_path)
        assert told in message
        assert str(tmp_path / "state.safetensors") in message


# ── the file ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_a_state_comes_back_as_it_was(tmp_path, optimizer):
    given = config(tmp_path, optimizer=optimizer, activation="tanh", data_dir=tmp_path / "digits")
    given = dataclasses.replace(given, ema=0.5, validation=0.1)
    given = dataclasses.replace(given, lr=given.learning_rate, l2=given.weight_decay)  # as it comes from JSON
    run = state.begin(given, DataStamp("mnist", 60_000, 10_000, "0123"))
    rng = np.random.default_rng(0)
    for parameter in run.model.parameters():
        parameter.grad = Tensor(rng.standard_normal(parameter.shape).astype(np.float32))
    run.optimizer.step()
    run.history.append(dict.fromkeys(state.columns(run.config, run.model), 1 / 3) | {"epoch": 1})
    run.seconds = 0.1 + 0.2
    run.averages.update()
    run.best = {name: array + 1 for name, array in run.model.state_dict().items()}
    state.save(run, tmp_path / "state.safetensors")
    again = state.load(tmp_path / "state.safetensors")
    assert (again.config, again.data, again.history, again.seconds) == (run.config, run.data, run.history, run.seconds)
    assert again.model.activation == "tanh"
    np.testing.assert_equal(again.model.state_dict(), run.model.state_dict())
    np.testing.assert_equal(again.optimizer.state_dict(), run.optimizer.state_dict())
    assert type(again.optimizer) is type(run.optimizer)
    np.testing.assert_equal(again.averages.state_dict(), run.averages.state_dict())
    np.testing.assert_equal(again.best, run.best)


def test_the_data_may_lie_in_a_folder_of_any_name(tmp_path):
    given = config(tmp_path, data_dir=Path(os.fsdecode(b"caf\xe9 \xc3\xa9")))
    RunFolder(tmp_path).write_epoch(state.begin(given, DataStamp("mnist", 1, 1, "")))
    assert settings.read(tmp_path / "config.toml").data_dir == given.data_dir
    assert state.load(tmp_path / "state.safetensors").config.data_dir == given.data_dir


def test_a_copy_of_a_state_goes_on_by_itself():
    run = state.begin(config(None), DataStamp("mnist", 1, 1, ""))
    twin = copy.deepcopy(run)
    for parameter in run.model.parameters():
        parameter.grad = Tensor(np.ones(parameter.shape, np.float32))
    run.optimizer.step()
    assert not np.array_equal(twin.model[0].bias.data, run.model[0].bias.data)
    for parameter in twin.model.parameters():
        parameter.grad = Tensor(np.ones(parameter.shape, np.float32))
    twin.optimizer.step()
    np.testing.assert_equal(twin.model.state_dict(), run.model.state_dict())


def test_others_can_read_the_weights_in_it(whole):
    with safe_open(whole / "state.safetensors", framework="numpy") as file:
        names = list(file.keys())
        content = json.loads(file.metadata()["state"])
        bias = file.get_tensor("model.layers.2.bias")
    assert {name.partition(".")[0] for name in names} == {"model", "optimizer"}
    np.testing.assert_array_equal(bias, checkpoint.load(whole / "model.safetensors")[2].bias.data)
    assert content["config"]["layers"] == [784, 16, 10]
    assert [row["epoch"] for row in content["history"]] == [1, 2, 3]


def test_a_state_that_cannot_be_written_is_an_os_error_and_leaves_the_old_one(tmp_path, whole):
    shutil.copy(whole / "state.safetensors", tmp_path)
    run = state.load(tmp_path / "state.safetensors")
    run.model = nets.MLP([784, 3, 10], rng=np.random.default_rng(0))
    with pytest.raises(OSError):
        state.save(run, tmp_path / "missing" / "state.safetensors")
    assert contents_of(tmp_path) == {"state.safetensors": (whole / "state.safetensors").read_bytes()}
