"""The settings of a run come back from the file in its folder; what is no such file is refused in one line."""

import dataclasses
from pathlib import Path

import pytest

from mnist import TrainConfig, settings
from mnist.errors import UserError


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"optimizer": "adamw", "layers": (784, 30, 10), "seed": 10**15, "engine": "manual", "schedule": "one-cycle"},
        {"lr": 1 / 3, "l2": 0.1, "clip": 1e-300, "jit": True, "label_smoothing": 0.1, "ema": 0.999},
        {"validation": 0.1, "patience": 3, "data_dir": Path('a "b" \\ c\n\t\x7fé🙂')},
    ],
    ids=str,
)
def test_a_configuration_comes_back_with_the_defaults_filled_in(tmp_path, given):
    config = TrainConfig(**given)
    path = tmp_path / "config.toml"
    path.write_text(settings.text(config), encoding="utf-8")
    assert settings.read(path) == dataclasses.replace(config, lr=config.learning_rate, l2=config.weight_decay)


def test_where_a_run_is_and_came_from_is_not_written():
    text = settings.text(TrainConfig(out=Path("runs/007")))
    assert "007" not in text
    assert "resume" not in text
    assert "patience" not in text  # TOML has no word for none


def test_what_is_not_said_is_as_by_default(tmp_path):
    (tmp_path / "few.toml").write_text("# mine\nepochs = 3\nlr = 1\n")
    assert settings.read(tmp_path / "few.toml") == TrainConfig(epochs=3, lr=1.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('colour = "red"\nsize = 3', "there is no setting colour, size"),
        ("epochs = 2.5", "epochs must be a whole number, not 2.5"),
        ("layers = 784", "layers must be a list, each of it a whole number, not 784"),
        ("epochs = 0", "--epochs 0: must be 1 or more"),
        ("[epochs]\nmany = 3", "epochs must be a whole number"),
        ("epochs = ", "Invalid value"),
        ("epochs = 1\nepochs = 2", "overwrite"),
        ("when = 2024-01-01", "there is no setting when"),
        ("lr = nan", "--lr nan"),
        ("seed = " + "[" * 9999, "nesting"),
        ("\x00", "line 1"),
    ],
)
def test_what_is_no_configuration_is_one_line_that_names_the_file(tmp_path, text, told):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        settings.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    if told != "nesting":  # said in the words of the Python that runs
        assert told in str(caught.value)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "bytes.toml").write_bytes(b"seed = \xff")
    for path in (tmp_path / "missing.toml", tmp_path, tmp_path / "bytes.toml"):
        with pytest.raises(UserError) as caught:
            settings.read(path)
        assert str(caught.value).startswith(f"{path}: ")
