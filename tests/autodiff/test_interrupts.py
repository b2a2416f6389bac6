"""What is cut short, by Ctrl-C or by an exception, leaves everything as if it had not begun, or had ended."""

import contextlib
import contextvars
import itertools
import sys

import numpy as np
import pytest

import autodiff as ad
from autodiff.kernels.team import Team
from autodiff.recording import is_recording
from autodiff.tape import Watcher, registry, watching

# A generator that is interrupted while Python throws it away keeps that to itself.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SLOPES = {"w": 3.0, "b": 5.0}
"""What .grad holds beforehand."""


class Model:
    """Two leaves, a loss, and what its gradients are."""

    def __init__(self):
        self.w = ad.Tensor([0.3, 0.7], requires_grad=True)
        self.b = ad.Tensor([0.2, 0.5], requires_grad=True)
        for name, slope in SLOPES.items():
            getattr(self, name).grad = ad.Tensor(np.full(2, slope))
        self.loss = ad.sum(ad.sin(self.w * self.b) + self.b)
        cosine = np.cos(self.w.data * self.b.data)
        self.gradients = {"w": cosine * self.b.data, "b": cosine * self.w.data + 1}

    def added(self):
        """For each leaf: 0 if its .grad is as it was, 1 if the gradient has been added, and so on."""
        times = {}
        for name, gradient in self.gradients.items():
            ratio = (getattr(self, name).grad.data - SLOPES[name]) / gradient
            np.testing.assert_allclose(ratio, np.round(ratio), atol=1e-12)
            times[name] = round(ratio[0])
        return times


def interrupt(work, at):
    """Do work and raise KeyboardInterrupt at the at-th moment, from 0; return whether there was such a moment.

    The moments are those at which CPython looks for signals: a function begins, or one of C's has returned.
    """
    moment = -1

    def count(frame, event, argument):
        nonlocal moment
        if event in ("call", "c_return"):
            moment += 1
            if moment == at:
                sys.setprofile(None)
                raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        try:
            sys.setprofile(count)
            work()
        finally:
            sys.setprofile(None)
    return moment >= at


def after_each_interrupt(prepare):
    """Yield a state and the context of its work after interrupting that at one moment after the other.

    `prepare` makes a new state and what is to be done with it. The work has a context of its own, so that no other
    test sees how it leaves the recording.
    """
    for at in itertools.count():
        context = contextvars.copy_context()
        state, work = prepare()
        if not context.run(interrupt, work, at):
            break
        yield state, context
    assert at > 5


def a_backward_pass():
    model = Model()
    return model, model.loss.backward


def a_functional_gradient():
    model = Model()
    return model, lambda: ad.grad(lambda w: ad.sum(ad.sin(w * w)))(np.ones(2))


def a_forward_pass():
    model = Model()
    return model, lambda: ad.sum(ad.sin(model.w * model.b))


# ── Ctrl-C ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_interrupted_walk_adds_nothing_and_can_be_taken_again():
    class Impatient(Watcher):
        def __init__(self, steps):
            self.steps = steps

        def step(self, variable, cotangent, contributions):
            self.steps -= 1
            if self.steps == 0:
                raise KeyboardInterrupt

    for steps in range(1, 7):
        model = Model()
        with pytest.raises(KeyboardInterrupt), watching(Impatient(steps)):
            model.loss.backward()
        assert is_recording()
        assert model.added() == {"w": 0, "b": 0}
        model.loss.backward()
        assert model.added() == {"w": 1, "b": 1}


@pytest.mark.parametrize("prepare", [a_backward_pass, a_functional_gradient, a_forward_pass])
def test_a_tape_can_be_read_again_whenever_it_was_interrupted(prepare):
    for model, _ in after_each_interrupt(prepare):
        before = model.added()
        model.loss.backward()
        assert model.added() == {name: times + 1 for name, times in before.items()}


def test_an_interrupted_backward_adds_all_gradients_or_none():
    for model, _ in after_each_interrupt(a_backward_pass):
        assert model.added() in ({"w": 0, "b": 0}, {"w": 1, "b": 1})


@pytest.mark.parametrize("prepare", [a_backward_pass, a_functional_gradient])
def test_recording_is_on_again_after_any_interrupt(prepare):
    for _, context in after_each_interrupt(prepare):
        assert context.run(is_recording)


def test_the_team_can_be_led_again_after_any_interrupt():
    def a_kernel():
        team = Team()
        return team, lambda: team.share(60.0, abs, 1.0)

    for team, _ in after_each_interrupt(a_kernel):
        assert team.share(60.0, abs, 1.0)


# ── exceptions ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_team_whose_kernel_fails_can_be_led_again():
    team = Team()
    with pytest.raises(ZeroDivisionError):
        team.share(60.0, lambda: 1 / 0)
    assert team.share(60.0, lambda: None)


@pytest.mark.parametrize("kind", [KeyError, MemoryError, KeyboardInterrupt])
def test_a_rule_that_fails_once_leaves_the_tape_to_be_read_again(kind, monkeypatch):
    model, cosine = Model(), registry["cos"].kernel

    def failing(*arrays):
        monkeypatch.setattr(registry["cos"], "kernel", cosine)
        raise kind("once")

    monkeypatch.setattr(registry["cos"], "kernel", failing)
    with pytest.raises(kind):
        model.loss.backward()
    assert model.added() == {"w": 0, "b": 0}
    assert is_recording()
    model.loss.backward()
    assert model.added() == {"w": 1, "b": 1}


def test_gradients_that_cannot_all_be_added_are_not_added_at_all():
    for name in SLOPES:
        model = Model()
        getattr(model, name).grad = ad.Tensor(np.zeros(3))
        with pytest.raises(ValueError, match="broadcast"):
            model.loss.backward()
        (other,) = SLOPES.keys() - {name}
        np.testing.assert_array_equal(getattr(model, other).grad.data, SLOPES[other])
