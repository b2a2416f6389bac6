"""Run what is printed of every operation, and of whole training steps, beside the engine: to the bit, and simplified.

This is a program of its own, for AUTODIFF_KERNELS=numpy: `python -m tests.autodiff.explain.witness`. It prints how many
programs it ran and, a line each, what was wrong.
"""

import sys

import numpy as np

import autodiff as ad
import nets
from tests.autodiff.cases import CASES
from tests.autodiff.explain.networks import traced_step


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
    return a.dtype == b.dtype and a.shape == b.shape and np.allclose(a, b, rtol=tolerance, atol=tolerance / 10)


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
    print(count)
    print("\n".join(found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
