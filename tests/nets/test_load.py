"""Training for long takes no more memory than training for a while."""

import pytest

from tests.memory import assert_flat


@pytest.mark.slow
def test_two_thousand_steps_of_each_optimizer_take_no_more_memory_than_the_first():
    assert_flat("""
import numpy as np
import nets

rng = np.random.default_rng(0)
x, y = rng.standard_normal((64, 784)).astype(np.float32), rng.integers(0, 10, 64)
for make in (
    lambda parameters: nets.SGD(parameters, lr=0.01),
    lambda parameters: nets.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=1e-4),
    nets.Adam,
    nets.AdamW,
):
    model = nets.MLP([784, 128, 64, 10], rng=rng)
    optimizer = make(model.parameters())

    def step():
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    repeat(step, 2_000)
""")
