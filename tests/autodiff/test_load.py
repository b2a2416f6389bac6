"""Long chains and wide sums: work in proportion, and no recursion."""

import copy
import itertools
import math
import pickle
import sys
import threading

import numpy as np
import pytest

import autodiff as ad
from tests.programs import output_of

rng = np.random.default_rng(0)
LENGTH = 100_000
WIDTH = 2_000


def with_little_stack(work):
    """Do work in a thread whose stack is small and that may recurse 100 calls deep, and return what it gives."""
    outcome = []

    def run():
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(100)
        try:
            outcome.extend((True, work()))
        except BaseException as error:
            outcome.extend((False, error))
        finally:
            sys.setrecursionlimit(limit)

    old = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(old)
    succeeded, result = outcome
    if not succeeded:
        raise result
    return result


# ── a chain of 100,000 nodes ────────────────────────────────────────────────────────────────────────────
# y ← y / (1 + h·y) takes three nodes, and n times over it is x / (1 + n·h·x), whose derivatives are plain.

STEPS, H = math.ceil(LENGTH / 3), 1e-5
X, G = 0.7, 1.3
S = 1 + STEPS * H * X
VALUE, SLOPE, CURVATURE = X / S, 1 / S**2, -2 * STEPS * H / S**3


def chain(x, steps=STEPS):
    """A value at the end of a long chain."""
    for _ in range(steps):
        x = x / (1.0 + H * x)
    return x


def backward():
    x = ad.Tensor(X, requires_grad=True)
    y = chain(x)
    y.backward(G)
    return y, x.grad


def backward_twice():
    x = ad.Tensor(X, requires_grad=True)
    y = chain(x)
    y.backward(G, create_graph=True)
    slope, x.grad = x.grad, None
    slope.backward()
    return y, slope, x.grad


def vjp():
    y, pullback = ad.vjp(chain, X)
    return y, *pullback(G)


def jvp():
    return ad.jvp(chain, (X,), (G,))


def grad_of_grad():
    return (ad.grad(ad.grad(lambda x: G * chain(x)))(X),)


@pytest.mark.parametrize(
    ("differentiate", "wanted"),
    [
        (backward, (VALUE, G * SLOPE)),
        (backward_twice, (VALUE, G * SLOPE, G * CURVATURE)),
        (vjp, (VALUE, G * SLOPE)),
        (jvp, (VALUE, G * SLOPE)),
        (lambda: ad.value_and_grad(chain)(X), (VALUE, SLOPE)),
        (grad_of_grad, (G * CURVATURE,)),
    ],
    ids=["backward", "backward twice", "vjp", "jvp", "value_and_grad", "grad of grad"],
)
def test_a_chain_of_100_000_nodes_needs_no_stack(differentiate, wanted):
    results = with_little_stack(differentiate)
    np.testing.assert_allclose([float(result.detach()) for result in results], wanted, rtol=1e-9)


def test_a_chain_of_100_000_nodes_is_traced_with_its_backward_pass():
    graph = with_little_stack(lambda: ad.trace(ad.value_and_grad(chain), X))
    np.testing.assert_allclose([value.data for value in graph.outputs], [VALUE, SLOPE], rtol=1e-9)
    assert [len(graph.in_pass(during)) >= 3 * STEPS for during in ("forward", "backward")] == [True, True]


