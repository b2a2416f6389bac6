"""The matrix product. Shapes alone find its rules: only Ȳ·Bᵀ has the shape of A, only Aᵀ·Ȳ that of B."""

from __future__ import annotations

from autodiff import kernels
from autodiff.errors import tell
from autodiff.ops.shapes import expand_dims, matrix_transpose, squeeze
from autodiff.tape import Array, primitive, shape_of


@primitive("matmul",
           lambda g, out, a, b: _matmul(g, matrix_transpose(b)),
           lambda g, out, a, b: _matmul(matrix_transpose(a), g))
def _matmul(a: Array, b: Array) -> Array:
    """a·b for stacks of matrices, (…, m, k) and (…, k, n); the stacks broadcast."""
    return kernels.matmul(a, b)


def matmul(a: Array, b: Array) -> Array:
    """a·b, as NumPy's `@`: (…, m, k) and (…, k, n) give (…, m, n), and an operand of one axis is a vector.

    Raises:
        ValueError: the inner lengths differ, the stacks do not broadcast, or an operand is a number.
    """
    a_ndim, b_ndim = len(shape_of(a)), len(shape_of(b))
    if a_ndim == 0 or b_ndim == 0:
        error = ValueError("a number is no matrix; multiply by it with *")
        raise tell(error, "matmul", (a, b), {})
    if a_ndim == 1:
        return squeeze(matmul(expand_dims(a, 0), b), -2 if b_ndim > 1 else 0)
    if b_ndim == 1:
        return squeeze(_matmul(a, expand_dims(b, 1)), -1)
    return _matmul(a, b)
