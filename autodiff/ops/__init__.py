"""The operations, by family. Each is a primitive with its rules beside it, or a composition of primitives."""

from autodiff.ops.comparisons import (
    argmax,
    argmin,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
)
from autodiff.ops.elementwise import (
    abs,
    add,
    alias,
    astype,
    clip,
    cos,
    divide,
    erf,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    relu,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from autodiff.ops.indexing import getitem, one_hot, take_along_axis
from autodiff.ops.joining import concat, pad, stack
from autodiff.ops.products import matmul
from autodiff.ops.randomness import uniform
from autodiff.ops.reductions import cumsum, max, mean, min, prod, std, sum, var
from autodiff.ops.shapes import (
    broadcast_to,
    expand_dims,
    flatten,
    matrix_transpose,
    permute_dims,
    ravel,
    reshape,
    squeeze,
    sum_to,
    swapaxes,
)
from autodiff.ops.softmax import log_softmax, logsumexp, softmax
from autodiff.ops.windows import sliding_windows

__all__ = [
    "abs", "add", "alias", "argmax", "argmin", "astype", "broadcast_to", "clip", "concat", "cos", "cumsum", "divide",
    "equal", "erf", "exp", "expand_dims", "expm1", "flatten", "getitem", "greater", "greater_equal", "less",
    "less_equal", "log", "log1p", "log_softmax", "logical_and", "logical_not", "logical_or", "logsumexp", "matmul",
    "matrix_transpose", "max", "maximum", "mean", "min", "minimum", "multiply", "negative", "not_equal",
    "one_hot", "pad", "permute_dims", "power", "prod", "ravel", "relu", "reshape", "sigmoid", "sign", "sin",
    "sliding_windows", "softmax", "softplus", "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "sum_to",
    "swapaxes", "take_along_axis", "tanh", "uniform", "var", "where",
]  # fmt: skip
