"""`python -m mnist.check`: the witnesses agree, whoever is made to lie is found and named, and mistakes are told."""

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.tape import registry
from mnist import check as command
from mnist import cli, witnesses
from mnist.check import CheckConfig, check
from mnist.engines import by_autodiff, by_hand, load_engine
from mnist.report import page
from nets import checkpoint, manual

ROOT = Path(__file__).parents[2]
NETWORKS = {
    "no hidden layer": (784, 10),
    "a hidden layer of width 1": (784, 1, 10),
    "the default": (784, 128, 64, 10),
    "ten layers": (784, *[16] * 9, 10),
}
SMALL = ("--layers", "784", "12", "11", "10", "--batch-size", "16")


@pytest.fixture
def alone(monkeypatch):
    """A machine without TensorFlow, which is also sooner ready."""
    monkeypatch.setitem(sys.modules, "tensorflow", None)


@pytest.fixture
def run(monkeypatch, capsys):
    """The command in this process, on the 5,000 digits: its exit status and what it printed."""

    def run(*flags):
        arguments = ["mnist.check", "--dataset", "mnist-5k", *map(str, flags)]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as end:
            cli.run(command.main)
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run


@pytest.fixture
def save(tmp_path):
    """Make a network, change it, and save it."""

    def save(widths=(784, 12, 10), activation="relu", dtype=np.float32, change=lambda model: None):
        model = nets.MLP(widths, activation, rng=np.random.default_rng(3), dtype=dtype)
        change(model)
        path = tmp_path / "model.safetensors"
        checkpoint.save(model, path)
        return path

    return save


def report_of(out):
    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    return json.loads(out, parse_constant=refuse)


def quantities(layers):
    """The loss and the parameters of a network with so many linear layers, in order."""
    return ["loss", *(f"layers.{2 * i}.{kind}" for i in range(layers) for kind in ("weight", "bias"))]


def assert_blames(out, culprit, *, of):
    """The page says BROKEN of these quantities and no others, each time naming the culprit and nobody else."""
    told = [line for line in out.splitlines() if line.startswith("BROKEN: ")]
    assert told
    blamed = {}
    for line in told:
        quantity, rest = line.removeprefix("BROKEN: ").split(" in ", 1)
        dtype, who = rest.split(": ", 1)
        blamed.setdefault(dtype, []).append((quantity, who.split(" differs from ")[0]))
    for dtype, pairs in blamed.items():
        assert pairs == [(quantity, culprit) for quantity in of], dtype
    assert "comparisons hold" not in out
    return blamed


# ── they agree ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("widths", "activation", "batch_size"),
    [
        ("no hidden layer", "relu", 1),
        ("a hidden layer of width 1", "sigmoid", 7),
        ("the default", "relu", 64),
        ("the default", "tanh", 20),
        ("ten layers", "relu", 64),
        ("ten layers", "sigmoid", 1),
    ],
)
def test_all_witnesses_agree(run, tf, widths, activation, batch_size):
    flags = ["--layers", *NETWORKS[widths], "--activation", activation, "--batch-size", batch_size]
    status, out, _ = run(*flags)
    assert status == 0, out
    assert f"{'-'.join(map(str, NETWORKS[widths]))}, {activation}, drawn with seed 0" in out
    assert "BROKEN" not in out
    assert out.rstrip().endswith("comparisons hold.")


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_without_tensorflow_the_others_agree_on_every_seed(run, alone, seed, activation):
    status, out, err = run(*SMALL, "--activation", activation, "--seed", seed)
    assert (status, "BROKEN" in out) == (0, False)
    assert "TF" not in out
    (told,) = [line for line in err.splitlines() if "TensorFlow" in line]
    assert "pip install" in told


def test_without_flags_it_is_the_default_network_and_64_images():
    config = CheckConfig()
    assert config.training().layers == (784, 128, 64, 10)
    assert config.training().activation == "relu"
    assert config.training().dataset == "mnist"
    assert config.batch_size == 64


