"""A trace is told what it needs to read well: the names of arguments, all outputs, and the backward pass of a tape."""

import numpy as np
import pytest

import autodiff as ad
from tests.autodiff.cases import random


@pytest.mark.parametrize(
    "transformed", [ad.grad, ad.value_and_grad, ad.jacobian, lambda f: ad.grad(ad.grad(f))], ids=str
)
def test_a_transformed_functions_arguments_have_the_names_that_the_function_gives_them(transformed):
    graph = ad.trace(transformed(lambda weight, image: (weight * image) ** 3.0), 2.0, 3.0)
    assert [value.name for value in graph.of_kind("input")] == ["weight", "image"]


def test_a_transformed_function_keeps_its_own_name_and_words():
    def f(x):
        """Not the gradient's."""
        return x

    assert ad.grad(f).__name__ == "gradient"
    assert ad.grad(f).__doc__ is None


def test_outputs_within_outputs_are_outputs():
    graph = ad.trace(ad.value_and_grad(lambda a, b: (a * b).sum(), (0, 1)), random((3,)), random((3,), 1))
    assert [value.shape for value in graph.outputs] == [(), (3,), (3,)]
    assert len(ad.trace(lambda x: [x, (x + 1, [x * 2])], 1.0).outputs) == 3


def test_the_backward_pass_of_a_tape_is_traced_and_leaves_no_gradient_behind():
    x = ad.Tensor(random((3,)), requires_grad=True)
    y = ad.sin(x) * x
    graph = ad.Graph.of(y, backward=True)
    assert [operation.during for operation in graph] == ["forward"] * 2 + ["backward"] * (len(graph) - 2)
    assert all(operation.differentiates for operation in graph.in_pass("backward"))
    (leaf,) = graph.of_kind("parameter")
    np.testing.assert_allclose(leaf.cotangent.data, np.sin(x.data) + x.data * np.cos(x.data), rtol=1e-13)
    assert x.grad is None
    y.backward(np.ones(3))


def test_gradients_that_variables_hold_are_told_from_those_that_are_computed():
    x = ad.Tensor(random((3,)), requires_grad=True)
    y = (x * 2.0).sum()
    y.backward()
    assert [value.data is x.grad.data for value in ad.Graph.of(y).of_kind("gradient")] == [True]
    assert ad.trace(ad.grad(lambda x: (x * 2.0).sum()), random((3,))).of_kind("gradient") == []


def test_a_result_is_called_what_the_function_calls_it():
    def f(x):
        z = ad.sin(x)
        z.name = "z"
        y = z * z
        y.name = "y"
        return y

    lines = ad.trace(ad.value_and_grad(f), random((3,)).sum()).equations()
    assert "z  = sin(x)" in lines
    assert "y  = z·z" in lines
    assert "dz = dy·z + dy·z" in lines
