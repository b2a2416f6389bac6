"""An answer as HTML: bars, and arrays as small pictures within the page itself."""

from __future__ import annotations

import base64
import io
import math
from html import escape

import numpy as np
from PIL import Image

from mnist.app.answers import Answer
from mnist.insight import Stage
from mnist.predict import percent

_AGAINST, _FOR = (43, 143, 208), (226, 110, 26)
"""Blue and orange after Okabe and Ito, as in viz/figures.py, of a lightness to be seen on white and on black."""
_GROUND = (128, 128, 128, 24)
"""What is near 0 has the colour of a tile."""
_GAP = 3
_TILE, _UNIT = 56, 16
"""Pixels of the screen that a picture takes, about, and a unit."""


def verdict(answer: Answer) -> str:
    """Say what a network sees, how surely, and how probable each class is."""
    names, p = answer.trained.class_names, answer.probabilities
    rows = "".join(
        f'<li class="{"best" if i == answer.best else ""}"><span>{escape(name)}</span>'
        f'<i style="--size:{share:.4f}"></i>'
        f"<span>{escape(percent(share))}</span></li>"
        for i, (name, share) in enumerate(zip(names, p.tolist(), strict=True))
    )
    return (
        f'<div class="verdict"><figure>{_img(_grey(answer.image), "the prepared image")}'
        "<figcaption>what the network sees</figcaption></figure>"
        f'<p><strong id="seen" style="--letters:{len(names[answer.best])}">{escape(names[answer.best])}</strong> '
        f"{escape(percent(p[answer.best]))}</p></div>"
        f'<ol class="bars">{rows}</ol>'
    )


def message(text: str) -> str:
    """Tell why there is no answer, or what to do."""
    return f'<p class="message" role="status">{escape(text)}</p>'


def for_and_against(answer: Answer, digit: int) -> str:
    """Draw which pixels speak for a class and which against, over the image."""
    ink = np.zeros((*answer.image.shape, 4), np.uint8)
    ink[..., :3], ink[..., 3] = 128, answer.image * 0.45
    layers = _img(ink, "") + _img(diverging(answer.evidence(digit)), "the gradient of the logit by pixels")
    name = escape(answer.trained.class_names[digit])
    return (
        f'<figure class="evidence"><div class="pile">{layers}</div><figcaption>More ink on '
        f'<b class="for">orange</b> would speak for “{name}”, on <b class="against">blue</b> against it: '
        "the gradient of its logit with respect to each pixel, by this engine.</figcaption></figure>"
    )


def layers(answer: Answer) -> str:
    """Draw what each stage of a network makes of an image."""
    *hidden, logits = answer.stages()
    drawn = "".join(_stage(number, stage) for number, stage in enumerate(hidden, 1))
    return f'<div class="stages">{drawn}{_logits(len(hidden) + 1, logits, answer)}</div>'


def _stage(number: int, stage: Stage) -> str:
    shape = " × ".join(map(str, stage.numbers.shape))
    drawn = _img(_mosaic(stage.numbers), f"the numbers that leave {stage.name}")
    return f"<figure><figcaption><b>{number}. {escape(stage.name)}</b> {shape}</figcaption>{drawn}</figure>"


def _logits(number: int, stage: Stage, answer: Answer) -> str:
    most = float(abs(stage.numbers).max()) or 1.0
    bars = "".join(
        f'<li><span>{escape(name)}</span><i class="{"for" if logit > 0 else "against"}" '
        f'style="--from:{min(0.0, logit) / most:.3f};--size:{abs(logit) / most:.3f}"></i><span>{logit:.1f}</span></li>'
        for name, logit in zip(answer.trained.class_names, stage.numbers.tolist(), strict=True)
    )
    return (
        f'<figure class="logits"><figcaption><b>{number}. {escape(stage.name)}</b> the logits, of which softmax makes '
        f"probabilities</figcaption><ol>{bars}</ol></figure>"
    )


def _mosaic(numbers: np.ndarray) -> np.ndarray:
    """Lay pictures (c, h, w), or units (n,), each a square, side by side in rows: RGBA."""
    if numbers.ndim == 1:
        tiles, columns, size = numbers.reshape(-1, 1, 1), 16 if len(numbers) <= 128 else 32, _UNIT
    else:
        tiles, columns, size = numbers, 8, max(1, _TILE // numbers.shape[2])
    coloured = diverging(tiles)
    coloured[coloured[..., 3] < _GROUND[3]] = _GROUND
    large = coloured.repeat(size, axis=1).repeat(size, axis=2)
    n, h, w, _ = large.shape
    sheet = np.zeros((math.ceil(n / columns) * (h + _GAP) - _GAP, min(n, columns) * (w + _GAP) - _GAP, 4), np.uint8)
    for i, tile in enumerate(large):
        top, left = i // columns * (h + _GAP), i % columns * (w + _GAP)
        sheet[top : top + h, left : left + w] = tile
    return sheet


def diverging(numbers: np.ndarray) -> np.ndarray:
    """Colour numbers on one scale: orange above 0, blue below, and the clearer the nearer to it: (…, 4) uint8."""
    sizes = np.abs(np.nan_to_num(numbers, posinf=0, neginf=0))
    most = float(np.quantile(sizes, 0.998) or sizes.max() or 1)
    colours = np.empty((*numbers.shape, 4), np.uint8)
    colours[..., :3] = np.where(numbers[..., None] > 0, _FOR, _AGAINST)
    colours[..., 3] = np.rint(255 * np.minimum(sizes / most, 1))
    return colours


def _grey(image: np.ndarray) -> np.ndarray:
    return np.stack([image] * 3 + [np.full_like(image, 255)], axis=-1)


def _img(rgba: np.ndarray, said: str) -> str:
    """Write a picture (h, w, 4) uint8 as an element of HTML that holds it."""
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    h, w, _ = rgba.shape
    return f'<img width="{w}" height="{h}" alt="{escape(said)}" src="data:image/png;base64,{data}">'
