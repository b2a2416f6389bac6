"""Whatever Pillow reads is read, and all else is told apart in a few words."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mnist import images
from mnist.images import ImageError, decode, read
from mnist.ink import BlankError
from mnist.preparation import prepare


@pytest.fixture(scope="module")
def digit(digits):
    """A digit of the test set, a seven, large: 0 the ground and 255 the ink."""
    row = int(np.flatnonzero(digits.test.labels == 7)[0])
    return Image.fromarray(digits.test.images[row].reshape(28, 28)).resize((140, 140), Image.Resampling.BICUBIC)


def file_of(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def with_alpha(digit, colour, ground=(0, 0, 0, 0)):
    image = Image.new("RGBA", (200, 160), ground)
    image.paste(colour, (30, 10), digit)
    return image


def in_colours(digit, ink, ground):
    strong = np.asarray(digit)[..., None] > 127
    return Image.fromarray(np.where(strong, np.uint8(ink), np.uint8(ground)))


def turned(digit):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn it clockwise by a quarter
    return file_of(digit.rotate(90, expand=True), "JPEG", exif=exif)


KINDS = {
    "light on dark": lambda d: file_of(d),
    "dark on light, JPEG": lambda d: file_of(d.point(lambda v: 255 - v), "JPEG", quality=70),
    "black on nothing": lambda d: file_of(with_alpha(d, (0, 0, 0, 255))),
    "white on nothing, WebP": lambda d: file_of(with_alpha(d, (255, 255, 255, 255)), "WEBP"),
    "rounded corners": lambda d: file_of(rounded(d)),
    "palette, GIF": lambda d: file_of(d.quantize(16), "GIF"),
    "palette with transparency": lambda d: file_of(d.quantize(16), transparency=d.quantize(16).getpixel((0, 0))),
    "two levels": lambda d: file_of(d.convert("1")),
    "16 bits": lambda d: file_of(Image.fromarray(np.asarray(d).astype(np.uint16) * 257)),
    "floats, TIFF": lambda d: file_of(Image.fromarray(np.asarray(d).astype(np.float32) / 3), "TIFF"),
    "CMYK, JPEG": lambda d: file_of(d.convert("CMYK"), "JPEG"),
    "LAB, TIFF": lambda d: file_of(lab(d), "TIFF"),
    "red on green as light": lambda d: file_of(in_colours(d, (220, 40, 40), (0, 160, 0))),
    "yellow on white": lambda d: file_of(in_colours(d, (255, 240, 0), (255, 255, 255))),
    "turned by EXIF": turned,
    "animated": lambda d: file_of(d, "GIF", save_all=True, append_images=[Image.new("L", d.size, 255)]),
    "BMP": lambda d: file_of(d, "BMP"),
}


def rounded(digit):
    image = Image.new("RGBA", digit.size, (255, 255, 255, 255))
    image.paste((0, 0, 0, 255), (0, 0), digit)
    image.paste((0, 0, 0, 0), (0, 0, 9, 9))
    return image


def lab(digit):
    plain = Image.new("L", digit.size, 128)
    return Image.merge("LAB", (digit, plain, plain))


@pytest.mark.parametrize("kind", KINDS)
def test_a_digit_in_a_file_of_any_kind_is_the_same_digit(digit, kind):
    wanted = prepare(np.asarray(digit) / 255).astype(float)
    found = prepare(decode(KINDS[kind](digit)))
    assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.95


def test_black_is_dark_and_white_is_light_in_every_mode():
    for mode in ("L", "RGB", "RGBA", "CMYK", "I;16"):
        grey = Image.fromarray(np.full((4, 4), 51, np.uint8))
        grey.paste(255, (0, 0, 2, 4))
        file = (
            file_of(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257))
            if mode == "I;16"
            else file_of(grey.convert(mode), "TIFF")
        )
        found = decode(file)
        assert found[0, 0] > found[0, 3]
        assert found.dtype == np.float32


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "I;16", "CMYK"])
def test_of_one_pixel_or_of_one_colour_there_is_nothing_to_see(mode):
    for size in ((1, 1), (20, 10)):
        with pytest.raises(BlankError):
            prepare(decode(file_of(Image.new(mode, size), "TIFF")))


def test_a_large_picture_is_reduced_by_means(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (2100, 4200), np.uint8)
    Image.fromarray(picture).save(tmp_path / "large.png")
    mean = picture[:2100, :4200].reshape(525, 4, 1050, 4).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(read(tmp_path / "large.png"), mean, atol=0.003)


def png_that_says(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def iptc_around(content):
    """A picture's content in a case of another format, whose reader opens whatever is inside."""
    layout = bytes([0x1C, 3, 20, 0, 2, 0, 9, 0x1C, 3, 30, 0, 2, 0, 9, 0x1C, 3, 60, 0, 2, 1, 0, 0x1C, 3, 120, 0, 1, 5])
    return layout + bytes([0x1C, 8, 10, 132, 0]) + struct.pack(">I", len(content)) + content


def icon_around(png):
    return struct.pack("<HHH4B2H2I", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(png), 22) + png


HOSTILE = {
    "empty": (lambda d: b"", "is empty"),
    "text": (lambda d: b"seven", "is not an image"),
    "an ending that lies": (lambda d: b"%PDF-1.7\n", "is not an image"),
    "PostScript, which would be run": (lambda d: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    "PostScript in a case": (lambda d: iptc_around(file_of(d, "EPS")), "not an image"),
    "a bomb": (lambda d: png_that_says(50_000, 50_000), "is too large"),
    "a smaller bomb": (lambda d: png_that_says(9_000, 9_000), "more than 50,000,000 pixels"),
    "a bomb in an icon": (lambda d: icon_around(png_that_says(9_000, 9_000)), "more than 50,000,000 pixels"),
    "truncated PNG": (lambda d: file_of(d)[:-400], "is a damaged image"),
    "truncated JPEG": (lambda d: file_of(d, "JPEG")[:900], "is a damaged image"),
    "a broken checksum": (lambda d: file_of(d)[:40] + bytes(9) + file_of(d)[49:], "image"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_picture_is_told_in_a_few_words(digit, kind):
    make, told = HOSTILE[kind]
    with pytest.raises(ImageError, match=told) as caught:
        decode(make(digit))
    assert len(str(caught.value)) < 260
    assert "\n" not in str(caught.value)


def test_a_file_of_too_many_bytes_is_not_even_unpacked(monkeypatch, digit):
    monkeypatch.setattr(images, "MOST_BYTES", 1000)
    monkeypatch.setattr(Image, "open", lambda *given, **named: pytest.fail("it was opened"))
    with pytest.raises(ImageError, match="is too large"):
        decode(file_of(digit))


def test_damaged_files_raise_nothing_else(digit):
    rng = np.random.default_rng(0)
    whole = [file_of(digit, format) for format in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "IM", "DDS")]
    whole.append(file_of(digit, "TIFF", compression="tiff_lzw"))
    refused = 0
    for number in range(300):
        content = bytearray(whole[number // 2 % len(whole)])
        for place in rng.integers(0, len(content) if number % 2 else 200, 1 + number % 9):
            content[place] = rng.integers(256)
        try:
            assert np.isfinite(decode(bytes(content))).all()
        except ImageError:
            refused += 1
    assert 30 < refused < 300


def test_what_is_not_a_file_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, told in (
        (tmp_path / "pipe", "is not a file"),
        (tmp_path, "is a folder"),
        (tmp_path / "no", "is not there"),
    ):
        with pytest.raises(ImageError, match=told):
            read(path)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(ImageError, match="cannot be read"):
        read(loop)
