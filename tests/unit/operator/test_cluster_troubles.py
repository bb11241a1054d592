"""What people and quotas do to a RenderJob on a live cluster, each by the decision about it or by a controller.

Long, because one list of troubles is one file.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from helios_crds.renderjob_status import FilmStatus
from helios_crds.rendertarget import KubernetesTarget, RenderTargetSpec
from helios_crds.wire import Stage
from helios_operator.app import health
from helios_operator.control import controller, other_operators
from helios_operator.decide.reconcile import reconcile
from helios_operator.kube import paths
from helios_operator.kube.client import ApiError
from helios_operator.manifests.job import QUEUE
from helios_operator.model.config import Config
from helios_operator.model.observation import ObservedJob, Places, RejectedStart
from helios_operator.model.state import PLAN, STITCH, Work
from helios_operator.observed import parse
from helios_operator.observed.renders import Renders
from tests.unit.operator.api_server import ApiServer, Operator
from tests.unit.operator.builders import CONFIG, NOW, UID, attempt, observe, render_job, retry, seconds, status
from tests.unit.operator.test_observation import MADE, job, pod

LEASE = "/apis/coordination.k8s.io/v1/namespaces/helios-system/leases/helios"
THEIRS = "helios-system/helios"


def told(decision: Any, kind: str = "Reconciling") -> str:
    message: str = next(each.message for each in decision.status.conditions if each.type == kind)
    return message


def body(name: str, uid: str, *, made: str = MADE, output: str = "", generation: int = 1, **fields: Any) -> Any:
    """A RenderJob as the API server sends it."""
    spec = {"composition": {"inline": "<p>"}, **({"output": {"url": output}} if output else {})}
    meta = {"name": name, "namespace": "films", "uid": uid, "generation": generation, "creationTimestamp": made}
    return {"metadata": {**meta, "resourceVersion": "1"}, "spec": {**spec, **fields.pop("spec", {})}, **fields}


# --- a change after the end -------------------------------------------------------------------------------------------


def completed(**fields: Any) -> dict[str, Any]:
    """The status of a film that is done, of generation 1."""
    done = attempt("succeeded", STITCH, message=json.dumps({"sha256": "ab" * 32, "bytes": 9, "frames": 120}))
    found = reconcile(observe(render_job("##"), done), CONFIG).status
    return {**found.model_dump(mode="json"), **fields}


def test_a_change_after_the_end_is_observed():
    seen = parse.render_job(body("a", UID, generation=2, status=completed(), spec={"ttlAfterFinished": "1h"}))
    assert isinstance(seen, ObservedJob)
    after = reconcile(observe(seen), CONFIG).status
    assert after.observedGeneration == 2
    assert {each.observedGeneration for each in after.conditions} == {2}
    before = type(after).model_validate(completed())
    same = {"observedGeneration": 1, "conditions": before.conditions}
    assert after.model_copy(update=same) == before, "nothing else changes"


def test_an_end_that_was_observed_is_left_alone():
    seen = parse.render_job(body("a", UID, status=completed()))
    assert isinstance(seen, ObservedJob)
    assert reconcile(observe(seen), CONFIG).status == seen.status
    assert seen.status.conditions == [], "thousands of them are kept"


# --- finished Jobs ----------------------------------------------------------------------------------------------------


def rejected(chunk: int) -> RejectedStart:
    return RejectedStart(Work(Stage.CHUNK, chunk), 1, "kubernetes", True, "exceeded quota", NOW + seconds(9))


@pytest.mark.parametrize(
    ("known", "fields", "stopped"),
    [
        pytest.param([attempt("succeeded", PLAN)], {}, [], id="nothing waits"),
        pytest.param([attempt("succeeded", PLAN)], {"rejected_starts": (rejected(2),)}, ["plan-0-a1"], id="a plan"),
        pytest.param(
            [attempt("succeeded", PLAN, finished=NOW - seconds(5)), attempt("succeeded", 0)],
            {"rejected_starts": (rejected(2),)},
            ["plan-0-a1"],
            id="the oldest, no more than needed",
        ),
        pytest.param([attempt("succeeded", 1)], {"rejected_starts": (rejected(2),)}, [], id="not on record yet"),
        pytest.param([attempt("running", 0)], {"rejected_starts": (rejected(2),)}, ["chunk-0-a1"], id="done elsewhere"),
        pytest.param(
            [attempt("succeeded", 0), attempt("waiting", 2, age=20, waiting="no pod exists: a quota")],
            {},
            ["chunk-0-a1"],
            id="a quota on pods",
        ),
        pytest.param(
            [attempt("succeeded", 0, stopping=True), attempt("succeeded", PLAN)],
            {"rejected_starts": (rejected(2),)},
            [],
            id="one is leaving",
        ),
        pytest.param(
            [attempt("succeeded", PLAN)],
            {"rejected_starts": (replace(rejected(2), by_quota=False),)},
            [],
            id="a webhook says no",
        ),
    ],
)
def test_a_quota_does_not_make_a_render_wait_for_its_own_finished_jobs(known, fields, stopped):
    decision = reconcile(observe(render_job("#.."), *known, **fields), CONFIG)
    assert [stop.name for stop in decision.stops] == stopped


def test_a_failure_on_record_makes_room_too():
    observed = observe(render_job("#..", retries=[retry(1)]), attempt("failed", 1), rejected_starts=(rejected(2),))
    assert [stop.name for stop in reconcile(observed, CONFIG).stops] == ["chunk-1-a1"]


@pytest.mark.parametrize(
    ("ttl", "age", "stopped"),
    [
        pytest.param("0s", 0, ["chunk-0-a1"], id="at once"),
        pytest.param("30s", 29, [], id="not yet"),
        pytest.param("30s", 30, ["chunk-0-a1"], id="after half a minute"),
        pytest.param("10m", 900, [], id="Kubernetes does it"),
        pytest.param("24h", 900, [], id="by default"),
    ],
)
@pytest.mark.parametrize("has_ended", [False, True])
def test_a_short_ttl_is_kept(ttl, age, stopped, has_ended):
    known = [attempt("succeeded", 0, finished=NOW - seconds(age)), attempt("running", 1)]
    seen = render_job("#a.", spec={"ttlAfterFinished": ttl})
    if has_ended:
        known = known[:1]
        film = FilmStatus(url="file:///artifacts/out/films/a.mp4")
        done = status(phase="Complete", completionTime=NOW, observedGeneration=1, output=film)
        seen = parse.render_job(body("a", UID, status=done.model_dump(mode="json"), spec={"ttlAfterFinished": ttl}))
    decision = reconcile(observe(seen, *known), CONFIG)
    assert [stop.name for stop in decision.stops] == stopped
    if ttl == "30s" and age == 29:
        assert decision.requeue_after == 1


def test_a_short_ttl_waits_for_the_record():
    decision = reconcile(observe(render_job("a", spec={"ttlAfterFinished": "0s"}), attempt("succeeded", 0)), CONFIG)
    assert decision.stops == ()


# --- what waits without a word ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "said"),
    [({}, "somebody has suspended the Job"), ({QUEUE: "gpu"}, "Kueue has it in the queue gpu")],
)
def test_a_suspended_child_is_said(labels, said):
    child = job()
    child["spec"]["suspend"] = True
    child["metadata"]["labels"] |= labels
    seen = parse.attempt(child, [])
    assert seen is not None
    decision = reconcile(observe(render_job("..a"), replace(seen, created=NOW - seconds(60))), CONFIG)
    assert f"a Job is suspended: {said}" in told(decision)
    assert ("kubectl patch job" in told(decision)) is not labels


def test_a_claim_that_is_being_deleted_is_said():
    why = 'persistentvolumeclaim "helios-artifacts" is being deleted.'
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": f"0/1: {why}"}
    seen = parse.attempt(job(), [pod({}, conditions=[unscheduled])])
    assert seen is not None
    assert f"{why}; a claim that is being deleted stays until no pod uses it" in seen.waiting
    assert "kubectl delete jobs -l app.kubernetes.io/managed-by=helios-operator" in seen.waiting


@pytest.mark.parametrize(
    ("known", "source", "renews"),
    [
        pytest.param([attempt("waiting", PLAN, age=11)], {"inline": "<p>"}, True, id="it may have been deleted"),
        pytest.param([attempt("waiting", PLAN, age=9)], {"inline": "<p>"}, False, id="pods take a while"),
        pytest.param([attempt("running", PLAN)], {"inline": "<p>"}, False, id="it is there"),
        pytest.param([attempt("waiting", PLAN, age=99)], {"url": "https://a.test/"}, False, id="there is none"),
    ],
)
def test_the_inline_page_is_created_again_while_its_pod_waits(known, source, renews):
    decision = reconcile(observe(render_job(spec={"composition": source}), *known), CONFIG)
    assert decision.renew_inputs is renews


async def test_a_deleted_config_map_comes_back(monkeypatch):
    monkeypatch.setattr(controller, "reconcile_interval", lambda chunks: 0.01)
    server = ApiServer()
    operator = Operator(server)
    operator.apply()
    maps = paths.core("configmaps", "films")

    async def scenario() -> None:
        await operator.until(lambda: server.written("create", "/jobs"), "a plan's Job")
        (page,) = [path for path in server.objects if path.startswith(maps)]
        del server.objects[page]
        server.now = NOW + seconds(60)
        await operator.looks()
        assert page in server.objects

    await operator.works(scenario)


def test_a_plan_that_is_tried_again_says_so():
    """As when the page's server answers 503."""
    said = json.dumps({"error": "NetworkTrouble", "message": "https://a.test/ was answered with 503"})
    first = reconcile(observe(render_job(), attempt("failed", PLAN, message=said, exit_code=1)), CONFIG)
    assert (first.status.phase, first.status.retries[0].stage) == ("Planning", "plan")
    assert first.status.lastFailure == "the plan, attempt 1: https://a.test/ was answered with 503"
    job_after = replace(render_job(), status=first.status)
    waits = reconcile(observe(job_after, now=NOW + seconds(1)), CONFIG)
    assert waits.starts == ()
    assert "failed work is tried again from" in told(waits)
    assert "was answered with 503" in told(waits, "Ready")
    again = reconcile(observe(job_after, now=NOW + seconds(11)), CONFIG)
    assert [start.number for start in again.starts] == [2]
    assert "tried again" not in told(again)


