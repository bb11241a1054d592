"""Whose folder of a store an address is in: what a namespace gets, and what it tries in vain.

Long, because attacks are rows. `films` is the namespace of the RenderJobs, `others` somebody else's.
"""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from helios_crds.mapping import COMPOSITION_URL
from helios_crds.rendertarget import KubernetesTarget, RenderTargetSpec
from helios_crds.wire import Stage
from helios_operator.decide.reconcile import reconcile
from helios_operator.manifests.job import attempt_job
from helios_operator.model.config import Config, Store
from helios_operator.model.decision import StartAttempt
from helios_operator.model.locations import places_of
from helios_operator.model.state import PLAN, Work
from tests.unit.operator.builders import JOB_ID, TARGETS, observe, plan_status, render_job

SHARED = Config(store=Store(url="s3://media/artifacts/", claim=""))


def pods(*stores: str, namespaces: tuple[str, ...] = ("*",), **fields: Any) -> RenderTargetSpec:
    given = {"allowedStores": list(stores) or None, "allowedNamespaces": list(namespaces), **fields}
    return RenderTargetSpec(kubernetes=KubernetesTarget(), **given)


def a_job(namespace: str = "films", **spec: Any) -> Any:
    return replace(render_job(spec=spec), namespace=namespace)


def refusal(job: Any, **targets: RenderTargetSpec) -> str:
    """The message of the condition Stalled; "" if the render starts."""
    decision = reconcile(observe(job, config=SHARED, targets={**TARGETS, **targets}), SHARED)
    stalled = next(found for found in decision.status.conditions if found.type == "Stalled")
    assert (stalled.status == "True") == (not decision.starts), stalled
    assert stalled.reason in ("StoreForbidden", "AsExpected"), stalled
    return stalled.message if stalled.status == "True" else ""


@pytest.mark.parametrize(
    ("written", "namespace", "targets", "store"),
    [
        pytest.param(None, "films", {}, "s3://media/artifacts/films/", id="the default"),
        pytest.param("s3://media/artifacts/", "films", {}, "s3://media/artifacts/films/", id="the default, written"),
        pytest.param("s3://media/artifacts", "films", {}, "s3://media/artifacts/films/", id="without a slash"),
        pytest.param("s3://media/artifacts/films/", "films", {}, "s3://media/artifacts/films/", id="one's own"),
        pytest.param("s3://media/artifacts/films/a/", "films", {}, "s3://media/artifacts/films/a/", id="in one's own"),
        pytest.param("s3://media/artifacts/others/", "films", {}, "s3://media/artifacts/films/others/", id="another's"),
        pytest.param("s3://media/artifacts/a/films/", "films", {}, "s3://media/artifacts/films/a/films/", id="deeper"),
        pytest.param("s3://media/", "films", {"kubernetes": pods("s3://media/")}, "s3://media/films/", id="allowed"),
        pytest.param(
            "s3://media/tmp/", "films", {"kubernetes": pods("s3://media/")}, "s3://media/films/tmp/", id="below it"
        ),
        pytest.param(
            "s3://films-media/a/", "films", {"kubernetes": pods("s3://{namespace}-media/")}, "s3://films-media/a/",
            id="a bucket for each namespace",
        ),
        pytest.param(
            "s3://media/", "films", {"kubernetes": pods("s3://media/{namespace}/cache/")}, "s3://media/films/cache/",
            id="a placeholder with more after it",
        ),
        pytest.param(
            "s3://theirs/a/", "films", {"kubernetes": pods("s3://theirs/", namespaces=("films",))}, "s3://theirs/a/",
            id="a store of one namespace",
        ),
        pytest.param(
            "s3://both/a/", "films",
            {"kubernetes": pods("s3://both/", namespaces=("films",)), "b": pods("s3://both/", namespaces=("others",))},
            "s3://both/films/a/", id="a store that two targets give to two namespaces",
        ),
        pytest.param(
            "s3://both/a/", "films",
            {"kubernetes": pods("s3://both/", namespaces=("films",)), "b": pods("s3://both", namespaces=("others",))},
            "s3://both/films/a/", id="the same, written in two ways",
        ),
        pytest.param(
            "s3://media/artifacts/", "artifacts", {"kubernetes": pods("s3://media/")},
            "s3://media/artifacts/artifacts/", id="a namespace named like a shared folder",
        ),
    ],
)  # fmt: skip
def test_where_artifacts_go(written: str | None, namespace: str, targets: Any, store: str):
    spec = {} if written is None else {"artifacts": {"url": written}}
    job = a_job(namespace, **spec)
    places = places_of(job, {**TARGETS, **targets}, SHARED)
    assert (places.store, places.problem) == (store, "")
    assert refusal(job, **targets) == ""


