"""Gradients of functions, products with Jacobians, and their nesting in every order."""

import itertools

import numpy as np
import pytest

import autodiff as ad
from tests.autodiff.cases import random
from tests.autodiff.oracles import relative_error

rng = np.random.default_rng(0)
W = random((3, 3), 1)
V = random((3,), 2)
X = random((3,), 3)


def f(x):
    """A function of vectors whose derivatives of every order differ."""
    return ad.sum(ad.sin(ad.matmul(W, x)) * x * x)


def vector(x):
    """A function from vectors to vectors."""
    return ad.tanh(ad.matmul(W, x)) * x


def difference(f, x, direction, h=1e-3):
    """df(x + h·direction)/dh at 0, by the central difference of fourth order."""
    at = lambda k: np.asarray(f(x + k * h * direction).data)
    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


# ── grad and value_and_grad ─────────────────────────────────────────────────────────────────────────────


def test_grad_of_a_closed_form():
    np.testing.assert_allclose(ad.grad(lambda x: (x**3).sum())(X).data, 3 * X**2, rtol=1e-14)


def test_value_and_grad_gives_both():
    value, gradient = ad.value_and_grad(f)(X)
    assert value.item() == pytest.approx(f(X), rel=1e-14)
    np.testing.assert_allclose(gradient.data @ V, difference(lambda x: ad.Tensor(f(x)), X, V), rtol=1e-8)


def test_gradients_are_tensorflows(tf):
    x = tf.constant(X)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(tf.sin(tf.linalg.matvec(W, x)) * x * x)
        gradient = inner.gradient(y, x)
    hessian = outer.jacobian(gradient, x)
    assert relative_error(ad.grad(f)(X).data, gradient) < 1e-12
    assert relative_error(ad.hessian(f)(X).data, hessian) < 1e-12
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.tanh(tf.linalg.matvec(W, x)) * x
    assert relative_error(ad.jacobian(vector)(X).data, tape.jacobian(y, x)) < 1e-12


def three(a, b, c):
    return ad.sum(a * b**2 * ad.exp(c))


ARGUMENTS = (np.array([1.0, 2.0]), np.array([3.0, -1.0]), np.array([0.5, 0.1]))


def of_three(a, b, c):
    return (b**2 * np.exp(c), 2 * a * b * np.exp(c), a * b**2 * np.exp(c))


@pytest.mark.parametrize("argnums", [0, 1, 2, -1, -3, (0,), (2, 0), (0, 1, 2), (-1, 0), ()])
def test_argnums_choose_the_arguments(argnums):
    want = of_three(*ARGUMENTS)
    for gradients in (ad.grad(three, argnums)(*ARGUMENTS), ad.value_and_grad(three, argnums)(*ARGUMENTS)[1]):
        if isinstance(argnums, tuple):
            assert type(gradients) is tuple
            assert len(gradients) == len(argnums)
        pairs = zip(argnums, gradients, strict=True) if isinstance(argnums, tuple) else [(argnums, gradients)]
        for place, gradient in pairs:
            np.testing.assert_allclose(gradient.data, want[place], rtol=1e-14)


@pytest.mark.parametrize("argnums", [3, -4, (0, 3), (1, -4)])
@pytest.mark.parametrize("transform", [ad.grad, ad.value_and_grad, ad.jacobian, ad.hessian])
def test_argnums_out_of_range_are_an_error(transform, argnums):
    with pytest.raises(TypeError, match="argnums"):
        transform(three, argnums)(*ARGUMENTS)


def test_keywords_pass_through():
    def scaled(x, factor=1.0):
        return ad.sum(x * factor)

    np.testing.assert_array_equal(ad.grad(scaled)(X, factor=3.0).data, np.full(3, 3.0))
    np.testing.assert_array_equal(
        ad.jacobian(lambda x, factor: x * factor)(X, factor=2.0).data, 2 * np.eye(3)
    )


def test_arguments_that_are_not_differentiated_are_handed_on_as_they_are():
    seen = []

    def g(x, label, n):
        seen.append((label, n))
        return ad.sum(x * n)

    ad.grad(g)(X, "text", 3)
    assert seen == [("text", 3)]