def test_the_last_failure_is_forgotten_with_its_retry():
    job_before = render_job("a.", retries=[retry(0)], lastFailure="chunk 0, attempt 1: x")
    decision = reconcile(observe(job_before, attempt("succeeded", 0, 2)), CONFIG)
    assert decision.status.lastFailure == ""


# --- one output, two RenderJobs ---------------------------------------------------------------------------------------

FILM, LATER = "s3://media/out/a.mp4", "2026-01-01T13:00:00Z"
ENDED = {"completionTime": MADE, "observedGeneration": 1, "output": {"url": FILM}}


@pytest.mark.parametrize(
    ("first", "owner"),
    [
        pytest.param(body("first", "u1", output=FILM), "first", id="it renders"),
        pytest.param(body("first", "u1", output=FILM, spec={"suspend": True}), "first", id="it is suspended"),
        pytest.param(body("first", "u1", status={"phase": "Complete", **ENDED}), "first", id="its film is there"),
        pytest.param(body("first", "u1", status={"phase": "Failed", **ENDED}), "", id="it has no film"),
        pytest.param(body("first", "u1", output="s3://media/out/b.mp4"), "", id="another film"),
        pytest.param(body("first", "u1", made="2026-01-01T14:00:00Z", output=FILM), "", id="it is the younger"),
    ],
)
def test_an_output_belongs_to_the_oldest(first, owner):
    renders = Renders(CONFIG)
    for each in (first, body("second", "u2", made=LATER, output=FILM)):
        renders.put(each)
    assert renders.output_owner("u2") == owner


