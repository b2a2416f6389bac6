"""Cross-entropy from logits: its values, its gradients, its stability, and what it refuses."""

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff import Tensor

INTEGERS = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64]
SHAPES = [(1, 2), (6, 10), (64, 3), (5, 1)]


def logits_of(m, n, seed=0, scale=3.0, dtype=np.float64):
    return (scale * np.random.default_rng([seed, m, n]).standard_normal((m, n))).astype(dtype)


def labels_of(m, n, dtype=np.int64):
    return np.random.default_rng([1, m, n]).integers(0, n, m).astype(dtype)


def soft_labels(m, n):
    weights = np.random.default_rng([2, m, n]).exponential(size=(m, n))
    return weights / weights.sum(axis=1, keepdims=True)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def value_and_gradient(logits, labels):
    z = Tensor(logits, requires_grad=True)
    loss = nets.cross_entropy(z, labels)
    loss.backward()
    return loss, z.grad.data


def close(a, b, rtol=1e-12):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(np.abs(b).max(), np.finfo(float).tiny))


# ── values and gradients ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wrap", [np.asarray, Tensor], ids=["ndarray", "Tensor"])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_labels_of_every_dtype(dtype, wrap):
    z, y = logits_of(6, 10), labels_of(6, 10)
    loss, gradient = value_and_gradient(z, wrap(y.astype(dtype)))
    close(loss.data, -np.mean(np.log(softmax(z))[np.arange(6), y]))
    close(gradient, (softmax(z) - np.eye(10)[y]) / 6)


@pytest.mark.parametrize(("m", "n"), SHAPES)
def test_the_gradient_is_softmax_less_labels_over_m(m, n):
    z, y = logits_of(m, n), labels_of(m, n)
    loss, gradient = value_and_gradient(z, y)
    assert loss.shape == ()
    close(loss.data, -np.mean(np.log(softmax(z))[np.arange(m), y]))
    np.testing.assert_allclose(gradient, (softmax(z) - np.eye(n)[y]) / m, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("wrap", [np.asarray, Tensor], ids=["ndarray", "Tensor"])
@pytest.mark.parametrize(("m", "n"), SHAPES)
def test_soft_labels(m, n, wrap):
    z, p = logits_of(m, n), soft_labels(m, n)
    loss, gradient = value_and_gradient(z, wrap(p))
    close(loss.data, -np.mean(np.sum(p * np.log(softmax(z)), axis=1)))
    np.testing.assert_allclose(gradient, (softmax(z) - p) / m, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8, bool])
def test_one_hot_labels_give_what_integers_give(dtype):
    z, y = logits_of(6, 10), labels_of(6, 10)
    by_integer, by_row = value_and_gradient(z, y), value_and_gradient(z, np.eye(10)[y].astype(dtype))
    close(by_row[0].data, by_integer[0].data)
    np.testing.assert_allclose(by_row[1], by_integer[1], rtol=1e-12, atol=1e-14)


def test_float32_stays_float32():
    z, y = logits_of(6, 10, dtype=np.float32), labels_of(6, 10)
    for labels in (y, np.eye(10, dtype=np.float32)[y]):
        loss, gradient = value_and_gradient(z, labels)
        assert loss.dtype == np.float32
        assert gradient.dtype == np.float32
        close(gradient, (softmax(z.astype(np.float64)) - np.eye(10)[y]) / 6, 1e-6)


def test_logits_may_be_a_plain_array():
    z, y = logits_of(6, 10), labels_of(6, 10)
    assert float(nets.cross_entropy(z, y)) == pytest.approx(
        nets.cross_entropy(Tensor(z), y).item(), rel=1e-15
    )


