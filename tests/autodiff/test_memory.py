"""What is done a million times, or fails a hundred thousand times, takes no more memory than the first few."""

import pytest

from tests.memory import assert_flat

SETTING = """
import numpy as np
import autodiff as ad
"""


@pytest.mark.slow
def test_a_million_steps_take_no_more_memory_than_the_first():
    assert_flat(SETTING + """
w = ad.Tensor(1.0, requires_grad=True)

def step():
    loss = (w - 3.0) * w
    loss.backward()
    w.data -= 0.1 * w.grad.data
    w.grad = None

repeat(step, 1_000_000)
assert abs(w.item() - 1.5) < 1e-12
""", AUTODIFF_KERNELS="numpy")


def test_gradients_of_every_kind_leave_no_garbage():
    assert_flat(SETTING + """
x, v = np.ones(3), ad.Tensor(np.arange(3.0))
w = ad.Tensor(x, requires_grad=True)

def f(a):
    return ad.sum(ad.sin(a) * w * a)

def step():
    ad.grad(f)(v)
    ad.grad(lambda a: ad.sum(ad.grad(f)(a) * v))(x)
    ad.jvp(f, (x,), (x,))
    out, pullback = ad.vjp(f, w)
    pullback(2.0)
    with ad.no_grad():
        f(w)
    f(w).backward(create_graph=True)
    ad.sum(w.grad).backward()
    w.grad = None

repeat(step, 3_000)
""", AUTODIFF_KERNELS="numpy")


FAILURES = SETTING + """
@ad.primitive("too_long", lambda g, out, a: np.ones(7))
def too_long(a):
    return a * 1.0

@ad.primitive("not_written", lambda g, out, a: {}["rule"])
def not_written(a):
    return a * 1.0

@ad.primitive("not_computed", lambda g, out, a: g)
def not_computed(a):
    return {}["kernel"]

x = ad.Tensor(np.ones(3), requires_grad=True)

def raising(a):
    raise KeyError(a * a)

def changed():
    w = ad.Tensor(np.ones(2), requires_grad=True)
    loss = ad.sum(w * w)
    w.data -= 1.0
    loss.backward()

def attempt(*failures):
    def step():
        for failure in failures:
            try:
                failure()
            except (ad.GradientError, KeyError, ValueError):
                continue
            raise AssertionError("it did not fail")
    return step
"""


@pytest.mark.slow
def test_a_hundred_thousand_failures_leave_nothing_behind():
    assert_flat(FAILURES + """
repeat(attempt(
    changed,
    lambda: ad.sum(too_long(x * x)).backward(),
    lambda: (x * x).backward(),
    lambda: ad.grad(raising)(x),
    lambda: ad.vjp(lambda a: a * a, x)[1](np.ones(2)),
), 20_000)
""", AUTODIFF_KERNELS="numpy")


@pytest.mark.parametrize("failure", ["ad.sum(not_written(x * x)).backward()", "not_computed(x * x)"])
def test_failures_told_with_a_note_leave_nothing_behind(failure):
    assert_flat(FAILURES + f"repeat(attempt(lambda: {failure}), 2_000)", AUTODIFF_KERNELS="numpy")
