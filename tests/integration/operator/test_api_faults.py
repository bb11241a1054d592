"""The API server fails, refuses, forgets and goes away while renders are under way: it costs time, and nothing else.

What ends well is told by the Jobs that were made, each once, and by a status that counts no failure. The faults
come from a proxy in front of a real API server, or happen to the server itself.
"""

import asyncio
import json
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.cluster.control_plane import API_SERVER, ETCD, ControlPlane
from tests.integration.operator.api import RENDER, Api, Object, Refused, connected, eventually, is_complete
from tests.integration.operator.conftest import CRDS, obstacle
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.proxy import Call, Proxy, Reset, proxy, refuse
from tests.integration.operator.renders import render_job, target
from tests.integration.operator.scenarios import side_by_side

CHUNKS = 6
PLAIN = {"plan-a1": 1, **{f"c0000{index}-a1": 1 for index in range(CHUNKS)}, "stitch-a1": 1}
PATIENCE = 120


@dataclass
class Render:
    """A RenderJob `film` in a namespace of its own, with its own operator and the operator's way to the API server."""

    api: Api
    where: str
    way: Proxy
    operator: OperatorProcess

    @property
    def path(self) -> str:
        """Of the RenderJob."""
        return f"{RENDER}/namespaces/{self.where}/renderjobs/film"

    async def apply(self, name: str = "film", **execution: Any) -> None:
        """Makes a RenderJob."""
        body = render_job(name, self.where, **execution)
        await self.api.create(f"{RENDER}/namespaces/{self.where}/renderjobs", body)

    async def until(self, is_so: Callable[[Object], bool], what: str, name: str = "film") -> Object:
        """The RenderJob's status, once it is so."""
        return (await self.api.until(self.where, name, is_so, what, PATIENCE))["status"]  # type: ignore[no-any-return]

    async def rest(self) -> Object:
        """The status as it is."""
        return (await self.api.get(self.path))["status"]  # type: ignore[no-any-return]

    async def rendering(self) -> Object:
        """The status in mid-render."""
        return await self.until(lambda status: (status.get("chunks") or {}).get("active", 0) > 0, "the first chunks")

    async def ends_well(self, expected: Mapping[str, int] | None = None) -> None:
        """Waits for the film; every Job was made once, or as often as is expected."""
        status = await self.until(is_complete, "the film")
        assert (status["chunkMap"], status["failures"]) == ("#" * CHUNKS, 0), status
        assert status["retries"] == [], status
        assert await self.made() == (expected or PLAIN)
        self.is_well()

    async def made(self) -> Counter[str]:
        """Its Jobs, by the end of their names."""
        found = [job["metadata"]["name"] for job in await self.api.jobs(self.where)]
        return Counter(name.split("-", 2)[2] for name in found if name.startswith("film-"))

    def is_well(self) -> None:
        """The operator still runs, and took nothing for a mistake of its own."""
        said = self.operator.log.read_text()
        assert self.operator.process is not None
        assert self.operator.process.returncode is None, said[-3000:]
        assert "a pass failed" not in said, said[-6000:]


@asynccontextmanager
async def rendering(
    plane: ControlPlane,
    api: Api,
    folder: Path,
    where: str,
    *,
    run: str = "1s",
    told: Mapping[str, str] | None = None,
    **process: Any,
) -> AsyncIterator[Render]:
    """A namespace, a target and an operator of one name. run: how long a chunk takes; told: what else."""
    await api.namespace(where)
    await api.create(f"{RENDER}/rendertargets", target(where, CHUNKS, told, run=run))
    async with proxy(plane) as way, OperatorProcess(folder / where, way.url, where, **process) as operator:
        yield Render(api, where, way, operator)


# --- watches ------------------------------------------------------------------------------------------------------


class Gap:
    """While it lasts no watch is open and none can be, and nothing else is answered."""

    def __init__(self, way: Proxy) -> None:
        self._way = way

    async def __aenter__(self) -> None:
        async def nothing(call: Call) -> web.Response:
            return refuse(503, "ServiceUnavailable")

        self._way.before = nothing
        assert self._way.cut_watches(), "no watch was open"

    async def __aexit__(self, *_: object) -> None:
        self._way.calm()


async def cut_again_and_again(render: Render) -> None:
    """All watches are cut three times, the last time for three seconds."""
    await render.apply()
    await render.rendering()
    for _ in range(2):
        await watched_again(render.way, render.way.watches, render.way.cut_watches())
    async with Gap(render.way):
        await asyncio.sleep(3)  # the fault itself
    await render.ends_well()