@pytest.mark.parametrize(
    "x", [2.0, np.float64(2.0), np.array(2.0), ad.Tensor(2.0), ad.Tensor(2.0, requires_grad=True)], ids=repr
)
def test_f_is_handed_tensors(x):
    kinds = []

    def cube(x):
        kinds.append(isinstance(x, ad.Tensor))
        return x**3

    assert ad.grad(cube)(x).item() == 12
    assert ad.vjp(cube, x)[1](2.0)[0].item() == 24
    assert ad.jvp(cube, (x,), (3.0,))[1].item() == 36
    assert ad.jacobian(cube)(x).item() == 12
    assert ad.hessian(cube)(x).item() == 12
    assert all(kinds)


def test_a_name_is_handed_on():
    names = []
    ad.grad(lambda x: names.append(x.name) or x.sum())(ad.Tensor(X, name="x"))
    assert names == ["x"]


def test_an_unused_argument_has_a_zero_gradient():
    x, y = X, random((2, 2), 5).astype(np.float32)
    unused = ad.grad(lambda x, y: x.sum(), 1)(x, y)
    assert (unused.shape, unused.dtype) == ((2, 2), np.float32)
    np.testing.assert_array_equal(unused.data, np.zeros((2, 2)))
    gradients = ad.vjp(lambda x, y: x * 2, x, y)[1](V)
    np.testing.assert_array_equal(gradients[0].data, 2 * V)
    np.testing.assert_array_equal(gradients[1].data, np.zeros((2, 2)))
    np.testing.assert_array_equal(ad.jacobian(lambda x, y: x, 1)(x, y).data, np.zeros((3, 2, 2)))


@pytest.mark.parametrize("constant", [3.0, 3, np.float64(3), np.array(3.0), ad.Tensor(3.0), True])
def test_an_f_that_gives_a_plain_value_is_constant(constant):
    value, gradient = ad.value_and_grad(lambda x: constant)(X)
    assert type(value) is ad.Tensor
    assert value.item() == 3 or constant is True
    np.testing.assert_array_equal(gradient.data, np.zeros(3))
    np.testing.assert_array_equal(ad.hessian(lambda x: constant)(X).data, np.zeros((3, 3)))
    out, tangent = ad.jvp(lambda x: constant, (X,), (V,))
    assert out.shape == tangent.shape == ()
    assert tangent.item() == 0


def test_an_f_that_gives_a_plain_array_is_constant():
    np.testing.assert_array_equal(ad.jacobian(lambda x: np.ones((2, 2)))(X).data, np.zeros((2, 2, 3)))
    np.testing.assert_array_equal(ad.jvp(lambda x: np.ones(2), (X,), (V,))[1].data, np.zeros(2))


@pytest.mark.parametrize("out", [None, (1.0, 2.0), [1.0], {"loss": 1.0}])
@pytest.mark.parametrize(
    "transform",
    [
        lambda f: ad.grad(f)(X),
        lambda f: ad.vjp(f, X),
        lambda f: ad.jvp(f, (X,), (V,)),
        lambda f: ad.jacobian(f)(X),
    ],
)
def test_an_f_that_gives_no_single_value_is_a_type_error(transform, out):
    with pytest.raises(TypeError, match=type(out).__name__):
        transform(lambda x: out)


@pytest.mark.parametrize(
    "x", [1, True, np.arange(3), ad.Tensor([1, 2]), np.zeros(2, np.uint8), np.int64(1)], ids=repr
)
@pytest.mark.parametrize(
    "transform",
    [
        lambda x: ad.grad(ad.sum)(x),
        lambda x: ad.vjp(ad.sum, x),
        lambda x: ad.jvp(ad.sum, (x,), (np.zeros(np.shape(x) if not isinstance(x, ad.Tensor) else x.shape),)),
        lambda x: ad.jacobian(ad.sum)(x),
        lambda x: ad.hessian(ad.sum)(x),
    ],
)
def test_an_integer_argument_is_a_type_error(transform, x):
    with pytest.raises(TypeError, match="floating-point"):
        transform(x)


def test_only_a_scalar_has_a_gradient():
    with pytest.raises(ValueError, match=r"float64\(3,\).*sum\(\)"):
        ad.grad(lambda x: x * 2)(X)


