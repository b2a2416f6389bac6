"""The page of two runs, served in this process to a real browser; whom the process talks to is written down."""

import importlib.util
import socket
import sys
import threading

import pytest

TOUCHED = []
"""The addresses that this process has connected to, and the names that it has looked up, while the page is served."""
_WATCHING = threading.Event()


def _write_down(event, arguments):
    if _WATCHING.is_set() and event in ("socket.connect", "socket.sendto"):
        TOUCHED.append(arguments[1])
    elif _WATCHING.is_set() and event == "socket.getaddrinfo":
        TOUCHED.append((arguments[0], arguments[1]))


sys.addaudithook(_write_down)


def free_port():
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


@pytest.fixture(scope="session")
def site(runs_folder):
    """The address of the page."""
    if importlib.util.find_spec("gradio") is None:  # to import it here would be before the page has silenced it
        pytest.skip("gradio is not installed; pip install -e '.[app]'")
    _WATCHING.set()
    from mnist.app.serving import serve

    port = free_port()
    served = serve(runs_folder, "127.0.0.1", port, wait=False)
    yield f"http://127.0.0.1:{port}"
    served.close(verbose=False)
    _WATCHING.clear()


@pytest.fixture
def visit(browser, site):
    """A function that opens the page; whatever it asks for must come from this machine, and nothing may fail."""
    contexts, problems = [], []

    def open_page(width=1280, height=900, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(30_000)
        tab.on("pageerror", lambda error: problems.append(f"error: {error}"))
        tab.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        tab.on("request", lambda r: None if r.url.startswith((site, "data:", "blob:")) else problems.append(r.url))
        tab.on("websocket", lambda socket: problems.append(socket.url))
        tab.goto(site)
        tab.wait_for_selector("#pad canvas")
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