def test_every_device_that_tensorflow_sees_is_a_witness(tf):
    report = check(CheckConfig(layers=(784, 10), batch_size=4, dataset="mnist-5k"), announce=lambda line: None)
    devices = [f"TF {device.name.removeprefix('/device:')}" for device in tf.config.list_logical_devices()]
    assert "TF CPU:0" in devices
    assert {c.witness for c in report.comparisons} == {"engine", "by hand", *devices}


# ── what is printed ─────────────────────────────────────────────────────────────────────────────────────


def test_json_holds_every_pair_on_every_quantity_and_nothing_else_is_printed(run, tf):
    status, out, err = run(*SMALL, "--json")
    assert status == 0
    assert "mnist-5k" in err  # the announcement of the data
    report = report_of(out)
    names = list(dict.fromkeys(c["witness"] for c in report["comparisons"]))
    assert names[:3] == ["engine", "by hand", "TF CPU:0"]
    pairs = [("float64", *pair) for pair in combinations(names, 2)]
    pairs += [("float64", name, "differences") for name in names]
    pairs += [("float32", *pair) for pair in combinations(names, 2)]
    pairs += [("float32", name, "float64") for name in names]
    found = [(c["dtype"], c["witness"], c["against"], c["quantity"]) for c in report["comparisons"]]
    assert found == [(*pair, quantity) for pair in pairs for quantity in quantities(3)]
    for c in report["comparisons"]:
        assert 0 <= c["relative_error"] <= c["bound"]
        assert c["ulps"] >= 0
        assert c["holds"] is True
        expected = 1e-6 if c["against"] == "differences" else {"float64": 1e-9, "float32": 1e-5}[c["dtype"]]
        assert c["bound"] == expected
    assert report["holds"] is True
    assert (report["layers"], report["activation"]) == ([784, 12, 11, 10], "relu")
    assert (report["dataset"], report["images"] + report["left_out"]) == ("mnist-5k", 16)
    assert max(c["relative_error"] for c in report["comparisons"] if c["dtype"] == "float32") > 1e-9


def test_what_is_compared_is_what_the_engines_say(run, alone, digits, save):
    """The figures of a network without kinks, computed once more."""
    path = save((784, 9, 10), "tanh")
    report = report_of(run("--weights", path, "--batch-size", 4000, "--json")[1])
    model = checkpoint.load(path)
    x, y = digits.train.batch(np.random.default_rng([0, 1]).permutation(4000))
    gradients = {}
    for name, engine in (("engine", by_autodiff), ("by hand", by_hand)):
        model.zero_grad()
        loss = engine(model, x, y)
        gradients[name] = {"loss": np.float32(loss)} | {n: p.grad.data for n, p in model.named_parameters()}
    for quantity in quantities(2):
        a, b = gradients["engine"][quantity], gradients["by hand"][quantity]
        (comparison,) = [
            c
            for c in report["comparisons"]
            if (c["dtype"], c["against"], c["quantity"]) == ("float32", "by hand", quantity)
        ]
        assert comparison["relative_error"] == pytest.approx(np.abs(a - b).max() / np.abs(b).max(), rel=1e-6)
        spacing = np.abs(a - b) / np.spacing(np.minimum(np.abs(a), np.abs(b)))
        assert comparison["ulps"] >= np.floor(spacing[np.sign(a) == np.sign(b)].max()) / 2


def test_the_page_has_a_row_for_every_quantity_and_a_verdict_for_every_pair(run, tf):
    _, out, _ = run(*SMALL)
    assert max(map(len, out.splitlines())) <= 100
    heading, *tables, verdict = out.strip().split("\n\n")
    assert "784-12-11-10, relu" in heading
    assert "16 training images of mnist-5k" in heading
    assert verdict == f"All {7 * 12} comparisons hold."
    for dtype, columns, others in (
        ("float64", ["by hand", "TF CPU:0", "differences"], tables[:2]),
        ("float32", ["by hand", "TF CPU:0", "float64"], tables[2:]),
    ):
        table, pairs = (part.splitlines() for part in others)
        assert table[0].split("  ")[0] == dtype
        assert [column for column in columns if column in table[0]] == columns
        names = [line.split()[0] for line in table[2:9]]
        assert names == quantities(3)
        assert [line.split()[0] for line in table[9:]] == ["worst", "bound", "ok"]
        errors = [float(line.split()[1]) for line in table[2:10]]
        assert errors[-1] == max(errors[:-1])
        ulps = [float(line.split()[2].replace(",", "")) for line in table[2:10]]
        assert ulps[-1] == max(ulps[:-1])
        assert table[11].split() == ["ok"] * 3
        assert len(pairs) == 1 + 3
        for line, (one, other) in zip(pairs[1:], combinations(["by hand", "TF CPU:0", columns[2]], 2), strict=True):
            assert line.startswith(f"{one} against {other} ")
            assert line.endswith("ok")


