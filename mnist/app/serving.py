"""The page served, to this machine alone unless told otherwise: no telemetry, no outside request, bounded in all."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

for _name, _value in {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_SHARE": "False",
}.items():
    os.environ[_name] = _value  # before gradio is imported

from starlette.middleware import Middleware  # noqa: E402

from mnist.app import page  # noqa: E402
from mnist.app.answers import MOST_CHARACTERS, Runs  # noqa: E402
from mnist.errors import UserError  # noqa: E402

_MOST_WAITING = 100
_SLACK = 10_000
"""Bytes of a request around its picture."""


class Bounded:
    """Refuses a request whose body is larger than a picture may be."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, unless it says that it is too large; one that does not say is cut off where it is."""
        left = MOST_CHARACTERS + _SLACK
        said = dict(scope.get("headers", ())).get(b"content-length", b"0")
        if not said.isdigit() or int(said) > left:
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"This is too large."})
            return

        async def counted() -> Any:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            return message if left >= 0 else {"type": "http.disconnect"}

        await self.app(scope, counted, send)


def serve(folder: Path, host: str, port: int, wait: bool = True) -> Any:
    """Serve the page for the runs in a folder, until Ctrl-C if that is to be waited for; return it.

    Raises:
        UserError: one cannot listen there.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)
    built = page.build(Runs(folder)).queue(max_size=_MOST_WAITING, default_concurrency_limit=1)
    try:
        built.launch(
            server_name=host,
            server_port=port,
            share=False,
            inbrowser=False,
            ssr_mode=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            quiet=True,
            show_error=False,
            allowed_paths=[],
            max_file_size=1,
            footer_links=[],
            theme=page.THEME,
            css=page.style(),
            app_kwargs={"middleware": [Middleware(Bounded)], "docs_url": None, "redoc_url": None},
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise UserError(f"--host {host} --port {port}: one cannot listen there ({error})") from error
    if wait:
        print(f"the page is at http://{host}:{port}; Ctrl-C ends it", flush=True)
        built.block_thread()
    return built
