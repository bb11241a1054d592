"""A chunk shows that its page depends on the frames before it: the operator has the render planned again by itself."""

import json

from helios_operator.manifests.names import REQUEST
from tests.integration.operator.api import is_complete
from tests.integration.operator.one_render import PLAIN, Rendering

SEAM = {
    "exitCode": 64,
    "error": "SeamMismatch",
    "message": "frame 60 looks different when the page jumps to it",
    "seeking": "Stateful",
}


async def test_a_seam_that_differs_has_the_render_planned_drawn(start: Rendering):
    """On the API server's record: its definition keeps that the plan is to draw, and a film comes of it."""
    told = {"chunk-2-a1": "64", "chunk-2-a1.message": json.dumps(SEAM)}
    async with start("planned-drawn", run="300ms", told=told) as render:
        await render.apply()
        status = await render.until(is_complete, "the film")
        assert (set(status["chunkMap"]), status["failures"], status["retries"]) == ({"#"}, 0, [])
        assert (status["replans"]["count"], status["replans"]["drawn"]) == (1, True)
        made = await render.made()
        assert (made["plan-a1"], made["plan-a2"], made["c00002-a2"]) == (1, 1, 1)
        assert made.keys() >= PLAIN.keys()
        asked = {
            job["metadata"]["name"].split("-", 2)[2]: json.loads(
                job["spec"]["template"]["metadata"]["annotations"][REQUEST]
            )["composition"]["seeking"]
            for job in await render.api.jobs(render.where)
            if "-plan-" in job["metadata"]["name"]
        }
        assert asked == {"plan-a1": "Auto", "plan-a2": "Stateful"}
        render.is_well()
