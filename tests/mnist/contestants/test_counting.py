"""Lines of user code: those that are reached and hold code, and no others."""

import importlib.util
import sys

import numpy as np
import pytest

from mnist.contestants import ENTRIES, counting
from mnist.contestants.problem import Problem

SAMPLE = '''
"""A contestant of whose lines those that are to be counted with "sgd" say so."""

from __future__ import annotations

from mnist.contestants.other import BETA, Base, unused  # imports are not counted
import numpy as np

Linear, Convolution = int, str  # counted

RATE: float = 0.1  # counted
UNUSED = 3
TABLE = {  # counted
    "sgd": lambda: slow(),  # counted
    "adam": lambda: adam(),
}


class Sample(Base):
    """A docstring
    of two lines."""

    size: int = 3  # counted
    other = 4

    def __init__(self, problem: Unknown) -> None:  # counted
        """Another docstring."""
        super().__init__(problem)  # counted

        # a comment
        self.rate = RATE * (  # counted
            self.size  # counted
            + 1  # counted
        )
        update = SGD if problem.optimizer == "sgd" else Adam  # counted
        self.update = update(TABLE["sgd"])  # counted
        if problem.optimizer == "adam":  # counted
            adam()

    def step(self, x):  # counted
        def inner():  # counted
            return BETA  # counted
        return inner() if x else helper(x)  # counted

    def gradients(self):
        return helper_of_gradients()


def helper(x):  # counted
    return np.exp(x)  # counted


def helper_of_gradients():
    return unused()


def slow():  # counted
    match 1:  # counted
        case Linear():  # counted
            return (  # counted
                1,  # counted
            )
        case Convolution():
            return adam()


def adam():
    return 2


class SGD:  # counted
    """How it moves."""

    def __call__(self):  # counted
        return 1  # counted


class Adam:
    def __call__(self):
        return adam()
'''

OTHER = """
BETA, GAMMA = 1, 2  # counted


def unused():
    return 1


class Base:
    def __init__(self, problem):  # counted
        pass  # counted

    def learn(self, rows):  # counted
        for row in rows:  # counted
            self.step(row)  # counted

    def step(self, x):
        raise NotImplementedError
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Make a module beside the contestants."""

    def module(name, text):
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(f"mnist.contestants.{name}", path)
        made = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, made)
        spec.loader.exec_module(made)
        return made

    return module


def marked(text):
    return {number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# counted")}


def test_counted_are_the_lines_with_code_that_init_and_learn_come_to(module):
    module("other", OTHER)
    sample = module("sample", SAMPLE)
    counter = counting._Counter(sample.Sample, {"sgd", *counting.CHOSEN})
    for name in counting.ROOTS:
        counter.method(name)
    found = {name: {line for where, line in counter.lines if where.endswith(name)} for name in ("sample", "other")}
    assert found == {"sample": marked(SAMPLE), "other": marked(OTHER)}
    assert counting.lines(sample.Sample, "sgd") == len(counter.lines)


def test_with_another_optimizer_its_lines_count_instead(module):
    module("other", OTHER)
    kind = module("sample", SAMPLE).Sample
    without = 3 + 5 + 1 + 1  # SGD, slow, the line of Linear that slow alone comes to, and the entry of slow
    instead = 3 + 2 + 1 + 1  # Adam, adam, the entry of adam, and what is within the if
    assert counting.lines(kind, "adam") == counting.lines(kind, "sgd") - without + instead


def test_layout_and_comments_do_not_count(module):
    module("other", OTHER)
    plain = module("sample", SAMPLE).Sample
    spread = SAMPLE.replace("    def step", "\n    # more to say\n\n    def step")
    assert counting.lines(module("sample2", spread).Sample, "sgd") == counting.lines(plain, "sgd")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", ["manual", "numpy", "eager"])
def test_no_line_of_ours_is_run_that_is_not_counted(name, optimizer):
    """The oracle is Python, which tells of every line that it runs."""
    kind = ENTRIES[name].load()
    counter = counting._Counter(kind, {optimizer, *counting.CHOSEN})
    for root in counting.ROOTS:
        counter.method(root)
    problem = Problem((12, 9, 7, 5), optimizer, 6)
    run = set()

    def trace(frame, event, argument):
        module = frame.f_globals.get("__name__", "")
        is_of_the_problem = frame.f_code.co_qualname.startswith("Problem.") or module in counting._DESCRIPTIONS
        if is_of_the_problem or not module.startswith(("mnist.contestants.", "nets.manual")):
            return None
        if event == "line":
            run.add((module, frame.f_lineno))
        return trace

    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (12, 12), np.uint8), rng.integers(0, 5, 12)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        kind(problem).learn(images, labels, np.arange(12).reshape(2, 6))
    finally:
        sys.settrace(before)
    assert len(run) > 15
    assert run <= counter.lines
    assert len(counter.lines) < 2 * len(run)


def test_by_hand_adam_takes_more_lines_than_sgd():
    for name in ("manual", "numpy"):
        kind = ENTRIES[name].load()
        assert 20 < counting.lines(kind, "sgd") < counting.lines(kind, "adam") < 100
