"""What a step leaves behind, seen by doing it many times in a process of its own, without the garbage collector."""

import gc
import json
import sys

import pytest

from tests.programs import output_of


def assert_flat(program, **environment):
    """After a tenth of what each `repeat` in a program repeats, memory grows no more: by 1,000 blocks or 2 % at most.

    What leaks leaks at every step, and the least `repeat` has 1,800 to come. CPython's own lists of objects to be used
    again grow once in a while, by some hundred blocks at any time.
    """
    pytest.importorskip("resource")
    code = f"from tests.memory import repeat\n{program}"
    lines = output_of(code, timeout=600, OPENBLAS_NUM_THREADS="1", **environment).splitlines()
    assert lines
    for line in lines:
        (blocks, peak), (blocks_at_the_end, peak_at_the_end) = json.loads(line)
        assert blocks_at_the_end < blocks + 1_000, line
        assert peak_at_the_end < 1.02 * peak, line


def repeat(step, times):
    """Do a step many times, and print what memory is used after a tenth of them and at the end."""
    step()
    gc.collect()
    gc.disable()
    _fill_the_store_of_tuples()
    for _ in range(times // 10):
        step()
    early = _used()
    for _ in range(times - times // 10):
        step()
    print(json.dumps([early, _used()]))


def _fill_the_store_of_tuples():
    """Throw away as many short tuples as CPython keeps for later, so that no step adds to them."""
    _ = [tuple([None] * length) for length in range(1, 21) for _ in range(2_000)]


def _used():
    """Return how many blocks Python has given out, and the most memory that the process has ever had."""
    import resource

    return sys.getallocatedblocks(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
