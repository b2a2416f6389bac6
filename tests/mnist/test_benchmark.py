"""`python -m mnist.benchmark`: who takes part, what is made of the times, and what is told when something fails."""

import json
import sys
from itertools import pairwise

import numpy as np
import pytest

from mnist import cli
from mnist.benchmark import __main__ as command
from mnist.benchmark import measuring
from mnist.benchmark.config import BenchmarkConfig
from mnist.benchmark.measuring import Measurement, Timing
from mnist.benchmark.sweep import Swept, exponent
from mnist.benchmark.table import table
from mnist.contestants import ENTRIES
from mnist.contestants.problem import Problem

SMALL = ("--layers", 6, 5, 3, "--batch-size", 4, "--rounds", 1)
PROBLEM = Problem((784, 10), "sgd", 64)


@pytest.fixture
def run(monkeypatch, capsys):
    """The command in this process, with short turns: its exit status and what it printed."""
    monkeypatch.setattr(measuring, "TURN_SECONDS", 0.01)

    def run(*flags):
        monkeypatch.setattr(sys, "argv", ["mnist.benchmark", *map(str, flags)])
        with pytest.raises(SystemExit) as end:
            cli.run(command.main)
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Put a library of our making where the true one would be found."""

    def library(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return library


def line_of(out, name):
    (line,) = [line for line in out.splitlines() if line.startswith(ENTRIES[name].title)]
    return line


def timing(median, error=1e-6, first_step=1.0):
    return Timing(0.9 * median, median, 1.2 * median, first_step, error)


# ── what is made of the times ───────────────────────────────────────────────────────────────────────────


def test_a_timing_has_the_median_and_the_quartiles():
    times = [5.0, 1.0, 2.0, 4.0, 3.0]
    assert Timing.of(times, 7.0, 1e-6) == Timing(2.0, 3.0, 4.0, 7.0, 1e-6)


def test_ratios_are_of_medians_and_only_of_those_who_compute_the_right_numbers():
    timings = {"numpy": timing(200e-6), "compiled": timing(100e-6), "jax": timing(50e-6, error=0.5)}
    measured = Measurement(PROBLEM, timings, {"torch": "broken"})
    assert measured.ratio("compiled", "numpy") == pytest.approx(0.5)
    assert measured.ratio("numpy", "compiled") == pytest.approx(2)
    assert measured.ratio("jax", "numpy") is None
    assert measured.ratio("numpy", "jax") is None
    assert measured.ratio("torch", "numpy") is None
    assert measured.ranking() == ["compiled", "numpy", "jax"]


def test_the_table_ranks_the_quickest_first_and_does_not_rank_other_numbers():
    timings = {
        "numpy": timing(212e-6),
        "compiled": timing(90e-6),
        "jax": timing(50e-6, error=0.03),
        "tf-xla": timing(0.001234, error=np.inf),
    }
    title, head, *rows, last = table(Measurement(PROBLEM, timings, {"torch": "no compiler"})).splitlines()
    assert title == "784-10, SGD, batch 64"
    assert " ".join(head.split()) == "µs a step median quartiles / NumPy / compiled first step"
    assert [row.split("  ")[0] for row in rows] == [
        ENTRIES[name].title for name in ("compiled", "numpy", "jax", "tf-xla", "torch")
    ]
    assert rows[0].split()[-8:] == ["90.0", "81.0", "to", "108", "0.42", "1.00", "1.00", "s"]
    assert rows[1].split()[-8:] == ["212", "191", "to", "254", "1.00", "2.36", "1.00", "s"]
    assert rows[2].endswith("not ranked: its numbers are off by 3.0e-02")
    assert rows[3].endswith("not ranked: its numbers are off by inf")
    assert rows[4].endswith("no compiler")
    assert last.startswith("same numbers: the first steps of 2 of 4 are within 1e-06")


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_exponent_is_the_power_of_the_growth(power):
    assert exponent([10, 20, 80, 300], [3e-5 * n**power for n in (10, 20, 80, 300)]) == pytest.approx(power, abs=1e-9)


def test_one_size_has_no_exponent():
    assert exponent([10], [1.0]) is None


def swept(seconds):
    """A sweep over depths in which a step takes so long for its number of layers."""
    problems = {n: Problem((784, *[32] * (n - 1), 10), "sgd", 64) for n in (3, 10, 30, 100, 300, 1000)}
    timings = {n: timing(seconds(n), first_step=5.0) for n in problems}
    return Swept("depth", {n: Measurement(problems[n], {"numpy": timings[n]}, {}) for n in problems})


@pytest.mark.parametrize(("seconds", "expected"), [(lambda n: 1e-9 * n, 1), (lambda n: 1e-16 * n**2, 2)])
def test_a_quadratic_term_shows_in_the_exponent_of_a_sweep(seconds, expected):
    depths = swept(seconds)
    assert depths.exponent(depths.steps()["numpy"]) == pytest.approx(expected)
    assert depths.exponent(depths.first_steps()["numpy"]) == pytest.approx(0, abs=1e-9)
    _, *steps, _, first = depths.table().splitlines()
    assert float(steps[1].split()[-1]) == expected
    assert float(first.split()[-1]) == pytest.approx(0)


def test_what_a_step_costs_besides_its_arithmetic_hardly_shows_in_the_exponent_of_large_sizes():
    depths = swept(lambda n: 2e-4 + 1e-5 * n)
    assert depths.exponent(depths.steps()["numpy"]) == pytest.approx(1, abs=0.1)


def test_of_batches_the_exponent_is_against_the_multiplications():
    problems = {m: Problem((784, 10), "sgd", m) for m in (16, 4096)}
    times = {m: timing(problem.multiplications * 1e-9) for m, problem in problems.items()}
    batches = Swept("batch", {m: Measurement(problems[m], {"jax": times[m]}, {}) for m in problems})
    assert batches.exponent(batches.steps()["jax"]) == pytest.approx(1)


def test_a_deep_network_has_a_short_name():
    assert str(Problem((784, *[32] * 999, 10), "adam", 16)) == "784-32×999-10, Adam, batch 16"
    assert str(Problem((784, 10, 10), "sgd", 16)) == "784-10-10, SGD, batch 16"


def test_wrong_numbers_are_no_points_of_a_curve():
    wrong = Measurement(PROBLEM, {"numpy": timing(1.0, error=0.1), "jax": timing(2.0)}, {})
    assert Swept("batch", {64: wrong}).steps() == {"jax": {64: 2.0}}


# ── what is measured ────────────────────────────────────────────────────────────────────────────────────


def test_without_flags_it_is_four_networks_at_batch_64_and_everybody():
    config = BenchmarkConfig()
    assert [str(problem) for problem in config.problems] == [
        "784-10-10, SGD, batch 64",
        "784-128-64-10, SGD, batch 64",
        "784-512-256-10, Adam, batch 64",
        "lenet, SGD, batch 64",
    ]
    assert [str(problem) for problem in BenchmarkConfig(network="lenet").problems] == ["lenet, SGD, batch 64"]
    assert set(config.contestants) == set(ENTRIES) - {"manual", "float64"}


def test_sweeps_vary_one_thing():
    batches = BenchmarkConfig(sweep="batch").problems
    assert {problem.layers for problem in batches} == {(784, 128, 64, 10)}
    assert (batches[0].batch_size, batches[-1].batch_size) == (16, 4096)
    widths = BenchmarkConfig(sweep="width").problems
    assert {problem.batch_size for problem in widths} == {64}
    assert widths[-1].layers == (784, 2048, 2048, 10)
    depths = BenchmarkConfig(sweep="depth", sizes=(2, 1000)).problems
    assert [len(list(pairwise(problem.layers))) for problem in depths] == [2, 1000]


def test_json_has_every_figure_of_the_table(run, tmp_path):
    path = tmp_path / "figures.json"
    status, out, err = run(*SMALL, "--contestants", "numpy", "eager", "--json", path)
    assert (status, err) == (0, "")
    found = json.loads(path.read_text())
    assert found.keys() == {"threads", "cores", "processor", "load", "python", "versions", "measurements"}
    assert found["versions"]["numpy"] == np.__version__
    (measurement,) = found["measurements"]
    assert measurement["problem"] == {
        "layers": [6, 5, 3],
        "optimizer": "sgd",
        "batch_size": 4,
        "seed": 0,
        "network": "mlp",
        "init": "he",
        "lr": None,
        "multiplications": 4 * (2 * 6 * 5 + 3 * 5 * 3),
    }
    assert (measurement["failures"], measurement["left_out"]) == ({}, [])
    assert list(measurement["seconds"]) == ["numpy", "eager"]
    for name, figures in measurement["seconds"].items():
        quartiles = {"low", "median", "high"}
        assert figures.keys() == quartiles | {"first_step", "error", "agrees", "to_numpy", "to_compiled"}
        assert 0 < figures["low"] <= figures["median"] <= figures["high"]
        assert figures["agrees"] is True
        assert figures["to_compiled"] is None
        assert f"{figures['to_numpy']:.2f}" in line_of(out, name).split()
    assert measurement["seconds"]["numpy"]["to_numpy"] == 1


def test_a_sweep_ends_with_exponents_and_a_picture(run, tmp_path):
    flags = ["--sweep", "batch", "--layers", 6, 5, 3, "--sizes", 4, 64, "--rounds", 1, "--contestants", "numpy"]
    status, out, err = run(*flags, "--plot", tmp_path / "sweep.png", "--json", tmp_path / "sweep.json")
    assert (status, err) == (0, "")
    assert "exponent" in out
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((tmp_path / "sweep.json").read_text())
    assert (found["sweep"], found["sizes"]) == ("batch", [4, 64])
    medians = [measurement["seconds"]["numpy"]["median"] for measurement in found["measurements"]]
    assert found["exponents"]["numpy"] == pytest.approx(np.log(medians[1] / medians[0]) / np.log(16))
    assert found["first_step_exponents"].keys() == {"numpy"}


def test_a_race_has_a_cold_run_and_warm_ones(run, tmp_path):
    path = tmp_path / "race.json"
    flags = ["--to-accuracy", 60, "--layers", 784, 10, "--dataset", "mnist-5k", "--rounds", 3]
    status, out, err = run(*flags, "--contestants", "numpy", "--json", path)
    assert (status, err) == (0, "")
    found = json.loads(path.read_text())
    assert (found["target"], found["dataset"], found["problem"]["optimizer"]) == (60, "mnist-5k", "adam")
    runs = found["runs"]["numpy"]
    assert runs["failure"] is None
    assert len(runs["warm"]) == 2
    assert {run["steps"] for run in runs["warm"]} == {runs["cold"]["steps"]}
    assert runs["seconds"] == np.median([run["arrived"] for run in runs["warm"]])
    (line,) = [line for line in out.splitlines() if line.startswith(ENTRIES["numpy"].title)]
    assert f"{runs['seconds']:.2f}" in line.split()
    assert f"{runs['cold']['arrived']:.2f}" in line.split()


@pytest.mark.parametrize("flags", [(), ("--to-accuracy", 60, "--dataset", "mnist-5k")], ids=["steps", "race"])
def test_whoever_does_not_know_a_network_takes_no_part_and_has_not_failed(run, tmp_path, flags):
    path = tmp_path / "figures.json"
    flags = ("--network", "lenet", "--rounds", 1, "--contestants", "numpy", *flags)
    status, out, err = run(*flags, "--json", path)
    assert (status, err) == (0, "")
    assert line_of(out, "numpy").endswith("takes no part: it knows the mlp alone")
    found = json.loads(path.read_text())
    if "measurements" in found:
        (found,) = found["measurements"]
        assert (found["seconds"], found["failures"], found["left_out"]) == ({}, {}, ["numpy"])
    else:
        assert found["runs"] == {}


# ── what fails ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_library_that_is_not_installed_is_told_of_in_one_line_with_what_brings_it(run, monkeypatch):
    for name in ("torch", "jax"):
        monkeypatch.setitem(sys.modules, name, None)
    status, out, _ = run(*SMALL, "--contestants", "numpy", "torch", "jax")
    assert status == 0
    (told,) = [line for line in out.splitlines() if "PyTorch" in line]
    assert told == "not installed, and left out: PyTorch, eager, JAX, jit; pip install -e '.[bench]'"
    assert line_of(out, "numpy")


def test_with_nobody_installed_there_is_nothing_to_measure(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    status, _, err = run("--contestants", "jax")
    assert status == 2
    assert err.splitlines() == ["error: --contestants: none of these is installed"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raise RuntimeError('no compiler\\nfound here')", "RuntimeError: no compiler found here"),
        ("import os; os._exit(3)", "its process has ended with status 3"),
        ("import time; time.sleep(60)", "it took more than 1 s and was stopped; --patience gives it longer"),
    ],
)
def test_a_contestant_that_fails_is_told_of_in_one_line_and_the_others_go_on(run, library, tmp_path, text, told):
    library("torch", text)
    flags = ["--contestants", "numpy", "torch", "--json", tmp_path / "figures.json", "--patience", 1]
    status, out, err = run(*SMALL, *flags)
    assert (status, err) == (0, "")
    assert line_of(out, "torch").endswith(told)
    assert "same numbers: the first steps of 1 of 1" in out
    assert json.loads((tmp_path / "figures.json").read_text())["measurements"][0]["failures"] == {"torch": told}


def test_a_contestant_that_fails_in_a_race_is_told_of_in_one_line(run, library):
    library("torch", "raise RuntimeError('no compiler found here')")
    flags = ["--to-accuracy", 60, "--layers", 784, 10, "--dataset", "mnist-5k", "--rounds", 1]
    status, out, err = run(*flags, "--contestants", "numpy", "torch")
    assert (status, err) == (0, "")
    lines = [line for line in out.splitlines() if line.startswith("PyTorch")]
    assert [line.endswith("status 1: RuntimeError: no compiler found here") for line in lines] == [True]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--layers", "784"], "--layers 784: needs two widths or more"),
        (["--layers", "784", "0", "10"], "--layers 784 0 10"),
        (["--batch-size", "0"], "--batch-size 0: must be 1 or more"),
        (["--rounds", "0"], "--rounds 0: must be 1 or more"),
        (["--seed", "-1"], "--seed -1: must be 0 or more"),
        (["--threads", "0"], "--threads 0: must be from 1 to"),
        (["--threads", "100000"], "--threads 100000: must be from 1 to"),
        (["--patience", "0"], "--patience 0: must be more than 0 seconds"),
        (["--patience", "nan"], "--patience nan: must be more than 0 seconds"),
        (["--contestants", "theano"], "--contestants"),
        (["--contestants"], "--contestants"),
        (["--sweep", "height"], "--sweep"),
        (["--sweep", "depth", "--layers", "784", "10"], "--sweep depth: makes the networks; leave out --layers"),
        (["--sweep", "width", "--network", "lenet"], "--sweep width: makes the networks; leave out --network"),
        (["--network", "lenet", "--layers", "784", "10"], "--network lenet: has layers of its own; leave out --layers"),
        (["--sweep", "batch", "--sizes", "0"], "--sizes 0"),
        (["--sizes", "64"], "--sizes is for --sweep"),
        (["--plot", "a.png"], "--plot is for --sweep"),
        (["--json", "nowhere/a.json"], "--json nowhere/a.json: there is no folder nowhere"),
        (["--to-accuracy", "101"], "--to-accuracy 101: must be a percentage"),
        (["--to-accuracy", "0"], "--to-accuracy 0: must be a percentage"),
        (["--to-accuracy", "90", "--sweep", "batch"], "--to-accuracy: is of one network; leave out --sweep"),
        (["--to-accuracy", "90", "--layers", "5", "3"], "--layers 5 3: must run from 784 pixels to 10 classes"),
    ],
)
def test_a_mistake_is_told_in_one_line(run, flags, told):
    status, out, err = run(*flags)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert told in line
