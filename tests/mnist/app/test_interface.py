"""The page's programming interface: what it answers, how many at once, and what it does not let in or out."""

import asyncio
import base64
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from mnist import runs
from mnist.app.answers import MOST_CHARACTERS, Runs
from mnist.app.doors import Doors
from mnist.insight import evidence, stages
from mnist.preparation import prepare
from tests.mnist.app.conftest import TOUCHED, free_port

ROOT = Path(__file__).parents[3]
AT_ONCE = 50


def request(site, method, path, body=None, headers=()):
    connection = http.client.HTTPConnection(urlsplit(site).netloc, timeout=120)
    connection.request(method, path, body, dict(headers))
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def call(site, name, *given):
    """Ask as curl would: the kind of the event, and its data."""
    body = json.dumps({"data": given})
    status, content = request(site, "POST", f"/gradio_api/call/{name}", body, [("Content-Type", "application/json")])
    assert status == 200, content
    event = json.loads(content)["event_id"]
    _, content = request(site, "GET", f"/gradio_api/call/{name}/{event}")
    lines = content.decode().splitlines()
    end = max(i for i, line in enumerate(lines) if line.startswith("event:"))
    return lines[end].removeprefix("event: "), json.loads(lines[end + 1].removeprefix("data: "))


def in_base64(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def seven(digits):
    return digits.test.images[np.flatnonzero(digits.test.labels == 7)[0]].reshape(28, 28)


def test_fifty_requests_at_once_are_all_answered_rightly(site, runs_folder, digits):
    images = digits.test.images[:AT_ONCE].reshape(-1, 28, 28)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda image: call(site, "predict", in_base64(image), "mlp"), images))
    assert {event for event, _ in answers} == {"complete"}
    prepared = np.stack([prepare(image / 255) for image in images])
    wanted = runs.load(runs_folder / "mlp").probabilities(prepared)
    found = np.array([list(data[0]["probabilities"].values()) for _, data in answers])
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert [data[0]["image"] for _, data in answers] == prepared.tolist()
    assert [data[0]["seen"] for _, data in answers] == [str(p.argmax()) for p in wanted]


def test_the_client_of_gradio_can_ask_by_name(site, seven):
    client = pytest.importorskip("gradio_client").Client(site, verbose=False)
    assert client.predict(api_name="/runs") == ["lenet", "mlp"]
    assert client.predict(in_base64(seven), "mlp", api_name="/predict")["seen"] == "7"
    assert client.predict(in_base64(seven), api_name="/predict")["run"] == "lenet", "the latest"
    client.close()


def test_what_explains_an_answer_is_what_the_network_says_itself(site, runs_folder, seven):
    event, (found,) = call(site, "explain", in_base64(seven), "lenet", 4)
    model, image = runs.load(runs_folder / "lenet").model, prepare(seven / 255)
    assert (event, found["digit"]) == ("complete", 4)
    np.testing.assert_allclose(found["evidence"], evidence(model, image, 4), rtol=1e-5, atol=1e-7)
    for layer, stage in zip(found["layers"], stages(model, image), strict=True):
        assert layer["name"] == stage.name
        np.testing.assert_allclose(layer["numbers"], stage.numbers, rtol=1e-5, atol=1e-6)
    _, (by_itself,) = call(site, "explain", in_base64(seven), "mlp", -1)
    assert by_itself["digit"] == 7


