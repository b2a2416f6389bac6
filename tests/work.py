"""Work as a number that is the same on every machine, however busy it is."""

import sys


def lines_run(f):
    """How many lines of Python a call of f runs; each turn of a loop is a line, also within a comprehension."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        f()
    finally:
        sys.settrace(before)
    return count
