"""`helios-worker serve`: what it answers, and that it outlives whatever is sent to it.

Long, because payloads, connections and the end are tested on one warm service.
"""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import orjson
import pytest

from helios_worker.entrypoints.http_server import BODY_BYTES
from tests.integration.entrypoints.functions import WORKER, service
from tests.integration.entrypoints.test_lambda_entrypoint import BAD_PAYLOADS
from tests.integration.worker.project import page_request, wait_until
from tests.ports import free_port
from tests.processes import is_running


def test_a_film_by_requests(served, film, tmp_path):
    before = served.browsers
    output = tmp_path / "out.mp4"
    asked = page_request(tmp_path / "page", "<p>one film</p>", frames=12, output=str(output))
    film.store.put("requests/served.json", orjson.dumps(asked))
    reply = served.ask({"jobPath": f"{film.store.url}requests/served.json", "stage": "plan"})
    assert reply.keys() == {"exitCode", "stdout", "stderr", "result"}
    assert reply["stdout"].startswith("plan done in ")
    job = reply["result"]["jobPath"]
    for index in (1, 0):
        assert served.ask({"jobPath": job, "chunkIndex": index})["result"]["chunk"] == index
    assert served.ask({"jobPath": job, "stage": "stitch"})["result"]["bytes"] == output.stat().st_size
    # Just after its start one of its children may still have its name.
    assert served.browsers
    assert set(served.browsers) <= set(before), "the browser stayed warm for all of it"


def test_a_stage_that_fails_is_an_answer(served, film):
    status, body = served.post({"jobPath": film.job, "chunkIndex": 9})
    assert (status, body["exitCode"]) == (200, 64)
    assert "there is no chunk 9" in body["stderr"]


@pytest.mark.parametrize(("payload", "said"), BAD_PAYLOADS)
def test_what_is_no_payload(warm_service, payload, said):
    status, body = warm_service.post(payload)
    assert (status, list(body)) == (400, ["message"])
    assert said in body["message"]


@pytest.mark.parametrize("body", [b"", b'{"jobPath": ', b"\xff\xfe\x00", b"[" * 500_000, b"{}{}"])
def test_what_is_no_json(warm_service, body):
    status, said = warm_service.post(body)
    assert status == 400
    assert "bad payload: " in said["message"]


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_what_does_not_say_that_it_is_json(warm_service, kind):
    status, body = warm_service.request("POST", "/", b'{"jobPath": "x"}', kind)
    assert (status, body["message"]) == (400, "bad payload: its Content-Type must be application/json")


def test_a_charset_changes_nothing(warm_service):
    status, _ = warm_service.request(
        "POST", "/", b'{"jobPath": "x", "chunkIndex": 0}', "Application/JSON; charset=utf-8"
    )
    assert status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:9", 405), ("localhost", 405), ("worker", 405), ("attacker.example", 421), ("127.0.0.1.nip.io", 421)],
)
def test_names_that_a_web_page_may_have_pointed_here(warm_service, host, status):
    got, body = warm_service.request("GET", "/", kind=None, Host=host)
    assert got == status
    assert ("HELIOS_ALLOWED_HOSTS" in body["message"]) == (status == 421)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 405),
        ("PUT", "/", 405),
        ("DELETE", "/", 405),
        ("POST", "/healthz", 405),
        ("GET", "/metrics", 404),
        ("POST", "/chunk", 404),
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/health", 200),
    ],
)
def test_methods_and_paths(warm_service, method, path, status):
    assert warm_service.request(method, path, kind=None)[0] == status


@pytest.mark.parametrize(
    ("size", "status"), [(BODY_BYTES, 400), (BODY_BYTES + 1, 413), (10_000_000, 413), (40_000_000, 413)]
)
def test_large_bodies(served, size, status):
    """One that is read to its end gets its answer; http.client writes it all before it reads."""
    try:
        assert served.post(b" " * size)[0] == status
    except (BrokenPipeError, ConnectionResetError):
        assert size > 33_554_432, "it was cut off"