FREE_A_CHAIN = """
import gc, sys, threading
import autodiff as ad
gc.disable()

def grown(steps):
    x = y = ad.Tensor(1.0, requires_grad=True)
    for _ in range(steps):
        y = y * x
    return x, y

def recorded_gradient(steps):
    x, y = grown(steps)
    y.backward(create_graph=True)
    return x

def work():
    sys.setrecursionlimit(100)
    x, y = grown(1_000_000)
    del y
    x = recorded_gradient(20_000)
    x.grad = None
    x = recorded_gradient(20_000)
    del x  # by way of its gradient, x refers to itself
    print(gc.collect() > 20_000)

threading.stack_size(64 * 1024)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def test_a_chain_of_1_000_000_nodes_is_freed_on_a_stack_of_64_kilobytes():
    assert output_of(FREE_A_CHAIN, AUTODIFF_KERNELS="numpy") == "True\n"


def test_a_leaf_is_copied_without_the_tape_that_grew_from_it():
    x = ad.Tensor([1.0, 2.0], requires_grad=True, name="x")
    y = chain(x, LENGTH // 3)
    y.sum().backward()
    pickled = with_little_stack(lambda: pickle.dumps(x))
    assert len(pickled) < 1_000
    for twin in (pickle.loads(pickled), with_little_stack(lambda: copy.deepcopy(x))):
        assert (twin.name, twin.requires_grad, twin.node) == ("x", True, None)
        np.testing.assert_array_equal(twin.data, x.data)
        np.testing.assert_array_equal(twin.grad.data, x.grad.data)


# ── 2,000 wide ──────────────────────────────────────────────────────────────────────────────────────────


def cubes(xs):
    """Σ w·x³ over a list of 2,000 scalars, with the weights w, where x may be one tensor again and again."""
    return ad.sum(ad.stack(xs) ** 3 * WEIGHTS)


WEIGHTS = rng.standard_normal(WIDTH)
NUMBERS = rng.standard_normal(WIDTH)
DIRECTION = rng.standard_normal(WIDTH)


def test_one_result_of_2_000_operands():
    def differentiate():
        xs = [ad.Tensor(number, requires_grad=True) for number in NUMBERS]
        cubes(xs).backward(create_graph=True)
        gradients = [x.grad for x in xs]
        for x in xs:
            x.grad = None
        ad.sum(ad.stack(gradients) * DIRECTION).backward()
        return [g.item() for g in gradients], [x.grad.item() for x in xs]

    first, second = with_little_stack(differentiate)
    np.testing.assert_allclose(first, 3 * WEIGHTS * NUMBERS**2, rtol=1e-12)
    np.testing.assert_allclose(second, 6 * WEIGHTS * NUMBERS * DIRECTION, rtol=1e-12)


def test_a_function_of_2_000_arguments():
    value, pullback = with_little_stack(lambda: ad.vjp(lambda *xs: cubes(xs), *NUMBERS))
    assert value.item() == pytest.approx(np.sum(WEIGHTS * NUMBERS**3), rel=1e-11)
    gradients = with_little_stack(lambda: pullback(G))
    np.testing.assert_allclose([g.item() for g in gradients], G * 3 * WEIGHTS * NUMBERS**2, rtol=1e-12)


@pytest.mark.parametrize(
    ("differentiate", "wanted"),
    [
        (lambda f: ad.grad(f)(X), lambda c: 3 * c * X**2),
        (lambda f: ad.jvp(f, (X,), (G,))[1], lambda c: 3 * c * X**2 * G),
        (lambda f: ad.grad(ad.grad(f))(X), lambda c: 6 * c * X),
    ],
    ids=["grad", "jvp", "grad of grad"],
)
def test_a_variable_used_2_000_times(differentiate, wanted):
    gradient = with_little_stack(lambda: differentiate(lambda x: cubes([x * n for n in NUMBERS])))
    assert gradient.item() == pytest.approx(wanted(np.sum(WEIGHTS * NUMBERS**3)), rel=1e-10)


# ── work in proportion ──────────────────────────────────────────────────────────────────────────────────


def work_of(run):
    """Count what a run does: the calls, of Python's functions and C's, and the operands handed over by `*`."""
    work = 0

    def count(frame, event, argument):
        nonlocal work
        work += event in ("call", "c_call")
        code = frame.f_code
        if event == "call" and code.co_flags & 0x04:  # it has a *parameter, which stands behind the others
            name = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
            work += len(frame.f_locals[name])

    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(None)
    return work


def a_chain(n):
    return lambda x: chain(x, n)


def a_variable_used_often(n):
    return lambda x: sum((x * k for k in range(n)), 0.0)


def diamonds(n):
    def f(x):
        for _ in range(n):
            x = 0.5 * x + 0.5 * x
        return x

    return f


def a_result_of_many_operands(n):
    return lambda x: ad.sum(ad.stack([x * k for k in range(n)]))


def descent(n):
    """Where n steps down the gradient of v⁴ lead, as a function of where they begin."""

    def f(x):
        for _ in range(n):
            x = x - 0.01 * ad.grad(lambda v: v**4)(x)
        return x

    return f


def run_backward(f):
    x = ad.Tensor(X, requires_grad=True)
    f(x).backward(create_graph=True)
    x.grad = None  # which frees the tape


TRANSFORMATIONS = {
    "forward": lambda f: f(ad.Tensor(X, requires_grad=True)),
    "backward": run_backward,
    "vjp": lambda f: ad.vjp(f, X)[1](G),
    "jvp": lambda f: ad.jvp(f, (X,), (G,)),
    "grad of grad": lambda f: ad.grad(ad.grad(f))(X),
    "trace": lambda f: ad.trace(ad.value_and_grad(f), X),
}


@pytest.mark.parametrize(
    ("shape", "transformation"),
    [
        *itertools.product([a_chain, a_variable_used_often, diamonds, descent], TRANSFORMATIONS),
        *itertools.product([a_result_of_many_operands], ["forward", "backward", "grad of grad"]),
    ],
)
def test_four_times_the_tape_takes_four_times_the_work(shape, transformation):
    run = TRANSFORMATIONS[transformation]
    run(shape(2))  # what is done once and kept is done now
    small, large = (work_of(lambda n=n: run(shape(n))) for n in (25, 100))
    assert small > 50
    assert large < 4.4 * small
