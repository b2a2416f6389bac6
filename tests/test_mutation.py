"""A sample of the mutants, and whether the harness that judges them tells the truth."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autodiff.tape import registry
from tests.mutation import equivalents
from tests.mutation.__main__ import ENVIRONMENT, SUITE
from tests.mutation.catalogue import catalogue, sample

ROOT = Path(__file__).parents[1]
FEW = "tests/autodiff/ops/test_elementwise.py"

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="each mutant lives in a forked process")


def run(*arguments):
    """Run Python in a process of its own, from the root."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_fork
def test_faults_of_many_kinds_are_noticed():
    quickest = [path for path in SUITE if "contract" not in path]
    done = run("-m", "tests.mutation", "--sample", 12, *quickest)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill rate: 100.00% (12 of 12)" in done.stdout


JUDGE = """
import os, sys, time
from autodiff import ops
from autodiff.tape import registry
from tests.mutation import suite
from tests.mutation.mutant import Mutant
suite._PATIENCE = 3.0, 0.0
sigmoid = registry["sigmoid"]
right = sigmoid.rules[0]
def be(rule):
    sigmoid.rules = (rule,)
faults = {
    "nothing": lambda: None,
    "the same in other words": lambda: be(lambda g, out, a: ops.negative(right(ops.negative(g), out, a))),
    "wrong": lambda: be(lambda g, out, a: ops.multiply(g, out)),
    "hangs": lambda: be(lambda g, out, a: time.sleep(60)),
    "dies": lambda: be(lambda g, out, a: os._exit(0)),
}
mutants = [Mutant("sigmoid", "a", name, "", right, apply) for name, apply in faults.items()]
suite.judge(sys.argv[1:], mutants, 2, lambda verdict: print(verdict.mutant.operator, "->", verdict.killer))
"""


@needs_fork
def test_a_fault_is_noticed_by_a_test_that_fails_and_what_is_no_fault_survives():
    done = run("-c", JUDGE, FEW)
    verdicts = dict(line.split(" -> ") for line in done.stdout.splitlines())
    assert verdicts.pop("wrong").startswith(f"{FEW}::test_"), done.stderr
    assert verdicts == {
        "nothing": "None",
        "the same in other words": "None",
        "hangs": "it hung",
        "dies": "its process died",
    }


@needs_fork
def test_a_mutant_that_cannot_be_made_is_no_success():
    done = run("-c", JUDGE.replace("lambda: None", "lambda: 1 / 0"), FEW)
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stderr


@needs_fork
def test_a_suite_that_fails_without_a_mutant_judges_none(tmp_path):
    (tmp_path / "test_wrong.py").write_text("def test_wrong(): assert False")
    done = run("-m", "tests.mutation", "--only", "exp", tmp_path / "test_wrong.py")
    assert done.returncode == 2
    assert "without a mutant" in done.stderr
    assert "test_wrong" in done.stderr


@needs_fork
def test_survivors_are_named_and_make_the_command_fail():
    done = run("-m", "tests.mutation", "--only", "matmul", "--operator", "sign flipped", FEW)
    assert done.returncode == 1
    assert "survived: matmul, a: sign flipped" in done.stdout
    assert "kill rate: 0.00% (0 of 2)" in done.stdout


def test_the_list_of_equivalents_names_mutants_that_there_are():
    assert equivalents.stale(catalogue()) == []
    assert equivalents.stale(catalogue(), {"no reason": ["exp, a: no rule", "exp, a: no such fault"]}) == [
        "exp, a: no such fault"
    ]


def test_every_rule_of_the_engine_has_mutants():
    own = [primitive for primitive in registry.values() if primitive.kernel.__module__.startswith("autodiff.")]
    ruled = {primitive.name for primitive in own if primitive.rule_for or any(primitive.rules)}
    assert ruled == {mutant.subject for mutant in catalogue() if mutant.operator == "sign flipped"}


def test_a_sample_is_the_same_for_the_same_seed_and_of_as_many_kinds_as_can_be():
    kinds = {mutant.operator for mutant in catalogue()}
    one, again, other = (sample(catalogue(), len(kinds), seed) for seed in (0, 0, 1))
    assert one == again != other
    assert {mutant.operator for mutant in one} == kinds
