"""Run what is printed of operations, odd numbers and training steps beside the engine: to the bit, and simplified.

This is a program of its own, for AUTODIFF_KERNELS=numpy: `python -m tests.autodiff.explain.witness`. It prints how many
programs it ran and, a line each, what was wrong.
"""

import math
import sys

import numpy as np

import autodiff as ad
import nets
from tests.autodiff.cases import CASES
from tests.autodiff.explain.networks import traced_step

X = np.array([1.0, -2.0])
NANS = np.array([0x7FF8000000000123, 0xFFF8000000000000, 0x7FF8000000000000], np.uint64).view(np.float64)
"""One with a payload, one with a sign, and the usual one."""

ODD = {
    "NaN": (lambda x: (x + np.array([np.nan, 1]), x * math.nan, -math.nan * x, x * np.float64(-np.nan)), X),
    "NaN, kept": (lambda x: (ad.concat([x, NANS]), ad.stack([x[0], ad.Tensor(NANS[0])]), x * float(NANS[0])), X),
    "NaN, float32": (lambda x: ad.concat([x, NANS.astype(np.float32)]), X.astype(np.float32)),
    "NaN, float16": (lambda x: ad.concat([x, np.array([-np.nan, -np.inf, -0.0, 6e-8], np.float16)]), np.float16(X)),
    "NaN, in": (lambda x: (ad.relu(x), ad.maximum(x, 0.0), ad.sum(x), ad.argmax(x), x == x), np.array([np.nan, -1.0])),
    "infinity": (lambda x: (x * np.array([np.inf, -np.inf]), x * math.inf, x - math.inf, 0.0 / (x * -math.inf)), X),
    "infinity, in": (lambda x: (ad.softmax(x), ad.logsumexp(x), x - x, ad.tanh(x)), np.array([np.inf, -np.inf, 1.0])),
    "tiny and huge": (lambda x: x + np.array([5e-324, 1.7976931348623157e308]), X),
    "zeros": (lambda x: (x * -0.0, ad.pad(x, 1), ad.concat([x, np.array([-0.0, 0.0])]), -0.0 * ad.abs(x)), X),
    "empty": (lambda x: (x[:0] + np.zeros((3, 0)), ad.sum(x[:0]), ad.concat([x, np.zeros(0)]), ad.mean(x[2:])), X),
    "empty, in": (lambda x: (ad.sum(x, 0), x @ np.zeros((0, 2)), x.mT, ad.prod(x), x + 1.0), np.zeros((3, 0))),
    "integers": (
        lambda n: (n + np.array([1, 2], np.int8), n * 2, n / np.array([3, 7]), n**2, -n, n < 1, n * 0.1),
        np.array([1, 0], np.int16),
    ),
    "large integers": (lambda n: n + np.array([2**63 - 1, -(2**63)]), np.array([-1, 1])),
    "unsigned integers": (lambda n: n + np.array([2**64 - 2, 1], np.uint64), np.array([1, 0], np.uint64)),
    "truths": (
        lambda p: (
            ad.where(p, 1.0, X),
            ad.logical_and(p, np.array([True, False])),
            ad.astype(p, np.float32),
            p * 3,
            X[p],
        ),
        np.array([True, False]),
    ),
    "no axes": (
        lambda x: (
            x * x,
            x[None],
            x[...],
            ad.sum(x),
            ad.reshape(x, (1, 1)),
            x * 0.1,
            x * np.array(3),
            x + np.float32(0.1),
        ),
        np.array(1.5, np.float32),
    ),
    "no axes, alike in eight digits": (lambda x: x * np.array(0.12345678901) - x * np.array(0.12345678999), X),
    "no axes, a truth": (lambda p: (ad.where(p, X, 0.0), ad.logical_not(p)), np.array(True)),
    "memory in another order": (lambda x: ad.sum(x @ np.asfortranarray(X[:, None] * X), axis=0), np.ones((2, 2))),
    "bytes in another order": (lambda x: x + X.astype(">f8"), X),
    "numbers alone": (lambda x: (ad.Tensor(NANS), ad.Tensor(-0.0), x), X),
}
"""Functions of which the numbers are unlike most, and what they are traced on."""