async def watched_again(way: Proxy, before: int, ended: int) -> None:
    """Waits until as many watches were opened as had ended; `before`: opened until then."""

    async def are_there() -> bool:
        return way.watches >= before + ended

    await eventually(are_there, "the watches to be there again", 30)


async def too_old(render: Render) -> None:
    """Every watch gets an ERROR event of code 410 in mid-render, three times; then each has to list again."""
    await render.apply()
    await render.rendering()
    for _ in range(3):
        before, sent = render.way.watches, await render.way.end_watches(GONE)
        assert sent >= 4, "Jobs, pods, RenderJobs, RenderTargets"
        await watched_again(render.way, before, sent)
    await render.ends_well()


GONE = {
    "type": "ERROR",
    "object": {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": "too old resource version: 1 (2)",
        "reason": "Expired",
        "code": 410,
    },
}


async def deleted_meanwhile(render: Render) -> None:
    """While nothing is heard: a running Job, a finished one, a RenderJob and a RenderTarget go, another changes."""
    api, where = render.api, render.where
    spare = f"{where}-spare"
    await api.create(f"{RENDER}/rendertargets", target(spare, CHUNKS))
    await render.apply()
    await render.apply("rival", parallelism=6)
    await render.rendering()
    chunk = await eventually(lambda: _running_chunk(api, where), "a running chunk", 30)
    plan = next(
        job for job in await api.jobs(where) if job["metadata"]["name"].endswith("-plan-a1") and _of(job, "film")
    )
    jobs = f"/apis/batch/v1/namespaces/{where}/jobs"
    async with Gap(render.way):
        for gone in (chunk, plan):
            await api.delete(f"{jobs}/{gone['metadata']['name']}", propagationPolicy="Background")
        await api.delete(f"{RENDER}/namespaces/{where}/renderjobs/rival")
        await api.delete(f"{RENDER}/rendertargets/{spare}")
        await api.merge(f"{RENDER}/rendertargets/{where}", {"spec": {"maxConcurrent": 2}})
        await eventually(lambda: _is_gone(api, f"{jobs}/{chunk['metadata']['name']}"), "the Job to go with its pod", 30)
    before = len(render.way.writes)
    status = await render.until(is_complete, "the film")
    assert (status["chunkMap"], status["failures"]) == ("#" * CHUNKS, 0), status
    assert await render.made() == {name: 1 for name in PLAIN if name != "plan-a1"}
    # Only what keeps the rival known could have it written to: it was rendering.
    late = [call for call in render.way.writes[before:] if "/renderjobs/rival/" in call.path]
    assert len(late) <= 1, late
    body = render_job("late", spare)
    await api.create(f"{RENDER}/namespaces/{where}/renderjobs", body)
    stalled = await render.until(lambda status: "TargetNotFound" in json.dumps(status), "the target's absence", "late")
    assert stalled["phase"] == "Pending"
    render.is_well()


async def _running_chunk(api: Api, where: str) -> Object | None:
    found = [job for job in await api.jobs(where) if "-c0000" in job["metadata"]["name"] and _of(job, "film")]
    return next((job for job in found if job["status"].get("active")), None)


def _of(job: Object, name: str) -> bool:
    return bool(job["metadata"]["ownerReferences"][0]["name"] == name)


async def _is_gone(api: Api, path: str) -> bool:
    try:
        await api.get(path)
    except Refused as error:
        return error.status == 404
    return False


async def lost_deletions(render: Render) -> None:
    """A RenderJob that waits for places is deleted while kopf's watch alone ends by a 410: its places become free."""
    api, where = render.api, render.where
    await api.merge(f"{RENDER}/rendertargets/{where}", {"spec": {"maxConcurrent": 1}})
    await render.apply("first", priority=9)
    await render.until(lambda status: status.get("phase") == "Rendering", "the first one's chunks", "first")
    await render.apply("waiting", priority=5)
    await render.until(lambda status: status.get("phase") == "Rendering", "the other to wait", "waiting")

    async def no_lists(call: Call) -> web.Response | None:
        is_list = call.method == "GET" and call.path.endswith("/renderjobs")
        return refuse(503, "ServiceUnavailable") if is_list else None

    render.way.before = no_lists
    assert await render.way.end_watches(GONE, "/renderjobs") == 1, "kopf's watch of RenderJobs"
    await api.delete(f"{RENDER}/namespaces/{where}/renderjobs/waiting")
    await api.delete(f"{RENDER}/namespaces/{where}/renderjobs/first")
    await render.apply()
    render.way.calm()
    await render.ends_well()


