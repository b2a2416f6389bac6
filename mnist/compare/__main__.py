"""`python -m mnist.compare`: the same training by hand, by this engine and by other libraries, side by side."""

from __future__ import annotations

import sys

from mnist import data
from mnist.cli import parse, run
from mnist.compare.config import CompareConfig
from mnist.compare.folder import report_folder
from mnist.compare.progress import counting
from mnist.compare.report import PAGE, Report


def _side_by_side(config: CompareConfig, digits: data.Dataset) -> tuple[Report, int]:
    """Return the report of a comparison, and the exit status."""
    from mnist.compare.reporting import report_of
    from mnist.compare.running import compare

    with counting(config.epochs * (1 + len(config.entered))) as progress:
        comparison = compare(config, digits, progress)
    return report_of(comparison), 0 if comparison.holds else 1


def _classics(config: CompareConfig, digits: data.Dataset) -> tuple[Report, int]:
    """Return the report of the classics, and the exit status."""
    from mnist.compare.classics import CLASSICS
    from mnist.compare.suite import report_of, run_classic

    with counting(sum(classic.epochs for classic in CLASSICS)) as progress:
        outcomes = [run_classic(classic, config, digits, progress) for classic in CLASSICS]
    return report_of(outcomes, config, digits), 1 if any(outcome.is_below for outcome in outcomes) else 0


def main() -> int:
    """Compare as the flags say; print the table, write the report, and return the exit status."""
    config = parse(CompareConfig, "python -m mnist.compare")
    with report_folder(config.out) as folder:
        digits = data.load(config.dataset, config.data_dir, announce=lambda line: print(line, file=sys.stderr))
        report, status = (_classics if config.suite else _side_by_side)(config, digits)
        folder.write(report.files())
        print(f"{report.title}\n\n{report.text()}\n\nall of it, as a page: {folder.path / PAGE}")
    return status


if __name__ == "__main__":
    run(main)
