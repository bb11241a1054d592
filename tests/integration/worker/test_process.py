"""`helios-worker`: one-shot stages with their exit codes and termination messages, and `lines`.

Long, because all forms of one command share its runner.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from helios_worker.artifacts.store import ArtifactStore
from tests.integration.worker.project import MOVING, RESTLESS, page_request, wait_until, worker_environment
from tests.processes import browsers, descendants, is_running, send_signal

WORKER = str(Path(sys.executable).with_name("helios-worker"))


def helios_worker(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [WORKER, *arguments, *([] if arguments[:1] == ("--help",) else ["--workspace", str(folder), "--lanes", "1"])],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**worker_environment(folder), **environment},
    )


def ask(folder: Path, body: str, *, frames: int = 12, **changes: Any) -> str:
    store = ArtifactStore((folder / "store").as_uri())
    store.put("requests/1.json", orjson.dumps(page_request(folder / "page", body, frames=frames, **changes)))
    return f"{store.url}requests/1.json"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a plan in it, and the job's URL."""
    folder = tmp_path_factory.mktemp("planned")
    done = helios_worker("plan", ask(folder, MOVING), folder=folder)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)["jobPath"]


def test_a_film_by_one_shot_processes(planned):
    folder, job = planned
    log = folder / "termination"
    for index in (0, 1):
        chunk = helios_worker("chunk", job, str(index), folder=folder, HELIOS_TERMINATION_LOG=str(log))
        assert chunk.returncode == 0, chunk.stderr
        assert json.loads(chunk.stdout)["chunk"] == index
        assert json.loads(log.read_text()) == json.loads(chunk.stdout)
    stitch = helios_worker("stitch", job, folder=folder, HELIOS_TERMINATION_LOG=str(log))
    assert stitch.returncode == 0, stitch.stderr
    assert json.loads(log.read_text())["frames"] == 12
    assert (folder / "out.mp4").stat().st_size == json.loads(log.read_text())["bytes"]
    assert sorted(path.name for path in folder.iterdir()) == ["out.mp4", "page", "store", "termination"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["chunk", "JOB", "9"], 64, "there is no chunk 9", id="no such chunk"),
        pytest.param(["chunk", "JOB", "-1"], 64, "bad payload: chunkIndex: ", id="negative index"),
        pytest.param(["chunk", "JOB", "1.5"], 64, "invalid int value: '1.5'", id="fractional index"),
        pytest.param(["chunk", "JOB", "99999999"], 64, "bad payload: chunkIndex: ", id="huge index"),
        pytest.param(["chunk", "JOB"], 64, "required: chunk_index", id="no index"),
        pytest.param(["chunk", "", "0"], 64, "bad payload: jobPath: ", id="empty job"),
        pytest.param(["chunk", "/nowhere/job.json", "0"], 64, "does not lie in an artifact store", id="no store"),
        pytest.param(
            ["chunk", "s9://bucket/jobs/1/job.json", "0"], 64, "is not the address of a store", id="no such scheme"
        ),
        pytest.param(["chunk", "STORE/jobs/nothing/job.json", "0"], 1, "there is no job at", id="no job"),
        pytest.param(["plan", "STORE/requests/nothing.json"], 64, "there is no request at", id="no request"),
        pytest.param(["render", "JOB"], 64, "invalid choice: 'render'", id="unknown stage"),
        pytest.param(["chunk", "JOB", "0", "--lanes", "0"], 64, "0 is not above 0", id="no lanes"),
        pytest.param(["stitch", "STORE/jobs/foreign/job.json"], 1, "its chunks can only run as commands", id="foreign"),
    ],
)
def test_exit_codes(planned, tmp_path, arguments, code, said):
    folder, job = planned
    ArtifactStore((folder / "store").as_uri()).put("jobs/foreign/job.json", orjson.dumps(foreign("true")))
    store = (folder / "store").as_uri()
    words = [word.replace("JOB", job).replace("STORE", store) for word in arguments]
    lanes = [] if "--lanes" in words else ["--lanes", "1"]
    log = tmp_path / "termination"
    done = subprocess.run(
        [WORKER, *words, "--workspace", str(tmp_path), *lanes],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HELIOS_TERMINATION_LOG": str(log)},
    )
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    if done.stdout:
        assert said in json.loads(log.read_text())["message"]


