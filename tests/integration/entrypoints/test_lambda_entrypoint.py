"""`helios-worker lambda`: AWS' own runtime client and our handler, in a process that is treated as Lambda treats it."""

import os
import signal
import subprocess
import time
from pathlib import Path

import orjson
import pytest

from helios_worker.capture.devtools.process import START_SECONDS
from tests.clouds.runtime_api import FunctionError
from tests.integration.entrypoints.functions import WORKER, aws_lambda, parts
from tests.integration.worker.project import html, page_request, wait_until
from tests.processes import is_running

BAD_PAYLOADS = [
    pytest.param(None, "it must be a JSON object", id="null"),
    pytest.param([], "it must be a JSON object", id="array"),
    pytest.param(7, "it must be a JSON object", id="number"),
    pytest.param("chunk", "it must be a JSON object", id="string"),
    pytest.param({}, "jobPath: Field required", id="nothing"),
    pytest.param({"jobPath": "x", "stage": "render"}, "stage: Input should be 'plan', 'chunk'", id="unknown stage"),
    pytest.param({"jobPath": "x", "chunkIndex": -1}, "chunkIndex: Input should be greater", id="negative index"),
    pytest.param({"jobPath": "x", "chunkIndex": 2**80}, "chunkIndex: Input should be less", id="huge index"),
    pytest.param({"jobPath": "x", "chunkIndex": 1.5}, "chunkIndex: Input should be a valid int", id="fractional index"),
    pytest.param({"jobPath": "x", "chunkIndex": "1"}, "chunkIndex: Input should be a valid int", id="index in words"),
    pytest.param({"jobPath": "x" * 5000}, "jobPath: String should have at most 4096", id="endless path"),
    pytest.param(
        {"jobPath": "x", "chunkIndex": 0, "request": {}},
        "bad payload: a request goes with stage plan alone",
        id="request",
    ),
    pytest.param({"jobPath": "x"}, "chunkIndex: Field required, with stage chunk", id="no index"),
    pytest.param({"stage": "chunk", "chunkIndex": 0}, "jobPath: Field required", id="no job"),
    pytest.param(
        {
            "jobPath": "x",
            "stage": "plan",
            "request": {"composition": {"url": "/page", "entry": "../../proc/self/environ"}},
        },
        "request: composition: entry: must be a path within the composition",
        id="a page elsewhere",
    ),
    pytest.param({"jobPath": "x", "k" * 9000: 1}, "kkk: Extra inputs are not permitted", id="unknown key"),
]


def test_a_film_by_invocations(function, film, tmp_path):
    before = function.browsers
    output = tmp_path / "out.mp4"
    asked = page_request(tmp_path / "page", "<p>one film</p>", frames=12, output=str(output))
    film.store.put("requests/whole.json", orjson.dumps(asked))
    status, planned = function.invoke({"jobPath": f"{film.store.url}requests/whole.json", "stage": "plan"})
    assert (status, planned["exitCode"], planned["result"]["chunks"]) == (200, 0, 2)
    assert planned["output"].startswith("plan done in ")
    job = planned["result"]["jobPath"]
    for index in (1, 0):
        status, reply = function.invoke({"jobPath": job, "chunkIndex": index, "attempt": 2})
        assert (status, reply["exitCode"], reply["result"]["chunk"]) == (200, 0, index)
    status, reply = function.invoke({"jobPath": job, "stage": "stitch"})
    assert (status, reply["result"]["frames"]) == (200, 12)
    assert output.stat().st_size == reply["result"]["bytes"]
    assert function.browsers == before, "the browser stayed warm for all of it"


@pytest.mark.parametrize(("event", "said"), BAD_PAYLOADS)
def test_what_is_no_payload_is_refused_and_the_function_lives(warm_function, event, said):
    status, body = warm_function.invoke(event)
    assert (status, list(body)) == (400, ["message"])
    assert body["message"].startswith("bad payload: ")
    assert said in body["message"]
    assert len(body["message"]) < 300


@pytest.mark.parametrize("event", [b"", b'{"jobPath": ', b"\xff\xfe\x00", b"[" * 100_000])
def test_what_is_no_json_is_refused_by_the_client_and_the_function_lives(function, event):
    """Lambda's own front lets none of it through."""
    with pytest.raises(FunctionError):
        function.api.invoke(event)


def test_a_stage_that_fails_keeps_its_exit_code_and_its_words(function, film):
    status, body = function.invoke({"jobPath": film.job, "chunkIndex": 9})
    assert (status, body["exitCode"]) == (500, 64)
    assert "there is no chunk 9" in body["stderr"]
    assert body["result"]["error"] == "UserError"


def test_long_words_are_cut_in_the_middle(function, film, tmp_path):
    body = "<script>throw new Error('first ' + 'long '.repeat(900) + 'last')</script>"
    film.store.put("requests/loud.json", orjson.dumps(page_request(tmp_path / "page", body, frames=12)))
    status, reply = function.invoke({"jobPath": f"{film.store.url}requests/loud.json", "stage": "plan"})
    assert (status, reply["exitCode"]) == (500, 64)
    assert len(reply["stderr"].encode()) <= 4096
    assert "first long" in reply["stderr"]


