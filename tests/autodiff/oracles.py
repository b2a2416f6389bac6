"""Gradients of the engine and of TensorFlow in one form, and what it means that two arrays agree."""

import numpy as np

import autodiff as ad


def relative_error(a, b):
    """max|a − b| / max|b|, 0 where both are empty or zero."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape, (a.shape, b.shape)
    difference = np.abs(a - b).max(initial=0.0)
    return 0.0 if difference == 0 else difference / np.abs(b).max(initial=0.0)


def assert_near(results, wanted, tolerance):
    """Each array is within a relative error of the one wanted, where a zero wanted is a zero to rounding."""
    for result, want in zip(results, wanted, strict=True):
        want = np.asarray(want)
        assert np.isfinite(result).all()
        if np.abs(want).max(initial=0.0) < 1e-12:
            np.testing.assert_allclose(result, want, rtol=0, atol=1e-12)
        else:
            assert relative_error(result, want) <= tolerance


def first(case, operands):
    """The gradients of an operation for the case's cotangent."""
    tensors, dtype = tracked(case, operands)
    out = case.f(*tensors)
    out.backward(case.cotangent().astype(dtype))
    return [tensors[i].grad for i in case.varied]


def second(case, operands):
    """The gradients of the sum of the weighted first ones, by backward through backward; 0 for None."""
    tensors, dtype = tracked(case, operands)
    case.f(*tensors).backward(case.cotangent().astype(dtype), create_graph=True)
    gradients = [tensors[i].grad for i in case.varied]
    for i in case.varied:
        tensors[i].grad = None
    weights = [w.astype(dtype) for w in case.weights()]
    total = sum((g * w).sum() for g, w in zip(gradients, weights, strict=True))
    if total.requires_grad:
        total.backward()
    return [
        ad.Tensor(np.zeros_like(t.data)) if t.grad is None else t.grad
        for t in (tensors[i] for i in case.varied)
    ]


def tracked(case, operands):
    """The operands as leaves, and the dtype that all of those which vary have."""
    tensors = [ad.Tensor(x, requires_grad=i in case.varied) for i, x in enumerate(operands)]
    return tensors, operands[case.varied[0]].dtype


def of_tensorflow(tf, case):
    """TensorFlow's first and second gradients, as `first` and `second` give the engine's."""
    operands = [tf.constant(x) for x in case.operands]
    varied = [operands[i] for i in case.varied]
    with tf.GradientTape() as outer:
        outer.watch(varied)
        with tf.GradientTape() as inner:
            inner.watch(varied)
            out = case.tf(tf, *operands)
        gradients = inner.gradient(out, varied, tf.constant(case.cotangent()), unconnected_gradients="zero")
        gradients = [tf.convert_to_tensor(g) for g in gradients]
        total = tf.add_n([tf.reduce_sum(g * w) for g, w in zip(gradients, case.weights(), strict=True)])
    seconds = outer.gradient(total, varied, unconnected_gradients="zero")
    return out.numpy(), [g.numpy() for g in gradients], [tf.convert_to_tensor(g).numpy() for g in seconds]