@pytest.mark.parametrize("ε", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("soft", [False, True])
def test_smoothed_labels_are_those_labels_with_a_part_of_them_spread_evenly(ε, soft):
    z, y = logits_of(6, 10), labels_of(6, 10)
    p = soft_labels(6, 10) if soft else np.eye(10)[y]
    z_ = Tensor(z, requires_grad=True)
    loss = nets.cross_entropy(z_, p if soft else y, label_smoothing=ε)
    loss.backward()
    smoothed = (1 - ε) * p + ε / 10
    close(loss.data, -np.mean(np.sum(smoothed * np.log(softmax(z)), axis=1)))
    np.testing.assert_allclose(z_.grad.data, (softmax(z) - smoothed) / 6, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("ε", [-0.1, 1.1, np.nan])
def test_a_smoothing_out_of_range_is_refused(ε):
    with pytest.raises(ValueError, match="cross_entropy: label_smoothing must be from 0 to 1"):
        nets.cross_entropy(logits_of(2, 3), np.array([0, 1]), ε)


def test_gradients_flow_into_soft_labels_too():
    z, p = logits_of(4, 3), Tensor(soft_labels(4, 3), requires_grad=True)
    nets.cross_entropy(z, p).backward()
    close(p.grad.data, -np.log(softmax(z)) / 4)


@pytest.mark.parametrize("labels", [labels_of(4, 3), soft_labels(4, 3)], ids=["integers", "soft"])
def test_gradients_of_first_and_second_order_agree_with_differences(labels):
    ad.check_gradients(lambda z: nets.cross_entropy(z, labels), logits_of(4, 3), order=2)


# ── against TensorFlow ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_cross_entropy_is_tensorflows(tf, kind, dtype, scale):
    z, y = logits_of(16, 10, scale=scale, dtype=dtype), labels_of(16, 10)
    labels = y if kind == "sparse" else soft_labels(16, 10).astype(dtype)
    function = getattr(tf.nn, f"{'sparse_' if kind == 'sparse' else ''}softmax_cross_entropy_with_logits")
    with tf.device("/CPU:0"), tf.GradientTape() as tape:
        variable = tf.Variable(z)
        expected = tf.reduce_mean(function(labels, variable))
    loss, gradient = value_and_gradient(z, labels)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    close(loss.data, expected.numpy(), rtol)
    close(gradient, tape.gradient(expected, variable).numpy(), rtol)


# ── stability ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_huge_logits_neither_overflow_nor_warn(size, dtype):
    z = np.array([[size, -size, 0], [-size, size, 0], [size, size, -size]], dtype)
    loss, gradient = value_and_gradient(z, np.array([0, 0, 1]))
    assert loss.item() == pytest.approx((2 * size + np.log(2)) / 3, rel=1e-6)
    close(gradient, np.array([[0, 0, 0], [-1, 1, 0], [0.5, -0.5, 0]]) / 3, 1e-6)


def test_small_losses_keep_their_digits():
    loss, _ = value_and_gradient(np.array([[30.0, 0.0]]), np.array([0]))
    assert loss.item() == pytest.approx(np.exp(-30), rel=1e-2)


def test_a_constant_added_to_all_logits_changes_nothing():
    z, y = logits_of(6, 10), labels_of(6, 10)
    one, other = value_and_gradient(z, y), value_and_gradient(z + 1e6, y)
    assert other[0].item() == pytest.approx(one[0].item(), rel=1e-9)
    np.testing.assert_allclose(other[1], one[1], rtol=1e-8, atol=1e-10)


@pytest.mark.filterwarnings("error")
def test_a_logit_of_minus_infinity_that_is_not_the_label_has_probability_0():
    z = np.array([[0.0, -np.inf, 1.0], [-np.inf, 2.0, -np.inf]])
    loss, gradient = value_and_gradient(z, np.array([0, 1]))
    assert loss.item() == pytest.approx(np.log(1 + np.e) / 2, rel=1e-12)
    p = 1 / (1 + np.e)
    np.testing.assert_allclose(gradient, [[(p - 1) / 2, 0, (1 - p) / 2], [0, 0, 0]], rtol=1e-12, atol=1e-15)


def test_a_nan_stays_visible():
    assert np.isnan(nets.cross_entropy(np.array([[0.0, np.nan]]), np.array([0])).item())


# ── what it refuses ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wrap", [np.asarray, Tensor], ids=["ndarray", "Tensor"])
@pytest.mark.parametrize("bad", [-1, 3, 255])
def test_a_label_out_of_range_is_refused_with_the_range(bad, wrap):
    with pytest.raises(ValueError, match=rf"cross_entropy: labels must be from 0 to 2.*{bad}"):
        nets.cross_entropy(logits_of(4, 3), wrap(np.array([0, 1, bad, 2])))


def test_an_unsigned_label_out_of_range_does_not_wrap_around():
    with pytest.raises(ValueError, match="cross_entropy"):
        nets.cross_entropy(logits_of(2, 3), np.array([2**64 - 1, 0], np.uint64))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, bool])
def test_labels_that_are_no_integers_are_refused_with_what_to_do(dtype):
    with pytest.raises(TypeError, match=r"cross_entropy: labels must be integers.*astype"):
        nets.cross_entropy(logits_of(2, 3), np.array([0, 1]).astype(dtype))


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        ((4, 3), (3,)),
        ((4, 3), (4, 2)),
        ((4, 3), (4, 1)),
        ((4, 3), ()),
        ((3,), (3,)),
        ((2, 4, 3), (2, 4)),
        ((3, 3), (1, 3)),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit_are_refused_with_both(logits, labels):
    with pytest.raises(ValueError, match="cross_entropy") as caught:
        nets.cross_entropy(np.zeros(logits), np.zeros(labels, int))
    assert str(logits) in str(caught.value)
    assert str(labels) in str(caught.value)


@pytest.mark.parametrize(("shape", "labels"), [((0, 3), (0,)), ((0, 3), (0, 3)), ((3, 0), (3, 0))], ids=str)
def test_an_empty_batch_has_no_mean(shape, labels):
    with pytest.raises(ValueError, match="cross_entropy"):
        nets.cross_entropy(np.zeros(shape), np.zeros(labels, int))


def test_a_list_of_labels_counts_as_an_array_or_is_refused_by_name():
    z = logits_of(3, 4)
    try:
        loss = nets.cross_entropy(z, [0, 1, 2])
    except TypeError as error:
        assert "cross_entropy" in str(error)  # noqa: PT017
    else:
        assert float(loss) == float(nets.cross_entropy(z, np.array([0, 1, 2])))