def test_a_large_body_in_chunks(served):
    with socket.create_connection(("127.0.0.1", served.port), 20) as connection:
        head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        for _ in range(200):
            connection.sendall(b"c350\r\n" + b" " * 50_000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert heard(connection).startswith(b"HTTP/1.1 413 ")


# -- connections ---------------------------------------------------------------------------------------------


def heard(connection: socket.socket) -> bytes:
    """The first that a server says, or nothing when it closes."""
    with suppress(ConnectionResetError):
        return connection.recv(65_536)
    return b""


def post(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return (
        f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode()
        + body
    )


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(post(b'{"jobPath": "x"', length=200), id="body"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le", id="header"),
        pytest.param(b"PO", id="method"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_client_that_goes_in_the_middle(served, sent):
    """Its connection is closed, and what had not arrived to its end is work for nobody."""
    said, ports = served.said, set()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", served.port), 20) as connection:
            ports.add(connection.getsockname()[1])
            connection.sendall(sent)
    wait_until(lambda: not ports & served.clients(), "their connections to be closed")
    assert served.request("GET", "/healthz", kind=None)[1] == {"places": 1, "free": 1}
    assert served.said == said, "no stage was begun, and nothing went wrong"


def test_a_client_that_goes_before_its_answer_has_its_chunk_rendered(served, film):
    """Whoever asks next finds it: on Cloud Run a client that gave up comes again."""
    film.forget()
    with socket.create_connection(("127.0.0.1", served.port), 20) as connection:
        port = connection.getsockname()[1]
        connection.sendall(post(orjson.dumps({"jobPath": film.steady, "chunkIndex": 0})))
        served.in_mid_chunk()
    assert served.request("GET", "/healthz", kind=None)[1] == {"places": 1, "free": 0}, "it goes on"
    wait_until(lambda: served.request("GET", "/healthz", kind=None)[1]["free"] == 1, "the chunk's end", 120)
    reply = served.ask({"jobPath": film.steady, "chunkIndex": 0})
    assert (reply["exitCode"], reply["result"]["cached"], reply["result"]["frames"]) == (0, True, 1200)
    wait_until(lambda: port not in served.clients(), "its connection to be closed")


def test_a_client_that_stops_sending_is_waited_for_by_nobody_else(served, film):
    """And it is closed after a while; how long, test_limits says."""
    with socket.create_connection(("127.0.0.1", served.port), 20) as connection:
        connection.sendall(post(b"{", length=200))
        film.is_rendered_by(served.ask)
        assert connection.getsockname()[1] in served.clients()
        assert served.process.poll() is None


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500) + b"\r\n\r\n", id="TLS"),
        pytest.param(b"garbage\r\n\r\n", id="no HTTP"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="no version"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1e9\r\n\r\n", id="length in words"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n", id="bad chunk"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", id="unknown coding"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", id="long header"),
        pytest.param(b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", id="long path"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"no header\r\n" * 5 + b"\r\n", id="bad headers"),
    ],
)
def test_what_is_no_request(served, sent):
    with socket.create_connection(("127.0.0.1", served.port), 20) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)
        answer = heard(connection)
        if answer:
            assert answer.split(b" ")[1] in (b"400", b"405", b"431", b"501")
            assert b'{"message":' in answer + heard(connection)


def test_garbage_behind_a_request_does_not_spoil_it(served):
    with socket.create_connection(("127.0.0.1", served.port), 20) as connection:
        connection.sendall(post(b'{"jobPath": "x", "chunkIndex": 0}') + b"\r\nnonsense \x00\xff\r\n\r\n" + post(b"{}"))
        data = b""
        with suppress(ConnectionResetError):
            while block := connection.recv(65_536):
                data += block
    statuses = re.findall(rb"HTTP/1\.[01] (\d+)", data)
    assert statuses == [b"200", b"400"], "the request, its garbage, and nothing after that"