def test_an_output_is_one_however_it_is_written():
    renders = Renders(CONFIG)
    renders.put(body("first", "u1", output="file:///artifacts/out/film.mp4"))
    renders.put(body("second", "u2", made=LATER, output="file:///artifacts/out/%66ilm.mp4"))
    assert renders.output_owner("u2") == "first"


def test_where_a_film_goes_by_default_is_said_by_the_render_targets():
    """The folder of the namespace is where the target puts it, and a target may come or change later."""
    known: dict[str, RenderTargetSpec] = {}
    renders = Renders(CONFIG, targets=lambda: known)
    store = {"artifacts": {"url": "s3://media/"}}
    renders.put(body("first", "u1", output="s3://media/films/out/films/second.mp4", spec=store))
    renders.put(body("second", "u2", made=LATER, spec=store))
    assert renders.output_owner("u2") == ""
    known["bucket"] = RenderTargetSpec(kubernetes=KubernetesTarget(), allowedStores=["s3://media/"])
    assert renders.output_owner("u2") == "first"


def test_made_in_one_second_one_of_two_has_the_output():
    renders = Renders(CONFIG)
    for uid in ("u2", "u1"):
        renders.put(body(uid, uid, output=FILM))
    assert (renders.output_owner("u1"), renders.output_owner("u2")) == ("", "u1")