def test_an_exception_in_f_comes_through():
    def wrong(x):
        raise ZeroDivisionError

    for transform in (ad.grad(wrong), ad.jacobian(wrong), ad.hessian(wrong)):
        with pytest.raises(ZeroDivisionError):
            transform(X)
    np.testing.assert_allclose(ad.grad(lambda x: (x * x).sum())(X).data, 2 * X)


# ── vjp and jvp ─────────────────────────────────────────────────────────────────────────────────────────


def test_vjp_gives_the_output_and_a_pullback_of_all_primals():
    a, b = random((2, 3), 6), random((3, 2), 7)
    out, pullback = ad.vjp(ad.matmul, a, b)
    np.testing.assert_allclose(out.data, a @ b, rtol=1e-14)
    for _ in range(2):  # as often as wanted
        g = rng.standard_normal((2, 2))
        gradients = pullback(g)
        assert type(gradients) is tuple
        np.testing.assert_allclose(gradients[0].data, g @ b.T, rtol=1e-13)
        np.testing.assert_allclose(gradients[1].data, a.T @ g, rtol=1e-13)
    assert type(ad.vjp(ad.sin, X)[1](V)) is tuple


def test_jvp_is_the_derivative_along_the_tangents():
    a, b = random((2, 3), 6), random((3, 2), 7)
    da, db = random((2, 3), 8), random((3, 2), 9)
    out, tangent = ad.jvp(ad.matmul, (a, b), (da, db))
    np.testing.assert_allclose(out.data, a @ b, rtol=1e-14)
    np.testing.assert_allclose(tangent.data, da @ b + a @ db, rtol=1e-13)
    np.testing.assert_allclose(
        ad.jvp(vector, (X,), (V,))[1].data, difference(lambda x: ad.Tensor(vector(x)), X, V), rtol=1e-8
    )


def test_jvp_and_vjp_are_transposes():
    g = random((3,), 10)
    _, tangent = ad.jvp(vector, (X,), (V,))
    (gradient,) = ad.vjp(vector, X)[1](g)
    assert g @ tangent.data == pytest.approx(gradient.data @ V, rel=1e-13)


@pytest.mark.parametrize("shape", [(), (2,), (1, 3), (3, 1)])
def test_cotangents_and_tangents_of_another_shape_are_errors(shape):
    with pytest.raises(ValueError, match="shape") as error:
        ad.vjp(vector, X)[1](np.ones(shape))
    assert str(shape) in str(error.value)
    with pytest.raises(ValueError, match="shape") as error:
        ad.jvp(vector, (X,), (np.ones(shape),))
    assert str(shape) in str(error.value)


def test_jvp_needs_as_many_tangents_as_primals():
    with pytest.raises(ValueError, match="2 primals"):
        ad.jvp(ad.add, (X, X), (V,))


def test_tangents_and_cotangents_may_be_tensors_numbers_and_lists():
    assert ad.jvp(ad.sin, (0.5,), (2,))[1].item() == pytest.approx(2 * np.cos(0.5))
    np.testing.assert_array_equal(ad.vjp(lambda x: 2 * x, X)[1]([1, 2, 3])[0].data, [2.0, 4.0, 6.0])
    np.testing.assert_array_equal(ad.vjp(lambda x: 2 * x, X)[1](ad.Tensor(V))[0].data, 2 * V)


# ── jacobian and hessian ────────────────────────────────────────────────────────────────────────────────


def test_jacobian_of_a_closed_form():
    np.testing.assert_allclose(ad.jacobian(lambda x: W @ x)(X).data, W, rtol=1e-15)
    transposed = ad.jacobian(ad.permute_dims)(random((2, 3), 4))
    np.testing.assert_array_equal(transposed.data, np.eye(6).reshape(2, 3, 2, 3).transpose(1, 0, 2, 3))


