"""The user's face of the engine: an array with operators, methods and `backward`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import ops, tape
from autodiff.backward import backward
from autodiff.errors import GradientError, describe
from autodiff.interop import FUNCTIONS, UFUNCS, WRITERS, plain, unrecorded
from autodiff.operators import NOT_IN_PLACE, Operators
from autodiff.tape import Array, Variable, shape_of, tick


class Tensor(Operators):
    """An array that records what is done with it, so that it can be differentiated.

    Args:
        data: an array, whose memory is shared; a number or nested lists of numbers; or another Tensor.
        requires_grad: whether gradients with respect to this tensor are wanted.
        name: what messages and pictures call it.

    Raises:
        TypeError: the data is not numeric, or a gradient is asked of integers or booleans.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None) -> None:
        self._data = as_numeric(data)
        self._changed = data._changed if isinstance(data, Variable) else [0]
        self.grad = None
        self.name = name
        self.node = None
        self.retains_grad = False
        self.tracked = False
        self.requires_grad = requires_grad

    # ── what it holds ───────────────────────────────────────────────────────────────────────────────────

    @property
    def data(self) -> np.ndarray:
        """The array itself, not a copy. Assigning replaces it, and forbids differentiating what used it."""
        if watcher := tape.watcher():
            watcher.read(self, ".data")
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if value is self._data:  # as it is after `t.data -= …`
            self._changed[0] = tick()
            return
        given, value = value, as_numeric(value)
        if value.shape != self.shape or value.dtype != self.dtype:
            raise ValueError(
                f"data: {describe(value)} cannot replace {describe(self._data)}; shape and dtype must stay. "
                "Make a new Tensor instead."
            )
        if watcher := tape.watcher():
            watcher.assign(self, given)
        self._data = value
        self._changed = [tick()]  # what shares the old array still has the old numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        return self._data.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._data.size

    @property
    def requires_grad(self) -> bool:
        """Whether gradients with respect to this tensor are wanted, or flow through it; can be set on a leaf."""
        return self.tracked

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.node is not None and not wanted:
            raise GradientError("requires_grad: this tensor is recorded. Use t.detach() for one without history.")
        if wanted and not is_real(self._data):
            raise TypeError(
                f"Tensor: a gradient needs floating-point numbers, not {describe(self._data)}. "
                "Convert first, with data.astype(float) or by writing 1.0 for 1."
            )
        self.tracked = bool(wanted)

    def numpy(self) -> np.ndarray:
        """Return the array, not a copy. Raises TypeError if the tensor requires a gradient: detach it first."""
        return plain(self, "numpy")

    def item(self) -> Any:
        """Return the only element as a Python number; ValueError if there are more, or none."""
        if self.size != 1:
            raise ValueError(
                f"Tensor: {describe(self)} has {self.size} elements and is no number. Pick one, t[i, j].item(), reduce "
                "them, t.sum().item(), or take them all, t.tolist()."
            )
        return self.data.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self.data.tolist()

    def detach(self) -> Tensor:
        """Return a tensor that shares this one's array and has no history."""
        detached: Tensor = Tensor.of(self._data)
        detached._changed = self._changed
        return detached

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"Tensor: the truth of {describe(self)} is ambiguous, it has {self.size} elements. Say which is "
                "meant with .data.any() or .data.all(), or choose by element with ad.where."
            )
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self.data.__index__()

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", prefix="Tensor(")
        details = [text] + ([f"dtype={self.dtype}"] if self.dtype != np.float64 else [])
        details += [f"name={self.name!r}"] if self.name else []
        details += ["requires_grad=True"] if self.requires_grad else []
        return f"Tensor({', '.join(details)})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    # ── differentiation ─────────────────────────────────────────────────────────────────────────────────

    def backward(self, gradient: Any = None, create_graph: bool = False) -> None:
        """Add the gradient of this tensor to `.grad` of every leaf that requires one.

        Args:
            gradient: the cotangent to start from, of this tensor's shape; 1 for a scalar if not given.
            create_graph: record the gradients too, so that they can be differentiated.

        Two threads must not call it at once for results that share a leaf: one's addition could be lost.

        Raises:
            GradientError: this tensor is not recorded, is no scalar and has no `gradient` given, or a value
                that a rule needs was changed since.
            ValueError: `gradient` is of another shape.
        """
        backward(self, self._seed(gradient), create_graph=create_graph)

    def _seed(self, gradient: Any) -> Array:
        """Return the cotangent to start from, in this tensor's shape and dtype."""
        if gradient is None:
            if self.size != 1:
                raise GradientError(
                    f"backward: {describe(self._data)} is not a scalar, so its gradient is not defined. Reduce it "
                    "first, with .sum() or .mean(), or pass backward(gradient) of its shape."
                )
            return np.ones(self.shape, self.dtype)
        if shape_of(gradient) != self.shape:
            raise ValueError(f"backward: a gradient of shape {shape_of(gradient)} does not fit {describe(self._data)}")
        return ops.astype(gradient, dtype=self.dtype)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in `.grad` after backward, though it is no leaf."""
        if not self.requires_grad:
            raise GradientError("retain_grad: this tensor is not recorded, so it will have no gradient.")
        self.retains_grad = True

    # ── NumPy's functions, when they meet a Tensor ──────────────────────────────────────────────────────

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Record `np.exp(t)`, `array * t` and the like; refuse what would lose a gradient."""
        if method == "__call__" and not kwargs and ufunc in UFUNCS:
            return UFUNCS[ufunc](*inputs)
        written = inputs[:1] if method == "at" else kwargs.get("out", ())
        if any(isinstance(out, Tensor) for out in written):
            raise TypeError(f"{ufunc.__name__}: {NOT_IN_PLACE}")
        return unrecorded(getattr(ufunc, method), inputs, kwargs, ufunc.__name__)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        """Record `np.sum(t)`, `np.concat([t, u])` and the like; refuse what would lose a gradient."""
        written = args[0] if function in WRITERS else kwargs.get("out")
        if isinstance(written, Tensor):
            raise TypeError(f"{function.__name__}: {NOT_IN_PLACE}")
        operation = FUNCTIONS.get(function)
        if operation and _accepts(operation, args, kwargs):
            return operation(*args, **kwargs)
        return unrecorded(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(plain(self, "np.asarray"), dtype=dtype, copy=copy)

    # ── other libraries, see `autodiff.dlpack` ──────────────────────────────────────────────────────────────

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Hand over the array's memory, or with `copy` that of a copy, as a capsule of DLPack.

        Raises:
            BufferError: the tensor is recorded; the memory is asked for on another device than the CPU, or by a stream;
                or it is read-only, and whoever asks is too old to be told so.
        """
        if self.tracked:
            raise BufferError(
                f"__dlpack__: what others do to {describe(self)} is not recorded, and the gradient would be lost. "
                "Hand over t.detach(), which shares its memory."
            )
        if stream is not None:
            raise BufferError(f"__dlpack__: stream={stream!r} is for the memory of a GPU, and this is the CPU's")
        asked = {"max_version": max_version, "dl_device": dl_device, "copy": copy}
        given = {name: value for name, value in asked.items() if value is not None}  # NumPy 2.0 knows none of them
        return plain(self, "__dlpack__").__dlpack__(**given)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return the device that holds the memory, always the CPU: (1, 0)."""
        return self._data.__dlpack_device__()

    # ── copying and pickling ────────────────────────────────────────────────────────────────────────────

    def __reduce__(self) -> Any:
        if self.node is not None:
            raise TypeError(
                "Tensor: only a leaf can be copied deeply or pickled, for the tape of a result lives in this process "
                "alone. Use t.detach() for the numbers, t.copy() for a recorded copy."
            )
        return _restore, (type(self), self._data, self.requires_grad, self.name, self.grad)


Tensor.result_type = Tensor


def _restore(kind: type[Tensor], data: np.ndarray, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    """Make again the leaf that was copied or pickled."""
    tensor = kind(data, requires_grad, name)
    tensor.grad = grad
    return tensor


def as_numeric(data: Any) -> np.ndarray:
    """Return the data as an array of real numbers or booleans, sharing its memory where it is one.

    Raises:
        TypeError: it is something else, or a tensor whose history would be lost.
    """
    array = np.asarray(plain(data, "Tensor"))
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"Tensor: needs real numbers or booleans, not {type(data).__name__} of dtype {array.dtype}."
        )
    return array


def is_real(array: np.ndarray) -> bool:
    """Whether the numbers are floating-point, which is what can have a gradient."""
    return array.dtype.kind == "f"


def _accepts(operation: Callable[..., Any], args: Any, kwargs: Any) -> bool:
    """Whether an operation has the options that NumPy's function of its name was given; it lacks `out`, say."""
    try:
        inspect.signature(operation).bind(*args, **kwargs)
    except TypeError:
        return False
    return True
