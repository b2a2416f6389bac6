"""`python -m mnist.app`: draw a digit in the browser, and see what a trained network makes of it."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
import warnings
from pathlib import Path

from mnist import runs
from mnist.app.answers import Runs
from mnist.cli import parse, run
from mnist.errors import UserError
from mnist.run_folder import DEFAULT_PARENT


@dataclasses.dataclass(frozen=True)
class AppConfig:
    """Open a page on which to draw a digit, and to see what a trained network makes of it."""

    runs: Path = DEFAULT_PARENT
    """Folder of the runs to choose among."""
    host: str = "127.0.0.1"
    """Address to listen on; by default that of this machine alone. 0.0.0.0 lets everyone in the network in."""
    port: int = 7860
    """Port to listen on."""

    def __post_init__(self) -> None:
        """Raise UserError where a value makes no sense."""
        if not 1 <= self.port <= 65535:
            raise UserError(f"--port {self.port}: must be from 1 to 65535")


def _check_address(host: str, port: int) -> None:
    """Raise UserError unless one can listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            if os.name == "posix":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"--host {host} --port {port}: {reason}; choose another --port, or --host") from error


def main() -> int:
    """Serve the page until Ctrl-C, and return the exit status."""
    config = parse(AppConfig, "python -m mnist.app")
    runs.latest(config.runs)  # better to fail now than at the first stroke
    found = Runs(config.runs)
    for fault in found.faults():
        print(f"left out: {fault}", file=sys.stderr)
    if not found.names():
        raise UserError(f"{config.runs}: holds no network that can be used; train one: python -m mnist.train")
    _check_address(config.host, config.port)
    try:
        from mnist.app.serving import serve
    except ImportError as error:
        raise UserError(f"the page needs gradio: pip install -e '.[app]' ({error})") from error
    warnings.simplefilter("ignore")  # what gradio warns of is for who writes with it
    serve(config.runs, config.host, config.port)
    return 0


if __name__ == "__main__":
    run(main)