@pytest.mark.parametrize(
    ("shape", "out"), [((), ()), ((3,), ()), ((2, 2), (3,)), ((), (2, 3)), ((0,), (2,)), ((2,), (0,))]
)
def test_the_shape_of_a_jacobian_is_that_of_the_result_and_of_the_argument(shape, out):
    jacobian = ad.jacobian(lambda x: ad.broadcast_to(ad.sum(x * x), out) * 1.0)(random(shape))
    assert jacobian.shape == out + shape
    np.testing.assert_allclose(jacobian.data, np.broadcast_to(2 * random(shape), out + shape))


def test_jacobian_of_several_arguments():
    a, b = ad.jacobian(lambda a, b: a * b**2, (0, 1))(X, V)
    np.testing.assert_allclose(a.data, np.diag(V**2), rtol=1e-14)
    np.testing.assert_allclose(b.data, np.diag(2 * X * V), rtol=1e-14)
    (only,) = ad.jacobian(lambda a: a, (0,))(X)
    np.testing.assert_array_equal(only.data, np.eye(3))


def test_hessian_of_a_closed_form():
    A = W + W.T
    np.testing.assert_allclose(ad.hessian(lambda x: x @ A @ x / 2)(X).data, A, rtol=1e-13)
    h = ad.hessian(lambda m: ad.sum(m**3))(W)
    assert h.shape == (3, 3, 3, 3)
    np.testing.assert_allclose(h.data.reshape(9, 9), np.diag(6 * W.ravel()), rtol=1e-13)
    np.testing.assert_allclose(ad.hessian(f)(X).data, ad.hessian(f)(X).data.T, rtol=1e-12)
    np.testing.assert_allclose(ad.hessian(f)(X).data @ V, difference(ad.grad(f), X, V), rtol=1e-8)


def test_hessian_of_another_argument():
    np.testing.assert_allclose(
        ad.hessian(three, 1)(*ARGUMENTS).data, np.diag(2 * ARGUMENTS[0] * np.exp(ARGUMENTS[2])), rtol=1e-14
    )


def test_hessian_of_what_is_linear_is_zero():
    np.testing.assert_array_equal(ad.hessian(lambda x: ad.sum(3 * x))(X).data, np.zeros((3, 3)))
    np.testing.assert_array_equal(
        ad.hessian(lambda x: ad.sum(ad.sign(x) + ad.abs(x)))(X).data, np.zeros((3, 3))
    )


# ── nesting ─────────────────────────────────────────────────────────────────────────────────────────────


def by_grad(f):
    return lambda x: ad.grad(f)(x)


def by_value_and_grad(f):
    return lambda x: ad.value_and_grad(f)(x)[1]


def by_vjp(f):
    return lambda x: ad.vjp(f, x)[1](1.0)[0]


def by_jvp(f):
    return lambda x: ad.jvp(f, (x,), (1.0,))[1]


def by_jacobian(f):
    return lambda x: ad.jacobian(f)(x)


def by_backward(f):
    """The derivative by `backward` on a leaf of the function's own; for the innermost place."""

    def derivative(x):
        x = ad.alias(x) if x.requires_grad else ad.Tensor(x.data, requires_grad=True)
        if x.node is not None:
            x.retain_grad()
        out = f(x)
        out.backward(create_graph=True)
        return x.grad

    return derivative


WAYS = [by_grad, by_value_and_grad, by_vjp, by_jvp, by_jacobian]
NAMES = lambda way: way.__name__


def g(x):
    return ad.exp(2 * x) * ad.sin(x)


TRUE = [  # the derivatives of e²ˣ sin x: those of the imaginary part of e^((2+i)x)
    lambda x, n=n: ((2 + 1j) ** n * np.exp((2 + 1j) * x)).imag for n in range(5)
]


@pytest.mark.parametrize(
    "ways", list(itertools.product(WAYS, repeat=2)), ids=lambda ways: "-".join(map(NAMES, ways))
)
def test_second_derivatives_in_every_order(ways):
    h = g
    for way in ways:
        h = way(h)
    assert h(0.7).item() == pytest.approx(TRUE[2](0.7), rel=1e-12)
    assert not h(0.7).requires_grad


