"""The mirrors, and the user's cache folder into which files are downloaded.

pooch does the work: it retries, compares hashes, and moves a file to its place only when it is whole.
What it lacks is a quick answer where there is no network: a name server or a firewall that never
replies can hold a request for minutes. So all mirrors are probed at once, in threads that may be left
behind, and those that answer in time are used in the order of their answers.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import urlsplit

import pooch

from mnist.data.sources import Source

PROBE_SECONDS = 6.0
_READ_SECONDS = 5.0
_RETRIES = 1
_CHUNK = 1 << 16

_Answer = tuple[str, OSError | ValueError | None]
"""A mirror, and its refusal if it refuses."""


class DownloadError(Exception):
    """No mirror gave the files; the message says of each mirror why, in one line."""


def cache_folder(source: Source) -> Path:
    """Where the user's downloads of this data set are kept; it need not exist yet."""
    return Path(pooch.os_cache("autodiff-mnist")) / source.name


def download(source: Source, folder: Path) -> None:
    """Download into `folder` those of the four files that are not there with the right hash.

    Raises DownloadError, within PROBE_SECONDS where there is no network. What has been downloaded
    until then is kept, whole files only.
    """
    problems = dict.fromkeys(source.mirrors, f"no answer within {PROBE_SECONDS:.0f} s")
    for mirror, refusal in _answers(source):
        try:
            if refusal:
                raise refusal
            _download_from(mirror, source, folder)
        except (OSError, ValueError) as error:
            problems[mirror] = _in_words(error)
        else:
            return
    raise DownloadError(", ".join(f"{urlsplit(mirror).netloc}: {why}" for mirror, why in problems.items()))


def _in_words(error: OSError | ValueError) -> str:
    """Say what went wrong in few words; every error of requests is an OSError, and named well."""
    return type(error).__name__ if isinstance(error, OSError) else "sent other bytes than those known"


def _answers(source: Source) -> Iterator[_Answer]:
    """Probe all mirrors at once, and yield their answers as they come."""
    answers: SimpleQueue[_Answer] = SimpleQueue()
    deadline = time.monotonic() + PROBE_SECONDS
    for mirror in source.mirrors:
        Thread(target=_probe, args=(mirror, source, answers), daemon=True).start()
    for _ in source.mirrors:
        try:
            yield answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            return


def _probe(mirror: str, source: Source, answers: SimpleQueue[_Answer]) -> None:
    """Ask a mirror for the headers of a file, without the file."""
    import requests  # a tenth of a second, of which the cache needs nothing

    url = mirror + source.train_images.gzip_name
    try:
        requests.head(url, timeout=PROBE_SECONDS, allow_redirects=True).raise_for_status()
        answers.put((mirror, None))
    except (OSError, ValueError) as error:
        answers.put((mirror, error))


def _download_from(mirror: str, source: Source, folder: Path) -> None:
    pooch.get_logger().setLevel("WARNING")
    files = pooch.create(
        folder,
        base_url=mirror,
        registry={file.gzip_name: file.gzip_sha256 for file in source.files},
        retry_if_failed=_RETRIES,
    )
    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(), chunk_size=_CHUNK, timeout=_READ_SECONDS
    )
    for name in files.registry:
        files.fetch(name, downloader=downloader)