WIDE = pods("s3://media/", "s3://{namespace}-media/", "s3://sole/", allowedSources=["s3://templates/"])
OTHERS = pods("s3://theirs/", namespaces=("others",))
MINE = "s3://media/films"


@pytest.mark.parametrize(
    ("namespace", "spec", "says"),
    [
        pytest.param("films", {"output": {"url": "s3://media/others/a.mp4"}}, f"write {MINE}/others/a.mp4", id="film"),
        pytest.param("films", {"output": {"url": "s3://media/a.mp4"}}, f"write {MINE}/a.mp4", id="film at the top"),
        pytest.param(
            "films",
            {"output": {"url": "s3://media/films"}},
            "is a folder: write s3://media/films/film.mp4",
            id="the folder itself",
        ),
        pytest.param("films", {"output": {"url": "s3://media/filmsy/a.mp4"}}, "outside", id="a name that begins so"),
        pytest.param("films", {"output": {"url": "s3://media/artifacts/others/out/a.mp4"}}, "outside", id="default's"),
        pytest.param("films", {"output": {"url": "s3://media/films/a,/etc"}}, "contains a comma", id="a list"),
        pytest.param(
            "films", {"output": {"url": "s3://media/films/a,s3:"}}, "contains a comma", id="a list with a bucket"
        ),
        pytest.param("films", {"output": {"url": "s3://others-media/a.mp4"}}, "another namespace", id="their bucket"),
        pytest.param("films", {"output": {"url": "s3://theirs/a.mp4"}}, "another namespace", id="their store"),
        pytest.param("films", {"output": {"url": "gs://media/films/a.mp4"}}, "does not allow", id="another cloud"),
        pytest.param("films", {"output": {"url": "s3://nobodys/films/a"}}, "does not allow", id="nobody's bucket"),
        pytest.param("films", {"output": {"url": "file:///artifacts/films/a"}}, "does not allow", id="a file"),
        *(
            pytest.param(
                "films",
                {"output": {"url": f"s3://media/artifacts/films/{name}/a.mp4"}},
                "among the artifacts",
                id=f"a film in {name}",
            )
            for name in (
                "blobs",
                "snapshots",
                "recordings",
                "requests",
                "plans",
                "jobs",
                "segments",
                "chunks",
                "sound-plans",
            )
        ),
        pytest.param("jobs", {}, "whose name others use", id="a namespace named jobs"),
        pytest.param("segments", {"artifacts": {"url": MINE}}, "whose name others use", id="one named segments"),
        pytest.param("out", {"output": {"url": "s3://media/artifacts/out/films/a.mp4"}}, "whose name", id="named out"),
        pytest.param("films", {"artifacts": {"url": "s3://others-media/"}}, "another namespace", id="their cache"),
        pytest.param("films", {"artifacts": {"url": "s3://theirs/"}}, "another namespace", id="their whole store"),
        pytest.param("films", {"artifacts": {"url": "s3://media/films/a,b/"}}, "contains a comma", id="store, list"),
        pytest.param("films", {"composition": {"url": "s3://media/others/page/"}}, "outside", id="their page"),
        pytest.param(
            "films",
            {"composition": {"url": "s3://media/artifacts/others/out/others/a.mp4"}},
            "outside",
            id="their film",
        ),
        pytest.param("films", {"composition": {"url": "s3://media/artifacts/blobs/"}}, "outside", id="old blobs"),
        pytest.param("films", {"composition": {"url": "s3://templates-2/"}}, "allowedSources", id="a longer bucket"),
        pytest.param("films", {"composition": {"url": "file:///etc/passwd"}}, "does not allow", id="a file to read"),
        *(
            pytest.param(
                "films",
                {
                    "composition": {"url": "https://host/"},
                    "audio": {"tracks": [{"url": "https://host/a"}, {"url": url}]},
                },
                f"spec.audio.tracks[1].url: {says}",
                id=name,
            )
            for url, says, name in (
                ("s3://media/others/a.mp3", "s3://media/others/a.mp3 is outside", "their sound"),
                ("file:///etc/passwd", "the RenderTarget kubernetes does not allow", "a file to hear"),
                ("file:///helios/composition/a.mp3", "the RenderTarget", "a sound of a page that is not mounted"),
                ("s3://media/films/a,b.mp3", "s3://media/films/a,b.mp3 contains a comma", "sounds, list"),
            )
        ),
        pytest.param(
            "films",
            {"composition": {"jobSpec": {"url": "s3://media/others/jobs/a/job.json", "sha256": "0" * 64}}},
            "outside",
            id="their job",
        ),
    ],
)
def test_what_a_namespace_tries_in_vain(namespace: str, spec: Any, says: str):
    assert says in refusal(a_job(namespace, **spec), kubernetes=WIDE, theirs=OTHERS)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"output": {"url": "s3://media/films/../others/a.mp4"}}, id="up"),
        pytest.param({"output": {"url": "s3://media/films/./a.mp4"}}, id="a dot"),
        pytest.param({"output": {"url": "s3://media/films//a.mp4"}}, id="two slashes"),
        pytest.param({"output": {"url": "s3://media/films/%2e%2e/a.mp4"}}, id="an escape"),
        pytest.param({"output": {"url": "s3://media/films/a.mp4?x"}}, id="a query"),
        pytest.param({"output": {"url": "s3://media/films/a#b"}}, id="a fragment"),
        pytest.param({"output": {"url": "s3://media/films\\..\\a"}}, id="backslashes"),
        pytest.param({"output": {"url": "file:///artifacts/..?x"}}, id="two readings"),
        pytest.param({"artifacts": {"url": "s3://media/a?b/"}}, id="a store with a query"),
        pytest.param({"composition": {"url": "s3://templates/../media/"}}, id="up from one"),
        pytest.param({"composition": {"url": "s3://templates/a,file:///etc"}}, id="source, list"),
    ],
)
def test_an_address_that_could_be_read_in_two_ways_is_refused_by_the_model(spec: Any):
    """By the CRD's rule as well, so that `kubectl apply` refuses it."""
    with pytest.raises(ValidationError, match="could be read in two ways"):
        a_job(**spec)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"output": {"url": f"{MINE}/jobs/a.mp4"}}, id="jobs of no store"),
        pytest.param({"output": {"url": f"{MINE}/out/a.mp4"}}, id="a film"),
        pytest.param({"output": {"url": "s3://films-media/a.mp4"}}, id="a film in a bucket of one's own"),
        pytest.param({"composition": {"url": "s3://templates/a/"}}, id="a template"),
        pytest.param({"composition": {"url": f"{MINE}/page/"}}, id="a page of one's own"),
        pytest.param({"composition": {"url": "https://host/a,b?c"}}, id="the web"),
        pytest.param({"audio": {"tracks": [{"url": f"{MINE}/a.mp3"}, {"url": "s3://templates/a.mp3"}]}}, id="sounds"),
        pytest.param(
            {"composition": {"configMap": {"name": "a"}}, "audio": {"tracks": [{"url": f"{COMPOSITION_URL}/a.mp3"}]}},
            id="a sound beside a mounted page",
        ),
    ],
)
def test_what_a_namespace_may(spec: Any):
    assert refusal(a_job(**spec), kubernetes=WIDE, theirs=OTHERS) == ""


