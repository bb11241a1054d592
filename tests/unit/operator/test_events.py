"""Events: what is said again is counted, what is said too often is gathered, and nothing waits for it."""

import asyncio
from typing import Any

import pytest

from helios_crds.wire import Stage
from helios_operator.control import event_recorder
from helios_operator.control.event_recorder import EventRecorder
from helios_operator.decide.policies.failure_events import Failure, failure_events
from helios_operator.kube.client import ApiError
from helios_operator.model.decision import Announcement
from helios_operator.model.state import Work
from tests.unit.operator.api_server import ApiServer
from tests.unit.operator.builders import NOW, render_job, seconds

JOB = render_job()


def failed(chunk: int, number: int = 1, said: str = "404") -> Announcement:
    return next(failure_events([Failure(Work(Stage.CHUNK, chunk), number, "WorkerFailed", said)]))


async def write(recorder: EventRecorder) -> None:
    """Lets what is pending be written."""
    running = asyncio.create_task(recorder.run())
    for _ in range(2 * event_recorder.MAX_PENDING):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def recorder(server: ApiServer) -> EventRecorder:
    return EventRecorder(server)  # type: ignore[arg-type]


async def test_what_is_said_again_is_counted(server: ApiServer, recorder: EventRecorder):
    recorder.record(JOB, failed(0))
    server.now = NOW + seconds(60)
    recorder.record(JOB, failed(0, number=2))
    recorder.record(JOB, failed(0, said="503"))
    recorder.record(JOB, failed(1))
    await write(recorder)
    found = {event["message"]: event for event in server.objects.values()}
    again = found["chunk 0, attempt 2: 404"]
    assert [event["count"] for event in found.values()] == [2, 1, 1]
    assert (again["firstTimestamp"], again["lastTimestamp"]) == ("2026-01-01T12:00:00Z", "2026-01-01T12:01:00Z")


async def test_what_is_queued_is_written_at_the_end(
    server: ApiServer, recorder: EventRecorder, monkeypatch: pytest.MonkeyPatch
):
    create = server.create

    async def slowly(path: str, body: Any) -> Any:
        await asyncio.sleep(0)
        return await create(path, body)

    monkeypatch.setattr(server, "create", slowly)
    for chunk in range(3):
        recorder.record(JOB, failed(chunk))
    running = asyncio.create_task(recorder.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(server.objects) == 3


async def test_an_event_that_is_gone_is_made_anew(server: ApiServer, recorder: EventRecorder):
    recorder.record(JOB, failed(0))
    await write(recorder)
    server.objects.clear()
    recorder.record(JOB, failed(0))
    await write(recorder)
    assert [event["count"] for event in server.objects.values()] == [1]


async def test_errors_and_floods_end_nothing(server: ApiServer, recorder: EventRecorder):
    def refuse(verb: str, path: str) -> None:
        raise ApiError(0, "Unreachable", "")

    server.refuse = refuse
    for index in range(event_recorder.MAX_PENDING + 5):
        recorder.record(JOB, failed(index))
    await write(recorder)
    server.refuse = lambda verb, path: None
    recorder.record(JOB, failed(0))
    await write(recorder)
    assert len(server.objects) == 1


async def test_what_is_known_is_bounded(server: ApiServer, recorder: EventRecorder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_recorder, "MAX_KNOWN", 2)
    for chunk in (0, 1, 0, 2, 0, 1):
        recorder.record(JOB, failed(chunk))
    await write(recorder)
    told = [(event["message"].split(",")[0], event["count"]) for event in server.objects.values()]
    assert told == [("chunk 0", 3), ("chunk 1", 1), ("chunk 2", 1), ("chunk 1", 1)]


def test_two_hundred_alike_are_one():
    same = [Failure(Work(Stage.CHUNK, index), 1, "WorkerFailed", "404") for index in range(200)]
    other = Failure(Work(Stage.CHUNK, 7), 2, "WorkerKilled", "the pod was killed")
    first, second = failure_events([other, *reversed(same)])
    assert (first.message, first.times) == ("200 chunks failed, first: chunk 0, attempt 1: 404", 200)
    assert (second.message, second.times) == ("chunk 7, attempt 2: the pod was killed", 1)
