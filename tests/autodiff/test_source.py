"""Errors name the line that the user wrote, wherever in the libraries they arise."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.source import caller, describe_place

ROOT = Path(__file__).parents[2]


def test_a_place_is_told_as_file_line_and_text():
    place = caller()  # this very line
    assert describe_place(place).endswith("test_source.py:18 (place = caller()  # this very line)")


def test_an_operation_of_several_lines_is_told_by_the_line_of_its_call():
    x = ad.Tensor(np.ones(3), requires_grad=True)
    y = (
        ad.exp(x)
        + ad.sin(x)  # here
    )
    sine = y.node.inputs[1].node
    assert "ad.sin(x)  # here" in describe_place(sine.place)


def test_the_line_is_outside_of_the_networks_too():
    model = nets.MLP([4, 3, 2], rng=np.random.default_rng(0))
    out = model(np.ones((5, 4)))  # called here
    assert "called here" in describe_place(out.node.place)
    with pytest.raises(ValueError) as error:
        model(np.ones((5, 7)))  # wrong here
    assert "wrong here" in str(error.value)


def test_transformations_name_the_line_within_the_function():
    def f(x):
        return (x @ np.ones((7, 7))).sum()  # too long

    with pytest.raises(ValueError) as error:
        ad.grad(f)(np.ones(3))
    assert "too long" in str(error.value)


def test_a_gradients_own_node_names_the_line_that_asked_for_it():
    x = ad.Tensor(np.ones(3), requires_grad=True)
    y = (x**3).sum()
    y.backward(create_graph=True)  # asked here
    assert "asked here" in describe_place(x.grad.node.place)


def test_code_without_a_file_is_named_all_the_same():
    code = "import autodiff as ad; x = ad.Tensor(1.0, True); y = x * x; x.data = 2.0; y.backward()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "GradientError: backward: float64()" in done.stderr
    assert "multiply at <string>:1" in done.stderr


def test_a_name_is_told_with_the_tensor():
    w = ad.Tensor(np.ones((2, 3)), requires_grad=True, name="W")
    y = w * w
    w.data = w.data + 1
    with pytest.raises(ad.GradientError, match=r"W float64\(2, 3\) was changed after multiply at .*y = w \* w"):
        y.sum().backward()
