"""The curves of a run are drawn, and the file is a picture of something."""

import numpy as np
import pytest
from matplotlib.image import imread

from viz.curves import draw_curves
from viz.figures import save


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
    save(draw_curves(history(epochs)), path)
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
        save(draw_curves(history(5, seed)), tmp_path / name)
    one, same, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert one == same != other
    assert b"Matplotlib" not in one


def test_each_quantity_is_a_line_of_its_own():
    rows = history(5)
    loss, accuracy = draw_curves(rows).axes
    for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
        assert axes.get_ylabel() == quantity
        for line, split in zip(axes.lines, ("train", "test"), strict=True):
            assert line.get_label() == split
            assert line.get_xdata().tolist() == [1, 2, 3, 4, 5]
            assert line.get_ydata().tolist() == [row[f"{split}_{quantity}"] for row in rows]


@pytest.mark.parametrize("epochs", [1, 40, 400])
def test_every_epoch_can_be_seen_and_the_axis_counts_in_whole_ones(epochs):
    for axes in draw_curves(history(epochs)).axes:
        for line in axes.lines:
            assert (line.get_marker() == "o") == (epochs <= 40)  # without a dot a single epoch is nothing
            assert line.get_linestyle() in ("-", "--")
        ticks = [tick for tick in axes.get_xticks() if 0.5 < tick < epochs + 0.5]
        assert ticks
        assert all(tick == round(tick) for tick in ticks)


def test_only_the_file_named_is_written(tmp_path):
    save(draw_curves(history(2)), tmp_path / "draft-without-ending")
    assert [path.name for path in tmp_path.iterdir()] == ["draft-without-ending"]


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError):
        save(draw_curves(history(2)), tmp_path / "missing" / "curves.png")
