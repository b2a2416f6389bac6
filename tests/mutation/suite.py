"""The fast suite, collected once, and run in forked processes: on the engine as it is, and on each mutant."""

from __future__ import annotations

import ast
import copy
import functools
import gc
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FunctionType

import hypothesis
import pytest

from tests.mutation.code import definition, replace
from tests.mutation.forks import Gone, in_forks
from tests.mutation.mutant import Mutant

_PATIENCE = 30.0, 4.0
"""Seconds that a mutant may take, and seconds for each second that its tests take on the engine as it is."""


class SuiteError(Exception):
    """The suite says nothing of mutants: it cannot be collected, or fails on the engine as it is."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: the test that failed on it, or how its process ended, or None: it survived."""

    mutant: Mutant
    killer: str | None


@dataclass(frozen=True)
class Trial:
    """A test on the engine as it is: its place in the suite, its seconds, and the numbers of the sites it entered."""

    place: int
    seconds: float
    entered: frozenset[int]


def judge(arguments: Sequence[str], mutants: Sequence[Mutant], jobs: int, report: Callable[[Verdict], None]) -> int:
    """Report the verdict on each mutant of the tests that pytest's arguments choose, and return how many these are.

    A mutant meets the tests that enter its site, and first those that enter the fewest other sites.

    Raises:
        SuiteError: the tests cannot be collected, or one fails without a mutant.
    """
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # it bears no fork; the tests that need it skip
    suite = _Suite(lambda: _judge(suite, mutants, jobs, report))
    hypothesis.settings.register_profile(
        "mutation",
        database=None,
        deadline=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutation")
    options = ["-s", "-p", "no:terminal", "-p", "no:cacheprovider"]
    status = pytest.main([*options, *arguments], plugins=[suite])
    if suite.error:
        raise suite.error
    if status != pytest.ExitCode.OK:
        raise SuiteError(f"the tests cannot be collected; see python -m pytest {' '.join(arguments)}")
    return len(suite.items)


class _Suite:
    """A plugin of pytest that collects the tests and then, where pytest would run them, does as it is told."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.items: list[pytest.Item] = []
        self.error: BaseException | None = None
        self._failed = self._skipped = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if session.testsfailed:
            return None  # pytest says that they cannot be collected
        self.items = session.items
        gc.freeze()  # what there is now stays; tests that call the collector need not wait for it in every fork
        try:
            self.work()
        except BaseException as error:  # pytest would write it into a report that nobody sees
            self.error = error
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed |= report.failed
        self._skipped |= report.skipped

    def run(self, places: Sequence[int]) -> Iterator[tuple[int, bool, bool]]:
        """Run the tests at some places of the suite; yield for each its place, and whether it failed or skipped."""
        items = [self.items[place] for place in places]
        for place, (item, following) in zip(places, itertools.zip_longest(items, items[1:]), strict=True):
            self._failed = self._skipped = False
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            yield place, self._failed, self._skipped


def _judge(suite: _Suite, mutants: Sequence[Mutant], jobs: int, report: Callable[[Verdict], None]) -> None:
    sites = list({mutant.site for mutant in mutants})
    trials = _trials(suite, sites, jobs)
    work, limits = [], []
    for mutant in mutants:
        number = sites.index(mutant.site)
        met = [trial for trial in trials if number in trial.entered]
        met.sort(key=lambda trial: (len(trial.entered), trial.seconds))
        work.append(functools.partial(_killer, suite, mutant, [trial.place for trial in met]))
        limits.append(_PATIENCE[0] + _PATIENCE[1] * sum(trial.seconds for trial in met))
    for number, killer in in_forks(work, jobs, limits):
        report(Verdict(mutants[number], killer.how if isinstance(killer, Gone) else killer))


def _killer(suite: _Suite, mutant: Mutant, places: Sequence[int]) -> str | None:
    """Put a mutant into the engine, and return the first of the tests that fails on it."""
    mutant.apply()
    return next((suite.items[place].nodeid for place, failed, _ in suite.run(places) if failed), None)


# ── the engine as it is ─────────────────────────────────────────────────────────────────────────────────


def _trials(suite: _Suite, sites: Sequence[FunctionType], jobs: int) -> list[Trial]:
    """Try every test on the engine as it is, and note the sites that it enters; leave out those that skip."""
    shares = [range(k, len(suite.items), jobs) for k in range(jobs)]
    work = [functools.partial(_try, suite, sites, share) for share in shares]
    trials: list[Trial] = []
    for _, found in in_forks(work, jobs, [float("inf")] * jobs):
        if not isinstance(found, list):
            raise SuiteError(f"without a mutant, {found if isinstance(found, str) else 'the suite'} fails")
        trials += found
    return trials


def _try(suite: _Suite, sites: Sequence[FunctionType], places: Sequence[int]) -> list[Trial] | str:
    """Return the trials of some tests, or the name of the first that fails."""
    entered: set[int] = set()
    for number, site in enumerate(sites):
        _watch(site, number, entered)
    trials = []
    start = time.perf_counter()
    for place, failed, skipped in suite.run(places):
        if failed:
            return suite.items[place].nodeid
        if not skipped:
            trials.append(Trial(place, time.perf_counter() - start, frozenset(entered)))
        entered.clear()
        start = time.perf_counter()
    return trials


def _watch(site: FunctionType, number: int, entered: set[int]) -> None:
    """Have a function add its number to a set whenever it is entered."""
    site.__globals__["_entered"] = entered
    tree = copy.deepcopy(definition(site))
    note = ast.parse(f"_entered.add({number})").body[0]
    if isinstance(tree, ast.Lambda):
        tree.body = ast.Subscript(ast.Tuple([note.value, tree.body], ast.Load()), ast.Constant(1), ast.Load())
    else:
        tree.body.insert(0, note)
    replace(site, tree)
