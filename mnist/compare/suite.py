"""The classics, trained again: by hand, by this engine, and in the framework that each was in."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mnist.benchmark.surroundings import surroundings
from mnist.benchmark.worker import ContestantError, Worker, workers
from mnist.compare.classics import Classic
from mnist.compare.config import CompareConfig
from mnist.compare.progress import Progress
from mnist.compare.report import Picture, Report
from mnist.compare.reporting import facts
from mnist.contestants import ENTRIES
from mnist.contestants.digits import put
from mnist.contestants.learning import Epoch, Learner
from mnist.data import Dataset
from mnist.validation import hold_out

BY_HAND, BY_ENGINE = "manual", "compiled"
_DEV_SHARE = 0.1
_HEAD = ("", "reported", "by hand", "by engine", "in a framework")


@dataclass
class Outcome:
    """What came of a classic: the accuracy after each epoch, by contestant, and why there is none of some."""

    classic: Classic
    accuracies: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def percent(self, name: str | None) -> float | None:
        """Return the accuracy at the end, rounded as it is shown."""
        found = self.accuracies.get(name or "")
        return round(100 * found[-1], 2) if found and name not in self.failures else None

    @property
    def is_below(self) -> bool:
        """Whether somebody does not reach what is reported, though this net could."""
        reported = self.classic.reported
        if reported is None or self.classic.is_beyond:
            return False
        return any((self.percent(name) or 0.0) < reported for name in (BY_HAND, BY_ENGINE))


def run_classic(classic: Classic, config: CompareConfig, digits: Dataset, progress: Progress) -> Outcome:
    """Train a classic, by all at the same time, each on one thread."""
    train, test = hold_out(digits.train, _DEV_SHARE, config.seed) if classic.on_dev_set else (digits.train, digits.test)
    outcome = Outcome(classic)
    names = [BY_HAND, BY_ENGINE, *([classic.framework] if classic.framework else [])]
    names = [name for name in names if ENTRIES[name].is_installed]
    with tempfile.TemporaryDirectory() as folder, workers(names, 1, Learner) as crew:
        put(Path(folder), train, test)
        progress.waits_for(classic.setting)
        _ask(crew, outcome, config.patience, "begin", classic.problem(len(train), config.seed), Path(folder))
        for number in range(1, classic.epochs + 1):
            for name, epoch in _ask(crew, outcome, config.patience, "epoch", number).items():
                outcome.accuracies.setdefault(name, []).append(epoch.accuracy)
            progress.passed("  ".join(_row(outcome)) if number == classic.epochs else "")
    return outcome


def _ask(crew: dict[str, Worker], outcome: Outcome, patience: float, method: str, *arguments: Any) -> dict[str, Epoch]:
    """Ask all who have not failed, and return their answers."""
    asked = [name for name in crew if name not in outcome.failures]
    answers: dict[str, Epoch] = {}
    for name in asked:
        crew[name].send(method, *arguments)
    for name in asked:
        try:
            answers[name] = crew[name].receive(patience)
        except ContestantError as error:
            outcome.failures[name] = str(error)
    return answers


def report_of(outcomes: Sequence[Outcome], config: CompareConfig, digits: Dataset) -> Report:
    """Write down what came of the classics."""
    from viz.side_by_side import draw_marks

    below = [outcome.classic for outcome in outcomes if outcome.is_below]
    verdict = "Every project whose net can reach the accuracy that it reports is reached, by hand and by engine."
    if below:
        verdict = f"BELOW what is reported: {'; '.join(f'{c.project}: {c.setting}' for c in below)}."
    names = {c.framework: ENTRIES[c.framework].title for c in (o.classic for o in outcomes) if c.framework}
    marks = {"reported": [outcome.classic.reported for outcome in outcomes]} | {
        title: [outcome.percent(name) for outcome in outcomes]
        for title, name in (("by hand", BY_HAND), ("by engine", BY_ENGINE))
    }
    settings = [f"{outcome.classic.project}: {outcome.classic.setting}" for outcome in outcomes]
    return Report(
        title=f"Five classics on {digits.name}, seed {config.seed}",
        verdict=verdict,
        head=_HEAD,
        rows=[_row(outcome) for outcome in outcomes],
        notes=[*_notes(outcomes, names), *_note_on(digits)],
        facts=facts(1),
        figures={
            "classics": [dataclasses.asdict(outcome) | {"is_below": outcome.is_below} for outcome in outcomes],
            "dataset": digits.name,
            "seed": config.seed,
            "surroundings": surroundings(1),
        },
        pictures=[Picture.of("classics.png", "Reported, and measured here.", partial(draw_marks, settings, marks))],
    )


def _note_on(digits: Dataset) -> Iterator[str]:
    """Say if these are not the digits that the projects had."""
    if digits.name != "mnist":
        yield f"the projects report what they have on MNIST, all of it, and not on {digits.name}"


def _row(outcome: Outcome) -> list[str]:
    classic = outcome.classic
    reported = "–" if classic.reported is None else f"{classic.reported:g} %{' *' if classic.is_beyond else ''}"
    ours = [_percent(outcome.percent(name)) for name in (BY_HAND, BY_ENGINE)]
    framework = ""
    if classic.framework:
        title = ENTRIES[classic.framework].title.partition(",")[0]
        framework = f"{title} {_percent(outcome.percent(classic.framework))}"
    return [f"{classic.project}  {classic.setting}", reported, *ours, framework]


def _percent(number: float | None) -> str:
    return "–" if number is None else f"{number:.2f} %"


def _notes(outcomes: Sequence[Outcome], frameworks: dict[str, str]) -> list[str]:
    remarks = [(o.classic, o.classic.remark) for o in outcomes if o.classic.remark]
    notes = [f"{c.project}, {c.setting}: {'* ' if c.is_beyond else ''}{remark}" for c, remark in remarks]
    for outcome in outcomes:
        notes += [f"{outcome.classic.setting}: {ENTRIES[n].title}: {why}" for n, why in outcome.failures.items()]
    absent = [title for name, title in frameworks.items() if not ENTRIES[name].is_installed]
    if absent:
        notes.append(f"not installed, and left out: {', '.join(absent)}; pip install -e '.[bench]'")
    return [
        *notes,
        "learning rates that are not said are chosen on training images that were held out, never on the test images",
        "weights and batches are the same for all; rounding leads them apart, the further the more steps they take",
    ]
