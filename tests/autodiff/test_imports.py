"""What may import what: floors that only look down, and an engine that needs numpy and numba alone."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ALONE = """
import sys

ALLOWED = {"numpy", "numba", "llvmlite", "autodiff", "nets"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names and not top.startswith("_"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import numpy as np
import autodiff as ad, nets
x = ad.Tensor(np.ones((4, 3), np.float32), requires_grad=True)
ad.sum(ad.log_softmax(ad.relu(x @ np.ones((3, 2), np.float32)))).backward()
assert x.grad.shape == (4, 3)
tops = {name.partition(".")[0] for name in sys.modules}
others = {"tensorflow", "matplotlib", "pooch", "mlxtend", "scipy", "mnist", "viz", "tqdm", "tyro", "requests"}
print(sorted(tops & others))
"""


def run(code, **environment):
    """Run Python code at the root, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_engine_and_the_networks_need_numpy_and_numba_alone():
    done = run(ALONE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_engine_does_without_numba_on_the_rung_of_numpy():
    done = run(ALONE.replace('"numba", "llvmlite", ', ""), AUTODIFF_KERNELS="numpy")
    assert done.returncode == 0, done.stderr


def modules(package):
    """The files of a package, with their dotted names."""
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path, name):
    """The dotted names of all that a file imports, wherever in the file, relative ones resolved."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def reaches(path, name, forbidden):
    """Which of the forbidden packages or modules a file imports."""
    return {f for f in forbidden for i in imports(path, name) if i == f or i.startswith(f"{f}.")}


@pytest.mark.parametrize(
    ("path", "name"), list(modules("autodiff")), ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_engine_looks_up_to_nothing(path, name):
    assert reaches(path, name, {"nets", "mnist", "viz", "tests", "tensorflow", "matplotlib"}) == set()


@pytest.mark.parametrize(
    ("path", "name"), list(modules("nets")), ids=lambda value: value if isinstance(value, str) else ""
)
def test_networks_touch_no_kernel_and_look_up_to_nothing(path, name):
    assert (
        reaches(path, name, {"mnist", "viz", "tests", "autodiff.kernels", "tensorflow", "matplotlib"})
        == set()
    )


def test_the_derivation_by_hand_imports_nothing_of_the_engine():
    assert reaches(ROOT / "nets/manual.py", "nets.manual", {"autodiff", "nets", "mnist", "viz"}) == set()


FLOORS = [
    {"autodiff.errors"},
    {"autodiff.kernels", "autodiff.tape"},
    {"autodiff.ops", "autodiff.graph"},
    {"autodiff.backward", "autodiff.explain", "autodiff.compiler", "autodiff.interop"},
    {"autodiff.tensor"},
    {"autodiff.tracing", "autodiff.transforms", "autodiff.check", "autodiff.conventions"},
]


def floor(name):
    """The number of the floor on which a module lives, None if it is not named there."""
    return next(
        (
            n
            for n, rooms in enumerate(FLOORS)
            for room in rooms
            if name == room or name.startswith(f"{room}.")
        ),
        None,
    )


@pytest.mark.parametrize(
    ("path", "name"), list(modules("autodiff")), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_file_imports_only_downward(path, name):
    here = floor(name)
    if name == "autodiff":
        assert here is None
        return
    above = {i for i in imports(path, name) if floor(i) is not None and here is not None and floor(i) > here}
    assert above == set()


def test_no_two_modules_of_the_engine_import_each_other():
    known = {name: path for path, name in modules("autodiff")}
    edges = {
        name: {i for i in imports(path, name) if i in known and i != name} for name, path in known.items()
    }
    for name in edges:
        for other in edges[name]:
            package = name.startswith(f"{other}.") or other.startswith(f"{name}.")
            assert package or name not in edges[other], (name, other)
