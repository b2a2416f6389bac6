"""The program of test_threads.py: eight networks trained one after another, in threads, in tasks, and beside failures.

It prints, as JSON, the digests of their weights, and how often a thread led the kernels' team or computed alone.
"""

import asyncio
import contextlib
import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

import autodiff as ad
import nets

NETWORKS = range(8)
STEPS = 10
OPTIMIZERS = [
    lambda parameters: nets.SGD(parameters, lr=0.1),
    lambda parameters: nets.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-4),
    lambda parameters: nets.Adam(parameters),
    lambda parameters: nets.AdamW(parameters),
]


async def train(number, before_step=lambda: None):
    """Train a network, giving way to other tasks wherever it can, and return the digest of its weights."""
    rng = np.random.default_rng(number)
    model = nets.MLP([784, 128, 10], activation=("relu", "tanh")[number // 4], rng=rng)
    optimizer = OPTIMIZERS[number % 4](model.parameters())
    for _ in range(STEPS):
        x, y = rng.standard_normal((64, 784)).astype(np.float32), rng.integers(0, 10, 64)
        before_step()
        logits = model(x)
        await asyncio.sleep(0)
        loss = nets.cross_entropy(logits, y)
        optimizer.zero_grad()
        await asyncio.sleep(0)
        loss.backward()
        await asyncio.sleep(0)
        optimizer.step()
        with ad.no_grad():
            await asyncio.sleep(0)
            assert not model(x).requires_grad
    assert np.isfinite(loss.item())
    return hashlib.sha256(b"".join(p.data.tobytes() for p in model.parameters())).hexdigest()


def one_after_another():
    """Train each network before the next."""
    return [asyncio.run(train(number)) for number in NETWORKS]


def in_threads(before_step=lambda number: None):
    """Train each network in a thread of its own, all at once."""
    barrier = Barrier(len(NETWORKS))

    def run(number):
        barrier.wait(60)
        return asyncio.run(train(number, lambda: before_step(number)))

    with ThreadPoolExecutor(len(NETWORKS)) as pool:
        return list(pool.map(run, NETWORKS))


async def in_tasks():
    """Train each network in a task of its own, all in turns."""
    return await asyncio.gather(*map(train, NETWORKS))


# ── what fails beside it ────────────────────────────────────────────────────────────────────────────────


class FailedError(Exception):
    """What is meant to go wrong."""


def fail(*arguments):
    """Raise."""
    raise FailedError


@ad.primitive("failing_kernel", lambda g, out, a: g)
def failing_kernel(a):
    """Fail forwards."""
    fail()


@ad.primitive("failing_rule", fail)
def failing_rule(a):
    """Fail backwards."""
    return a * 1.0


def fail_in_every_way(number):
    """Fail a few times, within no_grad and outside, where the number is odd."""
    if number % 2 == 0:
        return
    layer = nets.Linear(784, 128, rng=np.random.default_rng(0))
    x = np.ones((64, 784), np.float32)
    for failure in (
        lambda: failing_kernel(layer(x)),
        lambda: ad.sum(failing_rule(layer(x))).backward(),
        lambda: layer(np.ones((64, 783), np.float32)),
        lambda: nets.cross_entropy(layer(x), np.full(64, 128)),
        lambda: (team and team.share(60.0, fail)) or fail(),
    ):
        for context in (contextlib.nullcontext(), ad.no_grad()):
            try:
                with context:
                    failure()
            except (FailedError, ValueError, ad.GradientError):
                continue
            raise AssertionError("it did not fail")
    assert all(parameter.grad is None for parameter in layer.parameters())


# ── the kernels' team ───────────────────────────────────────────────────────────────────────────────────

team = None
led = {True: 0, False: 0}


def watch_the_team():
    """Count how often the team shares a kernel, and let it do so whenever it is free, however late it was before."""
    global team
    from autodiff.kernels.team import team

    team.SHORTEST = team.LONGEST = 0.0
    share = team.share

    def counting(*arguments):
        shared = share(*arguments)
        led[shared] += 1
        return shared

    team.share = counting


if __name__ == "__main__":
    sys.setswitchinterval(1e-4)
    if "numba" in sys.modules:
        watch_the_team()
    ways = {"threads": in_threads()}  # first, so that they also compile the kernels and wake the team at once
    counts = led.copy()
    ways["alone"] = one_after_another()
    ways["tasks"] = asyncio.run(in_tasks())
    ways["beside failures"] = in_threads(fail_in_every_way)
    kernels = "numba" if "numba" in sys.modules else "numpy"
    print(json.dumps({"kernels": kernels, "digests": ways, "led": counts[True], "declined": counts[False]}))