def test_namespaces_have_outputs_of_their_own():
    renders = Renders(CONFIG)
    other = body("first", "u1", output=FILM)
    other["metadata"]["namespace"] = "others"
    for each in (other, body("second", "u2", made=LATER, output=FILM)):
        renders.put(each)
    assert renders.output_owner("u2") == ""


@pytest.mark.parametrize("how", ["deleted", "failed"])
def test_who_waited_for_an_output_is_woken(how):
    woken: list[str] = []
    renders = Renders(CONFIG, woken.append)
    for each in (body("first", "u1", output=FILM), body("second", "u2", made=LATER, output=FILM)):
        renders.put(each)
    if how == "deleted":
        renders.drop("u1")
    else:
        gone = body("first", "u1", output=FILM, status={"phase": "Failed", **ENDED})
        gone["metadata"]["resourceVersion"] = "2"
        renders.put(gone)
    assert (woken, renders.output_owner("u2")) == (["u2"], "")


def test_who_has_no_output_waits_and_says_for_whom():
    decision = reconcile(observe(render_job(), output_owner="first", places=Places("s3://media/", FILM)), CONFIG)
    assert (decision.status.phase, decision.starts) == ("Pending", ())
    assert told(decision, "Stalled").startswith(f"the RenderJob first writes {FILM}, too: delete it, or")


# --- two operators ----------------------------------------------------------------------------------------------------


async def looked_after(lease: dict[str, Any] | None, own: str = "team/helios", owner: str = THEIRS) -> ApiServer:
    """An operator that sees a RenderJob which another one has written to. lease: the other's, as it is now."""
    server = ApiServer()
    if lease is not None:
        server.put(LEASE, {"metadata": {"name": "helios"}, "spec": lease})
    operator = Operator(server, Config(operator=own))
    operator.apply(status={"operator": owner, "phase": "Planning", "startTime": MADE})
    await operator.works(operator.looks)
    return server


@pytest.fixture
def hurry(monkeypatch):
    monkeypatch.setattr(controller, "reconcile_interval", lambda chunks: 0.01)
    monkeypatch.setattr(other_operators, "CHECK_INTERVAL", 0.0)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("own", ["team/helios", ""], ids=["with a Lease", "without"])