# -- frozen, killed, late ------------------------------------------------------------------------------------


def test_frozen_between_two_calls(function, film):
    before = function.browsers
    for _ in range(2):
        with function.frozen():
            time.sleep(0.3)  # while nobody asks
        film.is_rendered_by(function.ask)
    assert function.browsers == before


def test_frozen_in_mid_chunk_for_longer_than_a_frame_may_take(function, film):
    """Without its own clock of running time the page would count as stuck, by no fault of its own."""
    film.forget()
    waiting = function.api.begin({"jobPath": film.impatient, "chunkIndex": 0})
    function.in_mid_chunk()
    with function.frozen():
        time.sleep(3.5)  # more than the film's frameTimeout
    status, reply = parts(waiting())
    assert (status, reply["exitCode"], reply["result"]["frames"]) == (200, 0, 120)


def test_a_browser_killed_between_two_calls_is_replaced(function, film):
    (browser,) = function.browsers
    os.kill(browser, signal.SIGKILL)
    film.is_rendered_by(function.ask)
    assert browser not in function.browsers


def test_a_browser_killed_in_mid_chunk_costs_the_attempt_only(function, film):
    waiting = function.api.begin({"jobPath": film.slow, "chunkIndex": 0})
    function.in_mid_chunk()
    os.kill(function.browsers[0], signal.SIGKILL)
    status, reply = parts(waiting())
    assert (status, reply["exitCode"]) == (500, 1)
    assert "the browser ended" in reply["stderr"]


def test_a_chunk_that_would_not_be_done_is_answered_before_the_deadline(function, film):
    """The test's Lambda raises TimedOut at the deadline."""
    status, reply = function.invoke({"jobPath": film.slow, "chunkIndex": 0}, seconds=6)
    assert (status, reply["exitCode"]) == (500, 75)
    assert "chunk 0 was not done in the 4 s it had; give the function more time" in reply["stderr"]


def test_a_stuck_browser_does_not_hold_the_answer_up(function, film):
    """It would be waited for longer than the call lasts; and the next call must not do so again."""
    stuck = function.browsers[0]
    os.kill(stuck, signal.SIGSTOP)
    status, reply = function.invoke({"jobPath": film.slow, "chunkIndex": 0}, seconds=6)
    assert (status, reply["exitCode"]) == (500, 75)
    film.is_rendered_by(lambda event: function.invoke(event, seconds=START_SECONDS)[1])
    wait_until(lambda: not is_running(stuck), "the stuck browser to be ended")


# -- start and end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "kind", "said"),
    [
        ({"HELIOS_CHROMIUM": "/nowhere/chrome"}, "BrowserMissing", "HELIOS_CHROMIUM is /nowhere/chrome"),
        ({"HELIOS_CHROMIUM": "/bin/false"}, "BrowserNotStarted", "/bin/false did not start"),
    ],
    ids=["no browser", "broken browser"],
)
def test_what_goes_wrong_at_the_start_is_an_init_error(tmp_path, environment, kind, said):
    with aws_lambda(tmp_path, **environment) as function:
        assert function.ends() == 1
        error = function.api.init_errors.get(timeout=1)
    assert error.kind == kind
    assert said in error.told["errorMessage"]


def test_a_workspace_that_cannot_be_written_to_is_an_init_error(tmp_path):
    with aws_lambda(tmp_path / "here") as function:
        command = [WORKER, "lambda", "--workspace", str(tmp_path / "nowhere")]
        environment = {**os.environ, "AWS_LAMBDA_RUNTIME_API": function.api.address}
        assert subprocess.run(command, env=environment, capture_output=True, timeout=30).returncode == 1
        error = function.api.init_errors.get(timeout=1)
    assert error.kind == "FileNotFoundError"
    assert "nowhere" in error.told["errorMessage"]


def test_it_runs_in_lambda_only(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "AWS_LAMBDA_RUNTIME_API"}
    done = subprocess.run([WORKER, "lambda"], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 64
    assert done.stderr == "AWS_LAMBDA_RUNTIME_API is not set: `helios-worker lambda` runs in AWS Lambda only\n"


def test_told_to_stop_in_mid_chunk_it_hands_back_and_idle_it_ends(film, tmp_path):
    with aws_lambda(tmp_path) as function:
        waiting = function.api.begin({"jobPath": film.slow, "chunkIndex": 0})
        function.in_mid_chunk()
        function.process.terminate()
        status, reply = parts(waiting())
        assert (status, reply["exitCode"]) == (500, 143)
        assert "told to stop" in reply["stderr"]
        function.invoke(None)  # it is between two calls now
        function.process.terminate()
        assert function.ends() == -signal.SIGTERM


def test_only_allowed_stores_are_touched(film, tmp_path):
    allowed = tmp_path / "allowed"
    page: Path = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text(html("secret"))
    with aws_lambda(tmp_path, HELIOS_ALLOWED_STORES=f"s3://media/, {allowed.as_uri()}") as function:
        status, reply = function.invoke({"jobPath": film.job, "chunkIndex": 1})
        assert (status, reply["exitCode"], reply["result"]["error"]) == (500, 64, "StoreForbidden")
        assert f"the artifact store {film.store.url} is not among the places" in reply["stderr"]
