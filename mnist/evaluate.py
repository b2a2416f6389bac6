"""`python -m mnist.evaluate RUN`: how well a trained network does on the test images, and where it goes wrong."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tyro

import nets
from mnist import data, metrics, pictures, settings
from mnist.cli import parse, run
from mnist.data.sources import classes_of
from mnist.errors import UserError
from mnist.evaluation import Evaluation, Mistake, evaluate, probabilities, worst_mistakes
from mnist.metrics import Bin, ClassScores, Confused
from mnist.run_folder import CONFIG, load_network, write_pictures

_MOST_PAIRS = 10
_MOST_MISTAKES = 20


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Evaluate the network of a run on its test images: in text, or as JSON, and in pictures."""

    run: tyro.conf.Positional[Path]
    """Folder of a run, such as runs/001; the pictures are put there too."""
    data_dir: Path | None = None
    """Folder of the run's data, if they are not where they were."""
    json: bool = False
    """Print everything as JSON, and nothing else."""
    submission: Path | None = None
    """File for what it takes the images of Kaggle's test.csv for, which have no labels, as Kaggle wants to have it."""


@dataclasses.dataclass(frozen=True)
class Analysis:
    """What was found of a network on a split. Shares run from 0 to 1."""

    network: str
    dataset: str
    class_names: tuple[str, ...]
    images: int
    loss: float
    accuracy: float
    interval: tuple[float, float]
    classes: list[ClassScores]
    confusion: np.ndarray
    most_confused: list[Confused]
    calibration_error: float
    reliability: list[Bin]
    worst_mistakes: list[Mistake]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        named = ("classes", "most_confused", "reliability", "worst_mistakes")
        rows = {name: [row._asdict() for row in getattr(self, name)] for name in named}
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**fields, "confusion": self.confusion.tolist(), **rows}


def analyse(model: nets.Sequential, digits: data.Dataset, class_names: tuple[str, ...]) -> tuple[Analysis, Evaluation]:
    """Let a network look at the test images, and say what there is to say."""
    found, thought = evaluate(model, digits.test), probabilities(model, digits.test)
    bins = metrics.reliability(thought, digits.test.labels)
    analysis = Analysis(
        network=repr(model).partition("\n")[0].rstrip(":"),
        dataset=digits.name,
        class_names=class_names,
        images=len(digits.test),
        loss=found.loss,
        accuracy=found.accuracy,
        interval=metrics.wilson_interval(int(found.right.sum()), len(digits.test)),
        classes=metrics.class_scores(found.confusion),
        confusion=found.confusion,
        most_confused=metrics.most_confused(found.confusion, _MOST_PAIRS),
        calibration_error=metrics.calibration_error(bins),
        reliability=bins,
        worst_mistakes=worst_mistakes(model, digits.test, _MOST_MISTAKES),
    )
    return analysis, found


def page(analysis: Analysis) -> str:
    """Write an analysis as text."""
    parts = (_heading(analysis), _scores(analysis), _confusion(analysis), _pairs(analysis), _mistakes(analysis))
    return "\n\n".join("\n".join(part) for part in parts)


def _heading(analysis: Analysis) -> Iterator[str]:
    low, high = analysis.interval
    yield f"network      {analysis.network}"
    yield f"data         {analysis.images:,} test images of {analysis.dataset}"
    yield f"accuracy     {analysis.accuracy:.2%}, {metrics.CONFIDENCE:.0%} Wilson interval {low:.2%} to {high:.2%}"
    yield f"loss         {analysis.loss:.4f}, the mean cross-entropy"
    yield f"calibration  {analysis.calibration_error:.2%} expected error, over {metrics.BINS} bins"


def _scores(analysis: Analysis) -> Iterator[str]:
    yield f"{'class':12}   images   precision   recall       F1"
    for name, scores in zip(analysis.class_names, analysis.classes, strict=True):
        cells = (f"{share:9.2%}" if share is not None else f"{'–':>9}" for share in scores[1:])
        yield f"{name:12}{scores.images:9,}   {''.join(cells)}"


def _confusion(analysis: Analysis) -> Iterator[str]:
    yield f"{'taken for':12}{''.join(f'{name[:6].rstrip():>7}' for name in analysis.class_names)}"
    for name, row in zip(analysis.class_names, analysis.confusion.tolist(), strict=True):
        yield f"{name:12}{''.join(f'{count or chr(183):>7}' for count in row)}"


def _pairs(analysis: Analysis) -> Iterator[str]:
    yield "most confused" if analysis.most_confused else "nothing is confused"
    for pair in analysis.most_confused:
        label, guess = analysis.class_names[pair.label], analysis.class_names[pair.guess]
        yield f"{label:>12} taken for {guess:12}{pair.images:6,} of {analysis.classes[pair.label].images:,}"


def _mistakes(analysis: Analysis) -> Iterator[str]:
    yield "worst mistakes" if analysis.worst_mistakes else "no mistakes"
    for mistake in analysis.worst_mistakes[:_MOST_PAIRS]:
        label, guess = analysis.class_names[mistake.label], analysis.class_names[mistake.guess]
        sure = f"{mistake.p_guess:.2%} sure of it, {mistake.p_label:.1e} of the truth"
        yield f"  image {mistake.row:6,}: {label} taken for {guess}, {sure}"


def submit(model: nets.Sequential, digits: data.Dataset, path: Path) -> None:
    """Write what a network takes the images without labels for, as Kaggle's competition wants to have it.

    Raises:
        UserError: there are none, or the file cannot be written.
    """
    if digits.unlabelled is None:
        raise UserError(f"--submission {path}: all images have labels; name the folder of Kaggle's by --data-dir")
    nobody_knows = np.zeros(len(digits.unlabelled), np.uint8)
    guesses = probabilities(model, data.Split(digits.unlabelled, nobody_knows)).argmax(axis=1)
    rows = [f"{number},{guess}" for number, guess in enumerate(guesses, 1)]
    try:
        path.write_text("\n".join(["ImageId,Label", *rows]) + "\n")
    except OSError as error:
        raise UserError(f"--submission {path}: cannot be written ({error.strerror})") from error


def main() -> int:
    """Evaluate as the flags say, and return the exit status."""
    config = parse(EvaluateConfig, "python -m mnist.evaluate")
    model = load_network(config.run)
    trained = settings.read(config.run / CONFIG)
    stream = sys.stderr if config.json else sys.stdout
    data_dir = config.data_dir or trained.data_dir
    digits = data.load(trained.dataset, data_dir, announce=lambda line: print(line, file=stream))
    if config.submission:
        submit(model, digits, config.submission)
        print(f"{config.submission}: guesses of the images without labels", file=stream)
    analysis, found = analyse(model, digits, names := classes_of(trained.dataset))
    write_pictures(config.run, pictures.of_evaluation(found, model, digits.test, names))
    write_pictures(config.run, pictures.of_calibration(analysis.reliability, analysis.calibration_error))
    if config.json:
        print(json.dumps(analysis.as_json(), indent=2, allow_nan=False))
    else:
        print(f"\n{page(analysis)}\n\npictures: {', '.join(pictures.OF_EVALUATION)}, in {config.run}")
    return 0


if __name__ == "__main__":
    run(main)
