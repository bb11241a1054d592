"""From a worker's reply to what AWS Lambda's callers get."""

import json
from typing import Any

import pytest

from helios_crds.wire import Reply
from helios_worker.entrypoints.aws_lambda import handler_of
from helios_worker.entrypoints.supervised_worker import SupervisedWorker
from tests.unit.worker.scripted import ScriptedWorker, hanging

EVENT = {"jobPath": "s3://media/jobs/1/job.json", "chunkIndex": 7}


class Call:
    """What Lambda tells a handler of its call."""

    def __init__(self, milliseconds: int = 60_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def handled(worker: ScriptedWorker, event: Any = EVENT, **call: int) -> tuple[int, dict[str, Any]]:
    response = handler_of(SupervisedWorker(lambda: worker))(event, Call(**call))
    assert response.keys() == {"statusCode", "body"}
    return response["statusCode"], json.loads(response["body"])


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        pytest.param(
            Reply(exitCode=0, stdout="done", result={"chunk": 7}),
            200,
            {"exitCode": 0, "output": "done", "stderr": "", "result": {"chunk": 7}},
            id="done",
        ),
        pytest.param(
            Reply(exitCode=64, stderr="no such chunk", result={"error": "UserError"}),
            500,
            {"exitCode": 64, "output": "", "stderr": "no such chunk", "result": {"error": "UserError"}},
            id="failed",
        ),
        pytest.param(
            Reply(exitCode=1, stderr="KeyError: 'x'"),
            500,
            {"exitCode": 1, "output": "", "stderr": "KeyError: 'x'"},
            id="no result",
        ),
    ],
)
def test_replies(reply, status, body):
    assert handled(ScriptedWorker(lambda payload: reply)) == (status, body)


@pytest.mark.parametrize("context", [None, object()])
def test_a_call_without_a_deadline(context):
    reply = Reply(exitCode=0, stdout="done")
    response = handler_of(SupervisedWorker(lambda: ScriptedWorker(lambda payload: reply)))(EVENT, context)
    assert (response["statusCode"], json.loads(response["body"])["output"]) == (200, "done")


def test_the_payload_is_handed_on():
    def script(payload: Any) -> Reply:
        return Reply(exitCode=0, stdout=f"{payload.stage} {payload.chunkIndex} {payload.attempt}")

    assert handled(ScriptedWorker(script), {**EVENT, "stage": "stitch", "attempt": 3})[1]["output"] == "stitch 7 3"


@pytest.mark.parametrize("event", [None, [], 7, "x", {}, {**EVENT, "stage": "render"}, {**EVENT, "chunkIndex": True}])
def test_no_payload_is_no_work(event):
    worker = ScriptedWorker()
    status, body = handled(worker, event)
    assert (status, list(body)) == (400, ["message"])
    assert worker.seen == ["initialize"]


def test_a_defect_is_told_and_nothing_raised():
    def script(payload: Any) -> Reply:
        raise RuntimeError("a defect " * 100)

    status, body = handled(ScriptedWorker(script))
    assert (status, list(body)) == (500, ["message"])
    assert body["message"].startswith("RuntimeError: a defect")
    assert len(body["message"]) <= 500


def test_the_deadline_is_lambdas():
    status, body = handled(hanging(), milliseconds=200)
    assert (status, body["exitCode"]) == (500, 75)