def test_a_workspace_that_is_not_there(planned, tmp_path):
    done = helios_worker("chunk", planned[1], "0", folder=tmp_path / "nowhere")
    assert done.returncode == 64
    assert "nowhere cannot be used: No such file or directory; choose another one with --workspace" in done.stderr


def test_a_browser_that_is_missing(planned, tmp_path):
    done = helios_worker("chunk", planned[1], "0", folder=tmp_path, HELIOS_CHROMIUM="/nowhere/chrome")
    assert done.returncode == 64
    assert "HELIOS_CHROMIUM is /nowhere/chrome, which is not an executable file" in done.stderr


@pytest.mark.parametrize(
    ("video", "said"),
    [
        ({"crf": 99}, "crf 99 is out of range; h264 takes 0 to 51"),
        ({"preset": "fastest"}, "preset 'fastest' is not known to libx264; use one of: ultrafast"),
        ({"codec": "h266"}, "codec 'h266' is not known"),
        ({"width": 161}, "width 161 is odd; yuv420p needs even sizes: use 162 or 160"),
    ],
    ids=["crf", "preset", "codec", "odd width"],
)
def test_what_cannot_be_encoded_is_refused_before_a_browser_is_looked_for(tmp_path, video, said):
    url = ask(tmp_path, MOVING, video={"unitFrames": 6, **video})
    done = helios_worker("plan", url, folder=tmp_path, HELIOS_CHROMIUM="/nowhere/chrome")
    assert done.returncode == 64
    assert done.stderr.startswith(said)


def test_a_browser_that_does_not_start(tmp_path):
    broken = tmp_path / "chrome"
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libnss3.so' >&2\nexit 127\n")
    broken.chmod(0o755)
    done = helios_worker("plan", ask(tmp_path, MOVING), folder=tmp_path, HELIOS_CHROMIUM=str(broken))
    assert done.returncode == 64
    assert "cannot start on this machine: error while loading shared libraries: libnss3.so" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_termination_message_of_a_failure_says_why(tmp_path):
    log = tmp_path / "termination"
    url = ask(tmp_path, "<script>throw new Error('" + "long " * 2000 + "')</script>")
    done = helios_worker("plan", url, folder=tmp_path, HELIOS_TERMINATION_LOG=str(log))
    assert done.returncode == 64
    assert log.stat().st_size <= 4096
    message = json.loads(log.read_text())
    assert message["error"] == "PageError"
    assert message["message"].startswith("the page failed while loading: uncaught error: Error: long long")


# -- jobs of Helios itself -----------------------------------------------------------------------------------


def foreign(command: str) -> dict[str, Any]:
    return {
        "id": "foreign",
        "metadata": {"totalFrames": 30, "fps": 30, "width": 320, "height": 180, "duration": 1},
        "chunks": [{"id": 0, "startFrame": 0, "frameCount": 30, "outputFile": "0.mp4", "command": command}],
        "mergeCommand": "true",
    }


def run_foreign(folder: Path, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    store = ArtifactStore((folder / "store").as_uri())
    store.put("jobs/foreign/job.json", orjson.dumps(foreign(command)))
    return helios_worker("chunk", f"{store.url}jobs/foreign/job.json", "0", *options, folder=folder)


def test_commands_are_refused_by_default(tmp_path):
    done = run_foreign(tmp_path, f"touch {tmp_path}/ran")
    assert done.returncode == 64
    assert "chunk 0 wants to run a command, which this worker does not allow" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_commands_run_when_allowed_without_a_shell(tmp_path):
    done = run_foreign(tmp_path, f"touch '{tmp_path}/ran it' $HOME;id", "--allow-commands")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ran it").exists()
    assert (tmp_path / "$HOME;id").exists()


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        pytest.param("sh -c 'echo no luck; exit 3'", 1, "its command ended with 3: no luck", id="failed"),
        pytest.param("/nowhere/render", 64, "runs /nowhere/render, which is not there", id="no such program"),
        pytest.param("echo 'unfinished", 64, "its command cannot be read: No closing quotation", id="bad quotes"),
    ],
)
def test_commands_that_fail(tmp_path, command, code, said):
    done = run_foreign(tmp_path, command, "--allow-commands")
    assert done.returncode == code
    assert said in done.stderr