# --- writes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What becomes of a write: of every `every`-th one. answer: what the operator hears; None: the connection ends."""

    name: str
    every: int
    answer: Callable[[], web.Response] | None
    has_reached: bool


FAULTS = [
    Fault(f"{name}-{'after' if reached else 'before'}", every, answer, reached)
    for name, every, answer in [
        ("conflict", 3, lambda: refuse(409, "Conflict")),
        ("too-many", 3, lambda: refuse(429, "TooManyRequests")),
        ("too-many-later", 4, lambda: retry_after(refuse(429, "TooManyRequests"))),
        ("internal", 3, lambda: refuse(500, "InternalError")),
        ("unavailable", 4, lambda: refuse(503, "ServiceUnavailable")),
        ("garbled", 3, lambda: web.Response(text='{"kind": "Job", "metadata": {"na', content_type="application/json")),
        ("reset", 3, None),
    ]
    for reached in (False, True)
]


def retry_after(answer: web.Response) -> web.Response:
    """The answer, with the wish to be left in peace for a second."""
    answer.headers["Retry-After"] = "1"
    return answer


async def faulty_writes(render: Render, fault: Fault) -> None:
    """Every k-th write goes wrong, before or after the API server has it."""

    async def fail(call: Call) -> web.Response | None:
        if not call.write or call.write % fault.every:
            return None
        if fault.answer is None:
            raise Reset
        return fault.answer()

    if fault.has_reached:
        render.way.after = fail
    else:
        render.way.before = fail
    await render.apply(parallelism=6)
    await render.ends_well()
    assert len(render.way.writes) >= fault.every, "no write went wrong"


async def unanswered(render: Render, has_reached: bool) -> None:
    """One of the first chunks' writes is never answered."""

    async def hang(call: Call) -> None:
        if call.write == 6:
            await asyncio.Event().wait()  # until the operator gives up

    if has_reached:
        render.way.after = hang
    else:
        render.way.before = hang
    await render.apply(parallelism=6)
    await render.ends_well()


async def refused_by_a_quota(render: Render) -> None:
    """More Jobs than a quota allows: told, no failure, and the film is there once there is room."""
    quotas = f"/api/v1/namespaces/{render.where}/resourcequotas"
    await render.api.create(quotas, {"metadata": {"name": "few"}, "spec": {"hard": {"count/jobs.batch": "3"}}})

    async def is_in_force() -> bool:
        return "hard" in (await render.api.get(f"{quotas}/few")).get("status", {})

    await eventually(is_in_force, "the quota to be in force", 30)
    await render.apply()
    status = await render.until(lambda status: stalled(status).startswith("True"), "the condition")
    assert "QuotaExceeded" in stalled(status)
    assert "exceeded quota: few" in stalled(status)
    await render.until(lambda status: status["chunks"]["done"] == 2, "the chunks that there is room for")
    assert not (await render.rest())["failures"]
    await render.api.merge(f"{quotas}/few", {"spec": {"hard": {"count/jobs.batch": "100"}}})
    await render.ends_well()
    assert stalled(await render.rest()).startswith("False")


def stalled(status: Mapping[str, Any]) -> str:
    """The condition Stalled: status, reason and message."""
    found = [item for item in status.get("conditions", ()) if item["type"] == "Stalled"]
    return " ".join(f"{item['status']} {item['reason']} {item['message']}" for item in found)


# --- the server itself --------------------------------------------------------------------------------------------


