"""What is compiled computes what was traced: every operation, whole steps, with and without each pass."""

from itertools import chain, combinations

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.compiler.program import PASSES, Program, optimized
from autodiff.tape import registry
from tests.autodiff.cases import CASES, DIFFERENTIABLE, random

SUBSETS = list(chain.from_iterable(combinations(PASSES, n) for n in range(len(PASSES) + 1)))


def replayed(graph):
    """The outputs of a graph, computed by the kernels, operation by operation."""
    values = {v.id: v.data for v in graph.values if v.operation is None}
    for operation in graph:
        inputs = [values[v.id] for v in operation.inputs]
        values[operation.output.id] = np.asarray(operation.primitive.kernel(*inputs, **operation.attributes))
    return [np.asarray(values[v.id]) for v in [*graph.outputs, *(new for _, new in graph.assignments)]]


def assert_close(results, wanted, tolerance=1e-12):
    """Equal up to rounding of the largest number among them."""
    largest = max((np.abs(w[np.isfinite(w)]).max(initial=0) for w in wanted if w.dtype.kind == "f"), default=0)
    for result, want in zip(results, wanted, strict=True):
        assert result.shape == want.shape
        assert result.dtype == want.dtype
        np.testing.assert_allclose(result, want, rtol=tolerance, atol=tolerance * max(largest, 1))


def gradients_of(case):
    """A function of the case's operands that gives the result and its gradients."""

    def f(*operands):
        varied = tuple(operands[i] for i in case.varied)

        def of_varied(*xs):
            complete = list(operands)
            for i, x in zip(case.varied, xs, strict=True):
                complete[i] = x
            return case.f(*complete)

        out, pullback = ad.vjp(of_varied, *varied)
        return out, *pullback(case.cotangent())

    return f


def a_step(optimizer=nets.SGD, activation="relu", dtype=np.float64, **settings):
    model = nets.MLP([6, 5, 4, 3], activation, rng=np.random.default_rng(0), dtype=dtype)
    optimizer = optimizer(model.parameters(), 0.1, **settings)

    def step(x, y):
        loss = nets.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, step, random((7, 6)).astype(dtype), np.array([0, 2, 1, 1, 0, 2, 2])


def leaves_of(program):
    return [leaf.data for leaf in program.leaves]


def assert_compiled(graph):
    """The program of a graph gives what the kernels give."""
    program = Program(graph)
    with np.errstate(all="ignore"):
        assert_close(program(leaves_of(program)), replayed(graph))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_operation(by_python, case):
    assert_compiled(ad.trace(case.f, *case.operands))


@pytest.mark.parametrize("case", [c for c in DIFFERENTIABLE if c.operands[0].size < 30], ids=lambda case: case.id)
def test_every_gradient(by_three, case):
    assert_compiled(ad.trace(gradients_of(case), *case.operands))


@pytest.mark.parametrize("without", SUBSETS, ids=lambda names: "-".join(names) or "none left out")
def test_every_subset_of_the_passes_leaves_the_results_alone(without):
    for activation in ("relu", "tanh", "sigmoid"):
        _, step, x, y = a_step(nets.AdamW, activation)
        graph = ad.trace(step, x, y)
        assert_close(replayed(optimized(graph, without)), replayed(graph))


@pytest.mark.parametrize("without", [*((name,) for name in PASSES), ("memory",), tuple(PASSES)], ids=str)
def test_a_step_compiled_without_some_passes_computes_the_same(by_python, without):
    _, step, x, y = a_step(nets.SGD, momentum=0.9)
    step(x, y)
    graph = ad.trace(step, x, y)
    wanted = replayed(graph)
    program = Program(graph, without)
    leaves = [np.array(leaf.data) for leaf in program.leaves]
    results = program(leaves)
    assigned = {leaf.id: leaves[i] for i, leaf in enumerate(program.leaves)}
    targets = [assigned[leaf.id] for leaf, _ in program.graph.assignments]
    assert_close([*results, *targets], wanted)


def test_what_nothing_needs_is_left_out():
    graph = ad.trace(lambda x: (ad.exp(x), ad.sin(x))[1], random((3,)))
    assert [o.primitive.name for o in optimized(graph)] == ["sin"]


def test_what_is_computed_twice_is_computed_once():
    graph = ad.trace(lambda x: ad.exp(x) * ad.exp(x) + ad.sum(x, axis=0) - ad.sum(x, axis=0), random((3,)))
    names = [o.primitive.name for o in optimized(graph)]
    assert names.count("exp") == 1
    assert names.count("sum") == 1


def test_operations_that_differ_in_an_attribute_alone_are_not_taken_for_one():
    graph = ad.trace(lambda x: ad.sum(x, axis=0) + ad.sum(x, axis=1) + x[0] - x[1], random((3, 3)))
    names = [o.primitive.name for o in optimized(graph)]
    assert names.count("sum") == 2
    assert names.count("getitem") == 2


