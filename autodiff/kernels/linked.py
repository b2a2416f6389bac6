"""Call a compiled kernel by name, as programs call a library, where Numba would compile a copy of it into each caller.

Numba puts all that a function calls into one piece and compiles that anew: right for a few lines, but for the matrix
product with its tiles a second or two, in every function that needs a product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from autodiff.kernels.specialised import Dispatchers


class Linked(dict[np.dtype[Any], Any]):
    """A kernel for compiled code to call by name: `linked[dtype](*arrays, *limits)`.

    Args:
        kernel: of two inputs, an output, and four limits: top, bottom, left and right.
        name: what it is called; the dtype is added.
        by_rows: the caller gives the first two limits alone, for all columns.

    Whoever refers to a name must have asked for the dtype before, which compiles the kernel and makes its name known.
    """

    def __init__(self, kernel: Dispatchers, name: str, by_rows: bool = False) -> None:
        super().__init__()
        self._kernel, self._name = kernel, name
        self.call = _call_by_rows(kernel, name) if by_rows else _call(kernel, name)
        """What compiled code calls, for arrays of every dtype."""

    def __missing__(self, dtype: np.dtype[Any]) -> Any:
        (overload,) = self._kernel[dtype].overloads.values()
        address = overload.library.get_pointer_to_function(overload.fndesc.llvm_func_name)
        binding.add_symbol(f"{self._name}_{dtype.name}", address)
        self[dtype] = self.call
        return self.call


def _call(kernel: Dispatchers, name: str) -> Any:
    """The intrinsic `call(a, b, c, top, bottom, left, right)`."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return _by_name(kernel, name, context, builder, signature.args[:3], arguments[:3], arguments[3:])

    def call(
        typing: Any, a: Any, b: Any, c: Any, top: Any, bottom: Any, left: Any, right: Any
    ) -> tuple[Any, Callable[..., ir.Value]]:
        return types.void(a, b, c, *[types.int64] * 4), generate

    return intrinsic(call)


def _call_by_rows(kernel: Dispatchers, name: str) -> Any:
    """The intrinsic `call(a, b, c, top, bottom)`, for all columns."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        shape = context.make_array(signature.args[2])(context, builder, arguments[2]).shape
        zero = ir.Constant(ir.IntType(64), 0)
        limits = [*arguments[3:], zero, builder.extract_value(shape, 1)]
        return _by_name(kernel, name, context, builder, signature.args[:3], arguments[:3], limits)

    def call(typing: Any, a: Any, b: Any, c: Any, top: Any, bottom: Any) -> tuple[Any, Callable[..., ir.Value]]:
        return types.void(a, b, c, types.int64, types.int64), generate

    return intrinsic(call)


def _by_name(
    kernel: Dispatchers, name: str, context: Any, builder: ir.IRBuilder, kinds: Any, arrays: Any, limits: Any
) -> ir.Value:
    """Write the call down: as Numba would, but of a function that is elsewhere."""
    dtype = kinds[2].dtype
    expected = kernel.signature(dtype)
    given = [context.cast(builder, *argument) for argument in zip(arrays, kinds, expected, strict=False)]
    type_ = context.call_conv.get_function_type(types.none, expected)
    insert: Any = cgutils.get_or_insert_function
    function = insert(builder.module, type_, f"{name}_{dtype}")
    context.call_conv.call_function(builder, function, types.none, expected, [*given, *limits])
    return context.get_dummy_value()