@pytest.mark.parametrize(
    "ways", list(itertools.product(WAYS, repeat=3)), ids=lambda ways: "-".join(map(NAMES, ways))
)
def test_third_derivatives_in_every_order(ways):
    h = g
    for way in ways:
        h = way(h)
    assert h(0.7).item() == pytest.approx(TRUE[3](0.7), rel=1e-11)


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_fourth_derivatives(way):
    assert way(way(way(way(g))))(0.7).item() == pytest.approx(TRUE[4](0.7), rel=1e-10)


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_backward_within_a_function_being_differentiated(way):
    assert way(by_backward(g))(0.7).item() == pytest.approx(TRUE[2](0.7), rel=1e-12)


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(WAYS, WAYS)), ids=lambda way: NAMES(way))
def test_perturbations_are_not_confused(outer, inner):
    """d/dx x·(d/dy (x + y) at 1) is 1, not 2, whichever way each derivative is taken."""
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(3.0).item() == 1
    assert outer(lambda x: x * inner(lambda y: x * y)(1.0))(3.0).item() == 6
    assert outer(lambda x: inner(lambda y: x * y * y)(x))(3.0).item() == 12
    assert outer(lambda x: inner(lambda y: x**2 * y)(x) * x)(3.0).item() == 27


@pytest.mark.parametrize(
    "ways", list(itertools.product(WAYS, repeat=3)), ids=lambda ways: "-".join(map(NAMES, ways))
)
def test_closures_over_two_outer_variables(ways):
    """d/dx d/dy d/dz of x²·y³·z⁴ at (2, x, y) where each innermost point moves with the outer variables."""
    first, second, third = ways
    inner = lambda x, y: third(lambda z: x**2 * y**3 * z**4)(y)  # 4 x² y⁶
    middle = lambda x: second(lambda y: inner(x, y))(x)  # 24 x² y⁵ at y = x: 24 x⁷
    assert first(middle)(1.5).item() == pytest.approx(24 * 7 * 1.5**6, rel=1e-12)


def test_vjp_of_vjp_and_of_its_cotangent():
    def pulled(x, g):
        return ad.vjp(vector, x)[1](g)[0]

    g0, h = random((3,), 11), random((3,), 12)
    out, pullback = ad.vjp(pulled, X, g0)
    by_x, by_g = pullback(h)
    J = ad.jacobian(vector)(X).data
    np.testing.assert_allclose(out.data, J.T @ g0, rtol=1e-12)
    np.testing.assert_allclose(by_g.data, J @ h, rtol=1e-12)
    along = difference(lambda x: ad.Tensor(ad.jacobian(vector)(x).data.T @ g0), X, V)
    assert by_x.data @ V == pytest.approx(along @ h, rel=1e-8)


def test_a_pullback_made_outside_is_differentiated_inside():
    _, pullback = ad.vjp(vector, X)
    J = ad.jacobian(vector)(X).data
    np.testing.assert_allclose(ad.jacobian(lambda g: pullback(g)[0])(V).data, J.T, rtol=1e-12)


def test_jvp_along_a_tracked_tangent():
    J = ad.jacobian(vector)(X).data
    np.testing.assert_allclose(ad.jacobian(lambda v: ad.jvp(vector, (X,), (v,))[1])(V).data, J, rtol=1e-12)


def test_hessian_vector_products_agree():
    H = ad.hessian(f)(X).data
    forward = ad.jvp(ad.grad(f), (X,), (V,))[1]
    backwards = ad.vjp(ad.grad(f), X)[1](V)[0]
    of_product = ad.grad(lambda x: ad.sum(ad.grad(f)(x) * V))(X)
    of_jvp = ad.grad(lambda x: ad.jvp(f, (x,), (V,))[1])(X)
    for product in (forward, backwards, of_product, of_jvp):
        np.testing.assert_allclose(product.data, H @ V, rtol=1e-12)


def test_hessian_within_a_function_being_differentiated():
    third = ad.jacobian(ad.hessian(lambda x: ad.sum(x**4)))(X)
    assert third.shape == (3, 3, 3)
    np.testing.assert_allclose(np.einsum("iii->i", third.data), 24 * X, rtol=1e-12)
    assert np.count_nonzero(third.data) == 3
    trace = ad.grad(lambda x: ad.sum(ad.hessian(f)(x) * np.eye(3)))(X)
    assert trace.data @ V == pytest.approx(
        difference(lambda x: ad.Tensor(np.trace(ad.hessian(f)(x).data)), X, V).item(), rel=1e-7
    )


