"""An image in characters, for a terminal."""

from __future__ import annotations

import numpy as np

SHADES, PLAIN = " ░▒▓█", " .+*#"


def in_letters(image: np.ndarray, encoding: str = "utf-8") -> list[str]:
    """Write an image as lines of text, two characters a pixel, which together are about square.

    Args:
        image: (h, w) uint8, 0 the background.
        encoding: of the terminal; where it has no shades, there are other characters.
    """
    try:
        SHADES.encode(encoding)
        shades = SHADES
    except UnicodeEncodeError:
        shades = PLAIN
    levels = np.rint(image / 255 * (len(shades) - 1)).astype(int)
    return ["".join(2 * shades[level] for level in row) for row in levels]
