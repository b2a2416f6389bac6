"""A picture out of a file that may be anything: whatever Pillow reads, and a clear word on everything else."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from nets.files import in_short

MOST_BYTES = 32 * 2**20
MOST_PIXELS = 50_000_000
"""More than any telephone takes; what is unpacked takes four bytes each."""
_SIDE = 1024
"""A digit is found on a picture of about this size, to which a larger one is reduced."""

Image.init()
Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2
"""Pillow refuses twice as many; it alone sees how large a picture within a picture is, such as an icon's, in time."""
_FORMATS = [name for name in Image.ID if name not in ("EPS", "IPTC")]
"""All but PostScript, for which Pillow would run Ghostscript on what the file says, and IPTC, a case for any format."""


class ImageError(ValueError):
    """A file that holds no picture to look at, told in a few words."""


def read(path: Path) -> np.ndarray:
    """Return the picture in a file, as `decode` does.

    Raises:
        ImageError: it is not there, not readable, empty, too large, not an image, or a damaged one.
    """
    try:
        if not path.is_file():
            path.stat()
            raise ImageError("is a folder" if path.is_dir() else "is not a file")
        with path.open("rb") as file:
            return decode(file.read(MOST_BYTES + 1))
    except FileNotFoundError as error:
        raise ImageError("is not there") from error
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror or error})") from error


def decode(content: bytes) -> np.ndarray:
    """Return the picture in the content of a file, of an animation the first, upright: float32 (h, w), 0 dark, 1 light.

    One of colours becomes grey along the line on which its colours differ most, so that red on green is seen too.

    Raises:
        ImageError: it is empty, too large, not an image, or a damaged one.
    """
    if not content:
        raise ImageError("is empty")
    if len(content) > MOST_BYTES:
        raise ImageError(f"is too large: more than {MOST_BYTES // 2**20} MiB")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            image.draft(None, (_SIDE, _SIDE))
            return _grey(image)
    except UnidentifiedImageError as error:
        raise ImageError("is not an image") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"is too large: more than {MOST_PIXELS:,} pixels") from error
    except MemoryError as error:
        raise ImageError("takes more memory than there is") from error
    except Exception as error:  # a decoder may stumble over a damaged file in any way
        raise ImageError(f"is a damaged image ({in_short(error) or type(error).__name__})") from error


def _grey(image: Image.Image) -> np.ndarray:
    """Return an image of any mode as grey levels."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):
        return np.asarray(_reduced(upright.convert("F"))) / np.float32(65535)
    if upright.mode in ("I", "F"):
        return _from_numbers(np.asarray(_reduced(upright.convert("F")), np.float64))
    if upright.mode == "LAB":
        upright = upright.getchannel("L")
    if upright.has_transparency_data:
        return _from_colours(_on_ground(np.asarray(_reduced(upright.convert("RGBA")), np.float32) / 255))
    if upright.mode in ("1", "L"):
        return np.asarray(_reduced(upright.convert("L")), np.float32) / 255
    return _from_colours(np.asarray(_reduced(upright.convert("RGB")), np.float32) / 255)


def _reduced(image: Image.Image) -> Image.Image:
    """Return an image of at most twice the size on which a digit is found, each pixel the mean of several."""
    return image.reduce(max(1, max(image.size) // _SIDE))


def _from_numbers(levels: np.ndarray) -> np.ndarray:
    """Scale levels beyond [0, 1] to it, whatever their range; what is no number is 0."""
    finite = np.nan_to_num(levels, nan=0, posinf=0, neginf=0)
    low, high = min(0.0, finite.min()), max(1.0, finite.max())
    return np.asarray((finite - low) / (high - low), np.float32)


def _on_ground(rgba: np.ndarray) -> np.ndarray:
    """Put something behind what is transparent, (h, w, 4) → (h, w, 3).

    Where most can be seen, it is what is seen most; where little can, that little is the ink, and it is black or white.
    """
    colours, opacity = rgba[..., :3], rgba[..., 3:]
    seen = opacity[..., 0] > 0.5
    if seen.mean() >= 0.5:
        ground = np.median(colours[seen], axis=0)
    else:
        mean = (colours * opacity).sum() / max(3 * opacity.sum(), 1e-6)
        ground = np.float32(mean < 0.5)
    return np.asarray(colours * opacity + ground * (1 - opacity))


def _from_colours(colours: np.ndarray) -> np.ndarray:
    """Return grey levels that differ as the colours (h, w, 3) do: (h, w), along their first principal component."""
    centred = (colours - colours.mean(axis=(0, 1))).reshape(-1, 3)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axis = axes[:, -1] * (np.sign(axes[:, -1].sum()) or 1)
    shares = (axis / abs(axis).sum()).astype(np.float32)
    return np.asarray(colours @ shares - shares[shares < 0].sum())
