"""Each checker accepts right answers, however they are written, and says of wrong ones what is wrong."""

import importlib

import pytest

from mnist.lessons.exercises.exercise import Exercise
from mnist.lessons.script import lessons
from tests.mnist.lessons.answers import RIGHT, WRONG

DEFINED = {2}
"""The lessons whose answer is an operation, defined when it is checked."""


def exercise_of(number):
    return importlib.import_module(f"mnist.lessons.exercises.exercise_{number:02}").exercise


def answer_to(number, answer):
    return answer() if number in DEFINED else answer


def test_every_lesson_has_an_exercise_tried_with_two_right_answers_and_three_wrong_ones():
    for lesson in lessons():
        assert len(RIGHT[lesson.number]) >= 2
        assert len({told for _, told in WRONG[lesson.number]}) >= 3


@pytest.mark.parametrize(("number", "answer"), [(n, answer) for n, answers in RIGHT.items() for answer in answers])
def test_right_answers_are_accepted_however_they_are_written(number, answer, capsys):
    exercise_of(number).check(answer_to(number, answer))
    assert capsys.readouterr().out.startswith("Right. ")


@pytest.mark.parametrize(
    ("number", "answer", "told"), [(n, answer, told) for n, answers in WRONG.items() for answer, told in answers]
)
def test_wrong_answers_are_rejected_with_what_is_wrong(number, answer, told, capsys):
    exercise_of(number).check(answer_to(number, answer))
    said = capsys.readouterr().out
    assert said.startswith("Not yet: ")
    assert told in said
    assert "exercise.hint" in said


@pytest.mark.parametrize("number", RIGHT)
def test_nothing_at_all_is_no_answer(number):
    assert exercise_of(number).complaint(lambda *arguments: None)
    assert exercise_of(number).complaint(...)


@pytest.mark.parametrize("number", RIGHT)
def test_hints_say_more_and_more(number, capsys):
    exercise = exercise_of(number)
    for i in range(1, len(exercise.hints) + 1):
        exercise.hint(i)
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == [f"Hint {i} of {len(exercise.hints)}" for i in range(1, 4)]


def test_an_error_of_the_learners_is_told_and_not_raised(capsys):
    Exercise(lambda answer: answer(), ("a hint",), "so it is").check(lambda: 1 / 0)
    assert "it raises ZeroDivisionError: division by zero" in capsys.readouterr().out