def test_requests_in_one_go_are_answered_in_their_order(served):
    with socket.create_connection(("127.0.0.1", served.port), 20) as connection:
        connection.sendall(
            post(b'{"jobPath": "x", "chunkIndex": 0}')
            + post(b"null")
            + b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
        data = b""
        while block := connection.recv(65_536):
            data += block
    assert re.findall(rb"HTTP/1\.[01] (\d+)", data) == [b"200", b"400", b"200"]


def test_two_hundred_at_once(served, film):
    """One renders, the others are told to come again, and those that only look are answered meanwhile."""
    gate = threading.Barrier(200)

    def ask(number: int) -> int:
        gate.wait(30)
        looks = number % 4 == 0
        status, _ = (
            served.request("GET", "/healthz", kind=None)
            if looks
            else served.post({"jobPath": film.impatient, "chunkIndex": 0})
        )
        return int(status)

    film.forget()
    with ThreadPoolExecutor(200) as clients:
        statuses = list(clients.map(ask, range(200)))
    assert set(statuses[::4]) == {200}
    payloads = [status for number, status in enumerate(statuses) if number % 4]
    assert set(payloads) == {200, 429}


def test_frozen_between_two_requests(served, film):
    before = served.browsers
    with served.frozen():
        time.sleep(0.3)  # while nobody asks
    film.is_rendered_by(served.ask)
    assert served.browsers == before


def test_a_browser_killed_between_two_requests_is_replaced(served, film):
    (browser,) = served.browsers
    os.kill(browser, signal.SIGKILL)
    film.is_rendered_by(served.ask)
    assert browser not in served.browsers


# -- start and end -------------------------------------------------------------------------------------------


def under_way(ask: Callable[[Any], dict[str, Any]], payload: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Asks in a thread; waits for the reply when called."""
    clients = ThreadPoolExecutor(1)
    reply = clients.submit(ask, payload)
    clients.shutdown(wait=False)
    return reply.result


def test_told_to_stop_a_long_chunk_is_handed_back(film, tmp_path):
    with service(tmp_path, "--grace", "20", port=free_port()) as served:
        reply = under_way(served.ask, {"jobPath": film.slow, "chunkIndex": 0})
        served.in_mid_chunk()
        served.process.terminate()
        assert reply()["exitCode"] == 143
        assert served.ends() == 0
        assert list(served.workspace.iterdir()) == []


def test_told_to_stop_a_short_chunk_is_finished_and_others_are_refused(film, tmp_path):
    film.forget()
    with service(tmp_path, "--grace", "120", port=free_port()) as served:
        reply = under_way(served.ask, {"jobPath": film.steady, "chunkIndex": 0})
        served.in_mid_chunk()
        served.process.terminate()
        wait_until(lambda: served.request("GET", "/healthz", kind=None)[0] == 503, "it to hear the signal")
        assert served.post({"jobPath": film.job, "chunkIndex": 0}) == (429, {"message": "this worker is being stopped"})
        assert (reply()["exitCode"], reply()["result"]["frames"]) == (0, 1200)
        assert served.ends() == 0


def test_idle_it_ends_at_once_though_clients_hold_connections(film, tmp_path):
    port = free_port()
    with (
        service(tmp_path, "--grace", "60", port=port) as served,
        socket.create_connection(("127.0.0.1", port), 20) as idle,
    ):
        idle.sendall(post(b"{", length=200))
        served.process.send_signal(signal.SIGINT)
        assert served.ends(10) == 0


def test_four_places_render_side_by_side_and_the_fifth_is_refused(film, tmp_path):
    with service(tmp_path, "--concurrency", "4", "--grace", "20", port=free_port()) as served:
        assert len(served.browsers) == 4
        replies = [under_way(served.ask, {"jobPath": film.slow, "chunkIndex": 0}) for _ in range(4)]
        wait_until(lambda: served.request("GET", "/healthz", kind=None)[1]["free"] == 0, "four renders")
        status, body = served.post({"jobPath": film.slow, "chunkIndex": 0})
        assert (status, body["message"]) == (429, "all workers are busy; try again later, or elsewhere")
        served.in_mid_chunk()
        served.process.terminate()
        assert [reply()["exitCode"] for reply in replies] == [143] * 4
        assert served.ends() == 0


def test_a_stage_may_take_so_many_seconds(film, tmp_path):
    with service(tmp_path, "--seconds", "10", port=free_port()) as served:
        reply = served.ask({"jobPath": film.slow, "chunkIndex": 0})
        assert reply["exitCode"] == 75
        assert "chunk 0 was not done in the 7 s it had" in reply["stderr"]
        assert served.ask({"jobPath": film.job, "chunkIndex": 9})["exitCode"] == 64


@pytest.mark.parametrize(
    ("environment", "code", "said"),
    [
        pytest.param({"PORT": "http"}, 64, "PORT is 'http', which is not a port number", id="no port"),
        pytest.param({"PORT": "99999"}, 64, "PORT is '99999', which is not a port number", id="no such port"),
        pytest.param(
            {"HELIOS_CHROMIUM": "/etc"}, 64, "HELIOS_CHROMIUM is /etc, which is not an executable", id="no browser"
        ),
        pytest.param({"HELIOS_CHROMIUM": "/bin/false"}, 1, "/bin/false did not start", id="broken browser"),
    ],
)
def test_what_goes_wrong_at_the_start_is_said(tmp_path, environment, code, said):
    command = [WORKER, "serve", "--workspace", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=30)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said(warm_service, tmp_path):
    command = [WORKER, "serve", "--workspace", str(tmp_path)]
    environment = {**os.environ, "PORT": str(warm_service.port)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 64
    assert f"cannot listen on port {warm_service.port}: Address already in use" in done.stderr


def test_a_killed_service_leaves_no_browser(tmp_path):
    with service(tmp_path, port=free_port()) as served:
        family = served.family()
        served.process.kill()
        served.process.wait()
        wait_until(lambda: not any(map(is_running, family)), "its browsers to end")
