"""Each exhibit is wrong where it says so, is caught by the test that it names, and leaves the engine as it was."""

import io
import os
import re
from pathlib import Path

import pytest
from rich.console import Console

import autodiff as ad
from mnist.lessons.museum import EXHIBITS, visit
from mnist.lessons.script import lessons

ROOT = Path(__file__).parents[3]
every_exhibit = pytest.mark.parametrize("exhibit", EXHIBITS.values(), ids=EXHIBITS)

RIGHT = {
    "overwrite": {"slope of x·sin x at 2": "0.0770038", "slope of Σ (w·[1, 2, 3] + w)": "9"},
    "depth-first": {"slope of 3x + (3x)² at 1": "21", "slope of x³ at 1": "3"},
    "no-unbroadcasting": {"shape of its gradient": "(2,)", "its gradient": "[ 9., 12.]"},
    "changed-in-place": {"its gradient, 2·x": "[2., 4., 6.]"},
    "naive-softmax": {"logits ±800, truth the last: loss": "1600", "logits ±800: gradient": "[ 1.,  0., -1.]"},
    "widened": {"results in float64": "0"},
    "relu-by-maximum": {"slope of relu at −1, 0, 1": "[0., 0., 1.]"},
    "hollow-check": {"the sine": "passed", "the sine with its slope negated": "rejected"},
}
WRONG = {
    "overwrite": {"slope of x·sin x at 2": "-0.832294"},
    "depth-first": {"slope of 3x + (3x)² at 1": "3", "slope of x³ at 1": "3"},
    "no-unbroadcasting": {"shape of its gradient": "(3, 2)"},
    "changed-in-place": {"loss, Σ x²": "14", "its gradient, 2·x": "[0.6667, 1.3333, 2.    ]"},
    "naive-softmax": {"logits ±3, truth the last: loss": "6.05095", "logits ±800, truth the last: loss": "inf"},
    "widened": {"results in float32": "2"},
    "relu-by-maximum": {"slope of relu at −1, 0, 1": "[0., 1., 1.]"},
    "hollow-check": {"the sine": "passed", "the sine with its slope negated": "passed"},
    "dead-relu": {"largest gradient of the first layer": "0", "test images read rightly": "10.0%"},
}


@every_exhibit
def test_wrong_numbers_stand_beside_right_ones(exhibit):
    compared = exhibit.compared()
    right = {what: value for what, value, _ in compared}
    wrong = {what: value for what, _, value in compared}
    assert right != wrong
    assert right.items() >= RIGHT.get(exhibit.name, {}).items()
    assert wrong.items() >= WRONG.get(exhibit.name, {}).items()
    if "test images read rightly" in right:
        good, bad = (float(found["test images read rightly"].rstrip("%")) for found in (right, wrong))
        assert good > 80
        assert bad < 30


@every_exhibit
def test_the_test_that_is_named_exists_and_fails_within_the_switch_alone(exhibit, monkeypatch):
    path, name = exhibit.caught_by.split("::")
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    if exhibit.name == "changed-in-place":
        return  # there the mistake is the learner's own, and the test is of the engine noticing it
    monkeypatch.chdir(ROOT)
    arguments = ["-q", "-x", "-p", "no:cacheprovider", exhibit.caught_by]
    if exhibit.name != "shuffled-labels" or "MNIST_DATA_DIR" in os.environ:
        with exhibit.switch():
            assert pytest.main(arguments) == pytest.ExitCode.TESTS_FAILED
    assert pytest.main(arguments) == pytest.ExitCode.OK


@every_exhibit
def test_an_exhibit_shows_story_graph_numbers_test_and_cure(exhibit, tmp_path, capsys):
    shown = io.StringIO()
    exhibit.present(Console(file=shown, width=160), tmp_path, lambda told: shown.write("[waits]"))
    text = shown.getvalue()
    before, after = text.split("[waits]")
    for part in (exhibit.title, "given", "forward"):
        assert part in before
    for part in ("right", "wrong", exhibit.caught_by, f"- {exhibit.wrong}", f"+ {exhibit.right}"):
        assert part in after
    assert exhibit.lesson is None or f"python -m mnist.lessons {exhibit.lesson}" in after
    assert exhibit.lesson in {None, *(lesson.number for lesson in lessons())}
    assert "<!doctype html>" in (tmp_path / f"museum_{exhibit.name}.html").read_text(encoding="utf-8")[:20]


def test_the_engine_is_as_it_was_after_a_visit():
    x = ad.Tensor(2.0, requires_grad=True)
    for exhibit in list(EXHIBITS.values())[:4]:
        with exhibit.switch():
            pass
    (x * x).backward()
    assert x.grad.item() == 4


def test_the_museum_lists_its_exhibits(tmp_path, capsys):
    visit((), tmp_path)
    said = capsys.readouterr().out
    assert all(name in said for name in EXHIBITS)
    assert not list(tmp_path.iterdir())
