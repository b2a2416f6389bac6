"""What every network is made of: parameters, buffers, and modules that hold them and each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from autodiff import Tensor, tape

Kind = TypeVar("Kind", bound=Tensor)


class Parameter(Tensor):
    """A tensor that is trained: a leaf that requires a gradient, and that a `Module` finds among its attributes.

    Unlike other tensors it has memory of its own, which optimizers write to.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, name: str | None = None) -> None:
        super().__init__(data, requires_grad, name)
        self._data = _at_a_cache_line(self._data)


class Buffer(Tensor):
    """A tensor that is kept and saved with a module but not trained: running statistics, the state of a generator.

    It has memory of its own. New numbers are assigned to its `data`, at each call of a compiled function too.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None) -> None:
        super().__init__(np.array(data), requires_grad, name)


def _at_a_cache_line(array: np.ndarray) -> np.ndarray:
    """Copy an array to where a cache line begins: vectors loaded across two lines cost a training step a tenth."""
    line = 64
    room = np.empty(array.nbytes + line, np.uint8)
    start = -room.ctypes.data % line
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


class Module:
    """A function with parameters. Write `forward`; parameters and modules among the attributes are found.

    They may also stand in lists, tuples and dicts. A parameter's name is the path to it: `layers.0.weight`.
    """

    symbol: ClassVar[str | None] = None
    """What equations call the result: Z for a linear layer, A for an activation."""

    training: bool = True
    """Whether layers that differ between training and use (dropout, say) behave as in training."""

    def forward(self, x: Any) -> Tensor:
        """Compute the module's output."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(x)")

    def __call__(self, x: Any) -> Tensor:
        if (watcher := tape.watcher()) is None:
            return self.forward(x)
        watcher.enter(self)
        result = self.forward(x)
        watcher.leave(self, result)
        return result

    # ── what it holds ───────────────────────────────────────────────────────────────────────────────────

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules directly within, with their names."""
        for name, value in _named_values(self):
            if isinstance(value, Module):
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and all within, with their paths, outermost first."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(_join(prefix, name))

    def modules(self) -> Iterator[Module]:
        """Yield this module and all within, each once, outermost first."""
        return iter({id(module): module for _, module in self.named_modules()}.values())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield each parameter once, with its path."""
        return self._named(Parameter)

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Yield each buffer once, with its path."""
        return self._named(Buffer)

    def _named(self, kind: type[Kind]) -> Iterator[tuple[str, Kind]]:
        seen: set[int] = set()
        for prefix, module in self.named_modules():
            for name, value in _named_values(module):
                if isinstance(value, kind) and id(value) not in seen:
                    seen.add(id(value))
                    yield _join(prefix, name), value

    def parameters(self) -> Iterator[Parameter]:
        """Yield each parameter once."""
        return (parameter for _, parameter in self.named_parameters())

    # ── state ───────────────────────────────────────────────────────────────────────────────────────────

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of the array of each parameter, and of each buffer, by name."""
        return {name: tensor.data.copy() for name, tensor in self._saved()}

    def _saved(self) -> Iterator[tuple[str, Tensor]]:
        """Yield what a state consists of, with its path."""
        yield from self.named_parameters()
        yield from self.named_buffers()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Give each parameter and buffer the array of its name. On an error nothing is changed.

        Raises:
            KeyError: names are missing, or are too many.
            ValueError: an array has another shape than what it is for.
        """
        tensors = dict(self._saved())
        missing, unknown = tensors.keys() - state.keys(), state.keys() - tensors.keys()
        if missing or unknown:
            raise KeyError(f"load_state_dict: missing {sorted(missing)}, unknown {sorted(unknown)}")
        arrays = {name: np.array(state[name], dtype=tensor.dtype) for name, tensor in tensors.items()}
        for name, tensor in tensors.items():
            if arrays[name].shape != tensor.shape:
                raise ValueError(f"load_state_dict: {name} has shape {tensor.shape}, not {arrays[name].shape}")
        for name, tensor in tensors.items():
            tensor.data[...] = arrays[name]
            tensor.data = tensor.data  # which says that it has changed

    def train(self, mode: bool = True) -> Module:
        """Put this module and all within into training mode, or out of it."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Put this module and all within into the mode of use."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        forget_gradients(self.parameters())

    # ── description ─────────────────────────────────────────────────────────────────────────────────────

    def extra_repr(self) -> str:
        """Say what distinguishes this module from others of its class."""
        return ""

    def __repr__(self) -> str:
        children = [f"  ({name}) {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        own = [(name, v) for name, v in _named_values(self) if isinstance(v, Parameter)]
        count = sum(parameter.size for parameter in self.parameters())
        shapes = "  ".join(f"{name} {parameter.shape}" for name, parameter in own)
        head = f"{type(self).__name__}({self.extra_repr()})"
        if not children:
            return f"{head}  {shapes}: {count:,} parameters" if own else head
        return "\n".join([f"{head}: {count:,} parameters", *children])


def forget_gradients(parameters: Iterable[Parameter]) -> None:
    """Set `.grad` of each parameter to None."""
    watcher = tape.watcher()
    for parameter in parameters:
        if watcher:
            watcher.reset(parameter)
        parameter.grad = None


def _named_values(module: Module) -> Iterator[tuple[str, Any]]:
    """Yield a module's attributes, those in lists, tuples and dicts one by one, with their paths."""
    for name, value in vars(module).items():
        yield from _items(name, value)


def _items(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _items(f"{name}.{key}", item)
    else:
        yield name, value


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