def test_a_step_of_descent_is_differentiated():
    """The loss after a step, differentiated by the rate of the step."""

    def after(rate):
        x = ad.Tensor(X)
        return f(x - rate * ad.grad(f)(x))

    gradient = ad.grad(f)(X).data
    want = -ad.grad(f)(X - 0.1 * gradient).data @ gradient
    assert ad.grad(after)(0.1).item() == pytest.approx(want, rel=1e-12)


def test_a_value_that_leaves_its_run_listens_no_more():
    kept = []
    ad.grad(lambda x: kept.append(x) or (x * x).sum())(X)
    assert not ad.grad(lambda y: (y * kept[0]).sum())(V).requires_grad


@pytest.mark.parametrize("product", [lambda a, b: a * b, lambda a, b: b * a], ids=["first", "last"])
@pytest.mark.parametrize("trained", [False, True])
def test_who_listens_is_asked_again_when_a_run_is_over(product, trained):
    weight = ad.Tensor(3.0, requires_grad=trained)
    kept = []

    def f(x):
        kept.append(product(x, weight))
        assert ad.grad(lambda y: y * kept[0])(2.0).requires_grad
        return kept[0]

    ad.grad(f)(1.0)
    gradient = ad.grad(lambda y: y * kept[0])(2.0)
    assert gradient.requires_grad == trained
    if trained:
        gradient.backward()
        assert weight.grad.item() == 1.0


# ── what listens ────────────────────────────────────────────────────────────────────────────────────────


def test_results_at_top_level_are_not_recorded():
    out, pullback = ad.vjp(vector, X)
    results = [
        out,
        *pullback(V),
        *ad.jvp(vector, (X,), (V,)),
        *ad.value_and_grad(f)(X),
        ad.grad(f)(X),
        ad.hessian(f)(X),
    ]
    results += [ad.jacobian(vector)(X), ad.jacobian(vector)(ad.Tensor(X))]
    for result in results:
        assert type(result) is ad.Tensor
        assert not result.requires_grad
        assert result.node is None
        assert result.data is not X


def test_a_leaf_closed_over_stays_differentiable():
    w = ad.Tensor(W, requires_grad=True)
    loss = lambda x: ad.sum((w @ x) ** 2)
    value, gradient = ad.value_and_grad(loss)(X)
    assert value.requires_grad
    assert gradient.requires_grad
    assert w.grad is None
    ad.sum(gradient * V).backward()
    np.testing.assert_allclose(w.grad.data, 2 * (np.outer(W @ X, V) + np.outer(W @ V, X)), rtol=1e-12)
    w.grad = None
    value.backward()
    np.testing.assert_allclose(w.grad.data, 2 * np.outer(W @ X, X), rtol=1e-12)


@pytest.mark.parametrize("way", [ad.grad, lambda f: lambda x: ad.jvp(f, (x,), (V,))[1]])
def test_a_leaf_as_argument_stays_differentiable(way):
    x = ad.Tensor(X, requires_grad=True)
    result = way(f)(x)
    assert result.requires_grad
    assert x.grad is None
    seed = random(result.shape, 13)
    result.backward(seed)
    H = ad.hessian(f)(X).data
    np.testing.assert_allclose(x.grad.data, H @ (seed if result.shape else V * seed), rtol=1e-12)


def test_transformations_touch_no_grad():
    x, w = ad.Tensor(X, requires_grad=True), ad.Tensor(W, requires_grad=True)
    x.grad = before = ad.Tensor(V)
    loss = lambda x: ad.sum((w @ x) ** 2)
    ad.grad(loss)(x)
    ad.value_and_grad(loss)(x)
    ad.vjp(loss, x)[1](1.0)
    ad.jvp(loss, (x,), (V,))
    ad.jacobian(loss)(x)
    ad.hessian(loss)(x)
    assert x.grad is before
    assert w.grad is None


