"""The network that a configuration asks for, and what is said of it before there is room for it."""

import numpy as np
import pytest

import nets
from mnist import TrainConfig, recipes
from mnist.building import architecture, make_network
from mnist.errors import UserError
from nets.architecture import describe

EVERY = [
    {},
    {"layers": (784, 10), "activation": "tanh"},
    {"layers": (784, 30, 20, 10), "dropout": 0.25, "activation": "sigmoid"},
    {"layers": (784, 10), "dropout": 0.5},
    {"network": "lenet"},
    {"network": "lenet", "dropout": 0.5, "activation": "tanh"},
    {"network": "cnn"},
    {"network": "cnn", "dropout": 0.5},
]


@pytest.mark.parametrize("settings", EVERY, ids=str)
def test_what_is_said_of_a_network_is_what_it_is_made_of(settings):
    config = TrainConfig(**settings)
    assert architecture(config) == describe(make_network(config))


@pytest.mark.parametrize("settings", EVERY, ids=str)
def test_every_network_makes_ten_logits_of_784_pixels(settings):
    model = make_network(TrainConfig(**settings))
    x = np.random.default_rng(0).random((3, 784), np.float32)
    assert model(x).shape == (3, 10)
    used = model.eval()
    np.testing.assert_array_equal(used(x).data, used(x).data)


def test_a_network_too_large_for_any_memory_is_described_all_the_same():
    assert architecture(TrainConfig(layers=(784, 10**12, 10), dropout=0.5))["layers"][0]["out_features"] == 10**12


def test_dropout_is_after_each_activation_and_nowhere_else():
    model = make_network(TrainConfig(layers=(784, 30, 20, 10), dropout=0.25))
    kinds = [nets.Linear, nets.ReLU, nets.Dropout]
    assert [type(layer) for layer in model] == [*kinds, *kinds, nets.Linear]
    plain = make_network(TrainConfig(layers=(784, 30, 20, 10)))
    np.testing.assert_array_equal(model[3].weight.data, plain[2].weight.data)


@pytest.mark.parametrize("name", recipes.PRESETS)
def test_a_preset_makes_sense_and_some_of_it_can_be_changed(name):
    config = recipes.preset(name)
    assert make_network(config)(np.zeros((1, 784), np.float32)).shape == (1, 10)
    assert recipes.preset(name, seed=7).seed == 7
    assert recipes.preset(name, seed=7) == TrainConfig(**{**recipes.PRESETS[name], "seed": 7})


def test_of_a_preset_that_does_not_exist_the_others_are_told():
    with pytest.raises(UserError, match=r"^--preset best: there is none of that name; choose one of tiny, default, "):
        recipes.preset("best")


@pytest.mark.parametrize(
    ("name", "widths"), [("tiny", (784, 10, 10)), ("wide", (784, 512, 256, 10)), ("simard", (784, 800, 10))]
)
def test_the_presets_that_are_named_for_it_have_their_widths(name, widths):
    assert recipes.preset(name).layers == widths
