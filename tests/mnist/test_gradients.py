"""The norms of the gradients in the history are those of the steps that were taken, whoever computed them."""

import numpy as np
import pytest

import nets
from autodiff import Tensor
from mnist import TrainConfig, fit, gradients, training
from mnist.building import make_network
from mnist.errors import DivergenceError
from mnist.recipes import AS_THEY_ARE
from mnist.training import batches, is_measured
from nets import manual

pytestmark = pytest.mark.usefixtures("undrawn")

COLUMNS = ["gradient_norm.layers.0", "gradient_norm.layers.2"]


def config(out, **settings):
    given = {"layers": (784, 12, 10), "epochs": 2, "batch_size": 100, "dataset": "mnist-5k", "seed": 4}
    return TrainConfig(**{**given, **AS_THEY_ARE, "optimizer": "sgd", "schedule": "constant", "out": out, **settings})


def run(out, **settings):
    return fit(config(out, **settings), announce=lambda line: None)


def by_hand(given, split, each):
    """Train again by the derivation by hand, in float64; return each epoch's mean norms at the steps to be measured."""
    model = make_network(given)
    W = [model[i].weight.data.astype(float) for i in (0, 2)]
    b = [model[i].bias.data.astype(float) for i in (0, 2)]
    rows = []
    for epoch in range(1, given.epochs + 1):
        chosen = list(batches(len(split), given.batch_size, given.seed, epoch))
        norms = []
        for left, batch in zip(reversed(range(len(chosen))), chosen, strict=True):
            x, y = split.batch(batch, float)
            _, dW, db = manual.loss_and_gradients(W, b, x, y)
            if left % each == 0:
                norms.append([np.linalg.norm([*dW_l.flat, *db_l]) for dW_l, db_l in zip(dW, db, strict=True)])
            for array, gradient in zip(W + b, dW + db, strict=True):
                array -= given.learning_rate * gradient
        rows.append(np.mean(norms, axis=0))
    return np.array(rows)


@pytest.mark.parametrize("engine", ["autodiff", "manual", "tensorflow", "jit", "anomaly"])
def test_the_norms_are_those_that_the_derivation_by_hand_gives_at_the_same_steps(tmp_path, digits, request, engine):
    if engine == "tensorflow":
        request.getfixturevalue("tf")
    result = run(tmp_path, **({engine: True} if engine in ("jit", "anomaly") else {"engine": engine}))
    each = 256 if engine == "jit" else 32
    found = [[row[column] for column in COLUMNS] for row in result.history]
    np.testing.assert_allclose(found, by_hand(result.config, digits.train, each), rtol=1e-3)


def test_a_penalty_on_the_weights_is_not_in_the_norms(tmp_path):
    """Where nothing moves, all that the penalty could change is what is measured."""
    plain, decayed = (run(tmp_path / str(l2), l2=l2, lr=1e-30, epochs=1) for l2 in (0.0, 10.0))
    assert [plain.history[0][c] for c in COLUMNS] == [decayed.history[0][c] for c in COLUMNS]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 31, 32, 33, 125, 1875])
def test_the_last_step_of_an_epoch_is_measured_and_few_others(steps, jit):
    measured = [number for number in range(1, steps + 1) if is_measured(number, steps, jit)]
    assert measured[-1] == steps
    assert len(measured) == -(-steps // (256 if jit else 32))


def test_a_layer_is_its_weights_and_biases_together():
    model = nets.MLP([784, 3, 10], rng=np.random.default_rng(0))
    assert gradients.columns(model) == COLUMNS
    assert gradients.norms(model) == dict.fromkeys(COLUMNS, 0.0)  # there are no gradients yet
    first, last = model[0], model[2]
    first.weight.grad = Tensor(np.eye(784, 3, dtype=np.float32))
    first.bias.grad = Tensor(np.array([2, 3, 0], np.float32))
    last.bias.grad = Tensor(np.full(10, 1e30, np.float32))  # whose square is beyond float32
    norms = gradients.norms(model)
    assert norms["gradient_norm.layers.0"] == 4
    assert norms["gradient_norm.layers.2"] == pytest.approx(1e30 * np.sqrt(10))


def test_the_mean_is_taken_layer_by_layer():
    assert gradients.mean([{"a": 1.0, "b": 5.0}, {"a": 2.0, "b": 7.0}]) == {"a": 1.5, "b": 6.0}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_ends_the_run_in_one_line(tmp_path, monkeypatch, value):
    def engine(model, x, y):
        for parameter in model.parameters():
            parameter.grad = Tensor(np.full(parameter.shape, value, parameter.dtype))
        return 1.0

    monkeypatch.setattr(training, "load_engine", lambda name: engine)
    told = f"the norm of the gradient became {value} at step 8 of epoch 1: lower --lr"
    with pytest.raises(DivergenceError, match=told):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []
