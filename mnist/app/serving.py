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
from mnist.app.answers import Runs  # noqa: E402
from mnist.app.doors import Doors  # noqa: E402
from mnist.errors import UserError  # noqa: E402

_MOST_WAITING = 100


def serve(folder: Path, host: str, port: int, wait: bool = True) -> Any:
    """Serve the page for the runs in a folder, until Ctrl-C if that is to be waited for; return it.

    Raises:
        UserError: one cannot listen there.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)
    spared = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
    os.environ["no_proxy"] = f"{spared},{host}"  # gradio greets itself when it starts
    name = f"[{host}]" if ":" in host else host
    built = page.build(Runs(folder)).queue(max_size=_MOST_WAITING, default_concurrency_limit=1)
    try:
        built.launch(
            server_name=name,
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
            app_kwargs={"middleware": [Middleware(Doors)], "docs_url": None, "redoc_url": None},
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise UserError(f"--host {host} --port {port}: one cannot listen there ({error})") from error
    if wait:
        print(f"the page is at http://{name}:{port}; Ctrl-C ends it", flush=True)
        built.block_thread()
    return built
