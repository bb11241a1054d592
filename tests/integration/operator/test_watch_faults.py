"""Watches of the API server end, are refused, and miss what happens meanwhile: it costs time, and nothing else.

What ends well is told by the Jobs that were made, each once, and by a status that counts no failure. The faults
come from a proxy in front of a real API server.
"""

import asyncio
import json

from aiohttp import web

from tests.integration.operator.api import RENDER, Api, Object, Refused, eventually, is_complete
from tests.integration.operator.one_render import CHUNKS, PLAIN, Rendering
from tests.integration.operator.proxy import Call, Proxy, refuse
from tests.integration.operator.renders import render_job, target

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


async def watched_again(way: Proxy, before: int, ended: int) -> None:
    """Waits until as many watches were opened as had ended; `before`: opened until then."""

    async def are_there() -> bool:
        return way.watches >= before + ended

    await eventually(are_there, "the watches to be there again", watches=lambda: way.watches)


async def test_watches_are_cut_again_and_again(start: Rendering):
    """All watches are cut three times, the last time for three seconds."""
    async with start("cut-again-and-again", run="2s") as render:
        await render.apply()
        await render.rendering()
        for _ in range(2):
            await watched_again(render.way, render.way.watches, render.way.cut_watches())
        async with Gap(render.way):
            await asyncio.sleep(3)  # the fault itself
        await render.ends_well()


async def test_watches_are_too_old(start: Rendering):
    """Every watch gets an ERROR event of code 410 in mid-render, three times; then each has to list again."""
    async with start("too-old", run="2s") as render:
        await render.apply()
        await render.rendering()
        for _ in range(3):
            before, sent = render.way.watches, await render.way.end_watches(GONE)
            assert sent >= 4, "Jobs, pods, RenderJobs, RenderTargets"
            await watched_again(render.way, before, sent)
        await render.ends_well()


async def test_what_is_deleted_while_nothing_is_heard(start: Rendering):
    """While nothing is heard: a running Job, a finished one, a RenderJob and a RenderTarget go, another changes."""
    async with start("deleted-meanwhile", run="8s") as render:  # its chunk must still run when it is deleted
        api, where = render.api, render.where
        spare = f"{where}-spare"
        await api.create(f"{RENDER}/rendertargets", target(spare, CHUNKS))
        await render.apply()
        await render.apply("rival", parallelism=6)
        await render.rendering()
        chunk = await eventually(lambda: _running_chunk(api, where), "a running chunk")
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
            await eventually(lambda: _is_gone(api, f"{jobs}/{chunk['metadata']['name']}"), "the Job to go with its pod")
        before = len(render.way.writes)
        status = await render.until(is_complete, "the film")
        assert (status["chunkMap"], status["failures"]) == ("#" * CHUNKS, 0), status
        assert await render.made() == {name: 1 for name in PLAIN if name != "plan-a1"}
        # Only what keeps the rival known could have it written to: it was rendering.
        late = [call for call in render.way.writes[before:] if "/renderjobs/rival/" in call.path]
        assert len(late) <= 1, late
        body = render_job("late", spare)
        await api.create(f"{RENDER}/namespaces/{where}/renderjobs", body)
        stalled = await render.until(
            lambda status: "TargetNotFound" in json.dumps(status), "the target's absence", "late"
        )
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


async def test_a_deletion_that_one_watch_does_not_tell(start: Rendering):
    """A RenderJob that waits for places is deleted while kopf's watch alone ends by a 410: its places become free."""
    async with start("lost-deletions", run="2s") as render:
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
