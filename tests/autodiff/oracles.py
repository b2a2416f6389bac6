"""Gradients of the engine and of TensorFlow in one form, and what it means that two arrays agree."""

import numpy as np

import autodiff as ad


def relative_error(a, b, least=0.0):
    """max|a − b| / max|b|, or in the unit `least` where that is larger; 0 where both are empty or zero."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape, (a.shape, b.shape)
    difference = np.abs(a - b).max(initial=0.0)
    return 0.0 if difference == 0 else difference / np.abs(b).max(initial=least)


def assert_near(results, wanted, tolerance, least=0.0):
    """Each array is within a relative error of the one wanted, where a zero wanted is a zero to rounding."""
    for result, want in zip(results, wanted, strict=True):
        want = np.asarray(want)
        assert np.isfinite(result).all()
        if np.abs(want).max(initial=least) < 1e-12:
            np.testing.assert_allclose(result, want, rtol=0, atol=1e-12)
        else:
            error = relative_error(result, want, least)
            assert error <= tolerance, f"a relative error of {error:.2g}, where {tolerance:g} is allowed"


def first(f, operands, cotangent):
    """The engine's value of f, and the gradients of the floating-point operands; None where none led there."""
    leaves = as_leaves(operands)
    out = f(*leaves)
    if out.requires_grad:
        out.backward(cotangent.astype(out.dtype))
    return out, [leaf.grad for leaf in leaves if leaf.requires_grad]


def second(f, operands, cotangent, weights):
    """The engine's gradients of Σ⟨weight, gradient⟩, by backward through backward; a weight may be None."""
    leaves = as_leaves(operands)
    out = f(*leaves)
    out.backward(cotangent.astype(out.dtype), create_graph=True)
    varied = [leaf for leaf in leaves if leaf.requires_grad]
    terms = [(x.grad * w.astype(x.dtype)).sum() for x, w in zip(varied, weights, strict=True) if w is not None]
    for x in varied:
        x.grad = None
    total = sum(terms, ad.Tensor(0.0))
    if total.requires_grad:
        total.backward()
    return [ad.Tensor(np.zeros_like(x.data)) if x.grad is None else x.grad for x in varied]


def as_leaves(operands):
    """The operands as tensors, of which the floating-point ones require a gradient."""
    return [ad.Tensor(x, requires_grad=np.asarray(x).dtype.kind == "f") for x in operands]


def of_tensorflow(tf, f, operands, cotangent, weights):
    """TensorFlow's value of f, its gradients and its second gradients, as `first` and `second` give the engine's."""
    operands = [tf.constant(x) for x in operands]
    varied = [x for x in operands if x.dtype.is_floating]
    with tf.GradientTape() as outer:
        outer.watch(varied)
        with tf.GradientTape() as inner:
            inner.watch(varied)
            out = f(*operands)
        if not (varied and out.dtype.is_floating):
            return out, [None for _ in varied], []
        gradients = inner.gradient(out, varied, tf.cast(cotangent, out.dtype), unconnected_gradients="zero")
        gradients = [tf.convert_to_tensor(g) for g in gradients]
        terms = zip(gradients, weights, strict=True)
        total = tf.add_n([tf.reduce_sum(g * tf.cast(w, g.dtype)) for g, w in terms if w is not None])
    seconds = outer.gradient(total, varied, unconnected_gradients="zero")
    return out, gradients, [tf.convert_to_tensor(g) for g in seconds]
