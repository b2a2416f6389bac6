"""What differences measure where they can, what they leave alone where they cannot, and which images are left out."""

import numpy as np
import pytest

import nets
from mnist import witnesses
from mnist.engines import by_hand
from mnist.witnesses import ACCURACY, DIRECTIONS, clear_of_kinks, differences, doubt, hear, in_dtype
from nets import manual

every_activation = pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])


def network(widths, activation="relu", dtype=np.float64, seed=0):
    rng = np.random.default_rng([seed, *widths])
    model = nets.MLP(widths, activation, rng=rng, dtype=dtype)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data = (0.3 * rng.standard_normal(parameter.shape)).astype(dtype)
    return model


def batch(model, size=5, seed=0):
    rng = np.random.default_rng(seed)
    first, last = model.layer_dims[0], model.layer_dims[-1]
    return rng.standard_normal((size, first)), rng.integers(0, last, size)


def measure(model, x, y, seed=1):
    return differences(model, x, y, np.random.default_rng(seed))


# ── differences ─────────────────────────────────────────────────────────────────────────────────────────


@every_activation
@pytest.mark.parametrize("widths", [(4, 3), (4, 5, 3), (4, 6, 5, 4, 3)], ids=str)
def test_slopes_are_those_of_the_derivation_by_hand(widths, activation):
    model = network(widths, activation)
    x, y = batch(model)
    measured = measure(model, x, y)
    by_formula = hear(by_hand, model, x, y)
    assert measured.loss == pytest.approx(by_formula["loss"], rel=1e-14)
    assert measured.testimony.keys() == by_formula.keys()
    for name, directions in measured.directions.items():
        assert directions.shape == (DIRECTIONS, *by_formula[name].shape)
        expected = [np.vdot(direction, by_formula[name]) for direction in directions]
        np.testing.assert_allclose(measured.slopes[name], expected, rtol=ACCURACY)
        np.testing.assert_allclose(measured.put_to(by_formula)[name], expected, rtol=1e-12, atol=1e-15)


def test_the_forward_pass_of_differences_is_no_ones_but_theirs(monkeypatch):
    model = network((4, 5, 3))
    x, y = batch(model)
    before = measure(model, x, y)
    wrong = manual.Activation(lambda z: 2 * z, lambda z, a: 3 * z)
    monkeypatch.setitem(manual.ACTIVATIONS, "relu", wrong)
    monkeypatch.setattr(nets.MLP, "forward", None)
    after = measure(model, x, y)
    assert after.loss == before.loss
    for name in before.slopes:
        np.testing.assert_array_equal(before.slopes[name], after.slopes[name])


def test_a_kink_within_the_first_step_is_kept_off_by_a_shorter_one():
    """|x| as two units: the loss bends where the bias is 0, and the slope on the side of the point is measured."""
    for distance in (1e-3, 1e-5, 1e-6):
        model = network((1, 2, 2))
        W1, b1, W2, b2 = model.parameters()
        W1.data, b1.data = np.array([[1.0, -1.0]]), np.array([distance, -distance])
        W2.data, b2.data = np.array([[1.0, 0.0], [1.0, 0.0]]), np.zeros(2)
        x, y = np.zeros((1, 1)), np.array([1])
        measured = measure(model, x, y)
        slope = 1 / (1 + np.exp(-distance))  # of the loss log(1 + e^|z|), by |z|
        directions = measured.directions["layers.0.bias"]
        assert len(directions) == DIRECTIONS
        np.testing.assert_allclose(measured.slopes["layers.0.bias"], slope * directions[:, 0], rtol=ACCURACY)


def test_directions_that_begin_on_a_kink_are_left_out():
    model = network((4, 3, 2))
    model[0].weight.data[:, 1], model[0].bias.data[1] = 0.0, 0.0  # a unit whose input is exactly 0
    x, y = batch(model)
    measured = measure(model, x, y)
    assert {name: len(slopes) for name, slopes in measured.slopes.items()} == {
        "layers.0.weight": 0,
        "layers.0.bias": 0,
        "layers.2.weight": DIRECTIONS,
        "layers.2.bias": DIRECTIONS,
    }
    assert measured.testimony.keys() == {"loss", "layers.2.weight", "layers.2.bias"}
    assert measured.directions["layers.0.weight"].shape == (0, 4, 3)


def test_slopes_that_drown_in_rounding_are_left_out_and_those_beside_them_are_right():
    model = network((4, *[5] * 20, 3), "sigmoid")
    x, y = batch(model)
    measured, by_formula = measure(model, x, y), hear(by_hand, model, x, y)
    assert np.abs(by_formula["layers.0.weight"]).max() < 1e-12
    assert len(measured.slopes["layers.0.weight"]) == 0
    assert len(measured.slopes["layers.40.weight"]) == DIRECTIONS
    for name, slopes in measured.slopes.items():
        np.testing.assert_allclose(slopes, measured.put_to(by_formula)[name], rtol=ACCURACY, err_msg=name)


@pytest.mark.parametrize("pixel", [1.0, 1e3, 1e5])
def test_where_the_loss_bends_sharply_shorter_steps_are_taken(pixel):
    """With z = pixel·(w₁ − w₂) the loss is log(1 + e⁻ᶻ), whose slope by w₁ is −pixel / (1 + eᶻ)."""
    model = network((1, 2))
    model[0].weight.data, model[0].bias.data = np.array([[0.5 / pixel, 0.0]]), np.zeros(2)
    measured = measure(model, np.array([[pixel]]), np.array([0]))
    directions = measured.directions["layers.0.weight"]
    assert len(directions) == DIRECTIONS
    expected = -pixel / (1 + np.exp(0.5)) * (directions[:, 0, 0] - directions[:, 0, 1])
    np.testing.assert_allclose(measured.slopes["layers.0.weight"], expected, rtol=ACCURACY)


