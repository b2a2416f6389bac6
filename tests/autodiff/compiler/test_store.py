"""Emitted modules are handed out complete or not at all."""

import threading

import pytest

from autodiff.compiler import store


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))


def test_threads_that_want_the_same_module_wait_until_it_is_complete():
    source = "import time\n\ntime.sleep(0.3)  # as if it were compiled\nanswer = 42\n"
    found = []
    threads = [threading.Thread(target=lambda: found.append(vars(store.load(source)).get("answer"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [42, 42, 42]


def test_a_module_whose_compilation_was_interrupted_is_made_anew(monkeypatch):
    source = "import os\n\nif os.environ.get('INTERRUPTED'):\n    raise KeyboardInterrupt\nanswer = 42\n"
    monkeypatch.setenv("INTERRUPTED", "1")
    with pytest.raises(KeyboardInterrupt):
        store.load(source)
    monkeypatch.delenv("INTERRUPTED")
    assert store.load(source).answer == 42
