"""Emitted modules on disk: the text, and beside it the machine code that Numba keeps of it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
from llvmlite import binding

_KERNELS = Path(__file__).parents[1]
_lock = threading.Lock()


def load(source: str) -> ModuleType:
    """Return the module of a source, from the disk if it has been there before.

    It lies in a folder of its own, named by all that the machine code depends on. What is found there is trusted only
    if the text is the same and the folder is this user's alone; otherwise it is written anew. Where no folder can be
    written the module lives in a temporary one.
    """
    key = hashlib.sha256("\0".join([source, *_surroundings()]).encode()).hexdigest()[:32]
    name = f"autodiff_compiled_{key}"
    with _lock:  # a module stands in sys.modules before it is complete
        return sys.modules.get(name) or _imported(name, _written(key, source))


def _written(key: str, source: str) -> Path:
    """Return the file of a source, written if it is not there."""
    path = _folder(key) / "compiled.py"
    if not path.exists() or path.read_text(encoding="utf-8") != source:
        shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
        draft = tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8")  # noqa: SIM115
        with draft:
            draft.write(source)
        os.replace(draft.name, path)
    return path


def _imported(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:  # an interrupt, say
        del sys.modules[name]
        raise
    return module


def _surroundings() -> list[str]:
    """Return what the machine code depends on besides the text: versions, processor, and the kernels it calls."""
    kernels = [*sorted(_KERNELS.glob("kernels/*.py")), Path(__file__).with_name("runtime.py")]
    texts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in kernels]
    return [sys.version, np.__version__, numba.__version__, binding.get_host_cpu_name(), *texts]


def _folder(key: str) -> Path:
    """Return the folder of a module, made if it is not there, and this user's alone."""
    root = Path(os.environ.get("NUMBA_CACHE_DIR") or Path.home() / ".cache" / "autodiff") / "compiled"
    folder = root / key
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mine = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
        if mine and os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="autodiff-"))
