"""What is printed runs by itself, in NumPy alone, and gives the numbers of the engine and of the derivation by hand."""

import ast
import functools
import math
import re
import subprocess
import sys

import numpy as np
import pytest

import autodiff as ad
import nets
from autodiff.tape import registry
from nets import manual
from tests.autodiff.cases import CASES, random
from tests.autodiff.explain import witness
from tests.autodiff.explain.networks import traced_step
from tests.programs import output_of

BOTH = pytest.mark.parametrize("simplify", [False, True])


def computation(graph, simplify=False):
    """The function that is printed of a graph."""
    scope = {}
    exec(graph.to_python(simplify=simplify), scope)
    return scope["computation"]


def result(graph, simplify=False):
    return computation(graph, simplify)(**graph.arguments(simplify))


def test_every_operation_and_every_step_gives_the_engines_numbers_to_the_bit():
    """In a process of its own, where the engine's kernels are NumPy's."""
    code = "from tests.autodiff.explain.witness import main; main()"
    count, *faults = output_of(code, timeout=300, AUTODIFF_KERNELS="numpy").split("\n", 1)
    assert int(count) == len(CASES) + 18 + len(witness.ODD)
    assert "".join(faults).strip() == ""


def test_the_witness_is_not_deaf(monkeypatch):
    graph, gradients = witness.traced_case(next(case for case in CASES if case.id == "exp-(3, 4)"))
    assert not list(witness.faults("exp", graph, gradients))
    gradients["doperand0"][0, 0] += 1e-9
    assert list(witness.faults("exp", graph, gradients)) == ["exp: doperand0", "exp: doperand0 simplified"]
    monkeypatch.setattr(witness, "run", lambda *_: {})
    assert len(list(witness.faults("exp", graph, gradients))) == 2


DEPTHS = [(5, 4), (5, 3, 4), (5, 4, 3, 4), (5, 4, 3, 3, 4), (5, 1, 2)]


@BOTH
@pytest.mark.parametrize("activation", manual.ACTIVATIONS)
@pytest.mark.parametrize("widths", DEPTHS, ids=str)
def test_a_printed_step_agrees_with_the_derivation_by_hand(widths, activation, simplify):
    """On other numbers than those with which it was traced."""
    graph = traced_step(widths, activation, batch=6)
    rng = np.random.default_rng(list(widths))
    given = {name: rng.standard_normal(np.shape(value)) for name, value in graph.arguments().items()}
    given["y"] = rng.integers(0, widths[-1], 6)
    results = computation(graph, simplify)(**given)
    layers = range(1, len(widths)) if len(widths) > 2 else [""]
    W, b = ([given[f"{name}{layer}"] for layer in layers] for name in "Wb")
    loss, *gradients = manual.loss_and_gradients(W, b, given["X"], given["y"], activation)
    np.testing.assert_allclose(results.pop("L"), loss, rtol=1e-12)
    for name, wanted in zip(("dW", "db"), gradients, strict=True):
        for layer, gradient in zip(layers, wanted, strict=True):
            np.testing.assert_allclose(results.pop(f"{name}{layer}"), gradient, rtol=1e-12, atol=1e-14)
    assert not results


