"""Each lesson runs from top to bottom, in the terminal, as a script, as a notebook, and has all that a lesson has."""

import io
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import jupytext
import pytest
from rich.console import Console

from autodiff import tape
from autodiff.backward import walk as walk_back
from mnist.errors import UserError
from mnist.lessons import __main__ as command
from mnist.lessons import exporting, walk
from mnist.lessons.script import lessons
from mnist.lessons.showing import find, point
from mnist.lessons.walk import Walk

ROOT = Path(__file__).parents[3]
LESSONS = lessons()
every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: f"lesson {lesson.number}")


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["lessons", *words])
    return command.main()


def lesson_of(number):
    return next(lesson for lesson in LESSONS if lesson.number == number)


def test_lessons_are_numbered_from_1_without_a_gap():
    assert [lesson.number for lesson in LESSONS] == list(range(1, len(LESSONS) + 1))
    for lesson in LESSONS:
        assert lesson.cells[0].text.startswith(f"# {lesson.number} · {lesson.title}\n\n{lesson.idea[:20]}")


@every_lesson
def test_a_walk_runs_to_the_end_and_leaves_pictures_and_the_exercise(lesson, tmp_path, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        Walk(lesson, tmp_path, Console(file=(prose := io.StringIO()), width=100)).run()
    said = capsys.readouterr().out
    named = [Path(path) for path in re.findall(r"^→ (\S+)", said, re.MULTILINE)]
    assert named
    for path in named:
        start = path.read_bytes()[:15]
        assert start.startswith(b"\x89PNG" if path.suffix == ".png" else b"<!doctype html>")
    assert sorted(tmp_path.iterdir()) == sorted([*named, tmp_path / f"exercise_{lesson.number:02}.py"])
    assert lesson.title in prose.getvalue()


@every_lesson
def test_each_pointer_into_the_engine_is_to_a_line_that_is_there(lesson, tmp_path, capsys):
    """What was printed is looked up in the file itself; the calls alone are run, on the lesson's imports."""
    imports = next(cell.text for cell in lesson.cells if cell.is_code)
    calls = re.findall(r"^point\(.*\)$", "\n".join(cell.text for cell in lesson.cells if cell.is_code), re.MULTILINE)
    assert calls
    exec("\n".join([imports, *calls]), {})
    printed = re.findall(r"^(\S+\.py):(\d+)\n    (.+)$", capsys.readouterr().out, re.MULTILINE)
    assert len(printed) == len(calls)
    for (path, number, line), call in zip(printed, calls, strict=True):
        assert (ROOT / path).read_text(encoding="utf-8").splitlines()[int(number) - 1].strip() == line
        text = re.search(r", (['\"])(.*)\1\)$", call)[2]
        assert text in line


@every_lesson
def test_a_lesson_asks_before_it_tells_and_ends_with_an_exercise(lesson):
    cells = lesson.cells
    asking = [i for i, cell in enumerate(cells) if cell.asks]
    assert asking
    assert all(cells[i + 1].is_code for i in asking)
    assert [cell.is_exercise for cell in cells].count(True) == 1
    assert cells[-2].is_exercise
    assert not cells[-1].is_code


@every_lesson
def test_an_exercise_is_a_script_of_its_own_which_is_not_yet_right(lesson, capsys):
    exec(compile(lesson.exercise(), "exercise.py", "exec"), {})
    assert capsys.readouterr().out.startswith("Not yet: ")


@every_lesson
def test_the_cells_of_a_lesson_know_their_lines(lesson):
    lines = lesson.path.read_text(encoding="utf-8").splitlines()
    for cell in lesson.cells:
        first = cell.text.splitlines()[0]
        assert lines[cell.line - 1] == (first if cell.is_code else f"# {first}")
    assert [cell.line for cell in lesson.cells] == sorted({cell.line for cell in lesson.cells})


def test_a_message_of_the_engine_names_the_line_of_the_lesson(tmp_path, capsys):
    lesson = lesson_of(8)
    Walk(lesson, tmp_path, Console(file=io.StringIO())).run()
    number, text = re.search(rf"{lesson.path.name}:(\d+) \((.+?\(\))\)", capsys.readouterr().out).groups()
    assert lesson.path.read_text(encoding="utf-8").splitlines()[int(number) - 1].strip() == text


def test_a_lesson_is_a_script(tmp_path):
    result = subprocess.run(
        [sys.executable, str(lesson_of(1).path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "→ lessons/01_" in result.stdout
    assert result.stderr == ""
    assert (tmp_path / "lessons").is_dir()


def test_a_notebook_runs_from_top_to_bottom_and_shows_its_drawings():
    notebook = exporting.executed(lesson_of(4))
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    kinds = {kind for output in shown for kind in output.get("data", ())}
    assert {"image/png", "text/html"} <= kinds
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in shown)
    said = "".join(output.text for output in shown if output.get("name") == "stdout")
    assert "after call 2: x.grad = 12.0" in said
    assert "→" not in said


def test_a_notebook_is_written_with_nothing_run(monkeypatch, tmp_path, capsys):
    path = tmp_path / "new" / "lesson.ipynb"
    assert run(monkeypatch, "3", "--notebook", str(path)) == 0
    assert capsys.readouterr().out == f"{path}\n"
    notebook = jupytext.read(path)
    assert [cell.source for cell in notebook.cells] == [cell.text for cell in lesson_of(3).cells]
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_a_page_has_what_the_cells_gave(monkeypatch, tmp_path, capsys):
    path = tmp_path / "lesson.html"
    assert run(monkeypatch, "1", "--html", str(path)) == 0
    page = path.read_text(encoding="utf-8")
    folded = r"(.*)<details[^>]*>\s*<summary>[^<]*</summary>(.*)</details>(.*)"
    before, answer, after = re.search(folded, page, re.DOTALL).groups()
    assert "slope by x: 1.0100075033995546   with pen and paper" in answer
    assert "the result moves by 0.0010099" in before
    assert "x⁵ at 3 is 243.0" in after


def test_on_a_terminal_a_walk_waits_after_each_question_and_each_result(monkeypatch, tmp_path):
    lesson = lesson_of(4)
    told = []
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(console, "input", lambda prompt: told.append(prompt) or "")
    monkeypatch.setattr(walk.sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    Walk(lesson, tmp_path, console).run()
    assert sum("shows the answer" in prompt for prompt in told) == sum(cell.asks for cell in lesson.cells)
    pairs = zip(lesson.cells, lesson.cells[1:], strict=False)
    results = sum(before.tells and not after.is_code for before, after in pairs)
    assert 5 < results < len(lesson.cells) / 2
    assert sum("goes on" in prompt for prompt in told) == results


def test_where_nobody_sits_a_walk_does_not_wait(monkeypatch, tmp_path):
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(console, "input", lambda prompt: pytest.fail("it waits"))
    monkeypatch.setattr(walk.sys, "stdin", io.StringIO())
    Walk(lesson_of(4), tmp_path, console).run()


def test_an_exercise_that_was_begun_is_left_alone(tmp_path):
    begun = tmp_path / "exercise_04.py"
    begun.write_text("mine")
    Walk(lesson_of(4), tmp_path, Console(file=io.StringIO())).run()
    assert begun.read_text() == "mine"


def test_the_list_names_every_lesson_and_the_museum(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    assert run(monkeypatch) == 0
    said = capsys.readouterr().out
    for lesson in LESSONS:
        assert f"{lesson.number}  {lesson.title}" in said
    assert "museum" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["99"], "99: no such lesson"),
        (["four"], "four: no such lesson"),
        (["1", "2"], "too many words"),
        (["museum", "overwrite", "2"], "too many words"),
        (["museum", "nothing"], "no such exhibit"),
        (["museum", "--notebook", "a.ipynb"], "name a lesson"),
        (["--html", "a.html"], "name a lesson"),
        (["3", "--notebook", "/dev/null/a.ipynb"], "cannot be written"),
    ],
)
def test_a_mistake_is_told_in_one_line(monkeypatch, words, told):
    with pytest.raises(UserError, match=told) as error:
        run(monkeypatch, *words)
    assert "\n" not in str(error.value)


def test_what_is_not_installed_is_named_with_the_cure(monkeypatch):
    monkeypatch.setattr(command, "find_spec", lambda package: None if package == "jupytext" else package)
    with pytest.raises(UserError, match=r"jupytext: pip install -e '.\[lessons\]'"):
        run(monkeypatch)


def test_a_pointer_to_a_line_that_has_gone_is_an_error():
    with pytest.raises(LookupError, match="no line of bind holds"):
        point(tape.bind, "no such text")


def test_a_line_is_found_in_the_symbol_and_not_before_it():
    path, number, line = find(walk_back, "for variable in reversed(variables)")
    assert path == "autodiff/backward.py"
    source = (ROOT / path).read_text(encoding="utf-8").splitlines()
    assert source[number - 1] == line.rstrip("\n")
    assert number > source.index("def walk(")