def test_equal_generators_give_equal_differences():
    model = network((4, 5, 3))
    x, y = batch(model)
    for name, slopes in measure(model, x, y).slopes.items():
        np.testing.assert_array_equal(slopes, measure(model, x, y).slopes[name])
        assert not np.array_equal(slopes, measure(model, x, y, seed=2).slopes[name])


# ── the loss and its doubt ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("z", "loss"), [(40.0, np.exp(-40)), (700.0, np.exp(-700)), (-1e5, 1e5), (0.0, np.log(2))])
def test_the_loss_has_all_its_digits_be_it_almost_0_or_huge(z, loss):
    model = network((1, 2))
    model[0].weight.data, model[0].bias.data = np.array([[z, 0.0]]), np.zeros(2)
    x, y = np.ones((1, 1)), np.array([0])
    assert measure(model, x, y).loss == pytest.approx(loss, rel=1e-12)
    assert doubt(model, x, y) == pytest.approx(-np.expm1(-loss), rel=1e-12)


def test_doubt_is_the_mean_of_what_is_not_given_to_the_label():
    model = network((4, 6, 3))
    x, y = batch(model, 20)
    W, b = ([layer.weight.data for layer in (model[0], model[2])], [layer.bias.data for layer in (model[0], model[2])])
    probabilities = manual.forward(W, b, x).A[-1]
    assert doubt(model, x, y) == pytest.approx(np.mean(1 - probabilities[np.arange(20), y]))


# ── what is left out ────────────────────────────────────────────────────────────────────────────────────


def test_an_image_is_left_out_when_a_unit_in_any_layer_is_within_rounding_of_its_kink():
    model = network((4, 5, 5, 3))
    x, _ = batch(model, 8)
    assert clear_of_kinks(model, x).all()
    W, b = model[0].weight.data, model[0].bias.data
    b[3] = -(x[2] @ W[:, 3]) * (1 + 1e-7)
    assert clear_of_kinks(model, x).tolist() == [True, True, False, *[True] * 5]
    W2, b2 = model[2].weight.data, model[2].bias.data
    b2[1] = -(np.maximum(x[5] @ W + b, 0) @ W2[:, 1]) * (1 + 1e-7)
    assert clear_of_kinks(model, x).tolist() == [True, True, False, True, True, False, True, True]


def test_a_unit_of_the_last_layer_has_no_kink():
    model = network((4, 3))
    x, _ = batch(model, 8)
    model[0].bias.data[1] = -(x[2] @ model[0].weight.data[:, 1])
    assert clear_of_kinks(model, x).all()


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_without_relu_no_image_is_left_out(activation):
    model = network((4, 5, 3), activation)
    x, _ = batch(model, 8)
    model[0].bias.data[1] = -(x[2] @ model[0].weight.data[:, 1])
    assert clear_of_kinks(model, x).all()


def test_a_unit_that_is_exactly_0_for_having_no_terms_is_no_reason_to_leave_an_image_out():
    model = network((4, 5, 3))
    model[0].weight.data[:, 1], model[0].bias.data[1] = 0.0, 0.0
    x, _ = batch(model, 8)
    assert clear_of_kinks(model, x).all()


def test_a_unit_below_which_all_are_closed_has_no_terms_but_its_bias():
    model = network((4, 5, 5, 3))
    model[0].bias.data[:] = -100.0
    model[2].bias.data[:] = 1e-6
    x, _ = batch(model, 8)
    assert clear_of_kinks(model, x).all()


@pytest.mark.parametrize("widths", [(784, 128, 64, 10), (784, *[16] * 9, 10)], ids=str)
def test_what_float32_rounds_stays_well_below_what_is_allowed_for(digits, widths):
    model = network(widths, dtype=np.float32)
    x, _ = digits.train.batch(slice(0, 200))
    parameters = model.state_dict()
    wide = {name: array.astype(np.float64) for name, array in parameters.items()}
    narrow_inputs = witnesses._forward(parameters, x, "relu")
    wide_inputs = witnesses._forward(wide, x.astype(np.float64), "relu")
    a, arrays = x.astype(np.float64), list(wide.values())
    for W, b, rounded, z in zip(arrays[::2], arrays[1::2], narrow_inputs, wide_inputs, strict=True):
        assert rounded.dtype == np.float32
        terms = np.abs(a) @ np.abs(W) + np.abs(b)
        assert np.max(np.abs(rounded - z) / terms) < witnesses._INPUT_ROUNDING / 5
        a = np.maximum(z, 0)


# ── hearing ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_testimony_is_of_the_dtype_that_was_asked_for(dtype):
    model = network((4, 5, 3), dtype=np.float32)
    x, y = batch(model)
    said = hear(by_hand, in_dtype(model, dtype), x.astype(dtype), y)
    assert list(said) == ["loss", "layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]
    assert {array.dtype for array in said.values()} == {np.dtype(dtype)}
    assert said["loss"].shape == ()


def test_a_network_in_another_dtype_has_the_same_numbers_and_a_life_of_its_own():
    model = network((4, 5, 3), "tanh", dtype=np.float32)
    wide = in_dtype(model, np.float64)
    assert (wide.layer_dims, wide.activation) == (model.layer_dims, "tanh")
    for ours, theirs in zip(model.parameters(), wide.parameters(), strict=True):
        assert theirs.dtype == np.float64
        np.testing.assert_array_equal(ours.data, theirs.data)
        assert not np.shares_memory(ours.data, theirs.data)
