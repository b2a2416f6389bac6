"""What is kept of compiled kernels is used again, unless it is damaged or the kernels were edited."""

import importlib.util

import pytest
from numba.core import event

from autodiff.kernels import cache, specialised

MODULE = """
from autodiff.kernels.specialised import compiled

@compiled
def twice(x):
    return 2 * x
"""


@pytest.fixture
def compilations(tmp_path, monkeypatch):
    """Runs a compiled function as a new process would, and returns how often it had to be compiled."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "kept"))
    path = tmp_path / "module.py"
    path.write_text(MODULE)

    def run():
        spec = importlib.util.spec_from_file_location("module", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with event.install_recorder("numba:compile") as recorder:
            assert module.twice(21) == 42
        return sum(record[1].is_start for record in recorder.buffer)

    return run


def kept(tmp_path, suffix):
    """The one file of a kind that is kept."""
    (file,) = (tmp_path / "kept").rglob(f"*{suffix}")
    return file


def flipped(content):
    """The content with one bit in the middle changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "the seal alone torn off": lambda content: content[:-32],
    "empty": lambda content: b"",
    "one bit flipped": flipped,
    "something else": lambda content: b"nothing that was ever pickled",
    "longer": lambda content: content + b"\0",
}


def test_what_is_kept_is_used_again(compilations):
    assert compilations() == 1
    assert compilations() == 0


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_made_anew(compilations, tmp_path, suffix, damage):
    compilations()
    file = kept(tmp_path, suffix)
    file.write_bytes(damage(file.read_bytes()))
    assert compilations() == 1
    assert compilations() == 0


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_missing_file_is_made_anew(compilations, tmp_path, suffix):
    compilations()
    kept(tmp_path, suffix).unlink()
    assert compilations() == 1
    assert compilations() == 0


def test_an_edit_to_any_kernel_makes_all_anew(compilations, monkeypatch):
    compilations()
    monkeypatch.setattr(cache, "_sources", lambda: "edited")
    assert compilations() == 1
    assert compilations() == 0


def test_code_of_other_sources_is_not_taken_for_that_of_these(compilations, tmp_path, monkeypatch):
    compilations()
    stale = kept(tmp_path, ".nbc").read_bytes()
    monkeypatch.setattr(cache, "_sources", lambda: "edited")
    compilations()
    kept(tmp_path, ".nbc").write_bytes(stale)
    assert compilations() == 1


def test_a_function_in_no_file_is_compiled_all_the_same():
    scope = {}
    exec("def thrice(x):\n    return 3 * x", scope)
    assert specialised.compiled(scope["thrice"])(14) == 42
