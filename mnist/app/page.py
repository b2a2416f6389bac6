"""The page: a pad to draw on, the answer beside it, and below what the network's layers see."""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from typing import Any, NoReturn

import gradio as gr

from mnist.app import interface, pictures
from mnist.app.answers import RefusedError, Runs, answer
from mnist.app.interface import ONE_BY_ONE
from mnist.images import MOST_BYTES

_PAGE = files("mnist.app") / "page"
_FIRST = "Draw a digit, and the network says what it sees."
_ITS_ANSWER = "its answer"
_KEPT = 600
"""Seconds that a file sent to gradio's own door for uploads, which this page does not use, is kept."""

FONTS = ("ui-sans-serif", "system-ui", "sans-serif")
THEME = gr.themes.Base(
    primary_hue="blue", neutral_hue="slate", font=FONTS, font_mono=("ui-monospace", "Consolas", "monospace")
)


def style() -> str:
    """Return the page's own CSS."""
    return (_PAGE / "style.css").read_text(encoding="utf-8")


def build(runs: Runs) -> gr.Blocks:
    """Return the page and its interface, for the runs in a folder."""
    with gr.Blocks(title="What digit is this?", analytics_enabled=False, delete_cache=(_KEPT, _KEPT)) as page:
        gr.Markdown("# What digit is this?")
        with gr.Row():
            with gr.Column(min_width=300):
                pad = _pad()
                run = gr.Dropdown(runs.choices(), label="Network, by its run", allow_custom_value=True)
            with gr.Column(min_width=300):
                seen = gr.HTML(pictures.message(_FIRST))
        with gr.Column(visible=False) as below:
            gr.Markdown("## Which pixels speak for and against")
            classes = gr.Radio([_ITS_ANSWER], value=_ITS_ANSWER, show_label=False, container=False)
            evidence = gr.HTML()
            gr.Markdown("## What each layer sees")
            layers = gr.HTML()

        quietly: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", **ONE_BY_ONE}
        given, shown = [pad, run, classes], [seen, below, classes, evidence, layers]
        for event in (pad.drawn, run.change, classes.change):
            event(partial(_look, runs), given, shown, trigger_mode="always_last", **quietly)
        page.load(partial(_choices, runs), [], run, **quietly)
        interface.add(runs)
    for block in page.blocks.values():
        block.async_move_resource_to_block_cache = _refuse_files
    return page


def _look(runs: Runs, picture: Any, name: Any, chosen: Any) -> tuple[Any, ...]:
    """Return what is seen on a picture, whether there is more to be shown below, and that."""
    if not picture:
        return _nothing_but(_FIRST)
    try:
        found = answer(runs.trained(name), picture)
    except RefusedError as error:
        return _nothing_but(str(error))
    names = [_ITS_ANSWER, *((name, str(number)) for number, name in enumerate(found.trained.class_names))]
    evidence = pictures.for_and_against(found, found.chosen(chosen))
    return pictures.verdict(found), gr.Column(visible=True), gr.Radio(names), evidence, pictures.layers(found)


def _nothing_but(message: str) -> tuple[Any, ...]:
    """Return a message, and nothing below."""
    return pictures.message(message), gr.Column(visible=False), gr.skip(), "", ""


def _pad() -> Any:
    return gr.HTML(
        "",
        html_template=(_PAGE / "pad.html").read_text(encoding="utf-8"),
        js_on_load=(_PAGE / "pad.js").read_text(encoding="utf-8"),
        elem_id="pad",
        most=MOST_BYTES,
    )


def _choices(runs: Runs) -> Any:
    """Return the runs that there are by now; what has been chosen stays so."""
    return gr.Dropdown(runs.choices())


async def _refuse_files(path: Any) -> NoReturn:
    """Refuse a file in a request: gradio would fetch it, from the network even, and nothing here takes files."""
    raise gr.Error("Files are not taken: give a picture as text in base64.", print_exception=False)
