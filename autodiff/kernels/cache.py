"""What Numba keeps on disk of compiled functions, with a seal: what is damaged or out of date is compiled anew.

Numba's own cache looks at the one file that a function is in. It does not notice when another that went into the
machine code was edited, as the tiles in `simd.py`, and takes what it finds for sound: a truncated file is an
exception, and a flipped bit may be executed. Here every file ends in a hash over all that is in it and over the sources
of all the kernels.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile


class SealedCache(FunctionCache):
    """Numba's cache of a function, its files sealed."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        locator = self._impl.locator
        stamp = locator.get_source_stamp(), _sources()
        files: Any = _SealedFiles
        self._cache_file = files(locator.get_cache_path(), self._impl.filename_base, stamp)


class _SealedFiles(IndexDataCacheFile):
    """An index and the files that it names, each with a seal at its end, which unpickling does not reach."""

    def _load_index(self) -> dict[Any, str]:
        found: dict[Any, str] = {}
        if self._is_sound(self._index_path):
            found = super()._load_index()  # type: ignore[no-untyped-call]
        return found

    def _load_data(self, name: str) -> Any:
        if not self._is_sound(str(Path(self._cache_path) / name)):
            raise OSError(f"{name} is damaged, and shall be taken for missing")
        return super()._load_data(name)  # type: ignore[no-untyped-call]

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        with super()._open_for_write(filepath) as file:
            content = io.BytesIO()
            yield content
            file.write(content.getvalue() + self._seal(content.getvalue()))

    def _is_sound(self, path: str) -> bool:
        try:
            content = Path(path).read_bytes()
        except OSError:
            return False
        length = hashlib.sha256().digest_size
        return content[-length:] == self._seal(content[:-length])

    def _seal(self, content: bytes) -> bytes:
        return hashlib.sha256(repr(self._source_stamp).encode() + content).digest()


@cache
def _sources() -> str:
    """Return a hash over the sources of the kernels."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()
