"""The curves of a run are drawn to a file that is a picture of something."""

import numpy as np
import pytest
from matplotlib.image import imread

from viz.curves import draw_curves


def history(epochs, seed=0):
    rng = np.random.default_rng(seed)
    return [
        {
            "epoch": epoch,
            "train_loss": float(1 / epoch + rng.uniform(0, 0.1)),
            "test_loss": float(1 / epoch + rng.uniform(0, 0.2)),
            "train_accuracy": float(1 - 0.3 / epoch),
            "test_accuracy": float(1 - 0.4 / epoch),
            "l2_penalty": 0.0,
            "seconds": 1.0,
        }
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [1, 2, 10, 200])
def test_the_picture_is_a_png_with_something_in_both_halves(tmp_path, epochs):
    path = tmp_path / "curves.png"
    draw_curves(history(epochs), path)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")
    pixels = imread(path)[..., :3]
    height, width, _ = pixels.shape
    assert width > 600
    assert height > 300
    for half in (pixels[:, : width // 2], pixels[:, width // 2 :]):
        assert (
            len(np.unique(half.reshape(-1, 3), axis=0)) > 20
        )  # two colours, shades of their edges, and text


def test_the_same_history_gives_the_same_picture_and_another_another(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        draw_curves(history(5, seed), tmp_path / name)
    assert np.array_equal(imread(tmp_path / "a", "png"), imread(tmp_path / "b", "png"))
    assert not np.array_equal(imread(tmp_path / "a", "png"), imread(tmp_path / "c", "png"))


def test_each_quantity_is_drawn(tmp_path):
    draw_curves(history(5), tmp_path / "all")
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        rows = history(5)
        rows[2][name] *= 0.5
        draw_curves(rows, tmp_path / name)
        assert not np.array_equal(imread(tmp_path / "all", "png"), imread(tmp_path / name, "png")), name


def test_only_the_file_named_is_written(tmp_path):
    draw_curves(history(2), tmp_path / "draft-without-ending")
    assert [path.name for path in tmp_path.iterdir()] == ["draft-without-ending"]


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError):
        draw_curves(history(2), tmp_path / "missing" / "curves.png")
