"""`python -m tests.mutation`: break each rule of the engine on purpose, and see whether the suite notices."""

from __future__ import annotations

import argparse
import os
import sys
import time

ENVIRONMENT = {"AUTODIFF_KERNELS": "numpy", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""So that processes side by side do not fight for the cores. Every rung of the kernels is broken all the same."""

QUICK = [
    "backward", "tape", "transforms", "check", "tensor", "interop", "anomaly", "graph", "kernels", "layer_kernels",
    "conventions",
]  # fmt: skip
SUITE = ["tests/autodiff/ops", "tests/autodiff/test_contract.py", *(f"tests/autodiff/test_{name}.py" for name in QUICK)]
"""What must notice: the quick tests that ask for derivatives. How a rule is written down is not asked here."""


def main() -> int:
    """Judge the mutants that the flags choose; return 1 if one survives, and 2 if they cannot be judged."""
    flags, of_pytest = _flags()
    os.environ.update(ENVIRONMENT)  # read when NumPy and the engine are imported, so the imports wait

    from tqdm import tqdm

    from tests.mutation.catalogue import catalogue, sample
    from tests.mutation.equivalents import reason, stale
    from tests.mutation.report import outcome, table
    from tests.mutation.suite import SuiteError, judge

    if names := stale(catalogue()):
        return _error(f"no mutant bears the name of these equivalents: {'; '.join(names)}")
    chosen = [m for m in catalogue() if flags.only in (None, m.subject) and flags.operator in (None, m.operator)]
    if flags.sample is not None:
        chosen = sample([m for m in chosen if not (m.sameness or reason(m))], flags.sample, flags.seed)
    if not chosen:
        return _error("there is no such mutant")

    start = time.perf_counter()
    verdicts = {}
    doubtful = [mutant for mutant in chosen if not mutant.sameness]
    with tqdm(total=len(doubtful), unit=" mutants", disable=None) as progress:

        def report(verdict):
            verdicts[verdict.mutant.name] = verdict
            progress.update()
            if flags.verbose and verdict.killer:
                print(f"{verdict.mutant.name}\n    {verdict.killer}", flush=True)

        try:
            tests = judge(of_pytest or SUITE, doubtful, flags.jobs, report)
        except SuiteError as error:
            return _error(error)

    outcomes = [(mutant, outcome(mutant, verdicts.get(mutant.name))) for mutant in chosen]
    print(table(outcomes))
    print(f"{tests} tests, {time.perf_counter() - start:.0f} s")
    survivors = [f"{what}: {mutant.name}" for mutant, what in outcomes if what in ("survived", "listed in vain")]
    print("\n".join(["", *survivors] if survivors else ["no survivors"]))
    return 1 if survivors else 0


def _flags() -> tuple[argparse.Namespace, list[str]]:
    """Return the flags, and what is left for pytest."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description="Break each rule of the engine on purpose, and see whether the suite notices.",
        epilog=f"Other arguments are pytest's, and choose the tests; {' '.join(SUITE)} if there are none.",
    )
    parser.add_argument("--only", metavar="SUBJECT", help="a primitive, or a function such as backward.walk")
    parser.add_argument("--operator", help="one kind of fault")
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants, of as many kinds as can be")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--verbose", action="store_true", help="name the test that kills each")
    return parser.parse_known_args()


def _error(message: object) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
