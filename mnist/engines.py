"""Three ways to the same gradients: this engine, the derivation by hand, and `tf.GradientTape`.

Each takes a network, a batch x (m, 784) and its labels y (m,), gives the mean cross-entropy and puts its
gradient into `.grad` of each parameter.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import autodiff as ad
import nets
from autodiff import Tensor
from mnist.config import EngineName
from mnist.errors import DivergenceError, UserError
from nets import manual

Engine = Callable[..., float]
"""Called as engine(model, x, y); this engine's own take label_smoothing too."""


def load_engine(name: EngineName) -> Engine:
    """Return an engine by its name. Raises UserError if it needs a package that is not installed."""
    if name != "tensorflow":
        return {"autodiff": by_autodiff, "manual": by_hand}[name]
    try:
        return _by_tensorflow(import_tensorflow())
    except ImportError as error:
        raise UserError("--engine tensorflow: TensorFlow is not installed; pip install -e '.[tensorflow]'") from error


def tensorflow_on_each_device() -> dict[str, Engine]:
    """Return an engine for each device that TensorFlow sees, by the device's name: CPU:0, GPU:0, and so on.

    Raises:
        ImportError: TensorFlow is not installed.
    """
    tf = import_tensorflow()
    engine = _by_tensorflow(tf)

    def on(device: str) -> Engine:
        def by_tensorflow_there(model: nets.MLP, x: Any, y: Any) -> float:
            with tf.device(device):
                return engine(model, x, y)

        return by_tensorflow_there

    names = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    return {name: on(name) for name in names}


def by_autodiff(model: nets.Module, x: Any, y: Any, label_smoothing: float = 0.0) -> float:
    """Record the loss on a tape and read it backwards."""
    loss = nets.cross_entropy(model(x), y, label_smoothing)
    loss.backward()
    return float(loss.item())


def by_autodiff_watched(model: nets.Module, x: Any, y: Any, label_smoothing: float = 0.0) -> float:
    """Do the same within `ad.anomaly`. Raises DivergenceError at the first number that is not finite."""
    try:
        with ad.anomaly():
            return by_autodiff(model, x, y, label_smoothing)
    except FloatingPointError as error:
        raise DivergenceError(f"--anomaly: {error} Lower --lr, or look at the data") from error


def by_hand(model: nets.MLP, x: Any, y: Any) -> float:
    """Evaluate the formulas of `nets/manual.py`."""
    W, b = _weights_and_biases(model)
    loss, dW, db = manual.loss_and_gradients(W, b, x, y, model.activation)
    _set_gradients(model, dW, db)
    return loss


def import_tensorflow() -> Any:
    """Import TensorFlow in silence, to compute in full float32, and equal results for equal seeds.

    Raises ImportError if it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silent():
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        tf.config.experimental.enable_tensor_float_32_execution(False)
        tf.config.list_logical_devices()  # which looks for them
    return tf


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Send to nowhere what is written to the process's stderr; what Python raises is raised all the same.

    TensorFlow's libraries log there as they are loaded, before they read any setting.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # there is none
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _by_tensorflow(tf: Any) -> Engine:
    """Return the engine that asks TensorFlow, on the device that is current when it is called."""
    activations = {"relu": tf.nn.relu, "tanh": tf.tanh, "sigmoid": tf.sigmoid}

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def loss_and_gradients(W: list[Any], b: list[Any], x: Any, y: Any, activation: str) -> tuple[Any, Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch([W, b])
            for W_l, b_l in zip(W[:-1], b[:-1], strict=True):
                x = activations[activation](x @ W_l + b_l)
            logits = x @ W[-1] + b[-1]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        dW, db = tape.gradient(loss, [W, b])
        return loss, dW, db

    def by_tensorflow(model: nets.MLP, x: Any, y: Any) -> float:
        W, b = ([tf.constant(array) for array in arrays] for arrays in _weights_and_biases(model))
        loss, dW, db = loss_and_gradients(W, b, tf.constant(x), tf.constant(y), model.activation)
        _set_gradients(model, (g.numpy() for g in dW), (g.numpy() for g in db))
        return float(loss)

    return by_tensorflow


def _linear_layers(model: nets.MLP) -> list[Any]:
    return [layer for layer in model if isinstance(layer, nets.Linear)]


def _weights_and_biases(model: nets.MLP) -> tuple[list[Any], list[Any]]:
    """Return the arrays W_1 … W_L and b_1 … b_L."""
    layers = _linear_layers(model)
    return [layer.weight.data for layer in layers], [layer.bias.data for layer in layers]


def _set_gradients(model: nets.MLP, dW: Iterable[Any], db: Iterable[Any]) -> None:
    for layer, dW_l, db_l in zip(_linear_layers(model), dW, db, strict=True):
        layer.weight.grad, layer.bias.grad = Tensor(dW_l), Tensor(db_l)
