import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mnist.data import download as module
from mnist.data.download import DownloadError, cache_folder, download


class Mirror:
    """A mirror on this machine that serves `files`, and remembers what it was asked for."""

    def __init__(self, files: dict[str, bytes], cut: int = 0, stalls: bool = False) -> None:
        self.asked: list[str] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer()

            def do_GET(self) -> None:
                mirror.asked.append(self.path[1:])
                content = self.answer()
                self.wfile.write(content[: len(content) // 2 if stalls else len(content) - cut])
                if stalls:
                    mirror.closing.wait()

            def answer(self) -> bytes:
                content = files.get(self.path[1:])
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                return content or b""

            def log_message(self, *args: object) -> None:
                pass

        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def mirror() -> Iterator[Callable[..., Mirror]]:
    mirrors: list[Mirror] = []

    def start(*args: Any, **kwargs: Any) -> Mirror:
        mirrors.append(Mirror(*args, **kwargs))
        return mirrors[-1]

    yield start
    for each in mirrors:
        each.close()


@pytest.fixture
def silent_mirror() -> Iterator[str]:
    """A mirror that accepts a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def _no_pause_before_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)


def holds(folder: Path, small: Any) -> bool:
    return {path.name: path.read_bytes() for path in folder.iterdir()} == small.gzipped


def test_the_cache_folder_is_the_data_sets_own(small: Any, cache: Path) -> None:
    assert cache_folder(small.source) == cache


def test_all_four_files_are_downloaded(small: Any, known: Any, mirror: Any, cache: Path) -> None:
    download(known(mirror(small.gzipped).url), cache)
    assert holds(cache, small)


def test_only_what_is_missing_or_wrong_is_downloaded(
    small: Any, known: Any, mirror: Any, cache: Path
) -> None:
    small.put(cache, gzipped=True)
    (cache / "t10k-labels-idx1-ubyte.gz").unlink()
    (cache / "train-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    server = mirror(small.gzipped)
    download(known(server.url), cache)
    assert sorted(server.asked) == ["t10k-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    assert holds(cache, small)


def test_a_dead_mirror_gives_way_to_the_other(
    small: Any, known: Any, mirror: Any, cache: Path, dead_mirror: str
) -> None:
    download(known(dead_mirror, mirror(small.gzipped).url), cache)
    assert holds(cache, small)


def test_a_silent_mirror_gives_way_to_the_other_at_once(
    small: Any, known: Any, mirror: Any, cache: Path, silent_mirror: str
) -> None:
    start = time.monotonic()
    download(known(silent_mirror, mirror(small.gzipped).url), cache)
    assert time.monotonic() - start < 3
    assert holds(cache, small)


@pytest.mark.parametrize("fault", ["wrong", "truncated", "missing", "incomplete"])
def test_a_faulty_mirror_gives_way_to_the_other(
    small: Any, known: Any, mirror: Any, cache: Path, fault: str
) -> None:
    files = small.gzipped
    first = {
        "wrong": lambda: mirror(dict.fromkeys(files, b"<html>log in</html>")),
        "truncated": lambda: mirror(files, cut=10),
        "missing": lambda: mirror({}),
        "incomplete": lambda: mirror({name: files[name] for name in list(files)[:2]}),
    }[fault]()
    second = mirror(files)
    download(known(first.url, second.url), cache)
    assert holds(cache, small)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("wrong", "sent other bytes"), ("truncated", "ChunkedEncodingError"), ("missing", "HTTPError")],
)
def test_a_fault_is_told_and_no_half_file_is_left(
    small: Any, known: Any, mirror: Any, cache: Path, fault: str, words: str
) -> None:
    files = small.gzipped
    server = {
        "wrong": lambda: mirror({name: content[::-1] for name, content in files.items()}),
        "truncated": lambda: mirror(files, cut=10),
        "missing": lambda: mirror({}),
    }[fault]()
    with pytest.raises(DownloadError, match=f"127.0.0.1:[0-9]+: {words}"):
        download(known(server.url), cache)
    assert not cache.exists() or not list(cache.iterdir())


def test_a_failed_download_is_tried_again(small: Any, known: Any, mirror: Any, cache: Path) -> None:
    server = mirror(small.gzipped, cut=10)
    with pytest.raises(DownloadError):
        download(known(server.url), cache)
    assert server.asked == ["train-images-idx3-ubyte.gz"] * 2


def test_a_download_that_stalls_is_given_up(
    small: Any, known: Any, mirror: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_READ_SECONDS", 0.2)
    with pytest.raises(DownloadError, match="ConnectionError"):
        download(known(mirror(small.gzipped, stalls=True).url), cache)
    assert not list(cache.iterdir())


def test_dead_mirrors_are_given_up_at_once(known: Any, cache: Path, dead_mirror: str) -> None:
    start = time.monotonic()
    with pytest.raises(DownloadError, match="ConnectionError"):
        download(known(dead_mirror), cache)
    assert time.monotonic() - start < 3


def test_a_network_that_swallows_packets_is_given_up_within_10_seconds(
    known: Any, cache: Path, silent_mirror: str
) -> None:
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"no answer within|ReadTimeout"):
        download(known(silent_mirror, silent_mirror), cache)
    assert time.monotonic() - start < 10


def test_a_name_server_that_never_answers_is_given_up(
    known: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = threading.Event()

    def wait_for_ever(*args: object, **kwargs: object) -> None:
        end.wait()
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", wait_for_ever)
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.3)
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"mirror\.invalid: no answer within"):
        download(known("http://mirror.invalid/"), cache)
    assert time.monotonic() - start < 5
    end.set()


def test_a_cache_that_cannot_be_written_is_told(small: Any, known: Any, mirror: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"NotADirectoryError|FileExistsError"):
        download(known(mirror(small.gzipped).url), tmp_path / "file" / "cache")


def test_an_interrupt_passes_and_leaves_no_file(
    small: Any, known: Any, mirror: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pooch.core.hash_matches", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download(known(mirror(small.gzipped).url), cache)
    assert not list(cache.iterdir())


def test_there_is_a_progress_bar_on_a_terminal_only(
    small: Any,
    known: Any,
    mirror: Any,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    source = known(mirror(small.gzipped).url)
    download(source, cache)
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    download(source, tmp_path / "other")
    assert "100%" in capfd.readouterr().err


def test_pooch_itself_is_quiet(small: Any, known: Any, mirror: Any, cache: Path) -> None:
    import pooch

    download(known(mirror(small.gzipped).url), cache)
    assert not pooch.get_logger().isEnabledFor(logging.INFO)
