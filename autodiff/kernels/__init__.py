"""The operations that decide the speed of a network, as functions of plain arrays, each in three versions.

`loops` is the definition, one number at a time; `vectorized` says the same in whole arrays, for NumPy;
`compiled` is the loops again, shaped for the machine by hand and compiled by Numba. The environment
variable AUTODIFF_KERNELS chooses among them when this package is imported.
"""

import os

_choice = os.environ.get("AUTODIFF_KERNELS", "numba")

if _choice == "numba":
    from autodiff.kernels.compiled import (
        add_windows,
        axpy,
        erf,
        log_softmax,
        log_softmax_backward,
        matmul,
        relu,
        relu_backward,
        uniform,
    )
elif _choice == "numpy":
    from autodiff.kernels.vectorized import (
        add_windows,
        axpy,
        erf,
        log_softmax,
        log_softmax_backward,
        matmul,
        relu,
        relu_backward,
        uniform,
    )
elif _choice == "loops":
    from autodiff.kernels.loops import (
        add_windows,
        axpy,
        erf,
        log_softmax,
        log_softmax_backward,
        matmul,
        relu,
        relu_backward,
        uniform,
    )
else:
    raise ValueError(f"AUTODIFF_KERNELS must be numba, numpy or loops, but it is {_choice!r}")

__all__ = [
    "add_windows", "axpy", "erf", "log_softmax", "log_softmax_backward", "matmul", "relu", "relu_backward", "uniform",
]  # fmt: skip