def odd_faults(name):
    """Say what of the outputs of the program of an odd function is not as it should be, down to the bits of a NaN."""
    with np.errstate(all="ignore"):
        f, x = ODD[name]
        graph = ad.trace(f, x)
        for simplify, agree in ((False, is_same), (True, is_near)):
            results = list(run(graph, simplify).values())
            if len(results) != len(graph.outputs):
                yield f"{name}: {len(results)} results"
            for i, (result, value) in enumerate(zip(results, graph.outputs, strict=False)):
                if not agree(np.asarray(result), np.asarray(value.data)):
                    yield f"{name}: output {i}{' simplified' if simplify else ''}"


def run(graph, simplify):
    """What the printed program of a graph returns."""
    scope = {}
    exec(graph.to_python(simplify=simplify), scope)
    return scope["computation"](**graph.arguments(simplify=simplify))


def traced_case(case):
    """The graph of an operation with its gradients."""
    tensors = [
        ad.Tensor(x, requires_grad=case.differentiable and i in case.varied, name=f"operand{i}")
        for i, x in enumerate(case.operands)
    ]

    def f(*operands):
        out = case.f(*operands)
        if out.requires_grad:
            out.backward(case.cotangent().astype(out.dtype))
        return out

    return ad.trace(f, *tensors), {f"doperand{i}": t.grad.data for i, t in enumerate(tensors) if t.grad is not None}


def is_same(a, b):
    """Whether two arrays are the same, to the bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def is_near(a, b):
    """Whether two arrays are the same up to rounding."""
    tolerance = 1e-12 if b.dtype == np.float64 else 1e-5
    return (
        a.dtype == b.dtype
        and a.shape == b.shape
        and (np.allclose(a, b, rtol=tolerance, atol=tolerance / 10, equal_nan=True))
    )


def faults(name, graph, gradients):
    """Say what the programs of a graph return that they should not, of output, gradients and updates."""
    updates = [new.data for _, new in graph.assignments]
    gradients = gradients or {f"d{v.name}{i}": v.cotangent.data for v, i in layers(graph) if v.cotangent}
    for simplify, agree in ((False, is_same), (True, is_near)):
        try:
            results = {key: np.asarray(value) for key, value in run(graph, simplify).items()}
        except Exception as error:
            yield f"{name}: {type(error).__name__}: {error}"
            continue
        updated = [key for key in results if key.endswith("_new")]
        output = [key for key in results if key not in gradients and key not in updated]
        values = [graph.outputs[0].data, *gradients.values(), *updates]
        if len(output) + len(gradients) + len(updated) != len(values):
            yield f"{name}: {list(results)}"
            continue
        for key, value in zip([*output, *gradients, *updated], values, strict=True):
            if key not in results or not agree(results[key], np.asarray(value)):
                yield f"{name}: {key}{' simplified' if simplify else ''}"


def layers(graph):
    """The parameters of a network, with the numbers of their layers."""
    parameters = graph.of_kind("parameter")
    for name in ("W", "b"):
        yield from ((value, i) for i, value in enumerate((v for v in parameters if v.name == name), 1))


def main():
    """Run everything."""
    found, count = [], 0
    for case in CASES:
        graph, gradients = traced_case(case)
        found += faults(case.id, graph, gradients)
        count += 1
    for optimizer in (nets.SGD, nets.Adam, nets.AdamW):
        for dtype in (np.float32, np.float64):
            for activation in ("relu", "tanh", "sigmoid"):
                graph = traced_step((20, 16, 12, 10), activation, 32, optimizer, steps=2, dtype=dtype)
                found += faults(f"{optimizer.__name__} {dtype.__name__} {activation}", graph, {})
                count += 1
    for name in ODD:
        found += odd_faults(name)
        count += 1
    print(count)
    print("\n".join(found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