# -- being told to stop --------------------------------------------------------------------------------------


def slow_job(folder: Path) -> str:
    """A job whose one chunk takes a minute or so."""
    done = helios_worker("plan", ask(folder, RESTLESS, frames=9000, chunk=9000), folder=folder)
    assert done.returncode == 0, done.stderr
    url: str = json.loads(done.stdout)["jobPath"]
    return url


@contextmanager
def started(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a session of its own; whatever is left of it is killed in the end."""
    process = subprocess.Popen(
        [WORKER, *arguments, "--workspace", str(folder), "--lanes", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=worker_environment(folder),
    )
    try:
        yield process
    finally:
        for pid in (*descendants(process.pid), process.pid):
            send_signal(pid, signal.SIGKILL)
        process.communicate()


def in_mid_chunk(process: subprocess.Popen[bytes], folder: Path) -> list[int]:
    """Waits until both lanes are at work and a first unit is encoded; the family."""

    def encoding() -> bool:
        return len(browsers(process.pid)) == 2 and any(folder.glob("helios-worker-*/helios-chunk-*/unit-*.mp4"))

    wait_until(encoding, "a first unit, and two browsers")
    return descendants(process.pid)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_told_to_stop_in_mid_chunk(tmp_path, number, code):
    job = slow_job(tmp_path)
    with started("chunk", job, "0", folder=tmp_path) as process:
        family = in_mid_chunk(process, tmp_path)
        process.send_signal(number)
        assert process.wait(timeout=30) == code
        wait_until(lambda: not any(map(is_running, family)), "its browsers to end")
        assert process.stderr is not None
        assert process.stderr.read() == b"the worker was told to stop\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page", "store"]
    assert ArtifactStore((tmp_path / "store").as_uri()).keys("chunks/") == []


# -- lines ---------------------------------------------------------------------------------------------------


def tell(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The next reply; frame counts are skipped."""
    assert process.stdout is not None
    while line := process.stdout.readline():
        message: dict[str, Any] = json.loads(line)
        if "reply" in message:
            reply: dict[str, Any] = message["reply"]
            return reply
        assert message.keys() == {"frames"}
    raise AssertionError("the worker ended without a reply")


def test_lines_answer_one_payload_after_the_other(planned, tmp_path):
    _, job = planned
    with started("lines", folder=tmp_path) as process:
        for line, code, said in [
            (b"null", 64, "bad payload"),
            (b"[]", 64, "bad payload"),
            (b"\xff\xfe\x00", 64, "bad payload"),
            (b"", 64, "bad payload"),
            (b'{"jobPath": "x", "chunkIndex": -1}', 64, "bad payload: chunkIndex: "),
            (json.dumps({"jobPath": job, "chunkIndex": 7}).encode(), 64, "there is no chunk 7"),
            (json.dumps({"jobPath": job, "chunkIndex": 1}).encode(), 0, ""),
        ]:
            tell(process, line)
            reply = hear(process)
            assert reply["exitCode"] == code
            assert said in reply["stderr"]


def test_lines_end_with_their_input(tmp_path):
    with started("lines", folder=tmp_path) as process:
        tell(process, b"null")
        hear(process)
        family = descendants(process.pid)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=30) == 0
        assert not any(map(is_running, family))
        process.stdin = None
    assert list(tmp_path.iterdir()) == []


def test_lines_told_to_stop_leave_no_process(tmp_path):
    job = slow_job(tmp_path)
    with started("lines", folder=tmp_path) as process:
        tell(process, json.dumps({"jobPath": job, "chunkIndex": 0}).encode())
        family = in_mid_chunk(process, tmp_path)
        process.terminate()
        assert process.wait(timeout=30) == 143
        wait_until(lambda: not any(map(is_running, family)), "its browsers to end")


def test_lines_end_with_their_input_in_mid_chunk_too(tmp_path):
    job = slow_job(tmp_path)
    with started("lines", folder=tmp_path) as process:
        tell(process, json.dumps({"jobPath": job, "chunkIndex": 0}).encode())
        family = in_mid_chunk(process, tmp_path)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=30) == 143
        process.stdin = None
        wait_until(lambda: not any(map(is_running, family)), "its browsers to end")
