"""The emitted text, run by Python itself: the same loops, one number at a time, without waiting for a compiler."""

import types

import numpy as np
import pytest

from autodiff.compiler import runtime, store


def as_it_is(function=None, **options):
    """Numba's decorator, doing nothing."""
    return function if function else as_it_is


def product(a, b, c, top, bottom, left, right):
    c[top:bottom, left:right] = a[top:bottom] @ b[:, left:right]


def interpreted(source):
    """The module of a source, its functions left to Python."""
    text = source.replace("from numba import prange", "").replace(
        source[source.index("from autodiff.compiler.runtime") :].splitlines()[0], ""
    )
    module = types.ModuleType("interpreted")
    vars(module).update(
        compiled=as_it_is,
        compiled_for_team=as_it_is,
        prange=range,
        place=runtime.place.py_func,
        rows_of=runtime.rows_of.py_func,
        sigmoid=runtime.sigmoid.py_func,
        softplus=runtime.softplus.py_func,
        product=types.SimpleNamespace(inner={np.dtype(t): product for t in (np.float32, np.float64)}),
    )
    exec(text, vars(module))
    return module


@pytest.fixture
def by_python(monkeypatch):
    """Let what is emitted run as Python."""
    monkeypatch.setattr(store, "load", interpreted)
