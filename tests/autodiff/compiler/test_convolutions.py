"""Convolutions compiled: done image by image, without the matrix of all windows, and pooled within the windows."""

import re

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.compiler import program
from autodiff.compiler.program import Program, optimized
from autodiff.compiler.units import is_product
from autodiff.ops.windows import add_windows
from tests.autodiff.compiler.conftest import let_python_run_it

CASES = [  # channels, kernel, stride, padding, groups
    ((2, 3), (3, 3), (1, 1), (0, 0), 1),
    ((1, 2), (2, 3), (1, 1), (1, 2), 1),
    ((2, 3), (3, 2), (2, 1), (1, 0), 1),
    ((3, 2), (1, 4), (1, 3), (0, 1), 1),
    ((4, 6), (3, 3), (2, 2), (1, 1), 2),
]
every_convolution = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.fixture(autouse=True)
def _arena_of_nan(monkeypatch):
    """Let memory be full of what is no number, so that whoever reads what nobody wrote is found out."""
    take = program.aligned

    def aligned(size):
        room = take(size)
        room[...] = 0xFF
        return room

    monkeypatch.setattr(program, "aligned", aligned)


def random(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def step_of(case):
    """A function that returns a convolution and the gradients of all its operands, and operands for it."""
    (channels, out), kernel, stride, padding, groups = case
    operands = [random((5, channels, 7, 8)), random((out, channels // groups, *kernel), 1), random(out, 2)]
    cotangent = random(nets.conv2d(*operands, stride, padding, groups).shape, 3)

    def f(x, w, b):
        z, pullback = ad.vjp(lambda x, w, b: nets.conv2d(x, w, b, stride, padding, groups), x, w, b)
        return z, *pullback(cotangent)

    return f, operands


def names(graph):
    return [operation.primitive.name for operation in graph]


@every_convolution
@pytest.mark.parametrize("shared_from", [np.inf, 0], ids=["alone", "shared"])
def test_values_and_gradients_are_those_of_the_eager_convolution(monkeypatch, case, shared_from):
    let_python_run_it(monkeypatch, shared_from)
    f, operands = step_of(case)
    compiled = ad.jit(f)
    for seed in range(2):
        given = [random(x.shape, seed + 5) for x in operands]
        for result, want in zip(compiled(*given), f(*given), strict=True):
            np.testing.assert_allclose(result.data, want.data, rtol=1e-12, atol=1e-12)


@every_convolution
def test_no_product_reads_a_matrix_of_all_windows(case):
    f, operands = step_of(case)
    graph = optimized(ad.trace(f, *operands))
    groups = case[-1]
    kinds = names(graph)
    assert [kinds.count(name) for name in ("convolution", "images", "partial_gradients")] == [groups] * 3
    assert not {"matmul", "sliding_windows", "add_windows"} & set(kinds)


@every_convolution
@pytest.mark.parametrize("without", ["convolutions", "algebra"])
def test_without_a_pass_the_results_are_the_same(by_three, case, without):
    f, operands = step_of(case)
    compiled = Program(ad.trace(f, *operands), {without})
    results = compiled([leaf.data for leaf in compiled.leaves])
    for result, want in zip(results, f(*operands), strict=True):
        np.testing.assert_allclose(result, want.data, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("axes", [(0, 1, 4, 5, 3, 2), (0, 1, 5, 4, 2, 3)], ids=str)
def test_windows_in_another_order_are_not_taken_for_columns(by_three, axes):
    x, w = random((3, 2, 5, 6)), random((4, 2 * 2 * 2), 1)

    def f(x, w):
        windows = ad.permute_dims(ad.sliding_windows(x, (2, 2), (1, 1)), axes)
        return ad.matmul(w, ad.reshape(windows, (3, 8, 20)))

    compiled = Program(ad.trace(f, x, w))
    assert "convolution" not in names(compiled.graph)
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3)).transpose(axes)
    (result,) = compiled([leaf.data for leaf in compiled.leaves])
    np.testing.assert_allclose(result, w @ windows.reshape(3, 8, 20), rtol=1e-12)


@pytest.mark.parametrize(("shape", "window"), [((2, 2, 4, 5, 6), (3,)), ((3, 3, 4), (2, 2, 2))], ids=["one", "three"])
def test_windows_over_one_axis_or_three_are_not_taken_for_columns(by_three, shape, window):
    order = (0, 1, 4, 5, 2, 3)
    windows = np.lib.stride_tricks.sliding_window_view(random(shape), window, tuple(range(-len(window), 0)))
    windows = windows.transpose(order)
    columns = windows.reshape(len(windows), np.prod(windows.shape[1:4]), -1)
    w = random((3, columns.shape[1]), 1)

    def f(x, w):
        return ad.matmul(w, ad.reshape(ad.permute_dims(ad.sliding_windows(x, window), order), columns.shape))

    np.testing.assert_allclose(ad.jit(f)(random(shape), w).data, w @ columns, rtol=1e-12)


def test_windows_that_leave_places_free_are_laid_where_they_belong(by_three):
    def f(a, g):
        columns = ad.reshape(ad.matmul(a, g), (3, 2, 3, 3, 2, 2))
        return add_windows(ad.permute_dims(columns, (0, 1, 4, 5, 2, 3)), (3, 2, 6, 7), (1, 1))

    operands = random((18, 4)), random((3, 4, 4), 1)
    np.testing.assert_allclose(ad.jit(f)(*operands).data, f(*operands), rtol=1e-12)


@pytest.mark.parametrize("types", [(np.float32, np.float64), (np.float64, np.float32)], ids=str)
def test_a_product_of_two_types_is_left_to_numpy(types):
    f, (x, w, b) = step_of(CASES[0])
    graph = optimized(ad.trace(f, x.astype(types[0]), w.astype(types[1]), b))
    products = [operation for operation in graph if is_product(operation)]
    assert all(len({value.dtype for value in (*op.inputs, op.output)}) == 1 for op in products)


def test_no_images_have_no_windows_and_a_gradient_of_zero(by_three):
    def f(x, w):
        return ad.grad(lambda w: ad.sum(ad.square(nets.conv2d(x, w))))(w)

    np.testing.assert_array_equal(ad.jit(f)(random((0, 2, 5, 6)), random((4, 2, 3, 3))).data, np.zeros((4, 2, 3, 3)))


def network(pool):
    rng = np.random.default_rng(0)
    given = {"rng": rng, "dtype": np.float64}
    return nets.Sequential(
        nets.Conv2d(1, 3, 3, padding=1, **given), nets.ReLU(), pool, nets.Conv2d(3, 4, 2, **given), nets.ReLU(),
        nets.Flatten(), nets.Linear(4 * (8 // pool.stride[0] - 1) ** 2, 3, **given),
    )  # fmt: skip


def training(model):
    optimizer = nets.SGD(model.parameters(), 0.1)

    def step(x, y):
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


POOLS = [nets.MaxPool2d(2), nets.AvgPool2d(2), nets.MaxPool2d(3), nets.MaxPool2d(3, 2, 1), nets.MaxPool2d(1, 2)]


@pytest.mark.parametrize("pool", POOLS, ids=repr)
def test_a_network_is_trained_to_the_same_weights(by_three, pool):
    compiled, eager = network(pool), network(pool)
    step, wanted = ad.jit(training(compiled)), training(eager)
    x, y = np.random.default_rng(1).integers(0, 3, (6, 1, 8, 8)).astype(float), np.arange(6) % 3  # with ties
    for _ in range(3):
        np.testing.assert_allclose(step(x, y).data, wanted(x, y).data, rtol=1e-12)
    for mine, right in zip(compiled.parameters(), eager.parameters(), strict=True):
        np.testing.assert_allclose(mine.data, right.data, rtol=1e-10, atol=1e-13)


def test_all_that_is_done_to_an_image_is_done_in_one_stage(by_three):
    """From its pixels to the cotangent of the first layer: no thread waits for another in between."""
    step = ad.jit(training(network(nets.MaxPool2d(2))))
    step(random((6, 1, 8, 8)), np.arange(6) % 3)
    functions, listing = step.source.split("# What is done in turn:")
    bodies = {text.split("(")[0]: text for text in functions.split("@piece\ndef ")[1:]}
    stages = [[bodies[name] for name in re.findall(r"piece_\d+", stage)] for stage in listing.split("by all threads")]
    (images,) = [stage for stage in map("".join, stages) if "lay_windows(" in stage]
    assert images.count("take_windows(") == 2
    assert {"sum(6, 3, 1, 1)", "sum(6, 4, 1, 1)"} <= set(re.findall(r"sum\([\d, ]+\)", functions))


def test_the_gradient_of_a_pooling_is_put_where_it_belongs_once(by_three):
    step = ad.jit(training(network(nets.MaxPool2d(2))))
    step(random((6, 1, 8, 8)), np.arange(6) % 3)
    loops = step.source.split("# What is done in turn:")[0]
    assert "add_windows(6, 3, 8, 8)" in loops
    assert "% np.uint64(2)" not in loops
    graph = optimized(step.graph)
    (laid,) = [op for op in graph if op.primitive.name == "add_windows"]
    assert laid.inputs[0].operation.primitive.name == "relu_backward"


def test_the_windows_of_a_batch_take_no_memory(by_python):
    shape, kernel = (64, 2, 12, 12), (5, 5)
    x, w = random(shape), random((3, 2, *kernel), 1)
    compiled = Program(ad.trace(lambda x, w: ad.sum(ad.square(nets.conv2d(x, w))), x, w))
    assert compiled._arena.nbytes < 64 * 2 * 25 * 64 * 8 / 4