@pytest.fixture
def own_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane whose parts may be killed."""
    if reason := obstacle():
        pytest.skip(reason)
    with ControlPlane(tmp_path / "plane") as found:
        found.kubectl("apply", "--server-side", "-f", str(CRDS))
        found.kubectl("wait", "--for=condition=Established", "crd", "--all")
        yield found


async def outages(own_plane: ControlPlane, folder: Path) -> None:
    """The API server is killed, stays away for 5 s and comes back with an empty watch cache; then etcd does so.

    kopf may end the operator, whose Deployment starts it again; nothing may fail, or be done twice.
    """
    async with (
        connected(own_plane) as api,
        rendering(own_plane, api, folder, "outage", run="2s") as render,
        kept_running(render.operator),
    ):
        await render.apply(parallelism=1)
        await render.rendering()
        for part in (API_SERVER, ETCD):
            await asyncio.to_thread(own_plane.stop, part)
            await asyncio.sleep(5)  # the fault itself
            await asyncio.to_thread(own_plane.start, part)
            status = await render.until(lambda status: True, "an answer")
            assert status["phase"] == "Rendering", "it was to happen in mid-render"
        await render.ends_well()


@asynccontextmanager
async def kept_running(operator: OperatorProcess) -> AsyncIterator[None]:
    """Starts an operator again when it ends, as a Deployment does."""

    async def keep() -> None:
        while True:
            assert operator.process is not None
            await operator.process.wait()
            await asyncio.sleep(1)  # the kubelet's back-off is longer
            await operator.start()

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


# --- clocks -------------------------------------------------------------------------------------------------------

LIBRARY = "/usr/$LIB/faketime/libfaketime.so.1"
SLACK = 60.0
"""Far more than a busy machine takes, and far less than the hour that the clock is off."""


async def wrong_clock(render: Render) -> None:
    """The operator's clock is an hour off: its times are the API server's, and a back-off is as long as ever."""
    began = time.time()
    await render.apply(startTimeout="1m")
    status = await render.until(lambda status: bool(status.get("retries")), "the failure on record")
    seen = time.time()
    pause = stamp(status["retries"][0]["notBefore"]) - seen
    assert -SLACK <= pause <= 10 + SLACK, pause
    status = await render.until(is_complete, "the film")
    assert (status["chunkMap"], status["failures"]) == ("#" * CHUNKS, 1), status
    assert await render.made() == {**PLAIN, "c00002-a2": 1}
    assert abs(stamp(status["startTime"]) - began) < SLACK
    assert abs(stamp(status["completionTime"]) - time.time()) < SLACK
    changes = [stamp(item["lastTransitionTime"]) for item in status["conditions"]]
    assert all(began - SLACK <= at <= time.time() + SLACK for at in changes), changes
    second = next(job for job in await render.api.jobs(render.where) if job["metadata"]["name"].endswith("c00002-a2"))
    first = next(job for job in await render.api.jobs(render.where) if job["metadata"]["name"].endswith("c00002-a1"))
    waited = stamp(second["metadata"]["creationTimestamp"]) - ended(first)
    assert 5 - 1 <= waited <= 10 + SLACK, f"10 s less up to a half, and a pass: {waited}"
    said = render.operator.log.read_text()
    assert any(abs(line_time(line) - began) > 3000 for line in said.splitlines()), "its clock was right"
    render.is_well()


def stamp(text: str) -> float:
    """A time of the API, in seconds."""
    return datetime.fromisoformat(text).timestamp()


def ended(job: Object) -> float:
    """When a Job failed."""
    return next(stamp(item["lastTransitionTime"]) for item in job["status"]["conditions"] if item["type"] == "Failed")


def line_time(line: str) -> float:
    """When a line of the log was written, by the operator's clock; now, where it does not say."""
    try:
        return datetime.fromisoformat(line.split(" ", 1)[0]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return time.time()


# --- all of them --------------------------------------------------------------------------------------------------


async def test_the_api_server_fails(plane: ControlPlane, own_plane: ControlPlane, api: Api, tmp_path: Path):
    async def watched(scenario: Callable[[Render], Awaitable[None]], run: str = "2s") -> None:
        async with rendering(plane, api, tmp_path, scenario.__name__.replace("_", "-"), run=run) as render:
            await scenario(render)

    async def written(fault: Fault) -> None:
        async with rendering(plane, api, tmp_path, fault.name) as render:
            await faulty_writes(render, fault)

    async def silent(has_reached: bool) -> None:
        async with rendering(plane, api, tmp_path, f"silence-{'after' if has_reached else 'before'}") as render:
            await unanswered(render, has_reached)

    of_watches = [
        *map(watched, [cut_again_and_again, too_old, lost_deletions, refused_by_a_quota]),
        watched(deleted_meanwhile, run="8s"),  # its chunk must still run when it is deleted
    ]
    of_writes = [*map(written, FAULTS), silent(False), silent(True)]
    await side_by_side([*of_watches, *of_writes, outages(own_plane, tmp_path)])


@pytest.mark.skipif(shutil.which("faketime") is None, reason="no libfaketime here: install Debian's faketime")
async def test_clocks(plane: ControlPlane, api: Api, tmp_path: Path):
    async def one(name: str, shift: str) -> None:
        env = {
            "LD_PRELOAD": LIBRARY,
            "FAKETIME": shift,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        async with rendering(plane, api, tmp_path, name, told={"chunk-2-a1": "1"}, env=env) as render:
            await wrong_clock(render)

    await side_by_side([one("early", "-1h"), one("late", "+1h")])
