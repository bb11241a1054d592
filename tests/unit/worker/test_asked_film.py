"""Which plan in a store is the one of a request, and which only lies in its place."""

from typing import Any

import orjson
import pytest

from helios_crds.request import RenderRequest
from helios_worker.artifacts.digests import json_digest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.jobs.identity import job_bytes
from helios_worker.jobs.layout import job_key, plan_key
from helios_worker.jobs.spec import JobSpec
from helios_worker.planning.asked_film import AskedFilm, plan_id
from helios_worker.stages.plan import _commit, _existing, job_of
from tests.unit.worker import builders

SNAPSHOT, OTHER = "5" * 64, "6" * 64
REQUEST = RenderRequest.model_validate(
    {
        "composition": {"url": "/page", "props": {"title": "Autumn"}},
        "video": {"width": 160, "height": 90, "fps": 30, "unitFrames": 60},
        "output": "s3://media/out.mp4",
    }
)
ASKED = AskedFilm(REQUEST, builders.ENGINE, SNAPSHOT, "index.html", "")
PLAN = builders.job(0, 60, 120, props={"title": "Autumn"}).model_copy(
    update={"id": plan_id(REQUEST, builders.ENGINE, SNAPSHOT)}
)


@pytest.fixture
def store() -> ArtifactStore:
    return ArtifactStore("memory:///")


def changed(film: dict[str, Any] | None = None, ours: dict[str, Any] | None = None, **job: Any) -> JobSpec:
    content: dict[str, Any] = orjson.loads(job_bytes(PLAN))
    content["helios"]["film"] |= film or {}
    content["helios"] |= ours or {}
    return JobSpec.model_validate(content | job)


def test_its_own_plan():
    assert ASKED.is_planned_by(PLAN)
    assert ASKED.is_planned_by(changed(film={"stateful": True})), "whether it can be sought only the page says"


CHUNK = orjson.loads(job_bytes(PLAN))["chunks"][0]
WRONG = {
    "another composition": changed(film={"snapshot": OTHER}),
    "another page of it": changed(film={"entry": "other.html"}),
    "a page on the network": changed(film={"snapshot": "", "url": "https://evil.example/"}),
    "both": changed(film={"url": "https://evil.example/"}),
    "other props": changed(film={"props": {"title": "Spring"}}),
    "no props": changed(film={"props": None}),
    "another seed": changed(film={"seed": 1}),
    "silenced errors": changed(film={"page_errors": "warn"}),
    "another picture format": changed(film={"capture": "png"}),
    "another quality": changed(film={"quality": 1}),
    "another size": changed(film={"encoder": builders.encoder(width=320).model_dump(mode="json")}),
    "another rate": changed(film={"encoder": builders.encoder(fps="60").model_dump(mode="json")}),
    "another crf": changed(film={"encoder": builders.encoder(crf=51).model_dump(mode="json")}),
    "more threads": changed(film={"encoder": builders.encoder(threads=8).model_dump(mode="json")}),
    "a part of it": changed(film={"end": 60}, chunks=[CHUNK]),
    "chunks that leave some out": changed(chunks=[CHUNK]),
    "an output": changed(ours={"output": "s3://others/film.mp4"}),
    "another engine": changed(ours={"engine": {**builders.ENGINE.model_dump(), "browser": "mine"}}),
    "another limit": changed(ours={"frameTimeout": 1e6}),
    "the ID of another": changed(id="0" * 64),
    "commands": changed(helios=None),
}


@pytest.mark.parametrize("plan", [pytest.param(plan, id=name) for name, plan in WRONG.items()])
def test_a_plan_of_something_else(store, plan):
    """It is removed, so that the right one can be written."""
    key = plan_key(PLAN.id)
    store.put(key, job_bytes(plan))
    assert _existing(store, key, ASKED.is_planned_by) is None
    assert not store.exists(key)
    store.put(key, job_bytes(plan))
    assert _commit(store, key, PLAN, ASKED.is_planned_by) == PLAN
    assert _existing(store, key, ASKED.is_planned_by) == PLAN


def test_a_page_on_the_network_is_bound_to_what_was_recorded():
    url, recording = "https://example.org/", "7" * 64
    asked = AskedFilm(REQUEST, builders.ENGINE, "", "", url)
    film = {"snapshot": "", "entry": "", "url": url, "recording": recording}
    plan = changed(film=film, id=plan_id(REQUEST, builders.ENGINE, json_digest([url, recording])))
    assert asked.is_planned_by(plan)
    assert not asked.is_planned_by(changed(film={**film, "recording": OTHER}, id=plan.id))
    assert not asked.is_planned_by(changed(film={**film, "url": "https://evil.example/"}, id=plan.id))


def test_a_job_that_lies_in_the_place_of_another_is_replaced(store):
    job = job_of(PLAN, "s3://media/out.mp4")
    store.put(job_key(job.id), job_bytes(changed(film={"url": "https://evil.example/"}, id=job.id)))
    assert _commit(store, job_key(job.id), job, job.__eq__) == job
    assert store.get(job_key(job.id)) == job_bytes(job)


def test_the_same_plan_and_output_are_the_same_job():
    assert job_of(PLAN, "s3://media/a.mp4").id == job_of(PLAN, "s3://media/a.mp4").id
    assert job_of(PLAN, "s3://media/a.mp4").id != job_of(PLAN, "s3://media/b.mp4").id
