"""Matrix products as text: calls of the kernel, for all rows of a part, or image by image with the windows around."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autodiff.compiler.access import Factor, factors
from autodiff.compiler.convolutions import places_of
from autodiff.compiler.units import axis_of
from autodiff.graph import Operation, Value
from autodiff.kernels.compiled_narrow import is_narrow


@dataclass(frozen=True)
class Written:
    """A product whose operands have names: c = a·b, or what the operation does instead.

    Attributes:
        operation: the product.
        a, b, c: its factors and its result.
        rows: the limits of the rows, or images, that are done.
        columns: a name for the columns of one image, and `sums` one for what they contribute to a sum.
    """

    operation: Operation
    a: str
    b: str
    c: str
    rows: str
    columns: str
    sums: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.operation.output.shape

    def call(self, a: str, b: str, c: str, rows: str) -> str:
        """Write a call of the kernel."""
        return f"product_{self.operation.output.dtype.name}({a}, {b}, {c}, {rows})"

    def room(self, name: str, shape: tuple[int, ...]) -> str:
        """Write a new array."""
        return f"{name} = np.empty({shape}, np.{self.operation.output.dtype.name})"

    def columns_of(self, images: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the columns of an image, (channels, a, b, places down, places across)."""
        window, stride = self.operation.attributes["window"], self.operation.attributes["stride"]
        return images[1], *window, *places_of(images, window, stride)

    @property
    def stride(self) -> str:
        """How far windows are from one another, as arguments."""
        return ", ".join(map(str, self.operation.attributes["stride"]))


def product(operation: Operation, name: Callable[[Value], str], new: Callable[[str], str], shared: bool) -> list[str]:
    """Return the lines that do a product.

    Args:
        operation: the product.
        name: gives the name of an array.
        new: makes a name that begins with a letter.
        shared: whether it is a thread's part: rows or images from lo to hi, or some of the parts that are to be added.
    """
    write = _WRITERS[operation.primitive.name]
    a, b = (_text(factor, name(factor.stored)) for factor in factors(operation))
    rows = "lo, hi" if shared and axis_of(operation) is not None else f"0, {operation.output.shape[0]}"
    return write(Written(operation, a, b, name(operation.output), rows, new("w"), new("w")))


def _rows(p: Written) -> list[str]:
    return [f"{p.call(p.a, p.b, p.c, p.rows)}  # {comment(p.operation)}"]


def _partial_products(p: Written) -> list[str]:
    (n, m, _), k = p.shape, p.operation.inputs[0].shape[1]
    return [
        _for_each_part(p),
        f"    first, last = part_of({k}, i, {n})",
        f"    {p.call(f'{p.a}[:, first:last]', f'{p.b}[first:last]', f'{p.c}[i]', f'0, {m}')}",
    ]


def _convolution(p: Written) -> list[str]:
    (r, k), images = (value.shape for value in p.operation.inputs)
    return [
        p.room(p.columns, p.columns_of(images)),
        f"for i in range({p.rows}):  # {comment(p.operation)}",
        f"    take_windows({p.b}[i], {p.columns}, {p.stride})",
        f"    {p.call(p.a, f'{p.columns}.reshape({(k, p.shape[2])})', f'{p.c}[i]', f'0, {r}')}",
    ]


def _images(p: Written) -> list[str]:
    (k, _), (*_, n) = (value.shape for value in p.operation.inputs)
    return [
        p.room(p.columns, p.columns_of(p.shape)),
        f"for i in range({p.rows}):  # {comment(p.operation)}",
        f"    {p.call(p.a, f'{p.b}[i]', f'{p.columns}.reshape({(k, n)})', f'0, {k}')}",
        f"    lay_windows({p.columns}, {p.c}[i], {p.stride})",
    ]


def _partial_gradients(p: Written) -> list[str]:
    images, (m, _, n) = (value.shape for value in p.operation.inputs)
    parts, k, r = p.shape
    narrow = "narrow_" if is_narrow(r, n, p.operation.output.dtype.itemsize) else ""
    return [
        p.room(p.columns, p.columns_of(images)),
        p.room(p.sums, (k, r)),
        _for_each_part(p),
        f"    {p.c}[i] = 0",
        f"    for j in range({m} * i // {parts}, {m} * (i + 1) // {parts}):",
        f"        take_windows({p.a}[j], {p.columns}, {p.stride})",
        f"        {narrow}{p.call(f'{p.columns}.reshape({(k, n)})', f'{p.b}[j].T', p.sums, f'0, {k}')}",
        f"        accumulate({p.sums}, {p.c}[i])",
    ]


def _for_each_part(p: Written) -> str:
    n = p.shape[0]
    parts = f"part * {n} // parts, (part + 1) * {n} // parts"
    return f"for i in range({parts}):  # {comment(p.operation)}"


def _text(factor: Factor, name: str) -> str:
    reshaped = "" if factor.stored.shape == factor.shape else f".reshape({factor.shape})"
    return name + reshaped + (".T" if factor.transposed else "")


def comment(operation: Operation) -> str:
    """Say what a line computes: the operation, and the shape that it gives."""
    name = operation.output.name
    return f"{operation.primitive.name}{operation.output.shape}{f' {name!a}' if name else ''}"


_WRITERS: dict[str, Callable[[Written], list[str]]] = {
    "matmul": _rows,
    "partial_products": _partial_products,
    "convolution": _convolution,
    "images": _images,
    "partial_gradients": _partial_gradients,
}
