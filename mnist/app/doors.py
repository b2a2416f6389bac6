"""What of gradio is open: the page and its interface, and no request larger than a picture."""

from __future__ import annotations

import re
from typing import Any

from mnist.app.answers import MOST_CHARACTERS

_OPEN = re.compile(
    r"/|/(assets|static)/.+|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?"
    r"|/gradio_api/((queue|call|heartbeat)/.+|(info|app_id|startup-events|cancel|reset|theme\.css)/?)"
)
"""Others take files, serve them, or fetch them from wherever they are told."""

_SLACK = 10_000
"""Bytes of a request around its picture."""


class Doors:
    """Lets in what is asked at an open door and is not too large; to be put around an application of ASGI."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or refuse it; a body that is too large and does not say so is cut off where it is."""
        left = MOST_CHARACTERS + _SLACK
        said = dict(scope.get("headers", ())).get(b"content-length", b"0")
        if scope["type"] == "http" and not _OPEN.fullmatch(scope["path"]):
            await _refuse(send, 404, b"There is nothing here.")
            return
        if not said.isdigit() or int(said) > left:
            await _refuse(send, 413, b"This is too large.")
            return

        async def counted() -> Any:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            return message if left >= 0 else {"type": "http.disconnect"}

        await self.app(scope, counted, send)


async def _refuse(send: Any, status: int, why: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": why})
