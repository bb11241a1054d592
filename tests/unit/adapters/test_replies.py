"""What comes back from a target: read only if every field is what it should be."""

import json

import pytest

from helios_adapters.errors import Garbled, NotOurWorker, Oversized, WorkerLost, quoted
from helios_adapters.replies import ANSWER_BYTES, CUT, LOG_CHARACTERS, bounded, lambda_reply, worker_reply
from helios_crds.wire import RESULT_BYTES, Reply

WHERE = "function f in eu-west-1"


def body(**fields: object) -> bytes:
    return json.dumps({"exitCode": 0, **fields}).encode()


def envelope(status: object, inner: object) -> bytes:
    return json.dumps({"statusCode": status, "body": inner}).encode()


@pytest.mark.parametrize(
    ("status", "inner", "reply"),
    [
        pytest.param(
            200,
            {"exitCode": 0, "output": "done", "stderr": "", "result": {"frames": 6}},
            Reply(exitCode=0, stdout="done", result={"frames": 6}),
            id="done",
        ),
        pytest.param(
            500,
            {"exitCode": 64, "output": "", "stderr": "the page is wrong"},
            Reply(exitCode=64, stderr="the page is wrong"),
            id="failed: upstream loses exit code and stderr here",
        ),
        pytest.param(200, {"exitCode": 75, "new": 1}, Reply(exitCode=75), id="a field of a later version"),
    ],
)
def test_a_function_that_ran_the_stage(status, inner, reply):
    assert lambda_reply(envelope(status, json.dumps(inner)), WHERE) == reply


@pytest.mark.parametrize("status", [200, 500])
def test_a_server_that_ran_the_stage(status):
    given = body(exitCode=1, stdout="said", stderr="why", result={"error": "X"})
    assert worker_reply(status, given, WHERE) == Reply(exitCode=1, stdout="said", stderr="why", result={"error": "X"})


NONSENSE = [
    b"",
    b"null",
    b"7",
    b"[]",
    b"{}",
    b'"exitCode"',
    b"<html>",
    b"\xff\xfe\x00",
    b'{"exitCode": "0"}',
    b'{"exitCode": 0.5}',
    b'{"exitCode": true}',
    b'{"exitCode": -1}',
    b'{"exitCode": 256}',
    b'{"exitCode": 1e999}',
    b'{"exitCode": 0, "stderr": 7}',
    b'{"exitCode": 0, "stderr": "\\ud800"}',
    b'{"exitCode": 0, "result": []}',
    b'{"exitCode": 0, "result": "{}"}',
    b'{"exitCode": 0}{"exitCode": 0}',
    b'{"exitCode": 0, "result": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
]


@pytest.mark.parametrize("given", NONSENSE, ids=lambda given: repr(given[:40]))
def test_nonsense_is_not_believed(given):
    with pytest.raises(Garbled) as caught:
        worker_reply(200, given, WHERE)
    assert len(str(caught.value)) < 1200
    assert str(caught.value).isprintable()
    with pytest.raises(Garbled):
        lambda_reply(given, WHERE)
    with pytest.raises(Garbled):
        lambda_reply(envelope(200, given.decode(errors="replace")), WHERE)


@pytest.mark.parametrize("given", [envelope("200", "{}"), envelope(200, {"exitCode": 0}), envelope(200, None)])
def test_an_envelope_of_other_types_is_not_believed(given):
    with pytest.raises(Garbled, match="no statusCode and body"):
        lambda_reply(given, WHERE)


@pytest.mark.parametrize("status", [201, 302, 404, 503])
def test_an_exit_code_under_another_status_is_not_believed(status):
    with pytest.raises(Garbled, match=f"status {status}"):
        worker_reply(status, body(), WHERE)


@pytest.mark.parametrize("status", [400, 404, 405, 413, 421])
def test_a_worker_that_refuses_the_request_is_asked_in_the_wrong_way_or_place(status):
    with pytest.raises(NotOurWorker, match="rejected the request: chunkIndex: no"):
        worker_reply(status, b'{"message": "chunkIndex: no"}', WHERE)


def test_a_worker_that_broke_before_the_stage_is_lost():
    with pytest.raises(WorkerLost, match="the disk is gone"):
        lambda_reply(envelope(500, '{"message": "the disk is gone"}'), WHERE)


def test_what_is_too_long_is_not_read():
    with pytest.raises(Oversized, match=f"more than {ANSWER_BYTES} bytes"):
        worker_reply(200, body(stderr="x" * ANSWER_BYTES), WHERE)


def test_a_result_that_no_pod_could_leave_is_not_taken():
    largest = {"a": "x" * (RESULT_BYTES - len('{"a":""}'))}
    assert worker_reply(200, body(result=largest), WHERE).result == largest
    with pytest.raises(Oversized, match=f"{RESULT_BYTES + 1} bytes"):
        worker_reply(200, body(result={"a": largest["a"] + "x"}), WHERE)


def test_a_failure_keeps_exit_code_and_stderr_without_its_large_result():
    reply = worker_reply(200, body(exitCode=1, stderr="why", result={"a": "x" * RESULT_BYTES}), WHERE)
    assert (reply.exitCode, reply.stderr, reply.result) == (1, "why", None)


def test_long_texts_keep_both_ends():
    reply = worker_reply(200, body(exitCode=1, stderr="first" + "x" * LOG_CHARACTERS + "last"), WHERE)
    assert reply.stderr.startswith("first")
    assert reply.stderr.endswith("last")
    assert CUT in reply.stderr
    assert len(reply.stderr) <= LOG_CHARACTERS
    assert bounded("short", LOG_CHARACTERS) == "short"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("two\nlines\x1b[31m\x07 and a bell", "two lines and a bell"),
        ("\x1b]0;a title\x07\x1b[2J\x1b[1;31mred\x1b]8;;https://evil.example\x1b\\", "red"),
        ("\x9b31mred \x1bP1;1|device\x9ccontrol", "red control"),
        ("\x1b]0;never ends " + "x" * 5000, ""),
        (b"\xff\xfehalf", "��half"),
        ("x" * 600, "x" * 499 + "…"),
        (chr(0x202E) + "reversed", "reversed"),
    ],
)
def test_what_others_wrote_is_quoted_in_one_plain_line(given, shown):
    assert quoted(given) == shown