def test_minus_zero_is_not_taken_for_zero():
    @ad.primitive("scale_by", None)
    def scale_by(a, *, factor):
        return a * factor

    graph = ad.trace(lambda x: scale_by(x, factor=0.0) + scale_by(x, factor=-0.0), random((3,)))
    del registry["scale_by"]
    assert len(optimized(graph)) == len(graph)


def test_arithmetic_of_constants_is_done_beforehand():
    graph = ad.trace(lambda x: x * ad.divide(1.0, ad.exp(2.0)), random((3,)))
    assert [o.primitive.name for o in optimized(graph)] == ["multiply"]


def test_arrays_are_no_constants():
    array = random((3,))
    graph = optimized(ad.trace(lambda x: x * ad.exp(array), random((3,))))
    assert [o.primitive.name for o in graph] == ["exp", "multiply"]


def test_a_loop_does_one_element_wise_operation_after_the_other():
    graph = ad.trace(lambda x: ad.sum(ad.exp(ad.sin(x) * 2.0 + 1.0)), random((4, 5)))
    program = Program(graph)
    assert program.source.count("for i0") == 1
    assert program.report().splitlines()[1].startswith("compiled to  1 loops and 0 matrix products")


def test_buffers_that_are_not_needed_together_share_their_place():
    graph = ad.trace(lambda x: x @ x @ x @ x @ x @ x, random((5, 5)))
    sharing, apart = Program(graph), Program(graph, without=("memory",))
    assert sharing._arena.nbytes == 2 * apart._arena.nbytes / 4


def test_the_text_is_python_that_tells_what_it_does():
    _, step, x, y = a_step()
    source = Program(ad.trace(step, x, y), title="A step.").source
    compile(source, "step", "exec")
    assert source.startswith('"""A step."""')
    for words in ("# matmul(7, 5)", "# relu(7, 5) 'A'", "product_float64(", "for i0 in range("):
        assert words in source


def test_a_label_out_of_range_is_an_error_and_moves_no_parameter(by_three):
    _, step, x, y = a_step()
    program = Program(ad.trace(step, x, y))
    leaves = [np.array([0, 3, 1, 1, 0, 2, 2]) if leaf.name == "y" else np.array(leaf.data) for leaf in program.leaves]
    before = [leaf.copy() for leaf in leaves]
    with pytest.raises(IndexError, match="out of range"):
        program(leaves)
    for leaf, old in zip(leaves, before, strict=True):
        np.testing.assert_array_equal(leaf, old)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (12, 2), (3, 8)], ids=str)
def test_a_factor_that_is_read_in_another_shape_is_waited_for_and_not_copied(by_three, shape):
    """A thread's rows of it are not the rows that the thread has made."""
    x, w = random((6, 4)), random((shape[1], 5), 1)
    graph = ad.trace(lambda x, w: ad.reshape(ad.exp(x), shape) @ w, x, w)
    program = Program(graph)
    for seed in range(2):
        leaves = [random(leaf.shape, seed) for leaf in program.leaves]
        want = np.exp(leaves[0]).reshape(shape) @ leaves[1]
        np.testing.assert_allclose(program(leaves)[0], want, rtol=1e-12)
    assert "1 loops and 1 matrix products" in program.report()


def test_what_a_kernel_of_its_own_reads_through_views_is_not_copied(by_python):
    x = random((2, 3, 6, 6))
    graph = ad.trace(lambda x: ad.cumsum(ad.permute_dims(ad.exp(x), (0, 2, 3, 1))[:, ::2], axis=1), x)
    program = Program(graph)
    np.testing.assert_allclose(program([x])[0], np.cumsum(np.exp(x).transpose(0, 2, 3, 1)[:, ::2], axis=1), rtol=1e-12)
    assert "1 loops and 0 matrix products" in program.report()
    assert "1 operations left to their own kernels" in program.report()


@pytest.mark.parametrize(
    ("shape", "other"),
    [
        ((6, 4), (4, 6)), ((6, 4), (2, 3, 4)), ((2, 3, 4), (6, 4)), ((2, 3, 4), (2, 2, 6)), ((1, 6, 1), (2, 1, 3)),
        ((2, 3, 4, 5), (6, 20)), ((6, 20), (3, 2, 5, 4)), ((4, 3), (1, 2, 6)), ((1,), (1, 1)), ((), (1, 1)),
    ],
    ids=str,
)  # fmt: skip
def test_loops_read_through_any_reshape(by_three, shape, other):
    x = random(shape)
    graph = ad.trace(lambda x: ad.exp(ad.reshape(ad.sin(x), other)) + 1.0, x)
    program = Program(graph)
    np.testing.assert_allclose(program(leaves_of(program))[0], np.exp(np.sin(x).reshape(other)) + 1, rtol=1e-12)
