"""Normalised numbers have mean 0 and variance 1; the running statistics follow, are saved, and are what is used."""

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff import Tensor

SHAPES = [(6, 3), (4, 3, 5), (3, 3, 2, 4)]


def normal(*shape, seed=0):
    return 3 * np.random.default_rng([seed, *shape]).standard_normal(shape) + 2


def norm_of(shape, **settings):
    kind = nets.BatchNorm2d if len(shape) == 4 else nets.BatchNorm1d
    return kind(shape[1], **{"dtype": np.float64, **settings})


def by_channel(x):
    """A row for each channel."""
    return np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_in_training_each_channel_has_mean_0_and_variance_1(shape):
    out = norm_of(shape, eps=0.0)(normal(*shape)).data
    np.testing.assert_allclose(by_channel(out).mean(1), 0, atol=1e-14)
    np.testing.assert_allclose(by_channel(out).var(1), 1, rtol=1e-13)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_weight_and_bias_scale_and_shift_each_channel(shape):
    layer, x = norm_of(shape), normal(*shape)
    plain = layer(x).data
    layer.weight.data, layer.bias.data = np.array([1.0, -2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    along = (1, 3, *(1,) * (len(shape) - 2))
    want = plain * layer.weight.data.reshape(along) + layer.bias.data.reshape(along)
    np.testing.assert_allclose(layer(x).data, want, rtol=1e-13)
    assert list(dict(norm_of(shape, affine=False).named_parameters())) == []


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("momentum", [0.1, 0.5, 1.0, 0.0])
def test_running_statistics_move_by_the_momentum_to_the_mean_and_the_unbiased_variance(shape, momentum):
    layer = norm_of(shape, momentum=momentum)
    mean, variance = np.zeros(3), np.ones(3)
    for seed in range(3):
        x = normal(*shape, seed=seed)
        layer(x)
        mean = (1 - momentum) * mean + momentum * by_channel(x).mean(1)
        variance = (1 - momentum) * variance + momentum * by_channel(x).var(1, ddof=1)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(layer.running_var.data, variance, rtol=1e-13)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_in_use_the_running_statistics_are_what_divides_and_stay(shape):
    layer, x = norm_of(shape), normal(*shape)
    layer(normal(*shape, seed=1))
    layer.eval()
    before = layer.state_dict()
    along = (1, 3, *(1,) * (len(shape) - 2))
    mean, variance = (before[name].reshape(along) for name in ("running_mean", "running_var"))
    np.testing.assert_allclose(layer(x).data, (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-12)
    np.testing.assert_allclose(layer(x[:1]).data, layer(x).data[:1], rtol=1e-13)
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_the_gradient_knows_that_mean_and_variance_depend_on_the_batch():
    x = Tensor(normal(5, 3), requires_grad=True)
    out = norm_of((5, 3))(x)
    out.backward(np.random.default_rng(1).standard_normal((5, 3)))
    np.testing.assert_allclose(x.grad.data.sum(0), 0, atol=1e-13)  # a shift of the batch changes nothing


def test_running_statistics_are_not_recorded_nor_trained():
    layer = norm_of((5, 3))
    layer(Tensor(normal(5, 3), requires_grad=True))
    assert layer.running_mean.node is None
    assert not layer.running_mean.requires_grad
    assert {name for name, _ in layer.named_parameters()} == {"weight", "bias"}
    assert [name for name, _ in layer.named_buffers()] == ["running_mean", "running_var"]
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var"]


def test_what_was_computed_in_use_is_differentiated_with_the_statistics_that_it_used():
    layer = norm_of((5, 3)).eval()
    variance = layer.running_var.data.copy()
    x = Tensor(normal(5, 3), requires_grad=True)
    out = layer(x)
    layer.train()(normal(5, 3, seed=1))
    out.backward(np.ones((5, 3)))
    np.testing.assert_allclose(x.grad.data, np.tile(1 / np.sqrt(variance + 1e-5), (5, 1)), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_stay(dtype):
    layer = norm_of((5, 3), dtype=dtype)
    assert layer(normal(5, 3).astype(dtype)).dtype == dtype
    assert {array.dtype for array in layer.state_dict().values()} == {np.dtype(dtype)}


def test_float64_images_leave_statistics_of_float32_as_they_are():
    layer = norm_of((5, 3), dtype=np.float32)
    layer(normal(5, 3))
    assert layer.running_mean.dtype == np.float32


@pytest.mark.parametrize("shape", [(5, 4), (5, 2, 3), (2, 3, 4, 5)])
def test_layer_norm_is_of_each_example_by_itself(shape):
    for axes in range(1, len(shape)):
        own = shape[-axes:]
        layer = nets.LayerNorm(own, eps=0.0, dtype=np.float64)
        out = layer(normal(*shape)).data.reshape(*shape[:-axes], -1)
        np.testing.assert_allclose(out.mean(-1), 0, atol=1e-13)
        np.testing.assert_allclose(out.var(-1), 1, rtol=1e-12)
        np.testing.assert_allclose(layer(normal(*shape)).data[:1], layer(normal(*shape)[:1]).data, rtol=1e-12)


def test_layer_norm_without_parameters_or_without_bias():
    assert not list(nets.LayerNorm(3, elementwise_affine=False).parameters())
    assert [name for name, _ in nets.LayerNorm(3, bias=False).named_parameters()] == ["weight"]
    assert nets.LayerNorm((2, 3)).weight.shape == (2, 3)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: norm_of((1, 3))(normal(1, 3)), r"BatchNorm1d: in training each channel needs two .* \(1, 3\)"),
        (lambda: norm_of((1, 3, 1, 1))(normal(1, 3, 1, 1)), r"BatchNorm2d: in training .* larger batch, or .*eval"),
        (lambda: norm_of((0, 3))(normal(0, 3)), r"BatchNorm1d: in training each channel needs two"),
        (lambda: norm_of((5, 3))(normal(5, 4)), r"BatchNorm1d: needs rows .* with 3 channels, but got shape \(5, 4\)"),
        (lambda: norm_of((5, 3))(normal(5, 3, 2, 2)), r"BatchNorm1d: needs rows .* or sequences .* \(5, 3, 2, 2\)"),
        (lambda: norm_of((5, 3, 2, 2))(normal(5, 3)), r"BatchNorm2d: needs images .* but got shape \(5, 3\)"),
        (lambda: nets.BatchNorm1d(0), "BatchNorm1d: needs at least one feature, not 0"),
        (lambda: nets.BatchNorm2d(3, eps=-1.0), "BatchNorm2d: eps must be 0 or more"),
        (lambda: nets.BatchNorm2d(3, momentum=1.5), r"momentum from 0 to 1, not 1e-05 and 1.5"),
        (lambda: nets.LayerNorm(()), "LayerNorm: needs lengths of 1 or more"),
        (lambda: nets.LayerNorm((3, 0)), "LayerNorm: needs lengths of 1 or more"),
        (lambda: nets.LayerNorm(3, eps=-1.0), "LayerNorm: .* eps of 0 or more"),
        (lambda: nets.LayerNorm(4)(normal(5, 3)), r"LayerNorm: the last axes must be \(4,\), but .* \(5, 3\)"),
    ],
)
def test_what_cannot_be_normalised_is_refused_in_one_line(make, told):
    with pytest.raises(ValueError, match=told) as caught:
        make()
    assert "\n" not in str(caught.value)


# ── statistics of other images than those of training ───────────────────────────────────────────────────


def rows(seed):
    return np.float32(normal(8, 3, seed=seed))


def trained_on(x):
    """A network of two batch norms and a dropout, in training, whose statistics have followed some rows a little."""
    rng = np.random.default_rng(0)
    layers = [nets.Linear(3, 4, rng=rng), nets.BatchNorm1d(4), nets.ReLU(), nets.Dropout(0.5, rng=rng)]
    model = nets.Sequential(*layers, nets.Linear(4, 2, rng=rng), nets.BatchNorm1d(2, momentum=0.3))
    model(x)
    return model


@pytest.mark.parametrize("compile", [lambda model: None, lambda model: model, lambda model: ad.jit(lambda x: model(x))])
def test_statistics_become_the_mean_of_those_of_the_batches(compile):
    model = trained_on(rows(0))
    batches = [rows(i) for i in range(1, 4)]
    first, norm, _, _, last, last_norm = model
    hidden = [x @ first.weight.data + first.bias.data for x in batches]
    scaled = [(h - h.mean(0)) / np.sqrt(h.var(0) + norm.eps) for h in hidden]
    out = [np.maximum(h, 0) @ last.weight.data + last.bias.data for h in scaled]  # nothing is left out
    weights = [p.data.copy() for p in model.parameters()]

    nets.update_batch_norm(model, iter(batches), compile(model))
    for layer, seen in ((norm, hidden), (last_norm, out)):
        np.testing.assert_allclose(layer.running_mean.data, np.mean([z.mean(0) for z in seen], 0), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(layer.running_var.data, np.mean([z.var(0, ddof=1) for z in seen], 0), rtol=1e-4)
        assert layer.running_mean.dtype == layer.running_var.dtype == np.float32
    assert [norm.momentum, last_norm.momentum] == [0.1, 0.3]
    assert all(module.training for module in model.modules())
    for p, before in zip(model.parameters(), weights, strict=True):
        np.testing.assert_array_equal(p.data, before)
        assert p.grad is None


def test_what_was_in_use_is_in_use_again_even_after_an_error():
    model = trained_on(rows(0)).eval()
    before = model.state_dict()
    with pytest.raises(ValueError, match="matmul"):
        nets.update_batch_norm(model, [rows(1), np.zeros((8, 5), np.float32)])
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())
    assert not any(module.training for module in model.modules())
    assert [norm.momentum for norm in model.modules() if isinstance(norm, nets.BatchNorm1d)] == [0.1, 0.3]


def test_without_batch_norm_or_batches_nothing_is_done():
    model = trained_on(rows(0))
    before = model.state_dict()
    nets.update_batch_norm(model, [])
    nets.update_batch_norm(nets.Linear(3, 2, rng=np.random.default_rng(0)), iter(()).__next__)
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())
