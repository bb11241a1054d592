"""An operator whose clock is an hour off: its times are the API server's, and a back-off is as long as ever."""

import shutil
import time
from datetime import UTC, datetime

import pytest

from tests.integration.operator.api import Object, is_complete
from tests.integration.operator.one_render import CHUNKS, PLAIN, Rendering

LIBRARY = "/usr/$LIB/faketime/libfaketime.so.1"
SLACK = 60.0
"""Far more than a busy machine takes, and far less than the hour that the clock is off."""


@pytest.mark.skipif(shutil.which("faketime") is None, reason="no libfaketime here: install Debian's faketime")
@pytest.mark.parametrize(("name", "shift"), [("early", "-1h"), ("late", "+1h")])
async def test_a_clock_that_is_wrong(start: Rendering, name: str, shift: str):
    env = {
        "LD_PRELOAD": LIBRARY,
        "FAKETIME": shift,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    async with start(name, told={"chunk-2-a1": "1"}, env=env, fresh=True) as render:
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
        second = next(
            job for job in await render.api.jobs(render.where) if job["metadata"]["name"].endswith("c00002-a2")
        )
        first = next(
            job for job in await render.api.jobs(render.where) if job["metadata"]["name"].endswith("c00002-a1")
        )
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
