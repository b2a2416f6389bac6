"""What came of a comparison, as a report."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from mnist.benchmark.surroundings import surroundings
from mnist.compare.report import Picture, Report
from mnist.compare.running import BOUND, Comparison, Course
from mnist.contestants import ENTRIES

_HEAD = ("", "gradients", "loss, most", "at the end", "accuracy", "s an epoch", "first", "lines", "MB")


def report_of(comparison: Comparison) -> Report:
    """Write a comparison down."""
    return Report(
        title=f"{_problem(comparison)}, side by side",
        verdict=_verdict(comparison),
        head=_HEAD,
        rows=[_row(comparison, course) for course in comparison.courses],
        notes=list(_notes(comparison)),
        facts=facts(comparison.config.threads),
        figures=_figures(comparison),
        pictures=list(_pictures(comparison)),
    )


def facts(threads: int) -> list[str]:
    """Say what the figures were measured on."""
    found = surroundings(threads)
    versions = [f"{library} {version}" for library, version in found["versions"].items()]
    load = [] if found["load"] is None else [f"load {found['load']:.1f} at the end"]
    machine = f"{_counted(threads, 'thread')} of {found['cores']} cores, {found['processor']}"
    return [machine, *load, ", ".join(versions)]


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _problem(comparison: Comparison) -> str:
    config = comparison.config
    epochs = _counted(config.epochs, "epoch")
    return f"{config.problem}, lr {config.problem.learning_rate:g}, {epochs} of {comparison.digits.name}"


def _row(comparison: Comparison, course: Course) -> list[str]:
    memory = "–" if course.memory is None else f"{course.memory / 1e6:,.0f}"
    others = f"{course.accuracies[-1]:.2%}", f"{course.seconds:.2f}", f"{course.epochs[0].seconds:.2f}"
    held = ["reference", "", ""]
    if course is not comparison.reference:
        differences = comparison.loss_differences(course)
        held = [_scientific(x) for x in (course.gradient_error, differences.max(), differences[-1])]
    return [course.title, *held, *others, str(course.lines), memory]


def _scientific(number: float) -> str:
    return f"{number:.1e}" if number else "0"


def _verdict(comparison: Comparison) -> str:
    """Say whether all gradients are what they are by hand."""
    if broken := comparison.disagreeing:
        names = ", ".join(course.title for course in broken)
        return f"DIFFERENT: the gradients of {names} are not those of the derivation by hand (bound {BOUND:.0e})."
    if not comparison.others:
        return "NOTHING TO COMPARE: nobody came to the end."
    worst = max(course.gradient_error for course in comparison.others)
    return f"All gradients are those of the derivation by hand, to {_scientific(worst)} (bound {BOUND:.0e})."


def _notes(comparison: Comparison) -> Iterator[str]:
    """Say what the columns mean, and who is missing."""
    yield (
        "gradients: the largest max|a − b| / max|b| over the weights and biases, on the first "
        f"{comparison.images:,} images clear of relu's kink; b is by hand, in float64"
    )
    yield (
        "loss: |difference| from the loss by hand in float64 before each step, the most and at the last; in float32 "
        "all part from it, also by hand, once an input of relu is so near to 0 that rounding decides on its sign"
    )
    yield "accuracy: on the test images after the last epoch"
    yield "s an epoch: the median, in turn with the others; the first also traces and compiles"
    yield (
        "lines: of code to build the network and take it through an epoch, counted in mnist/contestants (by hand in "
        "nets/manual.py too) without imports, comments, docstrings and lines of brackets; a library's own do not count"
    )
    yield "MB: the most memory of the process, with Python, the library and the digits; not of a GPU"
    for course in comparison.failed:
        yield f"{course.title} did not come to the end: {course.failure}"
    if comparison.config.absent:
        titles = ", ".join(ENTRIES[name].title for name in comparison.config.absent)
        yield f"not installed, and left out: {titles}; pip install -e '.[bench]'"


def _pictures(comparison: Comparison) -> Iterator[Picture]:
    """Yield the curves of all, laid over one another."""
    from viz.side_by_side import draw_accuracies, draw_differences, draw_losses  # they import matplotlib: half a second

    if not comparison.others:
        return
    losses = {course.title: course.losses for course in comparison.courses}
    accuracies = {course.title: course.accuracies for course in comparison.courses}
    differences = {course.title: comparison.loss_differences(course) for course in comparison.others}
    laid = "Where they coincide, each line is thinner than the one below it."
    yield Picture.of("loss.png", laid, partial(draw_losses, losses))
    far = "How far each loss is from that by hand in float64. It leaps where rounding decides the sign of relu's input."
    yield Picture.of("difference.png", far, partial(draw_differences, differences))
    yield Picture.of("accuracy.png", "How many of the test images are right.", partial(draw_accuracies, accuracies))


def _figures(comparison: Comparison) -> dict[str, Any]:
    """Return all figures as JSON has them, in which a number that is none is null."""
    contestants = {}
    for course in comparison.courses:
        is_reference = course is comparison.reference
        differences = comparison.loss_differences(course)
        contestants[course.title] = {
            "device": course.device,
            "gradient_error": None if is_reference else _number(course.gradient_error),
            "loss_difference": None if is_reference else [_number(x) for x in differences],
            "losses": [_number(x) for x in course.losses],
            "accuracies": course.accuracies,
            "seconds": [epoch.seconds for epoch in course.epochs],
            "lines": course.lines,
            "memory": course.memory,
        }
    return {
        "problem": dataclasses.asdict(comparison.config.problem),
        "dataset": comparison.digits.name,
        "images_of_gradients": comparison.images,
        "surroundings": surroundings(comparison.config.threads),
        "contestants": contestants,
        "failed": {course.title: course.failure for course in comparison.failed},
    }


def _number(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