def test_transformations_work_within_no_grad_and_are_not_recorded():
    w = ad.Tensor(W, requires_grad=True)
    loss = lambda x: ad.sum((w @ x) ** 2)
    with ad.no_grad():
        value, gradient = ad.value_and_grad(loss)(ad.Tensor(X, requires_grad=True))
        hessian, tangent = ad.hessian(loss)(X), ad.jvp(loss, (X,), (V,))[1]
        pulled = ad.vjp(loss, X)[1](1.0)[0]
    np.testing.assert_allclose(gradient.data, 2 * W.T @ W @ X, rtol=1e-12)
    np.testing.assert_allclose(pulled.data, 2 * W.T @ W @ X, rtol=1e-12)
    np.testing.assert_allclose(hessian.data, 2 * W.T @ W, rtol=1e-12)
    assert tangent.item() == pytest.approx(2 * V @ W.T @ W @ X, rel=1e-12)
    for result in (value, gradient, hessian, tangent, pulled):
        assert not result.requires_grad


def test_no_grad_within_f_makes_constants():
    def half(x):
        with ad.no_grad():
            y = x * x
        return ad.sum(x * y)

    np.testing.assert_allclose(ad.grad(half)(X).data, X * X, rtol=1e-14)


def test_detach_within_f_makes_constants():
    np.testing.assert_allclose(ad.grad(lambda x: ad.sum(x * (x * x).detach()))(X).data, X * X, rtol=1e-14)


def test_float32_in_gives_float32_out():
    x = X.astype(np.float32)
    w = W.astype(np.float32)
    h = lambda x: ad.sum(ad.sin(w @ x) * x * 2.0 + x**2 / 3)
    out, pullback = ad.vjp(h, x)
    results = [
        out,
        *pullback(1.0),
        *ad.jvp(h, (x,), (V,)),
        *ad.value_and_grad(h)(x),
        ad.hessian(h)(x),
        ad.jacobian(h)(x),
    ]
    results += [ad.grad(lambda x: ad.sum(ad.grad(h)(x) ** 2))(x), ad.grad(lambda x: x**3)(np.float32(2))]
    assert [result.dtype for result in results] == [np.float32] * len(results)


def test_gradients_have_the_dtypes_of_their_arguments():
    a, b = X.astype(np.float32), V
    assert [g.dtype for g in ad.vjp(lambda a, b: a * b, a, b)[1](V)] == [np.float32, np.float64]


def test_arguments_are_not_changed_and_results_own_their_memory():
    x = X.copy()
    x.flags.writeable = False
    out, pullback = ad.vjp(lambda x: x, x)
    seed = V.copy()
    (gradient,) = pullback(seed)
    assert not np.shares_memory(gradient.data, seed)
    np.testing.assert_array_equal(gradient.data, V)
    np.testing.assert_array_equal(out.data, X)
    assert gradient.data.flags.writeable


def test_a_function_that_fails_leaves_nothing_listening():
    leaked = []

    def f(x):
        leaked.append(x)
        raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        ad.grad(f)(1.0)
    assert not ad.grad(lambda z: z * leaked[0])(2.0).requires_grad


def test_a_pullback_runs_only_the_rules_that_lead_to_its_primals():
    run = []

    @ad.primitive("noted_test", lambda g, out, a, b: run.append("a") or g, lambda g, out, a, b: run.append("b") or g)
    def noted(a, b):
        return a + b

    elsewhere = ad.Tensor(2.0, requires_grad=True)
    assert ad.grad(lambda x: noted(x, noted(elsewhere, elsewhere)))(1.0).item() == 1
    assert run == ["a"]


def test_a_pullback_does_not_mind_what_changes_behind_its_primal():
    p = ad.Tensor(X, requires_grad=True)
    primal = p * 2
    _, pullback = ad.vjp(lambda x: x * x, primal)
    p.data = p.data + 1.0
    np.testing.assert_allclose(pullback(V)[0].data, V * 4 * X, rtol=1e-14)


def test_a_rule_that_knows_a_leaf_of_its_own_makes_no_recorded_gradient_unasked():
    factor = ad.Tensor(2.0, requires_grad=True)

    @ad.primitive("doubled_test", lambda g, out, a: ad.multiply(g, factor))
    def doubled(a):
        return 2 * a

    gradient = ad.grad(doubled)(3.0)
    assert gradient.item() == 2
    assert not gradient.requires_grad