# --- renders from before the upgrade ----------------------------------------------------------------------------------


def planned(store: str, namespace: str = "films", **spec: Any) -> Any:
    job = render_job("..", spec=spec)
    plan = plan_status(2).model_copy(update={"jobPath": f"{store}jobs/{JOB_ID}/job.json"})
    return replace(job, namespace=namespace, status=job.status.model_copy(update={"plan": plan}))


@pytest.mark.parametrize(
    ("recorded", "spec", "store"),
    [
        pytest.param("s3://media/artifacts/", {}, "s3://media/artifacts/", id="as before"),
        pytest.param("s3://media/artifacts/films/", {}, "s3://media/artifacts/films/", id="as now"),
        pytest.param("s3://media/films/", {}, "s3://media/films/", id="another folder of one's own"),
        pytest.param("s3://media/artifacts/others/", {}, "s3://media/artifacts/films/", id="another's folder"),
        pytest.param("s3://media/", {}, "s3://media/artifacts/films/", id="a shared one that no spec names"),
        pytest.param("s3://nobodys/", {}, "s3://media/artifacts/films/", id="nobody's"),
        pytest.param(
            "s3://media/others/", {"artifacts": {"url": "s3://media/others/"}}, "s3://media/films/others/",
            id="another's folder that the spec names",
        ),
        pytest.param(
            "s3://theirs/", {"artifacts": {"url": "s3://theirs/"}}, "s3://theirs/", id="another's whole store"
        ),
    ],
)  # fmt: skip
def test_where_a_planned_render_goes_on(recorded: str, spec: Any, store: str):
    targets = {**TARGETS, "kubernetes": WIDE, "theirs": OTHERS}
    places = places_of(planned(recorded, **spec), targets, SHARED)
    assert places.store == store
    assert bool(places.problem) == (store == "s3://theirs/")


