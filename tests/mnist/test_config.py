"""The configuration of a run: its defaults, and what makes no sense."""

import dataclasses
import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from mnist import TrainConfig
from mnist.augmentation import Augmentation
from mnist.config import LEARNING_RATES
from mnist.errors import DivergenceError, UserError
from mnist.fields import from_json
from mnist.recipes import AS_THEY_ARE


def test_the_defaults_are_those_of_the_task():
    config = TrainConfig()
    assert config.layers == (784, 128, 64, 10)
    assert config.augmentation
    assert TrainConfig(**AS_THEY_ARE).augmentation == Augmentation()
    assert config.engine == "autodiff"
    assert config.dataset == "mnist"
    assert config.weight_decay == 0
    assert config.out is None


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_each_optimizer_has_a_learning_rate_that_a_flag_overrides(optimizer):
    assert TrainConfig(optimizer=optimizer).learning_rate == LEARNING_RATES[optimizer]
    assert TrainConfig(optimizer=optimizer, lr=0.25).learning_rate == 0.25


def test_the_help_tells_the_learning_rates_that_there_are():
    told = inspect.getsource(TrainConfig).split("lr: float | None = None")[1].split('"""')[1]
    for optimizer, lr in LEARNING_RATES.items():
        assert optimizer in told
        assert str(lr) in told


@pytest.mark.parametrize(("optimizer", "decay"), [("sgd", 0), ("momentum", 0), ("adam", 0), ("adamw", 0.01)])
def test_adamw_alone_decays_unasked(optimizer, decay):
    assert TrainConfig(optimizer=optimizer).weight_decay == decay
    assert TrainConfig(optimizer=optimizer, l2=0.5).weight_decay == 0.5
    assert TrainConfig(optimizer=optimizer, l2=0.0).weight_decay == 0


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        ({"layers": ()}, "--layers"),
        ({"layers": (784,)}, "--layers 784"),
        ({"layers": (10,)}, "--layers 10"),
        ({"layers": (28, 10)}, "--layers 28 10"),
        ({"layers": (784, 20)}, "--layers 784 20"),
        ({"layers": (784, 0, 10)}, "--layers 784 0 10"),
        ({"layers": (784, -3, 10)}, "--layers 784 -3 10"),
        ({"epochs": 0}, "--epochs 0"),
        ({"epochs": -1}, "--epochs -1"),
        ({"batch_size": 0}, "--batch-size 0"),
        ({"batch_size": -64}, "--batch-size -64"),
        ({"seed": -1}, "--seed -1"),
        ({"lr": 0.0}, "--lr 0"),
        ({"lr": -0.1}, "--lr -0.1"),
        ({"lr": float("nan")}, "--lr nan"),
        ({"lr": float("inf")}, "--lr inf"),
        ({"l2": -1e-4}, "--l2 -0.0001"),
        ({"l2": float("nan")}, "--l2 nan"),
        ({"l2": float("inf")}, "--l2 inf"),
        ({"clip": 0.0}, "--clip 0"),
        ({"clip": float("nan")}, "--clip nan"),
        ({"label_smoothing": -0.1}, "--label-smoothing -0.1"),
        ({"label_smoothing": 1.0}, "--label-smoothing 1"),
        ({"ema": 1.0}, "--ema 1"),
        ({"dropout": 1.0}, "--dropout 1"),
        ({"dropout": -0.1}, "--dropout -0.1"),
        ({"ema": float("nan")}, "--ema nan"),
        ({"validation": 1.0}, "--validation 1"),
        ({"validation": -0.5}, "--validation -0.5"),
        ({"validation": 0.5, "patience": 0}, "--patience 0"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_told_in_one_line_that_names_the_flag_and_the_value(settings, flag):
    with pytest.raises(UserError) as caught:
        TrainConfig(**settings)
    message = str(caught.value)
    assert message.startswith(flag)
    assert "must" in message
    assert "\n" not in message
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("layers", [(784, 10), (784, 1, 10), (784, 10, 10), (784, *[32] * 9, 10)], ids=str)
def test_any_number_of_layers_will_do(layers):
    assert TrainConfig(layers=layers).layers == layers


def test_a_configuration_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().epochs = 3


def test_as_json_it_has_every_field_and_the_defaults_filled_in(tmp_path):
    config = TrainConfig(optimizer="adamw", data_dir=tmp_path, out=Path("here"))
    fields = json.loads(json.dumps(config.as_json()))
    assert fields.keys() == {field.name for field in dataclasses.fields(TrainConfig)}
    assert fields["layers"] == [784, 128, 64, 10]
    assert (fields["lr"], fields["l2"]) == (LEARNING_RATES["adamw"], 0.01)
    assert (fields["data_dir"], fields["out"]) == (str(tmp_path), "here")


@pytest.mark.parametrize("engine", ["manual", "tensorflow"])
@pytest.mark.parametrize(
    ("name", "value"), [("jit", True), ("anomaly", True), ("label_smoothing", 0.1), ("dropout", 0.5)]
)
def test_what_another_engine_cannot_do_is_one_line(engine, name, value):
    with pytest.raises(UserError) as caught:
        TrainConfig(engine=engine, **{name: value})
    flag = f"--{name.replace('_', '-')}"
    assert str(caught.value) == f"{flag}: is for this engine alone; leave out --engine {engine}"


@pytest.mark.parametrize("network", ["lenet", "cnn"])
@pytest.mark.parametrize("engine", ["manual", "tensorflow"])
def test_another_engine_convolves_nothing_and_says_so_in_one_line(network, engine):
    with pytest.raises(UserError) as caught:
        TrainConfig(network=network, engine=engine, label_smoothing=0.1)
    assert str(caught.value) == f"--network {network}: is for this engine alone; leave out --engine {engine}"


def test_the_layers_of_another_network_are_not_to_be_said():
    with pytest.raises(UserError, match=r"^--layers: are of an mlp; leave them out, or --network lenet$"):
        TrainConfig(network="lenet", layers=(784, 30, 10))


def test_patience_without_images_to_validate_on_is_one_line():
    with pytest.raises(UserError, match=r"^--patience 3: needs images to validate on; add --validation 0.1$"):
        TrainConfig(patience=3)


# ── resume ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_resumed_with_its_own_flags_wherever_its_data_are_now():
    assert TrainConfig(resume=Path("runs/001")).resume == Path("runs/001")
    assert TrainConfig(resume=Path("runs/001"), data_dir=Path("digits")).data_dir == Path("digits")


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({"seed": 1}, "--seed"),
        ({"out": Path("elsewhere")}, "--out"),
        ({"batch_size": 32, "epochs": 3, "lr": 0.1}, "--epochs --batch-size --lr"),
        ({"epochs": 0}, "--epochs"),
    ],
    ids=str,
)
def test_other_flags_beside_resume_are_one_line_that_names_them(settings, flags):
    with pytest.raises(UserError) as caught:
        TrainConfig(resume=Path("runs/001"), **settings)
    assert str(caught.value) == f"--resume runs/001: the run goes on with its own flags; leave out {flags}"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adamw", "layers": (784, 10), "seed": 10**30, "engine": "manual"},
        {"anomaly": True},
        {"lr": 1 / 3, "l2": 0.1, "data_dir": Path("digits"), "out": Path("here"), "dataset": "mnist-5k"},
    ],
    ids=str,
)
def test_a_configuration_comes_back_from_json_with_the_defaults_filled_in(settings):
    config = TrainConfig(**settings)
    again = from_json(TrainConfig, json.loads(json.dumps(config.as_json())))
    assert again == dataclasses.replace(config, lr=config.learning_rate, l2=config.weight_decay)
    assert again.as_json() == config.as_json()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("anomaly", 1),
        ("anomaly", None),
        ("layers", "784 10"),
        ("layers", [784, 10.0]),
        ("layers", [784, True, 10]),
        ("layers", [[784, 10]]),
        ("epochs", 2.0),
        ("epochs", True),
        ("epochs", None),
        ("epochs", "2"),
        ("optimizer", "rmsprop"),
        ("optimizer", None),
        ("optimizer", ["adam"]),
        ("lr", "fast"),
        ("lr", False),
        ("seed", None),
        ("data_dir", 3),
        ("out", ["runs"]),
    ],
    ids=str,
)
def test_a_field_of_another_type_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f"{field} must be .*, not "):
        from_json(TrainConfig, {**TrainConfig().as_json(), "layers": [784, 10], field: value})
    with pytest.raises(UserError, match=f"{field} must be .*, not "):
        TrainConfig(**{field: value})