async def test_an_operator_leaves_what_a_living_one_looks_after(own):
    server = await looked_after({"renewTime": (NOW - seconds(90)).isoformat()}, own)
    assert server.written("create", "/jobs") == server.written("patch", "/status") == []
    (event,) = server.written("create", "/events")
    assert (event["reason"], THEIRS in event["message"]) == ("OtherOperator", True)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    "lease",
    [None, {"renewTime": (NOW - seconds(121)).isoformat()}, {}, {"renewTime": "soon"}],
    ids=["gone", "old", "never held", "not a time"],
)
async def test_an_operator_takes_over_from_one_that_is_gone(lease):
    server = await looked_after(lease)
    assert server.written("patch", "/status")[0]["status"]["operator"] == "team/helios"
    assert server.written("create", "/jobs")


@pytest.mark.usefixtures("hurry")
async def test_an_operator_knows_its_own():
    server = await looked_after(None, own=THEIRS)
    assert server.written("create", "/jobs")
    assert not [path for verb, path, _ in server.calls if "leases" in path]


@pytest.mark.usefixtures("hurry")
async def test_without_the_right_to_ask_the_other_is_taken_for_alive():
    server = ApiServer()

    def refuse(verb: str, path: str) -> None:
        if "leases" in path:
            raise ApiError(403, "Forbidden", path)

    server.refuse = refuse
    operator = Operator(server, Config(operator="team/helios"))
    operator.apply(status={"operator": THEIRS, "phase": "Planning", "startTime": MADE})
    await operator.works(operator.looks)
    assert server.written("create", "/jobs") == []


@pytest.mark.usefixtures("hurry")
async def test_of_two_operators_one_has_a_new_render_and_the_other_stops():
    """Both see it at once; the fence on the first write decides."""
    server = ApiServer()
    first, second = (Operator(server, Config(operator=name)) for name in (THEIRS, "team/helios"))
    for name in ("helios-system", "team"):
        path = LEASE.replace("helios-system", name)
        server.put(path, {"metadata": {"name": "helios"}, "spec": {"renewTime": NOW.isoformat()}})
    path = first.apply()
    second.controller.put_render_job(server.objects[path])

    async def scenario() -> None:
        async def inner() -> None:
            for _ in range(3):
                await first.looks()
                await second.looks()

        await second.works(inner)

    await first.works(scenario)
    writers = {each["status"]["operator"] for each in server.written("patch", "/status")}
    assert server.objects[path]["status"]["operator"] in writers
    assert len({each["metadata"]["resourceVersion"] for each in server.written("patch", "/status")}) <= 2
    assert len(server.written("create", "/jobs")) == 1


# --- an old definition ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hurry")
async def test_a_definition_without_the_new_fields_costs_no_endless_writes():
    """helm upgrade leaves definitions as they are; the API server drops what they do not have."""
    server = ApiServer()
    patch = server.patch

    async def pruning(path: str, body: dict[str, Any]) -> dict[str, Any]:
        kept = {
            key: value for key, value in body["status"].items() if key not in ("operator", "lastFailure", "replans")
        }
        return await patch(path, {**body, "status": kept})

    server.patch = pruning  # type: ignore[method-assign]
    operator = Operator(server, Config(operator="team/helios"))
    operator.apply()

    async def scenario() -> None:
        await operator.until(lambda: server.written("create", "/jobs"), "a plan's Job")
        await operator.looks()
        writes = len(server.written("patch", "/status"))
        for _ in range(3):
            await operator.looks()
        assert len(server.written("patch", "/status")) == writes

    await operator.works(scenario)


# --- health -----------------------------------------------------------------------------------------------------------


def test_an_operator_that_serves_nobody_is_not_well():
    now, missing = [0.0], ["renderjobs"]
    state = health.Health(lambda: now[0])
    assert state.probe() == "waiting for the Lease"
    state.starts(lambda: f"{missing[0]} is not served")
    assert state.probe() == "starting"
    now[0] = health.STARTING
    with pytest.raises(Exception, match="serves nobody: renderjobs is not served"):
        state.probe()
    state.serves()
    assert state.probe() == "serving"
