"""Rules that turn gradients into steps. θ stands for a parameter, g for its gradient, t for the number of the step."""

from __future__ import annotations

import copy
import itertools
import operator
import sys
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from autodiff import tape
from autodiff.ops.elementwise import axpy
from autodiff.tape import Array, unwrap
from nets.module import Parameter, forget_gradients


class Optimizer:
    """What all optimizers share: the parameters, in groups that may differ in their settings.

    Args:
        parameters: the parameters; or, as in PyTorch, dicts such as {"params": […], "weight_decay": 1e-4}, one
            for each group, whose other keys override the defaults.
        defaults: the settings, by name.

    Raises:
        ValueError: no parameters, one of them twice, or a setting out of its range.
        TypeError: something that is no Parameter, or a setting that this optimizer does not have.
    """

    remembers: ClassVar[Mapping[str, type]] = {}
    """What `update` keeps of a parameter, by name: np.ndarray, of its shape and dtype, or int, a count."""

    def __init__(self, parameters: Iterable[Parameter] | Iterable[dict[str, Any]], **defaults: Any) -> None:
        given: list[Any] = list(parameters)
        groups = given if given and isinstance(given[0], dict) else [{"params": given}]
        self.defaults = defaults
        self.param_groups = [{**defaults, **group, "params": list(group.get("params", ()))} for group in groups]
        for group in self.param_groups:
            self._check(group)
        everything = self._parameters()
        if not everything or len({id(parameter) for parameter in everything}) < len(everything):
            problem = "a parameter is given twice" if everything else "there are no parameters to optimize"
            raise ValueError(f"{type(self).__name__}: {problem}")
        self.state: dict[Parameter, dict[str, Any]] = {}

    def _parameters(self) -> list[Parameter]:
        """Return the parameters of all groups, in order."""
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def _check(self, group: dict[str, Any]) -> None:
        """Raise unless a group holds parameters and sensible settings."""
        name = type(self).__name__
        for parameter in group["params"]:
            if not isinstance(parameter, Parameter):
                raise TypeError(f"{name}: needs Parameters, not {type(parameter).__name__}; pass model.parameters()")
        if unknown := group.keys() - self.defaults.keys() - {"params"}:
            raise TypeError(f"{name}: no setting {', '.join(sorted(unknown))}; there are {', '.join(self.defaults)}")
        for setting in ("lr", "momentum", "weight_decay", "eps"):
            if not 0 <= group.get(setting, 0) <= sys.float_info.max:
                raise ValueError(f"{name}: {setting} must be a number of 0 or more, not {group[setting]!r}")
        betas = group.get("betas", (0, 0))
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{name}: betas must be two numbers from 0 to below 1, not {betas}")
        if group.get("nesterov") and not group["momentum"]:
            raise ValueError(f"{name}: nesterov needs a momentum")

    @property
    def lr(self) -> float:
        """The learning rate, of the first group; assigning sets it for all groups."""
        return float(self.param_groups[0]["lr"])

    @lr.setter
    def lr(self, rate: float) -> None:
        for group in self.param_groups:
            group["lr"] = rate

    def zero_grad(self) -> None:
        """Forget the gradients, which would otherwise add up."""
        forget_gradients(parameter for group in self.param_groups for parameter in group["params"])

    def step(self) -> None:
        """Move each parameter that has a gradient."""
        watcher = tape.watcher()
        move = self._move_traced if watcher and watcher.traces else self._move
        with tape.during("update"):
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        move(parameter, self.state.setdefault(parameter, {}), group)

    def _move(self, parameter: Parameter, state: dict[str, Any], settings: dict[str, Any]) -> None:
        parameter.data = parameter.data  # which says that it changes, should an interrupt come before it has
        parameter.data = self.update(parameter.data, unwrap(parameter.grad), state, settings)

    def _move_traced(self, parameter: Parameter, state: dict[str, Any], settings: dict[str, Any]) -> None:
        """Move a parameter by operations that a trace sees."""
        watcher = tape.watcher()
        assert watcher is not None
        watcher.depends(lambda: self.state.get(parameter))
        memory = {key: watcher.held(state, key) for key in state}
        given = {key: watcher.held(settings, key) for key in settings if key != "params"}
        θ = self.update(parameter.detach(), parameter.grad.detach(), memory, given)
        parameter.data = θ
        for key, item in memory.items():
            watcher.hold(state, key, item)

    def update(self, θ: Array, g: Array, state: dict[str, Any], settings: dict[str, Any]) -> Array:
        """Return the new value of a parameter; `state` is what is remembered of it from step to step.

        It is written with operators that arrays and Tensors share, and in place: θ may be changed, g not.
        """
        raise NotImplementedError

    # ── state ───────────────────────────────────────────────────────────────────────────────────────────

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the settings and of what is remembered; for a parameter stands its number in their order.

        As in PyTorch it is {"state": {number: {name: array or int}}, "param_groups": [{"params": [number, …], …}]}.
        """
        numbers = {parameter: number for number, parameter in enumerate(self._parameters())}
        groups = [
            {name: [numbers[p] for p in value] if name == "params" else value for name, value in group.items()}
            for group in self.param_groups
        ]
        state = {numbers[parameter]: memory for parameter, memory in self.state.items() if memory}
        return copy.deepcopy({"state": state, "param_groups": groups})

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over, as a copy, what `state_dict` gave. On an error nothing is changed.

        Raises:
            ValueError: it is not of an optimizer of this kind, with groups of as many parameters of these shapes.
        """
        try:
            groups = self._groups_of(state_dict["param_groups"])
            parameters = dict(enumerate(self._parameters()))
            state = {parameters[n]: self._memory_of(parameters[n], memory) for n, memory in state_dict["state"].items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{type(self).__name__}: load_state_dict: not its state: {error}") from error
        self.param_groups, self.state = groups, state

    def _groups_of(self, given: Any) -> list[dict[str, Any]]:
        """Return the groups with the settings given."""
        number = itertools.count()
        expected = [[next(number) for _ in group["params"]] for group in self.param_groups]
        if [group["params"] for group in given] != expected:
            raise ValueError(f"the groups are not of the parameters {expected}")
        groups = []
        for group, mine in zip(copy.deepcopy(given), self.param_groups, strict=True):
            if group.keys() != mine.keys():
                raise ValueError(f"the settings are {sorted(group)}, not {sorted(mine)}")
            groups.append({**group, "params": mine["params"]})
            self._check(groups[-1])
        return groups

    def _memory_of(self, parameter: Parameter, given: Any) -> dict[str, Any]:
        """Return what is remembered of a parameter, checked against `remembers`."""
        if given.keys() != self.remembers.keys():
            raise ValueError(f"what is remembered is {sorted(given)}, not {sorted(self.remembers)}")
        memory: dict[str, Any] = {}
        for name, kind in self.remembers.items():
            if kind is int:
                memory[name] = operator.index(given[name])
                fits = memory[name] >= 0
            else:
                memory[name] = np.asarray(given[name]).astype(parameter.dtype, casting="same_kind")
                fits = memory[name].shape == parameter.shape
            if not fits:
                raise ValueError(f"{name} does not fit a parameter of shape {parameter.shape}")
        return memory


class SGD(Optimizer):
    """Stochastic gradient descent: θ ← θ − lr·g.

    With momentum μ, v ← μ·v + g takes the place of g (Polyak, 1964); with nesterov, g + μ·v (Nesterov, 1983; in
    the form of Sutskever, Martens, Dahl and Hinton, 2013). weight_decay λ adds λ·θ to g, the gradient of λ/2·‖θ‖².
    """

    remembers: ClassVar = {"velocity": np.ndarray}

    def __init__(
        self,
        parameters: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)

    def update(self, θ: Array, g: Array, state: dict[str, Any], settings: dict[str, Any]) -> Array:
        """Return θ − lr·g, with g as momentum and decay have made it."""
        lr, μ, λ = settings["lr"], settings["momentum"], settings["weight_decay"]
        if λ:
            g = g + λ * θ
        if μ:
            v = state["velocity"] = μ * state.get("velocity", 0.0) + g
            g = g + μ * v if settings["nesterov"] else v
        return axpy(-lr, g, θ)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1): steps of about lr, whatever the size of the gradient.

    m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g² estimate the gradient's mean and mean square; divided by 1 − βᵗ
    they are unbiased; θ ← θ − lr·m̂ / (√v̂ + ε). weight_decay λ adds λ·θ to g.
    """

    remembers: ClassVar = {"t": int, "m": np.ndarray, "v": np.ndarray}

    def __init__(
        self,
        parameters: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, θ: Array, g: Array, state: dict[str, Any], settings: dict[str, Any]) -> Array:
        """Return θ − lr·m̂ / (√v̂ + ε)."""
        if λ := settings["weight_decay"]:
            g = g + λ * θ
        return self._estimate(θ, g, state, settings)

    def _estimate(self, θ: Array, g: Array, state: dict[str, Any], settings: dict[str, Any]) -> Array:
        lr, (β1, β2), ε = settings["lr"], settings["betas"], settings["eps"]
        if not state:
            state.update(t=0, m=0 * g, v=0 * g)
        state["t"] += 1
        m, v, t = state["m"], state["v"], state["t"]
        m += (1 - β1) * (g - m)
        v += (1 - β2) * (g * g - v)
        θ -= (lr / (1 - β1**t)) * m / ((v / (1 - β2**t)) ** 0.5 + ε)
        state["m"], state["v"] = m, v  # Tensors are not changed in place: there, += has made new ones
        return θ


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019): θ shrinks by lr·λ, apart from the gradient."""

    def __init__(
        self,
        parameters: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def update(self, θ: Array, g: Array, state: dict[str, Any], settings: dict[str, Any]) -> Array:
        """Return (1 − lr·λ)·θ − lr·m̂ / (√v̂ + ε)."""
        θ *= 1 - settings["lr"] * settings["weight_decay"]
        return self._estimate(θ, g, state, settings)