def test_the_program_needs_numpy_alone(tmp_path):
    graph = traced_step(optimizer=nets.SGD)
    np.savez(tmp_path / "given.npz", **graph.arguments())
    (tmp_path / "program.py").write_text(
        graph.to_python()
        + "import sys\n"
        "np.savez('results.npz', **computation(**np.load('given.npz')))\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('autodiff', 'nets', 'numba')])\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-I", "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    results = np.load(tmp_path / "results.npz")
    for old, new in graph.assignments:
        (name,) = (key for key, value in graph.arguments().items() if value is old.data)
        np.testing.assert_allclose(results[f"{name}_new"], new.data, rtol=1e-12)


def test_there_is_a_line_for_each_operation_with_its_shape_and_the_users_line():
    graph = traced_step(optimizer=nets.SGD)
    text = graph.to_python()
    body = text[text.index("def computation") :].splitlines()
    shapes = [line.rpartition("  # ")[2] for line in body if re.search(r"  # \(.*\)$", line)]
    assert shapes == [str(operation.output.shape) for operation in graph]
    comments = [line.strip() for line in body if line.strip().startswith("#")]
    assert [comment for comment in comments if " " not in comment.removeprefix("# ")] == [
        "# forward", "# backward", "# update"
    ]  # fmt: skip
    for line in ("loss = nets.cross_entropy(model(X), y)", "loss.backward()", "step()"):
        assert any(re.fullmatch(rf"# .*networks\.py:\d+ \({re.escape(line)}\)", comment) for comment in comments)


def test_names_in_the_program_are_those_of_the_equations():
    text = traced_step(optimizer=nets.SGD).to_python()
    for line in (
        "def computation(X, y, W1, b1, W2, b2):",
        "    Z1 = np.add(_1, b1)",
        "    dL = np.float64(1.0)",
        "    dA1 = np.matmul(dZ2, _",
        "    W1_new = np.add(W1, _",
        "        'dW1': dW1,",
        "        'W1_new': W1_new,",
    ):
        assert line in text


def test_the_program_is_the_same_each_time():
    assert traced_step().to_python() == traced_step().to_python()


def test_small_constants_are_written_out_and_large_ones_are_parameters():
    small, large = random((2, 3)), random((200, 3), 1)
    index, special = np.array([1, 0, 1]), np.array([np.inf, -np.inf, np.nan])
    graph = ad.trace(lambda x: (x + small + special)[index] * np.full((3, 3), 0.1), random((2, 3)))
    assert list(graph.arguments()) == ["x"]
    np.testing.assert_array_equal(*result(graph).values(), graph.outputs[0].data)
    with np.errstate(all="ignore"):
        graph = ad.trace(lambda x: ad.matmul(x + small + special, large.T) + math.inf, random((2, 3)))
    assert [value.shape for value in graph.arguments().values()] == [(2, 3), (3, 200)]
    with np.errstate(all="ignore"):
        (found,) = result(graph).values()
    np.testing.assert_array_equal(found, graph.outputs[0].data)


@pytest.mark.parametrize(("shape", "names"), [((10, 10), ["x"]), ((11, 10), ["x", "c"])])
def test_a_constant_of_more_than_a_hundred_numbers_is_a_parameter(shape, names):
    graph = ad.trace(lambda x: x + random(shape), 1.0)
    assert list(graph.arguments()) == names
    np.testing.assert_array_equal(*result(graph).values(), graph.outputs[0].data)


def test_zeros_keep_their_signs():
    graph = ad.trace(lambda x: x * np.array([0.0, -0.0]) + np.array([-0.0, -0.0]), np.ones(2))
    (found,) = result(graph).values()
    assert np.signbit(found).tolist() == np.signbit(graph.outputs[0].data).tolist() == [False, True]


def test_large_attributes_are_told_apart():
    first, second = np.arange(2000), np.arange(2000)
    second[1000] = 0
    graph = ad.trace(lambda x: x[first] - x[second], random((2000,)))
    np.testing.assert_array_equal(*result(graph).values(), graph.outputs[0].data)


def test_a_tape_with_its_backward_pass_is_printed_too():
    w = ad.Tensor(random((3,)), requires_grad=True, name="w")
    loss = (w * ad.sin(w)).sum()
    for simplify in (False, True):
        results = result(ad.Graph.of(loss, backward=True), simplify)
        np.testing.assert_allclose(results["dw"], np.sin(w.data) + w.data * np.cos(w.data), rtol=1e-13)
        np.testing.assert_allclose(results["L"], loss.data, rtol=1e-13)


def test_gradients_that_variables_hold_are_no_arguments():
    w = ad.Tensor(random((3,)), requires_grad=True, name="w")
    loss = (w * ad.sin(w)).sum()
    loss.backward()
    graph = ad.Graph.of(loss)
    assert list(graph.arguments()) == ["w"]
    assert list(result(graph)) == ["out"]
    again = ad.Graph.of((w * w.grad).sum())
    np.testing.assert_array_equal(*result(again).values(), again.outputs[0].data)


def test_a_leaf_without_a_name_is_none_the_less_an_argument_if_it_is_a_gradient_too():
    x, w = (ad.Tensor(random((3,), i), requires_grad=True, name=name) for i, name in enumerate(("x", None)))
    hidden = ad.exp(x) + x
    graph = ad.Graph.of(ad.sum(hidden * w), backward=True)
    results = result(graph, simplify=True)
    assert sorted(graph.arguments(simplify=True)) == ["w", "x"]
    np.testing.assert_allclose(results["dw"], hidden.data, rtol=1e-12)
    np.testing.assert_allclose(results["dx"], w.data * (np.exp(x.data) + 1), rtol=1e-12)


def test_gradients_and_outputs_that_are_leaves_are_returned():
    graph = ad.trace(ad.value_and_grad(lambda w, x: (w * x).sum()), random((3,)), random((3,), 1))
    assert list(result(graph, simplify=True)) == ["L", "dw"]
    np.testing.assert_array_equal(result(graph, simplify=True)["dw"], random((3,), 1))
    graph = ad.trace(ad.value_and_grad(lambda w: w + 3.0), 1.0)
    assert {name: float(value) for name, value in result(graph).items()} == {"L": 4.0, "dw": 1.0}
    assert result(ad.trace(lambda: None)) == {}
    assert result(ad.trace(lambda x: x, 2.0)) == {"out": 2.0}


# ── operations of one's own ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture(autouse=True)
def _forget_new_primitives():
    known = dict(registry)
    yield
    registry.clear()
    registry.update(known)


SCALE = 2.5
step = 4.0  # which the kernel below has another use for


def _helper(a, *, power=2):
    """Raise to a power."""
    return a**power if power else np.ones_like(a)


@functools.lru_cache
def _table(n):
    return np.arange(n)


def assert_printed(f, *args):
    """The program of a function gives the function's numbers; return its text."""
    graph = ad.trace(f, *args)
    (value,) = result(graph).values()
    np.testing.assert_array_equal(value, graph.outputs[0].data)
    assert value.dtype == graph.outputs[0].dtype
    return graph.to_python()


def test_a_kernel_of_one_line_is_printed_where_it_is_used():
    @ad.primitive("cube", lambda g, out, a: 3 * g * a * a)
    def cube(a):
        """a³."""
        return a**3

    assert "t1 = np.asarray(x ** 3)" in assert_printed(lambda x: cube(x) * cube(x), random((3,))).replace("_1", "t1")
    graph = ad.trace(ad.value_and_grad(lambda x: ad.sum(cube(x))), random((3,)))
    np.testing.assert_allclose(result(graph, simplify=True)["dx"], 3 * random((3,)) ** 2, rtol=1e-12)


def test_a_kernel_takes_what_it_uses_along():
    offset = 0.5

    @ad.primitive("elaborate", lambda g, out, a, kind: g)
    def elaborate(a: np.ndarray, kind: str = "a'\n\"") -> np.ndarray:
        total: float = 0.0
        for i in _table(3):
            total += float(i) * SCALE
        assert kind == "a'\n\""  # which pytest rewrites, and the printed program does not
        return _helper(a, power=3) + total * math.gamma(3.5) + offset + sum([a + 1 for a in range(2)])

    with pytest.raises(ValueError, match=r"'elaborate'.*not what its file says"):
        ad.trace(elaborate, random((3,))).to_python()

    @ad.primitive("elaborate", lambda g, out, a, kind: g)
    def elaborate(a: np.ndarray, kind: str = "a'\n\"") -> np.ndarray:
        total: float = 0.0
        for i in _table(3):
            step = float(i)
            total += step * SCALE * (kind == "a'\n\"")
        return _helper(a, power=3) + total * math.gamma(3.5) + offset + sum([a + 1 for a in range(2)])

    text = assert_printed(elaborate, random((3,)))
    assert "def _helper(a, *, power=2):" in text
    assert "def _table(n):" in text
    assert "import math" in text
    assert "0.5" in text
    assert "2.5" in text


def _louder(f):
    @functools.wraps(f)
    def loud(a):
        return f(a) * 10

    return loud


@_louder
def _decorated(a):
    return a + 1


def test_a_decorated_function_is_printed_with_what_decorates_it():
    @ad.primitive("calls_decorated", None)
    def calls_decorated(a):
        return _decorated(a) - 1

    assert "* 10" in assert_printed(calls_decorated, random((3,)))


def test_a_lambda_is_told_from_others_on_its_line():
    double, triple = ad.primitive("double", None)(lambda a: a * 2), ad.primitive("triple", None)(lambda a: a * 3)
    assert "a * 2" in assert_printed(double, random((3,)))
    assert "a * 3" in assert_printed(triple, random((3,)))


def test_a_lambda_that_is_no_single_expression_is_a_function_with_a_name():
    halves = ad.primitive("halves", None)(lambda a: np.stack([x / 2 for x in a]))
    assert "def _lambda_(a):" in assert_printed(halves, random((3,)))


def test_a_kernel_may_take_any_number_of_operands_and_call_operations_of_the_engine():
    @ad.primitive("total", rule_for=lambda index: lambda g, out, arrays, weights: g * weights[index])
    def total(*arrays, weights):
        return sum(ad.multiply(a, w) for a, w in zip(arrays, weights, strict=True))

    text = assert_printed(lambda x, y: total(x, y, weights=(2.0, -1.0)), random((3,)), random((3,), 1))
    assert "def total(*arrays, weights):" in text
    assert "np.multiply(a, w)" in text or "multiply(a, w)" in text


def _squared(b):
    return b * b


def test_an_argument_that_takes_computing_is_computed_once():
    @ad.primitive("square_of_sine", None)
    def square_of_sine(a):
        return _squared(np.sin(a))

    text = assert_printed(square_of_sine, random((3,)))
    assert "_squared(np.sin(a))" in text


def test_an_argument_does_not_meet_a_name_within_a_kernel():
    @ad.primitive("powers", None, None)
    def powers(a, b):
        return np.stack([a * x for x in b])

    assert_printed(lambda a, x: powers(x, a), random((3,)), random((2,), 1))


def test_a_kernel_that_gives_a_python_number_gives_an_array_in_the_program_too():
    @ad.primitive("first", None)
    def first(a):
        return float(a[0])

    assert_printed(lambda x: first(x) * np.float32(2), random((3,)).astype(np.float32))


def test_a_kernel_named_like_one_of_the_engines_is_not_taken_for_it():
    @ad.primitive("exp", lambda g, out, a: g)
    def exp(a):
        return a + 1

    text = assert_printed(lambda x: ad.exp(exp(x)), random((3,)))
    assert "x + 1" in text
    assert "np.exp(" in text


def _no_source():
    scope = {"ad": ad}
    exec('@ad.primitive("nowhere", None)\ndef nowhere(a):\n    return a + 1', scope)
    return scope["nowhere"]


def _with_an_object():
    thing = object()

    @ad.primitive("uses_an_object", None)
    def uses_an_object(a):
        return a + 1 if thing else -a

    return uses_an_object


def _a_partial():
    return ad.primitive("a_partial", None)(functools.partial(lambda a, b: a + b, b=1))


UNPRINTABLE = {"nowhere": _no_source, "uses_an_object": _with_an_object, "a_partial": _a_partial}


@pytest.mark.parametrize("name", UNPRINTABLE)
def test_a_kernel_that_cannot_be_printed_says_so(name):
    graph = ad.trace(UNPRINTABLE[name](), random((3,)))
    reason = {"nowhere": "no source.*file or in a notebook", "uses_an_object": "<object", "a_partial": "partial"}
    with pytest.raises(ValueError, match=rf"to_python: the primitive '{name}' cannot be printed: .*{reason[name]}"):
        graph.to_python()
    assert f"{name}(" in graph.equations()


def test_a_kernel_whose_file_has_changed_since_is_not_printed(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text("import autodiff as ad\n@ad.primitive('mine', None)\ndef mine(a):\n    return a + 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import mine

    assert "x + 1" in ad.trace(lambda x: mine.mine(x), 1.0).to_python()
    path.write_text("import autodiff as ad\n@ad.primitive('mine', None)\ndef mine(a):\n    return a + 1000\n")
    from autodiff.explain import definitions

    definitions._text_of.cache_clear()
    with pytest.raises(ValueError, match="Has the file been changed"):
        ad.trace(lambda x: mine.mine(x), 1.0).to_python()


# ── names that nobody should give ───────────────────────────────────────────────────────────────────────

HOSTILE = ['"', "'''", "a\nb", "a\\", "lambda", "None", "np", "computation", "sum", "float", "slice", "_1", "L", "é",
           "\u0065\u0301", "ﬁ", "fi", "x₁", "x1", "W′", "日本", "1", "", "  ", "#", "🙂", "relu", "log_softmax",
           "_places", "dL", "t1", "def", "W1_new", "__import__('os')", "\N{RIGHT-TO-LEFT OVERRIDE}x", "a b",
           "a_b"]  # fmt: skip


@BOTH
def test_hostile_names_break_no_program(simplify):
    leaves = [ad.Tensor(random((2, 2), i), requires_grad=True, name=name) for i, name in enumerate(HOSTILE)]
    total = leaves[0]
    for leaf in leaves[1:]:
        total = ad.relu(total) + ad.log_softmax(leaf) * leaf
        total.name = "lambda"
    loss = ad.sum(ad.take_along_axis(total[0:2:1], np.array([[0], [1]]), 1))
    graph = ad.Graph.of(loss, backward=True)
    text = graph.to_python(simplify=simplify)
    (function,) = (node for node in ast.parse(text).body if getattr(node, "name", "") == "computation")
    assert len({argument.arg for argument in function.args.args}) == len(HOSTILE)
    results = result(graph, simplify)
    loss.backward()
    assert len(results) == len(HOSTILE) + 1
    for leaf in leaves:
        assert any(np.allclose(value, leaf.grad.data, rtol=1e-12) for value in results.values())


def test_hostile_file_names_stay_in_their_comment(tmp_path, monkeypatch):
    path = tmp_path / "a\nimport os  # '''\n.py"
    path.write_text("def f(x):\n    return x + 1\n")
    scope = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    assert_printed(scope["f"], random((2,)))
