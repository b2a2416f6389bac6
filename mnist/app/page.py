"""The page: a pad to draw on, the answer beside it, and below what the network's layers see; and the interface."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, NoReturn

import gradio as gr

from mnist.app import pictures
from mnist.app.answers import Answer, RefusedError, Runs, answer
from mnist.data import CLASSES
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
            names = [_ITS_ANSWER, *map(str, range(CLASSES))]
            classes = gr.Radio(names, value=_ITS_ANSWER, show_label=False, container=False)
            evidence = gr.HTML()
            gr.Markdown("## What each layer sees")
            layers = gr.HTML()

        def look(picture: Any, name: Any, chosen: Any) -> tuple[Any, ...]:
            if not picture:
                return pictures.message(_FIRST), gr.Column(visible=False), "", ""
            try:
                found = answer(runs.trained(name), picture)
            except RefusedError as error:
                return pictures.message(str(error)), gr.Column(visible=False), "", ""
            explained = pictures.for_and_against(found, _digit(found, chosen)), pictures.layers(found)
            return pictures.verdict(found), gr.Column(visible=True), *explained

        given = [pad, run, classes]
        shared: dict[str, Any] = {"outputs": [seen, below, evidence, layers], "show_progress": "hidden", **_ONE_BY_ONE}
        for event in (pad.drawn, run.change, classes.change):
            event(look, given, trigger_mode="always_last", api_visibility="private", **shared)
        page.load(lambda: _choices(runs), [], run, api_visibility="private", show_progress="hidden", **_ONE_BY_ONE)
        _interface(runs)
    for block in page.blocks.values():
        block.async_move_resource_to_block_cache = _refuse_files
    return page


_ONE_BY_ONE: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "network"}


def _pad() -> Any:
    return gr.HTML(
        "",
        html_template=(_PAGE / "pad.html").read_text(encoding="utf-8"),
        js_on_load=(_PAGE / "pad.js").read_text(encoding="utf-8"),
        elem_id="pad",
        most=MOST_BYTES,
    )


def _choices(runs: Runs) -> Any:
    choices = runs.choices()
    return gr.Dropdown(choices, value=choices[0][1] if choices else None)


def _digit(found: Answer, chosen: Any) -> int:
    """Return the class that was chosen among the radio buttons."""
    return int(chosen) if str(chosen).isdigit() and int(chosen) < len(found.probabilities) else found.best


def _interface(runs: Runs) -> None:
    """Add what programs may ask: each is a function of gradio's own interface, with a name."""

    def ask(image: str, run: str) -> Answer:
        try:
            return answer(runs.trained(run), image)
        except RefusedError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def names() -> list[str]:
        """Return the names of the runs, the latest first."""
        return runs.names()

    def predict(image: str, run: str = "") -> dict[str, Any]:
        """Say what the network of a run, or else of the latest, sees in an image, given in base64."""
        found = ask(image, run)
        shares = dict(zip(found.trained.class_names, found.probabilities.tolist(), strict=True))
        return {
            "run": found.trained.folder.name,
            "seen": found.trained.class_names[found.best],
            "probabilities": shares,
            "image": found.image.tolist(),
        }

    def explain(image: str, run: str = "", digit: int = -1) -> dict[str, Any]:
        """Give what each layer makes of an image, and which pixels speak for a class, by default for the answer."""
        found = ask(image, run)
        digit = _digit(found, digit)
        layers = [{"name": stage.name, "numbers": stage.numbers.tolist()} for stage in found.stages()]
        return {"digit": digit, "evidence": found.evidence(digit).tolist(), "layers": layers}

    gr.api(names, api_name="runs", **_ONE_BY_ONE)
    gr.api(predict, api_name="predict", **_ONE_BY_ONE)
    gr.api(explain, api_name="explain", **_ONE_BY_ONE)


async def _refuse_files(path: Any) -> NoReturn:
    """Refuse a file in a request: gradio would fetch it, from the network even, and nothing here takes files."""
    raise gr.Error("Files are not taken: give a picture as text in base64.", print_exception=False)
