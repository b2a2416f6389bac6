"""Memory shared with other libraries by DLPack, the protocol of the array API standard: nothing is copied.

It goes out by what every library calls `from_dlpack`, for a `Tensor` has the two methods of the protocol,

    np.from_dlpack(t)    torch.from_dlpack(t)    jax.dlpack.from_dlpack(t)
    tf.experimental.dlpack.from_dlpack(t.__dlpack__())

and it comes in by `ad.from_dlpack(x)`. A tensor that is recorded is not handed over, for what others do to it is on no
tape: hand over `t.detach()`. What was shared is an alias, like any other: numbers that the other library writes into
it between a forward and a backward pass are noticed within `ad.anomaly()` alone. And whoever takes arrays never to
change, as JAX does, must be given a copy of what an optimizer will update: `jax.dlpack.from_dlpack(t, copy=True)`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from autodiff.tensor import Tensor

_CPU = 1
_DEVICES = {2: "a CUDA GPU", 7: "a Vulkan GPU", 8: "a Metal GPU", 10: "a ROCm GPU", 14: "a oneAPI device"}
"""The numbers that DLPack has for kinds of devices (dlpack.h, DLDeviceType)."""


def from_dlpack(x: Any, /, *, device: Literal["cpu"] | None = None, copy: bool | None = None) -> Tensor:
    """Return a tensor over the memory of another library's array.

    Args:
        x: an array that has `__dlpack__`, of any layout; or a capsule, as `tf.experimental.dlpack.to_dlpack` makes it.
        device: "cpu" asks the other library to bring the numbers here, if it can, from wherever they are.
        copy: False never copies, True always does; None shares where that is possible.

    The tensor is a leaf that requires no gradient; `requires_grad = True` makes it one that does. Where the other side
    says that its memory is not to be written, as JAX does, then neither `data` can be written.

    Raises:
        BufferError: the memory is not the CPU's, or cannot be shared; or it is recorded by the library that it is from.
        TypeError: x has no `__dlpack__`, or its numbers are none that a tensor can have, such as complex ones.
    """
    if type(x).__name__ == "PyCapsule":
        x = _Capsule(x)
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"from_dlpack: {type(x).__name__} has no __dlpack__; ad.Tensor(x) takes arrays and lists")
    kind, number = x.__dlpack_device__()
    if kind != _CPU and device is None:
        device_name = _DEVICES.get(kind, f"a device of kind {kind}")
        raise BufferError(
            f"from_dlpack: the memory is that of {device_name}, number {number}, and the engine computes on the CPU. "
            "Bring it there first: x.cpu() in PyTorch, jax.device_get(x), or ask for it by device='cpu'."
        )
    given: dict[str, Any] = {name: value for name, value in (("device", device), ("copy", copy)) if value is not None}
    return Tensor(np.from_dlpack(x, **given))


class _Capsule:
    """A bare capsule as an array that can be handed over: once, and from a device that only NumPy will see."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **how: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CPU, 0
