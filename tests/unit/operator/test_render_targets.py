"""RenderTargets: what their status says, and when it is written."""

import asyncio
from typing import Any

import pytest

from helios_operator.control import render_targets as module
from helios_operator.control.render_targets import RenderTargets, target_status
from helios_operator.kube import paths
from helios_operator.kube.client import ApiError
from tests.unit.operator.api_server import ApiServer, condition
from tests.unit.operator.builders import NOW, seconds

LAMBDA = {"lambda": {"functionName": "f", "region": "eu-west-1"}}


def target(spec: Any, name: str = "spot", **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "generation": 3}, "spec": spec, **more}


@pytest.mark.parametrize(
    ("spec", "ready", "stalled"),
    [
        pytest.param({"kubernetes": {}}, ("True", "Usable"), ("False", "AsExpected"), id="usable"),
        pytest.param(LAMBDA, ("True", "Usable"), ("False", "AsExpected"), id="out of the cluster"),
        pytest.param({"maxConcurrent": 0}, ("False", "InvalidSpec"), ("True", "InvalidSpec"), id="a mistake"),
        pytest.param(None, ("False", "InvalidSpec"), ("True", "InvalidSpec"), id="no spec"),
    ],
)
def test_conditions(spec, ready, stalled):
    status = target_status(target(spec), NOW)
    body = target(spec, status=status.model_dump(mode="json"))
    assert (condition(body, "Ready"), condition(body, "Stalled")) == (ready, stalled)
    assert condition(body, "Reconciling")[0] == "False"
    assert status.observedGeneration == 3
    assert target_status(body, NOW + seconds(9)) == status


async def follow(targets: RenderTargets) -> None:
    """Lets what is due be written."""
    running = asyncio.create_task(targets.run())
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_status_is_written_once():
    server = ApiServer()
    targets = RenderTargets(server)  # type: ignore[arg-type]
    path = f"{paths.TARGETS}/spot"
    assert targets.put(server.put(path, target({"kubernetes": {}})))
    await follow(targets)
    assert condition(server.objects[path], "Ready") == ("True", "Usable")
    assert not targets.put(server.put(path, server.objects[path])), "only the spec matters to RenderJobs"
    await follow(targets)
    assert len(server.written("patch", "spot/status")) == 1


@pytest.mark.parametrize("code", [403, 404, 409])
async def test_a_right_that_is_missing_is_no_failure(code: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "AFTER_ERROR", 0.005)
    server = ApiServer()

    def refuse(verb: str, path: str) -> None:
        raise ApiError(code, "Forbidden", path)

    server.refuse = refuse
    targets = RenderTargets(server)  # type: ignore[arg-type]
    targets.put(server.put(f"{paths.TARGETS}/spot", target({"kubernetes": {}})))
    await follow(targets)
    assert len(server.calls) == 1
    assert "spot" in targets.usable()


async def test_what_was_made_of_the_built_in_target_replaces_it_even_when_it_cannot_be_read():
    server = ApiServer()
    targets = RenderTargets(server)  # type: ignore[arg-type]
    assert "kubernetes" in targets.usable()
    body = server.put(f"{paths.TARGETS}/kubernetes", target({"kubernetes": {}, "maxConcurrent": -1}, "kubernetes"))
    assert targets.put(body)
    assert "kubernetes" not in targets.usable()
    assert targets.drop("kubernetes", body["metadata"]["uid"])
    assert "kubernetes" in targets.usable()
