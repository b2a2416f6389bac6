"""Training: what it does with a seed, what it writes, and how it ends when it does not end well."""

import csv
import dataclasses
import itertools
import json
import math
import tomllib

import numpy as np
import pytest

import nets
from autodiff import Tensor
from mnist import TrainConfig, data, fit, settings, training
from mnist.building import make_optimizer
from mnist.data import Split
from mnist.engines import load_engine
from mnist.errors import DivergenceError, UserError
from mnist.evaluation import evaluate
from mnist.recipes import AS_THEY_ARE
from mnist.training import batches
from nets import checkpoint
from nets.schedules import SCHEDULES

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
COLUMNS = ["epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "l2_penalty", "seconds"]
COLUMNS += ["gradient_norm.layers.0", "gradient_norm.layers.2"]

pytestmark = pytest.mark.usefixtures("undrawn")


def config(out, **settings):
    """A short run on the 5,000 digits."""
    given = {"layers": (784, 16, 10), "epochs": 2, "dataset": "mnist-5k", "batch_size": 32, "schedule": "cosine"}
    return TrainConfig(**{**given, **AS_THEY_ARE, "out": out, **settings})


def run(out, **settings):
    return fit(config(out, **settings), announce=lambda line: None)


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def history_of(folder):
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def without_seconds(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def use_engine(monkeypatch, engine):
    """Let a function of our own compute the gradients."""
    monkeypatch.setattr(training, "load_engine", lambda name: engine)


def after(steps, then):
    """An engine that computes as always, and at a step does something else."""
    real, count = load_engine("manual"), iter(range(1, 10**9))

    def engine(model, x, y):
        return then() if next(count) == steps else real(model, x, y)

    return engine


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that went well."""
    return run(tmp_path_factory.mktemp("runs") / "new" / "folder", l2=1e-3)


# ── seeds ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_equal_seeds_give_equal_results_bit_for_bit(tmp_path, optimizer):
    one, same, other = (
        run(tmp_path / name, seed=seed, optimizer=optimizer, epochs=1)
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    model = "model.safetensors"
    assert (one.folder / model).read_bytes() == (same.folder / model).read_bytes()
    assert without_seconds(history_of(one.folder)) == without_seconds(history_of(same.folder))
    assert (one.folder / model).read_bytes() != (other.folder / model).read_bytes()
    assert without_seconds(history_of(one.folder)) != without_seconds(history_of(other.folder))


def test_equal_seeds_give_equal_results_by_hand_too(tmp_path):
    one, same = (run(tmp_path / name, engine="manual", epochs=1) for name in "ab")
    assert (one.folder / "model.safetensors").read_bytes() == (same.folder / "model.safetensors").read_bytes()


def test_equal_seeds_give_equal_results_by_tensorflow_too(tmp_path, tf):
    one, same = (run(tmp_path / name, engine="tensorflow", epochs=1) for name in "ab")
    assert (one.folder / "model.safetensors").read_bytes() == (same.folder / "model.safetensors").read_bytes()


def test_the_seed_decides_the_order_of_the_images_too(tmp_path, monkeypatch):
    seen = {0: [], 1: []}
    for seed, labels in seen.items():
        use_engine(monkeypatch, lambda model, x, y, labels=labels: labels.extend(y) or 1.0)
        run(tmp_path / str(seed), seed=seed, epochs=1)
    assert sorted(seen[0]) == sorted(seen[1])
    assert seen[0] != seen[1]


# ── batches ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("size", "batch_size"), [(100, 10), (100, 7), (5, 64), (1, 1), (64, 64), (65, 64)])
def test_the_batches_of_an_epoch_hold_every_row_once(size, batch_size):
    found = list(batches(size, batch_size, seed=0, epoch=1))
    assert sorted(np.concatenate(found)) == list(range(size))
    assert len(found) == math.ceil(size / batch_size)
    assert all(len(rows) == batch_size for rows in found[:-1])


def test_the_order_depends_on_seed_and_epoch_and_on_nothing_else():
    def order(seed, epoch):
        np.random.default_rng(0).random()
        return np.concatenate(list(batches(1000, 64, seed, epoch))).tolist()

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(1, 4)}) == 9
    assert order(0, 1) != list(range(1000))


# ── what is written ─────────────────────────────────────────────────────────────────────────────────────


def test_a_run_leaves_its_files_and_no_drafts(finished):
    assert files_in(finished.folder) == FILES


def test_the_history_is_a_row_of_numbers_for_each_epoch(finished):
    rows = history_of(finished.folder)
    assert list(rows[0]) == COLUMNS
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [{name: float(value) for name, value in row.items()} for row in rows] == finished.history
    assert b"\r" not in (finished.folder / "history.csv").read_bytes()
    for row in finished.history:
        assert 0 < row["test_accuracy"] < 1
        assert 0 < row["train_accuracy"] < 1
        assert row["seconds"] > 0


def test_the_history_ends_with_the_networks_loss_and_accuracy(finished, digits):
    last = finished.history[-1]
    for split, name in ((digits.train, "train"), (digits.test, "test")):
        found = evaluate(finished.model, split)
        assert last[f"{name}_loss"] == found.loss
        assert last[f"{name}_accuracy"] == found.accuracy


def test_a_run_learns(finished):
    first, last = finished.history
    assert last["train_loss"] < first["train_loss"] < np.log(10)
    assert last["test_accuracy"] > 0.6


def test_the_metrics_are_those_of_the_network_on_the_test_images(finished, digits):
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    found = evaluate(finished.model, digits.test)
    assert metrics["test_accuracy"] == found.accuracy == finished.test.accuracy
    assert metrics["test_loss"] == found.loss
    assert metrics["dataset"] == "mnist-5k"
    assert (metrics["train_size"], metrics["test_size"]) == (4000, 1000)
    assert metrics["epochs"] == 2
    assert metrics["interrupted"] is False
    assert metrics["seconds"] > 0
    assert metrics["engine"] == "autodiff"
    assert metrics["parameters"] == 784 * 16 + 16 + 160 + 10
    assert metrics["test_accuracy_by_class"] == (found.right / 100).tolist()


def test_the_configuration_can_be_run_again_from_its_file(finished):
    fields = tomllib.loads((finished.folder / "config.toml").read_text())
    assert fields["layers"] == [784, 16, 10]
    assert fields["l2"] == 1e-3
    assert fields["seed"] == 0
    assert fields["lr"] == config(None).learning_rate
    again = settings.read(finished.folder / "config.toml")
    assert again == dataclasses.replace(finished.config, out=None, lr=again.lr, l2=again.l2)
    assert tomllib.loads(settings.text(again)) == fields


def test_the_saved_network_is_the_trained_one(finished):
    twin = checkpoint.load(finished.folder / "model.safetensors")
    assert twin.layer_dims == (784, 16, 10)
    for (name, a), (_, b) in zip(finished.model.named_parameters(), twin.named_parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data, err_msg=name)
        assert a.dtype == np.float32


def test_the_history_is_flushed_as_it_goes(tmp_path, monkeypatch):
    seen = []
    real = load_engine("manual")

    def engine(model, x, y):
        seen.append(len(history_of(tmp_path)) if (tmp_path / "history.csv").exists() else 0)
        return real(model, x, y)

    use_engine(monkeypatch, engine)
    run(tmp_path, epochs=3, batch_size=1000)
    assert seen == [0] * 4 + [1] * 4 + [2] * 4


def test_the_user_is_told_of_data_network_and_each_epoch(tmp_path):
    lines = []
    fit(config(tmp_path, l2=1e-3), announce=lines.append)
    text = "\n".join(lines)
    for part in (
        "mnist-5k",
        "4,000",
        "MLP",
        "12,730 parameters",
        "epoch 1/2",
        "epoch 2/2",
        "loss",
        "accuracy",
        "l2",
    ):
        assert part in text
    assert "l2" not in "\n".join(line for line in _lines_of(tmp_path, l2=0.0) if line.startswith("epoch"))


def _lines_of(folder, **settings):
    lines = []
    fit(config(folder, **settings), announce=lines.append)
    return lines


def test_a_folder_used_before_is_written_over(tmp_path):
    run(tmp_path, seed=0, epochs=2)
    result = run(tmp_path, seed=1, epochs=1)
    assert files_in(tmp_path) == FILES
    assert len(history_of(tmp_path)) == 1
    twin = checkpoint.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(twin[0].weight.data, result.model[0].weight.data)


def test_runs_without_a_folder_are_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [run(None, epochs=1, layers=(784, 10)).folder for _ in range(2)]
    (tmp_path / "runs" / "004").mkdir()
    folders.append(run(None, epochs=1, layers=(784, 10)).folder)
    folders.append(run(None, epochs=1, layers=(784, 10)).folder)
    assert [str(folder) for folder in folders] == [
        f"runs/{number}" for number in ("001", "002", "003", "005")
    ]
    assert all(files_in(folder) == FILES for folder in folders)


@pytest.mark.parametrize("settings", [{}, {"ema": 0.9}], ids=["as trained", "averaged"])
def test_batch_norms_know_the_images_as_they_are_and_not_as_they_are_bent(tmp_path, monkeypatch, digits, settings):
    few = Split(digits.train.images[:200], digits.train.labels[:200])
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: dataclasses.replace(digits, train=few))
    done = run(tmp_path, network="cnn", layers=TrainConfig.layers, epochs=1, elastic=60.0, rotate=45.0, **settings)
    _, convolution, norm = itertools.islice(done.model, 3)
    seen = convolution(few.batch(slice(None))[0].reshape(-1, 1, 28, 28)).data
    np.testing.assert_allclose(norm.running_mean.data, seen.mean((0, 2, 3)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(norm.running_var.data, seen.var((0, 2, 3)), rtol=1e-3)


# ── L2 and optimizers ───────────────────────────────────────────────────────────────────────────────────


def test_the_penalty_is_reported_apart_from_the_loss(finished, digits):
    weights = [p.data.astype(float) for p in finished.model.parameters() if p.ndim == 2]
    assert finished.history[-1]["l2_penalty"] == pytest.approx(
        1e-3 / 2 * sum(np.sum(W**2) for W in weights), rel=1e-5
    )
    assert finished.history[-1]["train_loss"] == evaluate(finished.model, digits.train).loss


@pytest.mark.parametrize("settings", [{}, {"optimizer": "adamw", "l2": 0.1}], ids=["without l2", "decoupled"])
def test_without_l2_in_the_gradient_there_is_no_penalty(tmp_path, settings):
    assert run(tmp_path, epochs=1, **settings).history[0]["l2_penalty"] == 0


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_weights_decay_and_biases_do_not(optimizer):
    given = config(None, optimizer=optimizer, l2=0.5, lr=0.1)
    model = nets.MLP(given.layers, rng=np.random.default_rng(0), dtype=np.float64)
    for parameter in model.parameters():
        parameter.data = np.full(parameter.shape, 2.0)
        parameter.grad = Tensor(np.zeros(parameter.shape))
    make_optimizer(given, model).step()
    # the gradient of λ/2·‖W‖² is λ·W = 1; Adam makes a step of lr of any gradient; AdamW takes lr·λ·W
    weight = 2.0 - 0.1
    for parameter in model.parameters():
        np.testing.assert_allclose(parameter.data, weight if parameter.ndim == 2 else 2.0, rtol=1e-7)


@pytest.mark.parametrize(
    ("optimizer", "kind", "momentum"),
    [
        ("sgd", nets.SGD, 0),
        ("momentum", nets.SGD, 0.9),
        ("adam", nets.Adam, None),
        ("adamw", nets.AdamW, None),
    ],
)
def test_the_optimizer_is_the_one_asked_for_and_has_every_parameter_once(optimizer, kind, momentum):
    given = config(None, optimizer=optimizer, l2=0.25)
    model = nets.MLP(given.layers, rng=np.random.default_rng(0))
    found = make_optimizer(given, model)
    assert type(found) is kind
    held = [id(parameter) for group in found.param_groups for parameter in group["params"]]
    assert sorted(held) == sorted(id(parameter) for parameter in model.parameters())
    for group in found.param_groups:
        assert group["lr"] == given.learning_rate
        assert momentum is None or group["momentum"] == momentum
        assert {parameter.ndim for parameter in group["params"]} == ({2} if group["weight_decay"] else {1})
        assert group["weight_decay"] in (0.25, 0)


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_each_step_is_taken_at_its_rate_of_the_schedule(tmp_path, monkeypatch, schedule):
    """With a gradient of 1 throughout, SGD goes as far as the learning rates add up to."""

    def engine(model, x, y):
        for parameter in model.parameters():
            parameter.grad = Tensor(np.ones(parameter.shape, parameter.dtype))
        path.append(model[0].bias.data[0].item())
        return 1.0

    path = []
    use_engine(monkeypatch, engine)
    result = run(
        tmp_path, optimizer="sgd", lr=0.5, schedule=schedule, epochs=3, batch_size=1001
    )  # four steps an epoch
    path.append(result.model[0].bias.data[0].item())
    rates = [0.5 * SCHEDULES[schedule](step, 12) for step in range(12)]
    np.testing.assert_allclose(-np.diff(path), rates, atol=1e-6)


def test_a_penalty_makes_smaller_weights(tmp_path, finished):
    strong = run(tmp_path, l2=0.1)
    size = [sum(float(np.sum(p.data**2)) for p in result.model.parameters()) for result in (strong, finished)]
    assert size[0] < size[1] / 2


# ── when it does not go well ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_ends_the_run_and_leaves_no_network(tmp_path, monkeypatch, loss):
    use_engine(monkeypatch, after(5, lambda: loss))
    with pytest.raises(DivergenceError, match=rf"{loss} at step 5 of epoch 1.*--lr"):
        run(tmp_path)
    assert set(files_in(tmp_path)) <= {"config.toml"}


def test_a_loss_that_is_no_number_later_leaves_the_network_of_the_last_whole_epoch(tmp_path, monkeypatch):
    use_engine(monkeypatch, after(6, lambda: math.nan))
    with pytest.raises(DivergenceError, match="step 2 of epoch 2"):
        run(tmp_path, batch_size=1000)
    assert len(history_of(tmp_path)) == 1
    assert np.isfinite(checkpoint.load(tmp_path / "model.safetensors")[0].weight.data).all()
    assert "metrics.json" not in files_in(tmp_path)


def test_a_loss_that_is_no_number_leaves_no_network_of_an_earlier_run_beside_the_new_configuration(
    tmp_path, monkeypatch
):
    run(tmp_path, epochs=1)
    before = tomllib.loads((tmp_path / "config.toml").read_text())
    use_engine(monkeypatch, after(5, lambda: math.nan))
    with pytest.raises(DivergenceError):
        run(tmp_path, seed=5, layers=(784, 10))
    if "model.safetensors" in files_in(tmp_path):  # then the rest must be that run's too
        assert tomllib.loads((tmp_path / "config.toml").read_text()) == before


@pytest.mark.parametrize("engine", ["autodiff", "manual"])
def test_too_large_a_learning_rate_diverges(tmp_path, engine):
    with pytest.raises(DivergenceError, match=r"1e\+30"), np.errstate(all="ignore"):
        run(tmp_path, lr=1e30, engine=engine)


def interrupt():
    raise KeyboardInterrupt


def test_an_interrupted_run_keeps_the_network_and_the_history_so_far(tmp_path, monkeypatch, digits):
    use_engine(monkeypatch, after(10, interrupt))
    result = run(tmp_path, batch_size=1000, epochs=5)  # four steps an epoch: in the third
    assert result.interrupted
    assert [row["epoch"] for row in result.history] == [1, 2]
    assert files_in(tmp_path) == FILES
    assert without_seconds(history_of(tmp_path))[-1]["epoch"] == "2"
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["interrupted"] is True
    assert metrics["epochs"] == 2
    twin = checkpoint.load(tmp_path / "model.safetensors")
    assert evaluate(twin, digits.test).accuracy == metrics["test_accuracy"]


def test_a_run_interrupted_in_its_first_epoch_keeps_the_network(tmp_path, monkeypatch):
    use_engine(monkeypatch, after(2, interrupt))
    result = run(tmp_path, batch_size=1000)
    assert result.interrupted
    assert result.history == []
    assert json.loads((tmp_path / "metrics.json").read_text())["epochs"] == 0
    checkpoint.load(tmp_path / "model.safetensors")
    assert not [name for name in files_in(tmp_path) if name.endswith(".png")]


def test_what_the_engine_raises_is_not_hidden(tmp_path, monkeypatch):
    def fail():
        raise ZeroDivisionError

    use_engine(monkeypatch, after(2, fail))
    with pytest.raises(ZeroDivisionError):
        run(tmp_path)
    assert "model.safetensors" not in files_in(tmp_path)


def test_data_that_are_not_there_leave_no_folder(tmp_path):
    with pytest.raises(UserError, match="--data-dir"):
        run(tmp_path / "out", dataset="mnist", data_dir=tmp_path / "missing")
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_a_mistake_told_by_name(tmp_path, where):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(UserError, match="--out") as caught:
        run(tmp_path / where)
    assert str(tmp_path / where) in str(caught.value)
    assert (tmp_path / "file").read_text() == "precious"
    assert files_in(tmp_path) == ["file"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_written_is_a_mistake_and_leaves_no_draft(tmp_path, name):
    (tmp_path / name).mkdir()  # a folder stands where the file should be
    (tmp_path / name / "within").touch()
    with pytest.raises(UserError, match="--out"):
        run(tmp_path, epochs=1, layers=(784, 10))
    assert not [found for found in files_in(tmp_path) if found.startswith(".")]


def test_a_network_larger_than_the_memory_is_one_line_and_leaves_no_folder(tmp_path):
    with pytest.raises(UserError, match=r"^--layers 784 1000000000000 10: Unable to allocate .*; choose smaller ones$"):
        run(tmp_path / "run", layers=(784, 10**12, 10))
    assert files_in(tmp_path) == []
