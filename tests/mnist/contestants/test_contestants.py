"""Contestants: all that are installed train the same network to the same numbers, each by its own library alone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nets
from mnist import data
from mnist.agreement import relative_error
from mnist.benchmark.by_hand import loss_and_gradients
from mnist.benchmark.truth import TOLERANCE, Truth
from mnist.benchmark.worker import workers
from mnist.contestants import ENTRIES, devices, racing, threads
from mnist.contestants.architecture import Convolution, Flatten, Images, Linear, MaxPool, ReLU
from mnist.contestants.channels_last import channels_first, channels_last
from mnist.contestants.digits import put
from mnist.contestants.learning import Learner
from mnist.contestants.problem import Problem
from mnist.contestants.serving import BATCHES, CHECKED_STEPS, Server
from mnist.data import Split
from mnist.training import batches
from nets import manual
from tests.autodiff.compiler.conftest import let_python_run_it

ROOT = Path(__file__).parents[3]
LAYERS = (12, 9, 7, 5)
HERE = {"numpy", "autodiff", "tensorflow"}
"""Libraries that are imported into this process. PyTorch and TensorFlow, and JAX, do not bear each other in one."""


@pytest.fixture(params=ENTRIES)
def name(request, monkeypatch):
    """Each contestant whose library is installed."""
    entry = ENTRIES[request.param]
    if not entry.is_installed:
        pytest.skip(f"{entry.library} is not installed")
    for variable, value in (("TF_CPP_MIN_LOG_LEVEL", "3"), ("JAX_PLATFORMS", "cpu")):
        monkeypatch.setenv(variable, value)
    let_python_run_it(monkeypatch, np.inf)  # Numba would take half a minute to compile what is emitted
    return request.param


PROBLEMS = [Problem(LAYERS, "sgd", 6, 3), Problem(LAYERS, "adam", 6, 3), Problem((784, 10), "sgd", 6, 3, "lenet")]


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_every_contestant_computes_what_the_derivation_by_hand_does_step_by_step(name, problem):
    if name in ("numpy", "manual", "float64") and problem.network == "lenet":
        with pytest.raises(ValueError, match="knows the mlp alone, not lenet"):
            ENTRIES[name].enter(problem)
        return
    if ENTRIES[name].library in HERE:
        start = Server(name).start(problem)
    else:
        with workers([name], threads.available()) as by_name:
            start = by_name[name].ask(300, "start", problem)
    truth = Truth.of(problem)
    np.testing.assert_allclose(start.losses, truth.losses, rtol=1e-5)
    for mine, first, shape in zip(start.parameters, problem.parameters(), problem.parameters(), strict=True):
        assert mine.shape == shape.shape
        assert mine.dtype == (np.float64 if name == "float64" else np.float32)
        assert np.any(mine != first)
    assert truth.error(start) < 0.1 * TOLERANCE
    assert start.seconds > 0


@pytest.mark.parametrize("name", [name for name in ENTRIES if ENTRIES[name].library in HERE], indirect=True)
def test_a_contestant_tells_the_class_with_the_largest_logit(name):
    problem = Problem(LAYERS, "sgd", 6)
    x, _ = problem.batches(1)
    contestant, parameters = ENTRIES[name].enter(problem), problem.parameters()
    wanted = manual.forward(parameters[::2], parameters[1::2], x[0]).Z[-1].argmax(axis=1)
    np.testing.assert_array_equal(contestant.classes(x[0]), wanted)


def _ask(name, *requests, device="CPU:0"):
    """Ask a learner something after the other: in this process, or in one of its own where libraries collide."""
    if ENTRIES[name].library in HERE:
        learner = Learner(name, device)
        return [getattr(learner, method)(*arguments) for method, *arguments in requests]
    with workers([name], threads.available(), Learner) as by_name:
        return [by_name[name].ask(300, *request) for request in requests]


def _gradients_by_hand(problem, x, y):
    parameters = [p.astype(np.float64) for p in problem.parameters()]
    _, dW, db = manual.loss_and_gradients(parameters[::2], parameters[1::2], x.astype(np.float64), y)
    return [g for pair in zip(dW, db, strict=True) for g in pair]


def _put_digits(folder, count=24, pixels=12, classes=5):
    """Write digits that are none to a folder: images of a few bytes."""
    rng = np.random.default_rng(7)
    images, labels = rng.integers(0, 256, (count, pixels), np.uint8), rng.integers(0, classes, count, np.uint8)
    put(folder, Split(images, labels), Split(images[:10], labels[:10]))
    return images, labels


def test_a_contestant_learns_on_the_device_that_it_is_told(device, tmp_path):
    problem = Problem(LAYERS, "sgd", 6, lr=0.5)
    _put_digits(tmp_path)
    x, y = (part[0] for part in problem.batches(1))
    requests = ("gradients", problem, x, y), ("begin", problem, tmp_path), ("epoch", 1)
    *_, by_hand = _ask("float64", *requests)
    for name in ("tf-eager", "tf-function", "keras"):
        gradients, _, epoch = _ask(name, *requests, device=device[1:])
        np.testing.assert_allclose(epoch.losses, by_hand.losses, rtol=2e-5)
        for mine, true in zip(gradients, _gradients_by_hand(problem, x, y), strict=True):
            assert relative_error(mine.astype(np.float64), true) < 1e-5


def test_tensorflow_is_asked_which_devices_it_sees_and_the_others_have_the_processor(tf):
    assert devices.seen_by("tensorflow")[0] == "CPU:0"
    assert len(devices.seen_by("tensorflow")) == len(tf.config.list_logical_devices())
    assert devices.seen_by("numpy") == ["CPU:0"]


def test_every_contestant_has_the_gradients_and_learns_bytes_batch_by_batch_as_it_is_by_hand(name, tmp_path):
    problem = Problem(LAYERS, "sgd", 5, seed=2, init="xavier", lr=0.5)  # of 24 images 4 are left out
    images, labels = _put_digits(tmp_path)
    x, y = (part[0] for part in problem.batches(1))
    gradients, _, first, second = _ask(
        name, ("gradients", problem, x, y), ("begin", problem, tmp_path), ("epoch", 1), ("epoch", 2)
    )
    for mine, true in zip(gradients, _gradients_by_hand(problem, x, y), strict=True):
        assert mine.shape == true.shape
        assert relative_error(mine.astype(np.float64), true) < 1e-5

    θ = [p.astype(np.float64) for p in problem.parameters()]
    for number, epoch in enumerate((first, second), 1):
        losses = []
        for rows in np.random.default_rng([2, number]).permutation(24)[:20].reshape(4, 5):
            x = images[rows] / 255.0
            loss, dW, db = manual.loss_and_gradients(θ[::2], θ[1::2], x, labels[rows])
            losses.append(loss)
            θ = [p - 0.5 * g for p, g in zip(θ, [g for pair in zip(dW, db, strict=True) for g in pair], strict=True)]
        np.testing.assert_allclose(epoch.losses, losses, rtol=2e-5)
        guesses = manual.forward(θ[::2], θ[1::2], images[:10] / 255.0).Z[-1].argmax(axis=1)
        assert epoch.accuracy == np.mean(guesses == labels[:10])
        assert epoch.seconds > 0


def test_a_problem_begins_with_the_weights_of_the_same_network_of_nets():
    for init in ("he", "xavier"):
        problem = Problem(LAYERS, "sgd", 6, seed=5, init=init)
        model = nets.MLP(LAYERS, init=init, rng=np.random.default_rng(5))
        for mine, theirs in zip(problem.parameters(), model.parameters(), strict=True):
            np.testing.assert_array_equal(mine, theirs.data)


def test_a_problem_takes_the_learning_rate_given_or_that_of_its_optimizer():
    assert Problem(LAYERS, "sgd", 6).learning_rate == 0.01
    assert Problem(LAYERS, "adam", 6, lr=0.25).learning_rate == 0.25


def test_the_batches_of_an_epoch_are_those_of_a_training_but_for_the_last_that_is_not_full():
    whole = [rows for rows in batches(100, 16, seed=3, epoch=2) if len(rows) == 16]
    np.testing.assert_array_equal(Problem(LAYERS, "sgd", 16, seed=3).rows(100, 2), whole)


def test_a_process_tells_the_most_memory_that_it_has_had():
    code = (
        "from mnist.contestants import memory; before = memory.peak(); full = bytearray(b'x') * 10**8; del full;"
        "print(before, memory.peak())"
    )
    before, after = map(int, _in_a_process_of_its_own("-c", code).stdout.split())
    assert 0.9e8 < after - before < 2e8
    assert 1e6 < before < 2e8


@pytest.mark.parametrize("kind", ["numpy", "eager"])
def test_batches_are_taken_one_after_the_other_and_then_from_the_first_again(kind):
    problem = Problem(LAYERS, "sgd", 6)
    x, y = problem.batches(3)
    together, apart = (ENTRIES[kind].enter(problem) for _ in range(2))
    last = together.train(together.prepared(x, y), 5)
    losses = [apart.train(apart.prepared(x[i : i + 1], y[i : i + 1]), 1) for i in (0, 1, 2, 0, 1)]
    assert last == losses[-1]
    for a, b in zip(together.parameters(), apart.parameters(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_wrong_update_is_noticed(monkeypatch):
    from mnist.contestants import by_numpy

    problem = Problem(LAYERS, "sgd", 6)
    truth = Truth.of(problem)
    monkeypatch.setattr(by_numpy.SGD, "__call__", lambda self, θ, g: np.subtract(θ, 1.01 * 0.01 * g, out=θ))
    assert truth.error(Server("numpy").start(problem)) > TOLERANCE


def test_a_number_that_is_none_is_infinitely_far_off():
    problem = Problem(LAYERS, "sgd", 6)
    start = Server("numpy").start(problem)
    start.parameters[2][0, 0] = np.nan
    assert Truth.of(problem).error(start) == np.inf


def test_the_truth_moves_as_the_engines_optimizers_do():
    """The updates that everybody is held against, written once more: by `nets`, in float64."""
    from mnist.engines import by_hand

    for name, optimizer in (("sgd", nets.SGD), ("adam", nets.Adam)):
        problem = Problem(LAYERS, name, 6)
        model = nets.MLP(LAYERS, rng=np.random.default_rng(0), dtype=np.float64)
        for parameter, first in zip(model.parameters(), problem.parameters(), strict=True):
            parameter.data = first.astype(np.float64)
        moves = optimizer(model.parameters(), problem.learning_rate)
        for x, y in list(zip(*problem.batches(BATCHES), strict=True))[:CHECKED_STEPS]:
            by_hand(model, x.astype(np.float64), y)
            moves.step()
        after = np.concatenate([parameter.data.ravel() for parameter in model.parameters()])
        np.testing.assert_allclose(Truth.of(problem).after, after, rtol=1e-12)


def test_the_derivation_by_hand_is_that_of_the_formulas_in_whole_matrices():
    problem = Problem(LAYERS, "sgd", 6)
    parameters = [p.astype(np.float64) for p in problem.parameters()]
    (x,), (y,) = problem.batches(1)
    loss, gradients = loss_and_gradients(problem.architecture, parameters, x.astype(np.float64), y)
    wanted, dW, db = manual.loss_and_gradients(parameters[::2], parameters[1::2], x.astype(np.float64), y)
    assert loss == pytest.approx(wanted, rel=1e-12)
    for mine, right in zip(gradients, [g for pair in zip(dW, db, strict=True) for g in pair], strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-10, atol=1e-15)


def test_the_derivation_by_hand_of_convolutions_is_that_of_tensorflow():
    tf = pytest.importorskip("tensorflow")
    architecture = (
        Images((2, 8, 6)), Convolution(2, 3, kernel=3, padding=1), ReLU(), MaxPool(2),
        Convolution(3, 4, kernel=2), ReLU(), Flatten(), Linear(24, 5),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    shapes = [(layer.weight, layer.outputs) for layer in architecture if isinstance(layer, Convolution | Linear)]
    parameters = [rng.standard_normal(shape) for pair in shapes for shape in pair]
    x, y = rng.standard_normal((7, 96)), rng.integers(0, 5, 7)
    loss, gradients = loss_and_gradients(architecture, parameters, x, y)

    θ = [tf.Variable(p) for p in parameters]
    with tf.GradientTape() as tape:
        a = tf.transpose(tf.reshape(x, (7, 2, 8, 6)), (0, 2, 3, 1))
        a = tf.nn.relu(tf.nn.conv2d(a, tf.transpose(θ[0], (2, 3, 1, 0)), 1, "SAME") + θ[1])
        a = tf.nn.max_pool2d(a, 2, 2, "VALID")
        a = tf.nn.relu(tf.nn.conv2d(a, tf.transpose(θ[2], (2, 3, 1, 0)), 1, "VALID") + θ[3])
        logits = tf.reshape(tf.transpose(a, (0, 3, 1, 2)), (7, 24)) @ θ[4] + θ[5]
        wanted = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
    assert loss == pytest.approx(float(wanted), rel=1e-12)
    for mine, right in zip(gradients, tape.gradient(wanted, θ), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-9, atol=1e-12)


def test_parameters_for_channels_last_and_back_are_the_same():
    problem = Problem((784, 10), "sgd", 6, network="lenet")
    first = problem.parameters()
    last = channels_last(problem, first)
    assert [p.shape for p in last[::2]] == [(5, 5, 1, 6), (5, 5, 6, 16), (400, 120), (120, 84), (84, 10)]
    for mine, own in zip(channels_first(problem, last), first, strict=True):
        np.testing.assert_array_equal(mine, own)


def test_multiplications_of_a_convolution_are_counted_at_every_place():
    forth = [28 * 28 * 25 * 6, 10 * 10 * 6 * 25 * 16, 400 * 120, 120 * 84, 84 * 10]
    expected = 3 * (3 * sum(forth) - forth[0])
    assert Problem((784, 10), "sgd", 3, network="lenet").multiplications == expected


def test_multiplications_are_counted_as_one_counts_them():
    by_weights = {(5, 3): 2, (3, 2): 3}  # the first: forth and for dW; the second: for dA as well
    expected = 7 * sum(a * b * times for (a, b), times in by_weights.items())
    assert Problem((5, 3, 2), "sgd", 7).multiplications == expected


def test_a_turn_takes_as_many_steps_at_a_time_as_take_the_contestants_time():
    server = Server("numpy")
    server.start(Problem(LAYERS, "sgd", 6))
    times = server.turn(0.05)
    assert len(times) > 1
    assert all(seconds > 0 for seconds in times)
    assert server._steps > 1  # a step of this network takes far less than 5 ms


def _in_a_process_of_its_own(*arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=120)


def test_a_process_that_runs_one_contestant_imports_no_other_library():
    code = (
        "import sys; from mnist.contestants import learning, serving; early = 'numpy' in sys.modules;"
        "from mnist.contestants import by_manual, by_numpy, racing; print(early, *sys.modules)"
    )
    early, *modules = _in_a_process_of_its_own("-c", code).stdout.split()
    assert early == "False"  # it counts its threads when it is imported
    modules = set(modules)
    assert "numpy" in modules
    assert not modules & {"autodiff", "nets", "mnist.training", "numba", "tensorflow", "torch", "jax", "matplotlib"}


def test_every_library_is_told_how_many_threads():
    code = (
        "from mnist.contestants import threads; threads.use(1); import numba, os, threadpoolctl, numpy;"
        "print(numba.get_num_threads(), *{pool['num_threads'] for pool in threadpoolctl.threadpool_info()},"
        "threads.available(), os.environ['TF_NUM_INTRAOP_THREADS'])"
    )
    pytest.importorskip("threadpoolctl")
    assert set(_in_a_process_of_its_own("-c", code).stdout.split()) == {"1"}
    assert threads.available() >= 1


@pytest.mark.parametrize(("gpus", "visible"), [(False, ""), (True, "0")])
def test_a_gpu_is_hidden_from_a_process_unless_it_may_use_it(monkeypatch, gpus, visible):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    code = f"from mnist.contestants import threads; threads.use(1, {gpus}); import os; print(os.environ)"
    assert f"'CUDA_VISIBLE_DEVICES': '{visible}'" in _in_a_process_of_its_own("-c", code).stdout


@pytest.fixture
def task(tmp_path):
    """A race on the 5,000 digits that does not take long."""
    digits = data.load("mnist-5k", announce=lambda line: None)
    for split in ("train", "test"):
        np.save(tmp_path / f"{split}_images.npy", getattr(digits, split).images)
        np.save(tmp_path / f"{split}_labels.npy", getattr(digits, split).labels)
    return {
        "name": "numpy",
        "network": "mlp",
        "layers": [784, 16, 10],
        "optimizer": "adam",
        "batch_size": 32,
        "seed": 1,
        "folder": str(tmp_path),
        "threads": 1,
        "accuracy": 80.0,
        "started": time.time(),
    }


@pytest.mark.parametrize("kind", ["numpy", "torch", "jax"])
def test_a_race_ends_at_the_accuracy_and_tells_the_moments_in_order(task, kind):
    if not ENTRIES[kind].is_installed:
        pytest.skip(f"{ENTRIES[kind].library} is not installed")
    task |= {"name": kind}
    done = _in_a_process_of_its_own("-m", "mnist.contestants.racing", json.dumps(task))
    assert done.returncode == 0, done.stderr
    arrival = json.loads(done.stdout.splitlines()[-1])
    assert 0 < arrival["imported"] < arrival["read"] < arrival["first_step"] < arrival["arrived"] < 120
    assert 0.8 <= arrival["accuracy"] < 0.95
    assert arrival["steps"] % (4000 // 32 // 4) == 1  # after whole quarters of an epoch, and the first step


def test_a_race_that_does_not_arrive_says_how_far_it_came(task):
    task |= {"accuracy": 99.99, "layers": [784, 10]}
    done = _in_a_process_of_its_own("-m", "mnist.contestants.racing", json.dumps(task))
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"% after {racing.MOST_EPOCHS} epochs")


def test_the_portions_of_an_epoch_are_whole_batches_of_different_images():
    problem = Problem((784, 10), "sgd", 32)
    portions = list(racing._portions(1000, problem))
    assert {rows.shape for rows in portions} == {(7, 32)}
    epoch = np.concatenate(portions[: len(portions) // racing.MOST_EPOCHS]).ravel()
    assert len(set(epoch)) == len(epoch) == 7 * 32 * 4
    assert not np.array_equal(portions[0], portions[4])
    np.testing.assert_array_equal(portions[0], next(racing._portions(1000, problem)))
