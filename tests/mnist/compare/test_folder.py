"""A report is in its folder whole, or nothing is."""

from pathlib import Path

import pytest

from mnist.compare.folder import report_folder
from mnist.errors import UserError

FILES = {"report.md": b"a", "report.html": b"b", "loss.png": b"c"}


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_all_files_are_there_in_the_end_and_none_before(tmp_path):
    with report_folder(tmp_path / "a" / "b") as folder:
        assert everything_in(tmp_path) == ["a", "a/b"]
        folder.write(FILES)
    assert everything_in(tmp_path) == ["a", "a/b", *sorted(f"a/b/{name}" for name in FILES)]
    assert (tmp_path / "a/b/report.html").read_bytes() == b"b"


def test_without_a_name_it_is_the_next_free_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in ("001", "002"):
        with report_folder(None) as folder:
            folder.write(FILES)
        assert folder.path == tmp_path / "runs" / number


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_what_fails_while_it_is_written_leaves_nothing(tmp_path, monkeypatch, failure, after):
    write, written = Path.write_bytes, []

    def write_some(path, content):
        if len(written) == after:
            raise failure
        written.append(path)
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_some)
    expected = UserError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected), report_folder(tmp_path / "a" / "b") as folder:
        folder.write(FILES)
    assert everything_in(tmp_path) == []


def test_what_fails_before_leaves_nothing_but_a_folder_that_was_there(tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("mine", "mine/new", "other"):
        with pytest.raises(KeyboardInterrupt), report_folder(tmp_path / name):
            raise KeyboardInterrupt
    assert everything_in(tmp_path) == ["mine"]


def test_a_folder_that_holds_something_is_refused_and_stays_as_it_is(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match=r"already; name a new folder$"), report_folder(tmp_path / "mine"):
        pass
    assert everything_in(tmp_path) == ["mine", "mine/thesis.tex"]