HOSTILE = {
    "no base64": ("???", "is not given in base64"),
    "no image": (base64.b64encode(b"seven").decode(), "is not an image"),
    "empty": ("", "is empty"),
    "a number": (7, "is not given as text"),
    "nothing": (None, "is not given as text"),
    "blank": (in_base64(np.full((9, 9), 255, np.uint8)), "nothing to see"),
    "a path": ("/etc/passwd", "is not"),
    "a file of this machine": ({"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, ""),
    "a file of another": ({"path": "http://192.0.2.1/7.png", "meta": {"_type": "gradio.FileData"}}, ""),
    "a file of another, within": ([{"path": "http://192.0.2.1/7.png", "meta": {"_type": "gradio.FileData"}}], ""),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_picture_is_an_error_in_a_sentence(site, kind):
    picture, told = HOSTILE[kind]
    event, data = call(site, "predict", picture, "mlp")
    assert event == "error"
    said = json.dumps(data)
    assert told in said
    assert "Traceback" not in said
    assert "root:" not in said


@pytest.mark.parametrize("name", ["no", "../mlp", "/", ".", "mlp/../mlp"])
def test_only_the_names_of_runs_name_runs(site, seven, name):
    event, data = call(site, "predict", in_base64(seven), name)
    assert event == "error"
    assert "There is no run of that name. There are: lenet, mlp." in data["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        f"/gradio_api/file={ROOT / 'pyproject.toml'}",
        "/gradio_api/file=../../../../etc/passwd",
        "/gradio_api/file=http://192.0.2.1/",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=http://192.0.2.1/",
        "/gradio_api/stream/a/b/1/playlist.m3u8",
        "/gradio_api/run-history/records",
        "/svelte/../../../etc/passwd",
        "/static/../../../../../../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_no_file_is_served_and_nothing_fetched(site, path):
    status, content = request(site, "GET", path)
    assert status >= 400
    assert b"root:" not in content
    assert b"[project]" not in content


def test_uploads_and_large_requests_are_refused(site):
    form = b'--x\r\nContent-Disposition: form-data; name="files"; filename="7.png"\r\n\r\n7\r\n--x--\r\n'
    kind = [("Content-Type", "multipart/form-data; boundary=x")]
    assert request(site, "POST", "/gradio_api/upload", form, kind)[0] == 404
    large = [("Content-Length", str(MOST_CHARACTERS + 20_000)), ("Content-Type", "application/json")]
    assert request(site, "POST", "/gradio_api/call/predict", None, large) == (413, b"This is too large.")


def test_a_large_request_that_does_not_say_so_is_cut_off():
    piece, taken = 2**20, 0

    async def page(scope, receive, send):
        nonlocal taken
        while (message := await receive())["type"] != "http.disconnect":
            taken += len(message["body"])

    async def receive():
        assert taken < 2 * MOST_CHARACTERS
        return {"type": "http.request", "body": bytes(piece), "more_body": True}

    asyncio.run(Doors(page)({"type": "http", "path": "/gradio_api/call/predict", "headers": []}, receive, None))
    assert MOST_CHARACTERS - piece < taken < MOST_CHARACTERS + piece


def test_this_process_has_talked_to_nobody_but_this_machine(site):
    call(site, "runs")
    hosts = {address[0] for address in TOUCHED if isinstance(address, tuple)}
    assert "127.0.0.1" in hosts
    assert hosts <= {"127.0.0.1", "::1", "localhost", None}, hosts


def test_it_listens_on_this_machine_s_own_address_and_no_other(site):
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.2", urlsplit(site).port)) != 0


def run(*arguments, **environment):
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "mnist.app", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "AUTODIFF_KERNELS": "numpy", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def test_a_port_that_is_taken_is_one_line(site, runs_folder):
    port = urlsplit(site).port
    done = run("--runs", runs_folder, "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: --host 127.0.0.1 --port {port}: ")
    assert line.endswith("choose another --port, or --host")


def test_without_gradio_it_says_what_to_install(runs_folder, tmp_path):
    (tmp_path / "gradio.py").write_text("raise ImportError('No module named gradio')")
    done = run("--runs", runs_folder, "--port", free_port(), PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "pip install -e '.[app]'" in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--port", "0"), "must be from 1 to 65535"), (("--runs", "nowhere"), "train one: python -m mnist.train")],
)
def test_wrong_usage_is_one_line(arguments, told):
    done = run(*arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert told in line


def test_a_damaged_run_is_left_out_and_the_latest_of_the_others_answers(runs_folder, tmp_path):
    for name in ("whole", "damaged", "unsettled"):
        shutil.copytree(runs_folder / "mlp", tmp_path / name)
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"damaged")
    (tmp_path / "unsettled" / "config.toml").write_text("colour = 3")
    os.utime(tmp_path / "whole" / "model.safetensors", (0, 0))
    found = Runs(tmp_path)
    assert found.names() == ["whole"]
    assert found.trained(None).folder == tmp_path / "whole"
    assert [str(tmp_path / name) in "".join(found.faults()) for name in ("damaged", "unsettled", "whole")] == [1, 1, 0]
    shutil.copy(tmp_path / "whole" / "config.toml", tmp_path / "unsettled")
    assert found.names() == ["unsettled", "whole"]


def test_where_all_runs_are_damaged_each_is_named_and_one_is_told_to_train(runs_folder, tmp_path):
    shutil.copytree(runs_folder / "mlp", tmp_path / "only")
    (tmp_path / "only" / "model.safetensors").write_bytes(b"damaged")
    done = run("--runs", tmp_path)
    assert done.returncode == 2
    fault, error = done.stderr.splitlines()
    assert fault.startswith(f"left out: {tmp_path / 'only' / 'model.safetensors'} ")
    assert error == f"error: {tmp_path}: holds no network that can be used; train one: python -m mnist.train"


def test_it_listens_where_it_is_told_though_there_be_a_proxy_and_ends_with_ctrl_c(runs_folder):
    pytest.importorskip("gradio", reason="gradio is not installed; pip install -e '.[app]'")
    port = free_port()
    flags = ["--runs", str(runs_folder), "--port", str(port)]
    elsewhere = {"HTTP_PROXY": "http://192.0.2.1:9", "http_proxy": "http://192.0.2.1:9"}
    environment = {**os.environ, **elsewhere, "AUTODIFF_KERNELS": "numpy"}
    with subprocess.Popen(
        [sys.executable, "-m", "mnist.app", *flags], cwd=ROOT, env=environment, stdout=-1, stderr=-1, encoding="utf-8"
    ) as process:
        assert process.stdout.readline() == f"the page is at http://127.0.0.1:{port}; Ctrl-C ends it\n"
        assert request(f"http://127.0.0.1:{port}", "GET", "/")[0] == 200
        process.send_signal(2)
        _, complaints = process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    assert "Traceback" not in complaints
