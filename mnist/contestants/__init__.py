"""The same training step in each of several libraries, written as those would write it who know the library well.

A file here imports its library and NumPy, and nothing that another contestant would need: what a process that runs
one of them takes to start is its own. The one exception to what they have in common is `problem.py`, which says what
is to be trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnist.contestants.architecture import NetworkName
    from mnist.contestants.problem import Contestant, Problem


@dataclass(frozen=True)
class Entry:
    """Where a contestant is found: a class in a file beside this one, which needs a library.

    `network` is the only one that it knows; one that is built of layers knows them all.
    """

    title: str
    library: str
    module: str
    kind: str
    network: NetworkName | None = None

    @property
    def is_installed(self) -> bool:
        """Whether the library is there; it is not imported for that."""
        return find_spec(self.library) is not None

    def knows(self, problem: Problem) -> bool:
        """Whether it can train the network of a problem."""
        return self.network in (None, problem.network)

    def load(self) -> type[Contestant]:
        """Import the library. Raises what it raises."""
        kind: type[Contestant] = getattr(import_module(f"mnist.contestants.{self.module}"), self.kind)
        return kind

    def enter(self, problem: Problem) -> Contestant:
        """Return the contestant with its first weights. Raises what the library raises.

        Raises:
            ValueError: it does not know the network.
        """
        if not self.knows(problem):
            raise ValueError(f"{self.title}: knows the {self.network} alone, not {problem.network}")
        return self.load()(problem)


ENTRIES = {
    "numpy": Entry("NumPy by hand", "numpy", "by_numpy", "ByHand", "mlp"),
    "eager": Entry("this engine, eager", "autodiff", "by_engine", "Eager"),
    "compiled": Entry("this engine, compiled", "autodiff", "by_engine", "Compiled"),
    "tf-eager": Entry("TensorFlow, eager tape", "tensorflow", "by_tensorflow", "Eager"),
    "tf-function": Entry("TensorFlow, tf.function", "tensorflow", "by_tensorflow", "Function"),
    "tf-xla": Entry("TensorFlow, XLA", "tensorflow", "by_tensorflow", "XLA"),
    "keras": Entry("keras.fit", "tensorflow", "by_keras", "Fit"),
    "torch": Entry("PyTorch, eager", "torch", "by_pytorch", "Eager"),
    "torch-compile": Entry("PyTorch, torch.compile", "torch", "by_pytorch", "Compiled"),
    "jax": Entry("JAX, jit", "jax", "by_jax", "Jit"),
    "manual": Entry("by hand", "numpy", "by_manual", "ByHand", "mlp"),
    "float64": Entry("by hand, float64", "numpy", "by_manual", "Wide", "mlp"),
}
"""All contestants, by the names that flags know."""