def test_a_page_with_many_devices_stays_within_100_columns(monkeypatch):
    devices = {f"{kind}:{i}": by_hand for kind in ("CPU", "GPU") for i in range(3)}
    monkeypatch.setattr(command, "tensorflow_on_each_device", lambda: devices)
    config = CheckConfig(layers=(784, *[5] * 10, 10), batch_size=5, dataset="mnist-5k")
    text = page(check(config, announce=lambda line: None))
    assert max(map(len, text.splitlines())) <= 100
    for device in devices:
        assert f"engine against TF {device}" not in text  # it is a column, not a line
        assert text.count(f"TF {device} against differences") == 1
        assert f"by hand against TF {device}" in text


def test_equal_seeds_give_equal_reports(run, alone):
    assert run(*SMALL, "--json") == run(*SMALL, "--json")
    assert run(*SMALL, "--json")[1] != run(*SMALL, "--json", "--seed", 1)[1]


# ── somebody lies ───────────────────────────────────────────────────────────────────────────────────────


def corrupt(monkeypatch, name, operand, rule):
    """Give a primitive another rule for an operand."""
    rules = list(registry[name].rules)
    rules[operand] = rule
    monkeypatch.setattr(registry[name], "rules", tuple(rules))


WEIGHTS = ["layers.0.weight", "layers.2.weight", "layers.4.weight"]
BIASES = ["layers.0.bias", "layers.2.bias", "layers.4.bias"]
BELOW = ["layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]
FALSE_RULES = {
    "relu lets everything through": ("relu", 0, lambda g, out, a: g, BELOW),
    "relu shuts what is open": ("relu", 0, lambda g, out, a: ad.where(a > 0, 0.0, g), BELOW),
    "matmul's second rule is a hair too large": (
        "matmul",
        1,
        lambda g, out, a, b: ad.matrix_transpose(a) @ g * (1 + 1e-4),
        WEIGHTS,
    ),
    "matmul's first rule is half of what it should be": (
        "matmul",
        0,
        lambda g, out, a, b: 0.5 * (g @ ad.matrix_transpose(b)),
        BELOW,
    ),
    "a bias gets nothing": ("add", 1, lambda g, out, a, b: ad.multiply(g, 0.0), BIASES),
}


@pytest.mark.parametrize(("name", "operand", "rule", "parameters"), FALSE_RULES.values(), ids=FALSE_RULES)
def test_a_false_rule_of_the_engine_is_found_and_the_engine_named(
    run, alone, monkeypatch, name, operand, rule, parameters
):
    corrupt(monkeypatch, name, operand, rule)
    status, out, _ = run(*SMALL)
    assert status == 1
    blamed = assert_blames(out, "engine", of=parameters)
    assert blamed.keys() == {"float64", "float32"}
    assert f"BROKEN: {parameters[0]} in float64: engine differs from by hand, differences" in out.splitlines()


def test_a_false_rule_stands_against_tensorflow_too(run, tf, monkeypatch):
    corrupt(monkeypatch, *FALSE_RULES["relu lets everything through"][:3])
    status, out, _ = run(*SMALL)
    assert status == 1
    assert_blames(out, "engine", of=BELOW)
    told = "BROKEN: layers.0.weight in float64: engine differs from by hand, TF CPU:0, differences"
    assert told in out.splitlines()
    marks = [line for line in out.splitlines() if not line.startswith("BROKEN:") and "BROKEN" in line]
    assert len(marks) == 2  # the last line of each table; the others agree among themselves


def test_a_false_value_is_found_in_the_loss(run, alone, monkeypatch):
    monkeypatch.setattr(registry["relu"], "kernel", lambda a: np.maximum(a, 0.01 * a))
    status, out, _ = run(*SMALL)
    assert status == 1
    assert "BROKEN: loss in float64: engine differs from by hand, differences" in out.splitlines()


def test_a_forgotten_bias_does_not_hide_behind_a_0(run, alone, monkeypatch):
    monkeypatch.setattr(registry["add"], "kernel", lambda a, b: a)
    status, out, _ = run(*SMALL)
    assert status == 1
    assert "BROKEN: loss in float64: engine differs from by hand, differences" in out.splitlines()


@pytest.mark.parametrize(
    ("factor", "dtypes"), [(1 + 1e-10, []), (1 + 1e-8, ["float64"]), (1 + 1e-4, ["float64", "float32"])]
)
def test_the_bounds_are_1e_9_in_float64_and_1e_5_in_float32(run, alone, monkeypatch, factor, dtypes):
    rule = lambda g, out, a, b: ad.matrix_transpose(a) @ g * factor
    corrupt(monkeypatch, "matmul", 1, rule)
    status, out, _ = run(*SMALL, "--json")
    broken = [c for c in report_of(out)["comparisons"] if not c["holds"]]
    assert {c["dtype"] for c in broken} == set(dtypes)
    assert {c["witness"] for c in broken} <= {"engine"}
    assert status == (1 if dtypes else 0)


def test_differences_have_a_bound_of_1e_6(run, alone, monkeypatch):
    for factor, against in ((1 + 1e-7, {"by hand"}), (1 + 1e-5, {"by hand", "differences"})):
        corrupt(monkeypatch, "matmul", 1, lambda g, out, a, b, f=factor: ad.matrix_transpose(a) @ g * f)
        comparisons = report_of(run(*SMALL, "--json")[1])["comparisons"]
        broken = {c["against"] for c in comparisons if c["dtype"] == "float64" and not c["holds"]}
        assert broken == against


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_false_derivation_is_found_and_named_by_two_against_one(run, alone, monkeypatch, activation):
    right = manual.ACTIVATIONS[activation]
    wrong = manual.Activation(right.function, lambda z, a: 0.5 * right.derivative(z, a))
    monkeypatch.setitem(manual.ACTIVATIONS, activation, wrong)
    status, out, _ = run(*SMALL, "--activation", activation)
    assert status == 1
    assert "BROKEN: layers.2.bias in float64: by hand differs from engine, differences" in out.splitlines()
    told = [line for line in out.splitlines() if line.startswith("BROKEN: ") and "float64" in line]
    assert [line.split()[1] for line in told] == BELOW
    assert all("by hand differs from" in line for line in told)


def test_a_false_forward_pass_by_hand_is_found_in_the_loss_and_everywhere(run, alone, monkeypatch):
    right = manual.ACTIVATIONS["relu"]
    monkeypatch.setitem(
        manual.ACTIVATIONS, "relu", manual.Activation(lambda z: np.maximum(z, 0.1), right.derivative)
    )
    status, out, _ = run(*SMALL)
    assert status == 1
    assert "BROKEN: loss in float64: by hand differs from engine, differences" in out.splitlines()


def test_a_lying_tensorflow_is_named(run, monkeypatch):
    def liar(model, x, y):
        loss = by_hand(model, x, y)
        for parameter in model.parameters():
            parameter.grad.data = parameter.grad.data * 0.99
        return loss

    monkeypatch.setattr(command, "tensorflow_on_each_device", lambda: {"CPU:0": by_hand, "GPU:0": liar})
    status, out, _ = run(*SMALL)
    assert status == 1
    assert_blames(out, "TF GPU:0", of=quantities(3)[1:])


def test_false_differences_are_named(run, alone, monkeypatch):
    monkeypatch.setitem(witnesses._FUNCTIONS, "tanh", lambda z: np.tanh(1.01 * z))
    status, out, _ = run(*SMALL, "--activation", "tanh")
    assert status == 1
    assert_blames(out, "differences", of=quantities(3))


def test_a_gradient_that_is_no_number_is_no_agreement(run, alone, monkeypatch):
    corrupt(monkeypatch, "matmul", 1, lambda g, out, a, b: ad.matrix_transpose(a) @ g * np.nan)
    status, out, _ = run(*SMALL)
    assert status == 1
    assert_blames(out, "engine", of=WEIGHTS)
    status, out, _ = run(*SMALL, "--json")
    assert status == 1
    report = report_of(out)
    assert report["holds"] is False
    broken = [c for c in report["comparisons"] if not c["holds"]]
    assert {(c["relative_error"], c["ulps"]) for c in broken} == {(None, None)}


# ── saved networks ──────────────────────────────────────────────────────────────────────────────────────


def test_a_saved_network_brings_its_layers_and_its_activation(run, alone, save):
    path = save((784, 6, 7, 10), "tanh")
    status, out, _ = run("--weights", path)
    assert status == 0
    assert f"784-6-7-10, tanh, {path}" in out
    flags = ["--layers", 784, 6, 7, 10, "--activation", "tanh"]
    assert run("--weights", path, *flags)[:2] == (0, out)


def test_a_saved_network_of_float64_is_rounded_to_float32_so_that_both_tables_are_about_one_network(run, alone, save):
    report = report_of(run("--weights", save((784, 6, 10), dtype=np.float64), "--json")[1])
    itself = [c["relative_error"] for c in report["comparisons"] if c["against"] == "float64"]
    assert 0 < max(itself) < 1e-6


@pytest.fixture(scope="module")
def sure(digits):
    """A network that has learnt 200 digits by heart."""
    model = nets.MLP((784, 32, 10), rng=np.random.default_rng(0))
    optimizer = nets.Adam(model.parameters(), lr=0.01)
    x, y = digits.train.batch(slice(0, 200))
    for _ in range(150):
        optimizer.zero_grad()
        load_engine("autodiff")(model, x, y)
        optimizer.step()
    return model


@pytest.fixture
def sure_path(sure, tmp_path, monkeypatch):
    """Its file, where the batches are of the digits that it knows."""
    monkeypatch.setattr(command, "batches", lambda n, size, seed, epoch: iter([np.arange(size) + seed]))
    checkpoint.save(sure, tmp_path / "sure.safetensors")
    return tmp_path / "sure.safetensors"


@pytest.mark.parametrize("batch_size", [1, 8, 64, 190])
def test_a_network_that_is_sure_of_the_labels_has_the_bound_that_its_digits_allow(run, alone, sure_path, batch_size):
    for seed in range(3):
        flags = ["--weights", sure_path, "--batch-size", batch_size, "--seed", seed]
        status, out, _ = run(*flags)
        assert status == 0, out
        told = [line for line in out.splitlines() if line.startswith("certainty")]
        assert max(map(len, told)) <= 100
        report = report_of(run(*flags, "--json")[1])
        assert report["doubt"] < 0.01
        for dtype, usual, half_epsilon in (("float64", 1e-9, 2**-53), ("float32", 1e-5, 2**-24)):
            (bound,) = {c["bound"] for c in report["comparisons"] if (c["dtype"], c["against"]) == (dtype, "by hand")}
            assert bound == pytest.approx(max(usual, 16 * half_epsilon / report["doubt"]))
            said = f"the bound in {dtype} is {bound:.0e}" if bound < 1 else f"none is left in {dtype}"
            assert (bound > usual) == any(said in line for line in told)
        assert bound > usual  # in float32 it always is


def test_where_no_digit_is_left_it_says_so(run, alone, save, digits):
    _, (label,) = digits.train.batch(np.random.default_rng([0, 1]).permutation(4000)[:1])

    def be_certain(model):
        model[0].weight.data[:] = 0
        model[0].bias.data[label] = 90

    status, out, _ = run("--weights", save((784, 10), change=be_certain), "--batch-size", 1)
    assert status == 0
    assert "labels have probability 1 − 7e-39, so A − Y loses digits: none is left in float32" in out


def test_a_false_rule_is_found_in_a_sure_network_too(run, alone, monkeypatch, sure_path):
    corrupt(monkeypatch, *FALSE_RULES["matmul's second rule is a hair too large"][:3])
    status, out, _ = run("--weights", sure_path)
    assert status == 1
    assert "engine differs from by hand, differences" in out


# ── kinks ───────────────────────────────────────────────────────────────────────────────────────────────


def on_a_kink(x):
    """Put a unit of a network on relu's kink for an image, as nearly as float32 can."""

    def change(model):
        model[0].bias.data[4] = -(x @ model[0].weight.data[:, 4])

    return change


def test_images_on_a_kink_are_left_out_and_counted(run, alone, save, digits):
    rows = np.random.default_rng([0, 1]).permutation(4000)[:16]
    x, _ = digits.train.batch(rows)
    path = save(change=on_a_kink(x[5]))
    status, out, _ = run("--weights", path, "--batch-size", 16)
    assert status == 0
    assert "15 training images of mnist-5k" in out
    assert "without 1 more, on which the input of a relu is within rounding of 0" in out
    report = report_of(run("--weights", path, "--batch-size", 16, "--json")[1])
    assert (report["images"], report["left_out"]) == (15, 1)


def test_a_batch_of_which_nothing_is_left_is_told_in_one_line(run, alone, save, digits):
    rows = np.random.default_rng([0, 1]).permutation(4000)[:1]
    path = save(change=on_a_kink(digits.train.batch(rows)[0][0]))
    status, out, err = run("--weights", path, "--batch-size", 1)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("error: --batch-size 1: ")
    assert "--seed" in err


def test_directions_that_lead_over_a_kink_are_counted(run, alone, save):
    def change(model):
        model[0].weight.data[:, 3] = 0  # and the bias is 0 too

    status, out, _ = run("--weights", save(change=change), "--batch-size", 8)
    assert status == 0
    assert "but for 8 of 16, along which a kink of relu is too near, or the slope too small" in out
    (row,) = [line for line in out.splitlines() if line.startswith("layers.0.weight") and line.endswith("–")]
    assert len(row.split()) == 4


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--layers", "28", "10"], "--layers 28 10"),
        (["--layers", "784"], "--layers 784"),
        (["--layers"], "--layers"),
        (["--batch-size", "0"], "--batch-size 0"),
        (["--batch-size", "many"], "many"),
        (["--seed", "-1"], "--seed -1"),
        (["--activation", "gelu"], "gelu"),
        (["--json", "maybe"], "maybe"),
        (["--epochs", "3"], "--epochs"),
        (["--weights", "no/such/file"], "no/such/file"),
        (["--weights", "."], "--weights ."),
        (["--weights", "README.md"], "README.md is not a network"),
        (["--data-dir", "no/such/folder", "--dataset", "mnist"], "no/such/folder"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_told_in_one_line(run, monkeypatch, flags, told):
    monkeypatch.chdir(ROOT)
    status, out, err = run(*flags)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert told in line


@pytest.mark.parametrize(
    ("settings", "flags", "told"),
    [
        ({}, ["--layers", "784", "10"], "784 12 10"),
        ({}, ["--activation", "tanh"], "relu"),
        ({"widths": (28, 12, 10)}, [], "28"),
        ({"widths": (784, 20)}, [], "20"),
        ({"change": lambda model: model[0].weight.data.fill(np.nan)}, [], "not finite"),
        ({"dtype": np.float64, "change": lambda model: model[2].bias.data.fill(1e300)}, [], "not finite in float32"),
    ],
    ids=["layers", "activation", "no pixels", "no classes", "nan", "too large"],
)
def test_weights_that_do_not_suit_are_told_in_one_line_that_names_the_file(run, save, settings, flags, told):
    path = save(**settings)
    status, out, err = run("--weights", path, *flags)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert str(path) in line
    assert told in line


@pytest.mark.parametrize("flags", [["--json"], []], ids=["json", "page"])
def test_in_a_process_of_its_own_without_tensorflow_it_says_so_and_hears_the_others(tmp_path, flags):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('not on this machine')")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "mnist.check", "--dataset", "mnist-5k", *SMALL, *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    data, tensorflow = done.stderr.splitlines()
    assert data.startswith("mnist-5k: ")
    assert tensorflow.startswith("TensorFlow is not installed")
    if flags:
        assert {c["witness"] for c in report_of(done.stdout)["comparisons"]} == {"engine", "by hand"}
    else:
        assert "All 42 comparisons hold." in done.stdout
