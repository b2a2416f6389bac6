"""`python -m autodiff.kernels` measures what it says, and says what it has measured."""

import json
import time

import numpy as np
import pytest

from autodiff.kernels import __main__ as command
from autodiff.kernels import ladder


@pytest.fixture
def in_a_hurry(monkeypatch):
    """Measure next to nothing."""
    for name, value in {
        "TURNS": 1,
        "TURN_SECONDS": 1e-4,
        "WARM_UP_SECONDS": 0.0,
        "SETTLING_SECONDS": 0.0,
        "SIZES": [1, 8],
    }.items():
        monkeypatch.setattr(ladder, name, value)
    monkeypatch.setattr(ladder, "LOOPS_UP_TO", 1000)
    monkeypatch.setattr(ladder, "peak", lambda threads: 1e9)


def test_the_products_are_those_of_the_training_steps():
    found = {(work.operands[0].shape, work.operands[1].shape) for work in ladder.products()}
    assert ((64, 784), (784, 128)) in found  # forward
    assert ((784, 64), (64, 128)) in found  # the gradient of the weights
    assert ((64, 64), (64, 128)) in found  # the gradient of what went in
    assert ((64, 128), (128, 784)) not in found  # the images have none
    assert len(ladder.products()) == 21
    for work in ladder.products():
        (m, k), (k_too, n) = work.operands[0].shape, work.operands[1].shape
        assert k == k_too
        assert work.size == m * k * n


def test_every_rung_does_the_same_work():
    for work in [*ladder.products(), *ladder.others()]:
        if work.kernel != "axpy":
            results = [run() for name, run in work.on_each_rung().items() if name != "loops"]
            np.testing.assert_allclose(results[0], results[1], rtol=1e-4, atol=1e-3)


def test_the_loops_are_measured_where_they_are_quick_and_nowhere_else():
    measured = {work.title for work in ladder.products() if "loops" in work.on_each_rung()}
    assert measured == {work.title for work in ladder.products() if work.size <= ladder.LOOPS_UP_TO}
    assert 0 < len(measured) < len(ladder.products())


def test_a_measurement_is_the_time_of_one_call(monkeypatch):
    monkeypatch.setattr(ladder, "TURNS", 3)
    seconds = ladder.measure({"short": lambda: time.sleep(0.001), "long": lambda: time.sleep(0.01)})
    assert 0.001 <= seconds["short"] < seconds["long"]
    assert seconds["long"] >= 0.01


def test_the_tables_have_a_line_for_each_measurement(in_a_hurry):
    run = json.loads(json.dumps(ladder.ladder()))
    text = command._tables(run, run)
    for row in [*run["products"], *run["others"]]:
        assert row["numpy"] > 0
        assert row["numba"] > 0
        assert row["title"] in text
    assert "–" in text
    ratios = [row["numpy"] / row["numba"] for row in run["products"]]
    (mean,) = (line.split()[-1] for line in text.splitlines() if line.startswith("geometric mean"))
    assert float(mean) == pytest.approx(np.exp(np.mean(np.log(ratios))), abs=0.01)


def test_rates_and_shares_are_those_of_the_times():
    row = {"title": "product", "size": 1_000_000, "numpy": 4e-5, "numba": 2e-5}
    run = {"threads": 1, "peak": 200e9, "products": [row], "others": [], "crossover": []}
    line = command._tables(run, run).splitlines()[2]
    assert line.split() == ["product", "–", "40.0", "(50)", "20.0", "(100)", "50%", "2.00"]


@pytest.mark.parametrize(
    ("times", "want"),
    [
        ([(1, 2, 1), (2, 2, 1), (4, 1, 2), (8, 1, 2)], 4),
        ([(1, 1, 2), (2, 2, 1), (4, 1, 2)], 4),
        ([(1, 1, 2), (2, 1, 2)], 1),
        ([(1, 1, 2), (2, 2, 1)], None),
    ],
)
def test_a_crossover_is_where_one_starts_to_win_for_good(times, want):
    rows = [{"n": n, "better": better, "worse": worse} for n, better, worse in times]
    assert command._from(rows, "better", "worse") == want


def test_what_was_not_measured_decides_no_crossover():
    assert command._from([{"n": 1, "a": 1, "b": 2}, {"n": 2, "a": 3}], "a", "b") == 1
