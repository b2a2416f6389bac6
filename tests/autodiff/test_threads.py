"""Threads and async tasks side by side: each has its own recording, and none disturbs another's numbers."""

import asyncio
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autodiff as ad
from autodiff.kernels import compiled
from autodiff.recording import is_recording, recording
from tests.programs import LAYERS, output_of

rng = np.random.default_rng(0)
THREADS = 8


@pytest.fixture
def many_switches():
    """Python passes from thread to thread a thousand times more often than it would."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(interval / 1000)
    yield
    sys.setswitchinterval(interval)


def at_once(*works):
    """Do each work in a thread of its own, all starting together, and return what they give."""
    barrier = threading.Barrier(len(works))

    def start(work):
        barrier.wait(60)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(start, works))


def in_a_thread(work):
    """Do work in a new thread, and return what it gives."""
    return at_once(work)[0]


# ── recording ───────────────────────────────────────────────────────────────────────────────────────────


def test_no_grad_holds_for_its_own_thread():
    x = ad.Tensor([1.0, 2.0], requires_grad=True)
    with ad.no_grad():
        assert in_a_thread(lambda: (x * 2).requires_grad)
        assert not (x * 2).requires_grad


def test_no_grad_of_another_thread_does_no_harm_here():
    x = ad.Tensor([1.0, 2.0], requires_grad=True)
    inside, leave = threading.Event(), threading.Event()

    def silent():
        with ad.no_grad():
            inside.set()
            assert leave.wait(60)
            return (x * 2).requires_grad

    def recording():
        assert inside.wait(60)
        recorded = (x * 2).requires_grad
        leave.set()
        return recorded

    assert at_once(silent, recording) == [False, True]


def test_backward_through_what_another_thread_computed_in_no_grad_says_the_way_out():
    x = ad.Tensor([1.0, 2.0], requires_grad=True)

    def silent():
        with ad.no_grad():
            return (x * x).sum()

    loss = in_a_thread(silent)
    assert loss.item() == 5.0
    with pytest.raises(ad.GradientError, match=r"not recorded.*requires_grad=True.*outside of no_grad\(\)"):
        loss.backward()
    assert x.grad is None


def test_a_tape_written_in_one_thread_is_read_in_another():
    x = ad.Tensor([1.0, 2.0], requires_grad=True)
    loss = in_a_thread(lambda: ad.sum(x**3))
    in_a_thread(loss.backward)
    np.testing.assert_array_equal(x.grad.data, 3 * x.data**2)


def test_threads_enter_and_leave_no_grad_each_for_itself(many_switches):
    def wander(seed):
        generator = np.random.default_rng(seed)
        x = ad.Tensor([1.0, 2.0], requires_grad=True)

        def stay(depth):
            """Count the operations whose recording was not that of the innermost `with` of this thread."""
            recorded = depth % 2 == 0
            wrong = 0
            for _ in range(3):
                wrong += (x * 2).requires_grad != recorded or is_recording() != recorded
                if depth < 6 and generator.random() < 0.7:
                    with ad.no_grad() if recorded else recording(True):
                        wrong += stay(depth + 1)
            return wrong

        return stay(0)

    assert at_once(*[lambda seed=seed: wander(seed) for seed in range(THREADS)]) == [0] * THREADS


def test_no_grad_holds_for_its_own_task():
    x = ad.Tensor([1.0, 2.0], requires_grad=True)

    async def wander(seed):
        """Count what is recorded wrongly by a task that gives way to the others at every step."""
        generator = np.random.default_rng(seed)
        wrong = 0
        for _ in range(20):
            silent = generator.random() < 0.5
            with recording(not silent):
                for _ in range(generator.integers(1, 4)):
                    await asyncio.sleep(0)
                    y = ad.sum(x * x)
                    await asyncio.sleep(0)
                    wrong += y.requires_grad == silent
            await asyncio.sleep(0)
            wrong += not ad.sum(x * x).requires_grad
        return wrong

    async def all_of_them():
        with ad.no_grad():
            alone = await asyncio.to_thread(is_recording)  # it takes its task's context along
        return alone, await asyncio.gather(*map(wander, range(THREADS)))

    assert asyncio.run(all_of_them()) == (False, [0] * THREADS)


def test_a_task_that_is_cancelled_within_no_grad_leaves_it():
    async def waiting(inside):
        with ad.no_grad():
            inside.set()
            await asyncio.sleep(60)

    async def cancelling():
        inside = asyncio.Event()
        task = asyncio.create_task(waiting(inside))
        await inside.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return is_recording()

    assert asyncio.run(cancelling())


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────


def test_threads_may_differentiate_at_the_same_time(many_switches):
    data = rng.standard_normal(50)

    def work(k):
        errors = []
        for _ in range(20):
            x = ad.Tensor(data, requires_grad=True)
            ad.sum(ad.sin(x * k) * x).backward()
            errors.append(np.abs(x.grad.data - (np.sin(k * data) + k * data * np.cos(k * data))).max())
        return max(errors)

    assert max(at_once(*[lambda k=k: work(k) for k in range(THREADS)])) < 1e-12


def test_threads_may_take_gradients_by_the_same_leaf(many_switches):
    """By ad.grad, that is, which writes to nothing that they share, and through one pullback."""
    w = ad.Tensor(rng.standard_normal(50), requires_grad=True)
    _, pullback = ad.vjp(lambda v: ad.sum(ad.sin(v * w)), w)

    def work(k):
        return [(ad.grad(lambda v: ad.sum(ad.cos(v * k)))(w).detach(), pullback(k)[0].detach()) for _ in range(20)]

    for k, results in enumerate(at_once(*[lambda k=k: work(k) for k in range(THREADS)])):
        for cosine, sine in results:
            np.testing.assert_allclose(cosine.data, -k * np.sin(k * w.data), rtol=1e-12)
            np.testing.assert_allclose(sine.data, k * w.data * np.cos(w.data**2), rtol=1e-12)
    assert w.grad is None


# ── the kernels' own threads ────────────────────────────────────────────────────────────────────────────


def test_python_threads_may_multiply_at_the_same_time():
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((64, 784), (784, 128)))
    want = compiled.matmul(a, b).tobytes()
    results = at_once(*[lambda: {compiled.matmul(a, b).tobytes() for _ in range(50)}] * THREADS)
    assert set.union(*results) == {want}


IN_THREADS_AND_A_CHILD = """
import os, threading
import numpy as np
from autodiff.kernels import matmul
a, b = np.ones((64, 784), np.float32), np.ones((784, 128), np.float32)
work = lambda: [matmul(a, b) for _ in range(30)]
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
if (child := os.fork()) == 0:
    os._exit(0 if (matmul(a, b) == 784).all() else 1)
assert os.waitpid(child, 0)[1] == 0
assert (matmul(a, b) == 784).all()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("layer", LAYERS)
def test_threads_and_forks_on_every_threading_layer(layer):
    output_of(IN_THREADS_AND_A_CHILD, AUTODIFF_KERNELS="numba", NUMBA_THREADING_LAYER=layer)


PASSING_THREADS = """
import json, resource, threading
import numpy as np
from autodiff.kernels import matmul
from autodiff.kernels.team import team
team.SHORTEST = team.LONGEST = 0.0  # it shares every product, however late it was before
a, b = np.ones((64, 784), np.float32), np.ones((784, 128), np.float32)

def pass_by(count):
    for _ in range(count):
        thread = threading.Thread(target=matmul, args=(a, b))
        thread.start()
        thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

print(json.dumps([pass_by(100), pass_by(900)]))
"""


@pytest.mark.parametrize("layer", LAYERS)
def test_threads_that_pass_by_leave_nothing_behind(layer):
    pytest.importorskip("resource")
    output = output_of(PASSING_THREADS, AUTODIFF_KERNELS="numba", NUMBA_THREADING_LAYER=layer)
    early, late = json.loads(output)
    assert late < 1.02 * early
