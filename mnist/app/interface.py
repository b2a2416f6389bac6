"""What programs may ask of the page, by HTTP: functions of gradio's own interface, each with a name."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mnist.app.answers import Answer, RefusedError, Runs, answer

ONE_BY_ONE: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "network"}
"""Whoever asks waits for those before: a picture takes some milliseconds, and up to some hundred MiB."""


def add(runs: Runs) -> None:
    """Add the functions to the page that is being made, for the runs in a folder."""

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
        digit = found.chosen(digit)
        layers = [{"name": stage.name, "numbers": stage.numbers.tolist()} for stage in found.stages()]
        return {"digit": digit, "evidence": found.evidence(digit).tolist(), "layers": layers}

    gr.api(names, api_name="runs", **ONE_BY_ONE)
    gr.api(predict, api_name="predict", **ONE_BY_ONE)
    gr.api(explain, api_name="explain", **ONE_BY_ONE)
