"""Training steps of networks to be traced."""

import numpy as np

import autodiff as ad
import nets


def traced_step(widths=(4, 3, 2), activation="relu", batch=3, optimizer=None, steps=1, dtype=np.float64, bias=True):
    """Trace a step, or several, of a network that classifies; without an optimizer, as far as the gradients."""
    rng = np.random.default_rng(list(widths))
    model = nets.MLP(widths, activation, rng=rng, dtype=dtype)
    for layer in model.modules():
        if isinstance(layer, nets.Linear):
            layer.bias = layer.bias if bias else None
    step = optimizer(model.parameters(), 0.1).step if optimizer else lambda: None

    def train(X, y):
        for _ in range(steps):
            loss = nets.cross_entropy(model(X), y)
            model.zero_grad()
            loss.backward()
            step()
        return loss

    x = rng.standard_normal((batch, widths[0])).astype(dtype)
    return ad.trace(train, x, rng.integers(0, widths[-1], batch))