def test_what_a_setting_should_be_is_told():
    with pytest.raises(UserError, match=r"^optimizer must be one of sgd, momentum, adam, adamw, not 'rmsprop'$"):
        TrainConfig(optimizer="rmsprop")
    with pytest.raises(UserError, match=r"^each of layers must be a whole number, not 10.5$"):
        TrainConfig(layers=(784, 10.5, 10))


def test_who_writes_a_list_a_text_or_a_number_of_numpy_is_understood():
    given = TrainConfig(layers=[784, 10], out="runs/x", lr=1, seed=np.int64(3), clip=np.float32(0.5))
    assert given == TrainConfig(layers=(784, 10), out=Path("runs/x"), lr=1.0, seed=3, clip=0.5)
    assert json.loads(json.dumps(given.as_json()))["seed"] == 3


@pytest.mark.parametrize("fields", [None, [], "", "layers", 784])
def test_what_is_no_fields_at_all_is_refused(fields):
    with pytest.raises(ValueError, match="not the fields of a TrainConfig"):
        from_json(TrainConfig, fields)


def test_other_fields_than_those_of_a_configuration_are_refused_by_name():
    fields = TrainConfig().as_json()
    del fields["seed"]
    with pytest.raises(ValueError, match="another version, which differs in colour, seed"):
        from_json(TrainConfig, {**fields, "colour": "red"})


def test_divergence_is_a_mistake_with_a_status_of_its_own():
    assert issubclass(DivergenceError, UserError)
    assert DivergenceError.exit_status == 3
