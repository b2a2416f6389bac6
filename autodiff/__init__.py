"""A reverse-mode autograd engine to read in an hour.

Read it in floor order: `tape.py` (one door, `bind`, writes every operation down), `ops/` (each operation with
its derivative rules beside it), `backward.py` (the tape read backwards), `tensor.py` (operators for the
user), `transforms.py` (grad, vjp, jvp and their nesting). `kernels/` holds the loops that do the arithmetic.
"""

from autodiff.anomaly import anomaly
from autodiff.check import check_gradients
from autodiff.dlpack import from_dlpack
from autodiff.errors import GradientError
from autodiff.jit import TraceError, jit
from autodiff.ops import *  # noqa: F403
from autodiff.ops import __all__ as _operations
from autodiff.recording import no_grad
from autodiff.tape import primitive
from autodiff.tensor import Tensor
from autodiff.tracing import Graph, trace
from autodiff.transforms import grad, hessian, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "GradientError",
    "Graph",
    "Tensor",
    "TraceError",
    "anomaly",
    "check_gradients",
    "from_dlpack",
    "grad",
    "hessian",
    "jacobian",
    "jit",
    "jvp",
    "no_grad",
    "primitive",
    "trace",
    "value_and_grad",
    "vjp",
    *_operations,
]