def test_no_plan_is_made_in_the_old_place():
    """Somebody who may write the status claims a plan there, without its chunks, so that it is made again."""
    job = planned("s3://media/artifacts/", output={"url": "s3://media/others/film.mp4"})
    claimed = replace(job, status=job.status.model_copy(update={"chunkMap": ""}))
    places = places_of(claimed, {**TARGETS, "kubernetes": WIDE}, SHARED)
    assert places.store == "s3://media/artifacts/films/"
    assert "is outside of the folder of the namespace films" in places.problem


def container(job: Any, work: Work, target: RenderTargetSpec, config: Config = SHARED) -> Any:
    places = places_of(job, {**TARGETS, "kubernetes": target}, config)
    made = attempt_job(job, StartAttempt(work, 1, "kubernetes"), target, places, config)
    (found,) = made["spec"]["template"]["spec"]["containers"]
    return found


def variable(found: Any, name: str) -> str:
    return str(next(each["value"] for each in found["env"] if each["name"] == name))


@pytest.mark.parametrize(
    ("job", "work", "allowed"),
    [
        pytest.param(
            planned("s3://media/artifacts/films/"), Work(Stage.CHUNK, 1),
            ["s3://media/artifacts/films/", "s3://media/artifacts/films/out/films/teaser.mp4",
             "file:///helios/composition"],
            id="an inline page",
        ),
        pytest.param(
            a_job(composition={"url": "s3://templates/a/"}, output={"url": "s3://media/films/a.mp4"}), PLAN,
            ["s3://media/artifacts/films/", "s3://media/films/a.mp4", "s3://templates/a/"], id="a page in a bucket",
        ),
        pytest.param(
            a_job(composition={"url": "https://host/"}), PLAN,
            ["s3://media/artifacts/films/", "s3://media/artifacts/films/out/films/teaser.mp4"], id="the web",
        ),
        pytest.param(
            planned("s3://media/artifacts/", composition={"url": "https://host/"}), Work(Stage.CHUNK, 0),
            ["s3://media/artifacts/", "s3://media/artifacts/out/films/teaser.mp4"],
            id="one from before the upgrade",
        ),
    ],
)  # fmt: skip
def test_what_a_pod_may_use(job: Any, work: Work, allowed: list[str]):
    assert variable(container(job, work, WIDE), "HELIOS_ALLOWED_STORES").split(",") == allowed


def test_what_an_admin_allows_of_the_network():
    target = WIDE.model_copy(update={"allowedAddresses": ["10.0.0.0/8", "fonts.internal:8443"]})
    found = container(a_job(), PLAN, target)
    assert variable(found, "HELIOS_ALLOWED_ADDRESSES") == "10.0.0.0/8,fonts.internal:8443"
    assert variable(container(a_job(), PLAN, WIDE), "HELIOS_ALLOWED_ADDRESSES") == ""


def test_a_target_cannot_replace_what_the_operator_sets():
    """The API server refuses these names; in a definition of an older version it did not."""
    theirs = {"name": "HELIOS_ALLOWED_STORES", "value": "s3://others/"}
    target = RenderTargetSpec.model_validate({"kubernetes": {"pod": {"env": [theirs]}}})
    values = [each["value"] for each in container(a_job(), PLAN, target)["env"] if each["name"] == theirs["name"]]
    assert values[-1].startswith("s3://media/artifacts/films/,")


def test_the_kubelet_replaces_nothing_in_an_address():
    job = planned("s3://media/films/$(HOME)/", artifacts={"url": "s3://media/films/$(HOME)/"})
    found = container(job, Work(Stage.CHUNK, 0), WIDE)
    assert found["args"][1] == f"s3://media/films/$$(HOME)/jobs/{JOB_ID}/job.json"
    assert variable(found, "HELIOS_ALLOWED_STORES").startswith("s3://media/films/$$(HOME)/,")


def test_a_claim_is_its_namespaces_own():
    places = places_of(a_job(), TARGETS, Config())
    assert places.store == "file:///artifacts/"
    assert places.output == "file:///artifacts/out/films/teaser.mp4"
