"""A convolution is what its definition says, out of windows and a matrix product, and refuses what does not fit."""

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff import Tensor


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def conv(*args, seed=0, dtype=np.float64, **kwargs):
    return nets.Conv2d(*args, **kwargs, rng=np.random.default_rng(seed), dtype=dtype)


def by_definition(x, w, b, stride, padding, groups):
    """The convolution, one number at a time."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    m, _, height, width = x.shape
    out_channels, channels, h, v = w.shape
    down, across = (height - h) // stride[0] + 1, (width - v) // stride[1] + 1
    out = np.zeros((m, out_channels, down, across))
    for n, o, i, j in np.ndindex(out.shape):
        first = o // (out_channels // groups) * channels
        i0, j0 = i * stride[0], j * stride[1]
        out[n, o, i, j] = np.sum(x[n, first : first + channels, i0 : i0 + h, j0 : j0 + v] * w[o]) + b[o]
    return out


SETTINGS = [
    # channels in and out, kernel, stride, padding, groups
    (1, 1, (1, 1), (1, 1), (0, 0), 1),
    (2, 3, (3, 2), (1, 1), (0, 0), 1),
    (3, 2, (3, 3), (2, 1), (1, 2), 1),
    (4, 6, (2, 3), (1, 2), (2, 0), 2),
    (3, 6, (2, 2), (1, 1), (0, 1), 3),
    (2, 2, (6, 5), (1, 1), (0, 0), 1),
    (1, 2, (2, 2), (5, 4), (0, 0), 1),
]


@pytest.mark.parametrize(("channels", "out", "kernel", "stride", "padding", "groups"), SETTINGS)
@pytest.mark.parametrize("m", [3, 1, 0])
def test_a_convolution_is_what_its_definition_says(m, channels, out, kernel, stride, padding, groups):
    layer = conv(channels, out, kernel, stride, padding, groups)
    layer.bias.data = normal(out, seed=1)
    x = normal(m, channels, 6, 5)
    want = by_definition(x, layer.weight.data, layer.bias.data, stride, padding, groups)
    result = layer(Tensor(x))
    assert result.shape == want.shape
    np.testing.assert_allclose(result.data, want, rtol=1e-12, atol=1e-12)
    functional = nets.conv2d(x, layer.weight, layer.bias, stride, padding, groups)
    np.testing.assert_array_equal(functional.data, result.data)


def test_one_number_stands_for_both_directions():
    x = normal(2, 3, 6, 5)
    one, two = conv(3, 2, 3, 2, 1), conv(3, 2, (3, 3), (2, 2), (1, 1))
    np.testing.assert_array_equal(one(x).data, two(x).data)


def test_without_bias_nothing_is_added():
    layer = conv(2, 3, 2, bias=False)
    assert layer.bias is None
    x = normal(2, 2, 4, 4)
    want = by_definition(x, layer.weight.data, np.zeros(3), (1, 1), (0, 0), 1)
    np.testing.assert_allclose(layer(x).data, want, rtol=1e-12, atol=1e-12)


def test_a_student_sees_windows_and_a_product():
    graph = ad.trace(conv(2, 3, 3), normal(2, 2, 5, 5))
    assert [operation.primitive.name for operation in graph] == [
        "sliding_windows", "permute_dims", "reshape", "reshape", "matmul", "reshape", "reshape", "add",
    ]  # fmt: skip
    (product,) = [operation for operation in graph if operation.primitive.name == "matmul"]
    assert [value.shape for value in product.inputs] == [(3, 2 * 3 * 3), (2, 2 * 3 * 3, 3 * 3)]


def test_the_weights_are_drawn_from_the_numbers_that_a_window_has():
    layer = conv(8, 400, 5, groups=2, dtype=np.float32)
    assert layer.weight.shape == (400, 4, 5, 5)
    assert layer.weight.dtype == layer.bias.dtype == np.float32
    assert layer.weight.data.std() == pytest.approx(np.sqrt(2 / 100), rel=0.02)
    assert not layer.bias.data.any()
    assert layer.weight.data.flags.c_contiguous


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: conv(3, 4, 2, groups=2), r"Conv2d: 2 groups do not divide 3 channels in and 4 channels out"),
        (lambda: conv(4, 3, 2, groups=2), r"Conv2d: 2 groups do not divide 4 channels in and 3 channels out"),
        (lambda: conv(4, 4, 2, groups=0), r"Conv2d: 0 groups"),
        (lambda: conv(0, 4, 2), r"Conv2d: needs a channel in and out at least, not 0 and 4"),
        (lambda: conv(1, 0, 2), r"Conv2d: needs a channel in and out at least, not 1 and 0"),
        (lambda: conv(1, 1, 0), r"Conv2d: kernel_size must be an integer of 1 or more, or two of them, not 0"),
        (lambda: conv(1, 1, 2, stride=-1), r"Conv2d: stride must be an integer of 1 or more, or two of them, not -1"),
        (lambda: conv(1, 1, 2, stride=(1, 0)), r"stride must be .* not \(1, 0\)"),
        (lambda: conv(1, 1, 2, padding=-1), r"Conv2d: padding must be an integer of 0 or more"),
        (lambda: conv(1, 1, (2, 2, 2)), r"kernel_size must be .* not \(2, 2, 2\)"),
        (lambda: conv(1, 1, 2.5), r"kernel_size must be .* not 2.5"),
        (lambda: conv(1, 2, 5)(normal(2, 1, 4, 6)), r"kernel of \(5, 5\) is larger than the images, .* \(4, 6\)"),
        (lambda: conv(1, 2, 7, padding=1)(normal(2, 1, 4, 6)), r"kernel of \(7, 7\) is larger .* \(6, 8\)"),
        (lambda: conv(3, 2, 2)(normal(2, 1, 4, 6)), r"conv2d: needs images of 3 channels, but got 1, in shape"),
        (lambda: conv(1, 2, 2)(normal(2, 784)), r"conv2d: needs images .* got shape \(2, 784\); x.reshape\(2, 1, he"),
        (lambda: conv(1, 2, 2)(normal(1, 28, 28)), r"conv2d: needs images .* got shape \(1, 28, 28\)$"),
        (lambda: nets.conv2d(normal(1, 2, 4, 4), normal(3, 2)), r"conv2d: needs weights .* but got shape \(3, 2\)"),
        (lambda: nets.conv2d(normal(1, 2, 4, 4), normal(3, 1, 2, 2), groups=2), "2 groups do not divide 2 .* and 3 "),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(make, told):
    with pytest.raises(ValueError, match=told) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_the_description_tells_what_is_not_as_usual():
    assert repr(conv(1, 6, 5)).startswith("Conv2d(1 → 6, kernel (5, 5))  weight (6, 1, 5, 5)  bias (6,): 156")
    assert "stride (2, 2), padding (0, 1), groups 2" in repr(conv(2, 4, 3, 2, (0, 1), 2))


# ── pooling ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(2, None, 0), ((2, 3), None, 0), (3, 1, 1), (2, (3, 1), 0), ((3, 4), (1, 2), (1, 2)), ((6, 5), 1, 0)],
)
def test_pooling_is_what_its_definition_says(kernel, stride, padding):
    x = normal(2, 3, 6, 5)
    kernels, paddings = np.broadcast_to(kernel, 2), np.broadcast_to(padding, 2)
    steps = kernels if stride is None else np.broadcast_to(stride, 2)
    for kind, functional, around, of in (
        (nets.MaxPool2d, nets.max_pool2d, -np.inf, np.max),
        (nets.AvgPool2d, nets.avg_pool2d, 0.0, np.mean),
    ):
        wide = np.pad(x, ((0, 0), (0, 0), (paddings[0],) * 2, (paddings[1],) * 2), constant_values=around)
        down, across = ((np.array(wide.shape[2:]) - kernels) // steps + 1).tolist()
        want = np.empty((2, 3, down, across))
        for i, j in np.ndindex(down, across):
            (top, left), (h, v) = np.multiply((i, j), steps), kernels
            want[:, :, i, j] = of(wide[:, :, top : top + h, left : left + v], axis=(2, 3))
        result = kind(kernel, stride, padding)(Tensor(x))
        assert result.shape == want.shape
        np.testing.assert_allclose(result.data, want, rtol=1e-13, atol=1e-14)
        np.testing.assert_array_equal(functional(x, kernel, stride, padding), result.data)


def test_the_largest_share_the_gradient_evenly_as_those_of_max_do():
    x = Tensor(np.array([[[[1.0, 1.0, 0.0], [0.0, 1.0, 2.0]]]]), requires_grad=True)
    nets.MaxPool2d(2, 1)(x).backward(np.array([[[[3.0, 5.0]]]]))
    np.testing.assert_array_equal(x.grad.data, [[[[1, 1, 0], [0, 1, 5]]]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pooling_keeps_the_dtype_with_padding_too(dtype):
    x = normal(1, 1, 4, 4).astype(dtype)
    for kind in (nets.MaxPool2d, nets.AvgPool2d):
        assert kind(2, padding=1)(Tensor(x)).dtype == dtype


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: nets.MaxPool2d(3)(normal(1, 1, 2, 4)), r"max_pool2d: a kernel of \(3, 3\) is larger .* \(2, 4\)"),
        (lambda: nets.AvgPool2d(2)(normal(2, 8)), r"avg_pool2d: needs images .* but got shape \(2, 8\)"),
        (lambda: nets.MaxPool2d(2, padding=2)(normal(1, 1, 4, 4)), r"padding of \(2, 2\) is more than half of the ker"),
        (lambda: nets.MaxPool2d(0), "MaxPool2d: kernel_size must be an integer of 1 or more"),
        (lambda: nets.AvgPool2d(2, 0), "AvgPool2d: stride must be an integer of 1 or more"),
        (lambda: nets.AvgPool2d(2, padding=-1), "AvgPool2d: padding must be an integer of 0 or more"),
    ],
)
def test_pools_that_do_not_fit_are_refused_in_one_line(make, told):
    with pytest.raises(ValueError, match=told) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_pools_describe_themselves():
    assert repr(nets.MaxPool2d(2)) == "MaxPool2d(kernel (2, 2))"
    assert repr(nets.AvgPool2d(3, 1, 1)) == "AvgPool2d(kernel (3, 3), stride (1, 1), padding (1, 1))"
