"""Writes to the API server fail, are refused or never answered, before or after they have reached it.

It costs time, and nothing else: each Job is made once, and the status counts no failure.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from tests.integration.operator.api import eventually, is_complete
from tests.integration.operator.one_render import Rendering
from tests.integration.operator.proxy import Call, Reset, refuse


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


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_writes_that_go_wrong(start: Rendering, fault: Fault):
    """Every k-th write goes wrong, before or after the API server has it."""
    async with start(fault.name) as render:

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


@pytest.mark.parametrize("has_reached", [False, True], ids=["before", "after"])
async def test_a_write_that_is_never_answered(start: Rendering, has_reached: bool):
    """One of the first chunks' writes is never answered."""
    async with start(f"silence-{'after' if has_reached else 'before'}") as render:

        async def hang(call: Call) -> None:
            if call.write == 6:
                await asyncio.Event().wait()  # until the operator gives up

        if has_reached:
            render.way.after = hang
        else:
            render.way.before = hang
        await render.apply(parallelism=6)
        await render.ends_well()


async def test_jobs_that_a_quota_refuses(start: Rendering):
    """More Jobs than a quota allows: told, no failure, and finished Jobs of the render make room for the rest of it."""
    async with start("refused-by-a-quota", run="2s") as render:
        quotas = f"/api/v1/namespaces/{render.where}/resourcequotas"
        await render.api.create(quotas, {"metadata": {"name": "few"}, "spec": {"hard": {"count/jobs.batch": "3"}}})

        async def is_in_force() -> bool:
            return "hard" in (await render.api.get(f"{quotas}/few")).get("status", {})

        await eventually(is_in_force, "the quota to be in force")
        await render.apply()
        status = await render.until(lambda status: stalled(status).startswith("True"), "the condition")
        assert "QuotaExceeded" in stalled(status)
        assert "exceeded quota: few" in stalled(status)
        status = await render.until(is_complete, "the film")
        assert (set(status["chunkMap"]), status["failures"], status["retries"]) == ({"#"}, 0, [])
        assert stalled(status).startswith("False")
        assert (await render.made()).total() <= 3
        render.is_well()


def stalled(status: Mapping[str, Any]) -> str:
    """The condition Stalled: status, reason and message."""
    found = [item for item in status.get("conditions", ()) if item["type"] == "Stalled"]
    return " ".join(f"{item['status']} {item['reason']} {item['message']}" for item in found)
