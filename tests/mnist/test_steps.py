"""What is done with a gradient before and after a step: held to a norm, averaged over the way, of smoothed labels."""

import numpy as np
import pytest

from autodiff import Tensor
from mnist import TrainConfig, fit, training
from mnist.engines import load_engine
from mnist.evaluation import evaluate
from mnist.recipes import AS_THEY_ARE

pytestmark = pytest.mark.usefixtures("undrawn")


def run(out, **settings):
    given = {"layers": (784, 16, 10), "epochs": 1, "batch_size": 1000, "dataset": "mnist-5k", "schedule": "constant"}
    return fit(TrainConfig(**{**given, **AS_THEY_ARE, "out": out, **settings}), announce=lambda line: None)


def spy(monkeypatch, engine):
    monkeypatch.setattr(training, "load_engine", lambda name: engine)


@pytest.mark.parametrize(("clip", "norm"), [(0.5, 0.5), (1e6, None)])
def test_the_gradients_of_a_step_are_held_to_a_norm(tmp_path, monkeypatch, clip, norm):
    """With SGD at a rate of 1 the network goes as far as the norm says."""

    def engine(model, x, y):
        weights.append(np.concatenate([parameter.data.ravel() for parameter in model.parameters()]))
        for parameter in model.parameters():
            parameter.grad = Tensor(np.full(parameter.shape, 2, parameter.dtype))
        return 1.0

    weights = []
    spy(monkeypatch, engine)
    result = run(tmp_path, optimizer="sgd", lr=1.0, clip=clip)
    weights.append(np.concatenate([parameter.data.ravel() for parameter in result.model.parameters()]))
    expected = norm or 2 * np.sqrt(weights[0].size)
    np.testing.assert_allclose(np.linalg.norm(np.diff(weights, axis=0).astype(float), axis=1), expected, rtol=1e-4)


def test_the_norms_in_the_history_are_those_before_the_gradients_are_clipped(tmp_path):
    given = {"engine": "manual", "batch_size": 4000, "optimizer": "sgd"}
    clipped, plain = (run(tmp_path / name, clip=clip, **given) for name, clip in (("clipped", 1e-3), ("plain", None)))
    columns = [name for name in plain.history[0] if name.startswith("gradient_norm")]
    assert len(columns) == 2
    assert [clipped.history[0][name] for name in columns] == [plain.history[0][name] for name in columns]
    assert clipped.history[0]["train_loss"] != plain.history[0]["train_loss"]


def test_the_network_is_the_average_of_its_weights_along_the_way(tmp_path, monkeypatch, digits):
    real, weights = load_engine("manual"), []

    def engine(model, x, y):
        weights.append(model[0].weight.data.astype(float))
        return real(model, x, y)

    spy(monkeypatch, engine)
    result = run(tmp_path, epochs=2, ema=0.75)
    plain = run(tmp_path / "plain", epochs=2)
    weights = [*weights[:8], plain.model[0].weight.data.astype(float)]
    average = weights[0]
    for each in weights[1:]:
        average = 0.75 * average + 0.25 * each
    np.testing.assert_allclose(result.model[0].weight.data, average, rtol=1e-5, atol=1e-7)
    assert result.history[-1]["test_loss"] == evaluate(result.model, digits.test).loss


def test_the_loss_of_a_step_is_that_of_the_smoothed_labels(tmp_path, digits):
    from mnist import Callback
    from mnist.training import batches

    class First(Callback):
        loss = None

        def on_train_begin(self):
            x, y = digits.train.batch(next(batches(4000, 1000, 0, 1)))
            logits = self.model(x).data.astype(float)
            log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            targets = 0.8 * np.eye(10)[y] + 0.02
            self.expected = -(targets * log_p).sum(axis=1).mean()

        def on_train_batch_end(self, batch, logs):
            self.loss = self.loss or logs["loss"]

    for name, settings in (("eager", {}), ("compiled", {"jit": True})):
        first = First()
        given = {"layers": (784, 10), "epochs": 1, "batch_size": 1000, "dataset": "mnist-5k", "label_smoothing": 0.2}
        config = TrainConfig(**given, **AS_THEY_ARE, **settings, out=tmp_path / name)
        fit(config, announce=lambda line: None, callbacks=[first])
        assert first.loss == pytest.approx(first.expected, rel=1e-5)


@pytest.mark.by_numba
def test_a_compiled_step_clips_and_averages_as_any_other(tmp_path):
    settings = {"clip": 0.3, "ema": 0.9, "label_smoothing": 0.1, "optimizer": "adamw", "epochs": 2}
    eager, compiled = (run(tmp_path / name, jit=name == "compiled", **settings) for name in ("eager", "compiled"))
    for a, b in zip(eager.model.parameters(), compiled.model.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-2, atol=1e-4)
    assert eager.history[-1]["train_loss"] == pytest.approx(compiled.history[-1]["train_loss"], rel=1e-4)
