"""The operator among hostile objects: long names, forged children, lying workers, statuses that users wrote.

Long, because every hostile object goes to one control plane.
"""

import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from helios_crds.mapping import COMPOSITION_URL
from helios_crds.remedies import in_request, setting
from helios_crds.wire import chunk_bitmap
from helios_operator.__main__ import NESTING
from helios_operator.manifests.names import ATTEMPT, CHUNK, MANAGED_BY, MANAGER, STAGE, UID
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fake_workers import NAMESPACE
from tests.integration.operator.api import RENDER, Api, Refused, connected, eventually, is_complete
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.proxy import proxy
from tests.integration.operator.renders import film_message, plan_message, render_job, target
from tests.integration.planted import SECRET, found_in

Object = dict[str, Any]
MAX_STATUS = 64 * 1024
KINDS = ("pods", "events", "configmaps")
INLINE = 128 * 1024


@asynccontextmanager
async def operated(plane: ControlPlane, folder: Path, namespace: str) -> AsyncIterator[OperatorProcess]:
    """An operator for a namespace; "": for all."""
    async with proxy(plane) as way, OperatorProcess(folder, way.url, namespace) as operator:
        yield operator
        assert operator.process is not None
        assert operator.process.returncode is None, operator.log.read_text()[-2000:]
        assert "Traceback" not in operator.log.read_text(), operator.log.read_text()[-4000:]


async def made(api: Api, where: str, *objects: Object) -> list[Object]:
    """Creates RenderTargets and RenderJobs."""
    paths = {"RenderTarget": f"{RENDER}/rendertargets", "RenderJob": f"{RENDER}/namespaces/{where}/renderjobs"}
    return [await api.create(paths[each["kind"]], each) for each in objects]


async def told(api: Api, where: str, name: str) -> list[str]:
    """What the Events of a RenderJob say."""
    found = await api.items(f"/api/v1/namespaces/{where}/events")
    mine = [event for event in found if event["involvedObject"]["name"] == name]
    return [f"{event['reason']}: {event['message']}" for event in mine]


async def heard(api: Api, where: str, name: str, *words: str) -> None:
    """Waits for an Event with these words: it is written after the status."""

    async def is_told() -> bool:
        return any(all(word in line for word in words) for line in await told(api, where, name))

    await eventually(is_told, f"an Event of {name} with {words}")


def condition(status: Mapping[str, Any], kind: str) -> str:
    """A condition's status, reason and message."""
    found: Object = next((item for item in status.get("conditions", ()) if item["type"] == kind), {})
    return f"{found.get('status')} {found.get('reason')}: {found.get('message')}"


def rendering(status: Mapping[str, Any]) -> bool:
    return bool(status.get("phase") == "Rendering" and status["chunks"]["active"])


# --- names and sizes ------------------------------------------------------------------------------------------------


async def test_names_of_253_characters(plane: ControlPlane, api: Api, tmp_path: Path):
    where = await api.namespace("hostile-names")
    names = ["a" * 253, "a.b-" * 63 + "c", "0" * 39 + "." + "-".join("x" * 106)]
    await made(api, where, target("names", 2), *(render_job(name, "names") for name in names))
    async with operated(plane, tmp_path, where):
        films = [await api.until(where, name, is_complete, "the film") for name in names]
        assert len({film["status"]["output"]["url"] for film in films}) == len(names)
        for name, film in zip(names, films, strict=True):
            assert len(film["status"]["output"]["url"].rpartition("/")[2].encode()) <= 255, "no file system has it"
            await heard(api, where, name, "FilmPublished")
    for job in await api.jobs(where):
        assert len(job["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in job["metadata"]["labels"].values())


async def test_ten_thousand_chunks_fit_into_a_status(plane: ControlPlane, api: Api, tmp_path: Path):
    where = await api.namespace("hostile-size")
    warned = json.loads(plan_message(10_000)) | {"warnings": ["\N{CLAPPER BOARD}" * 100] * 8}
    many = target("size", 10_000, {"plan": json.dumps(warned, ensure_ascii=False)}, run="5s")
    await made(api, where, many, render_job("film", "size", parallelism=64))
    async with operated(plane, tmp_path, where):
        job = await api.until(
            where, "film", lambda status: (status.get("chunks") or {}).get("active") == 64, "64 chunks"
        )
        status = job["status"]
        assert (status["chunks"]["total"], len(status["chunkMap"])) == (10_000, 10_000)
        assert len(json.dumps(status, ensure_ascii=False).encode()) < MAX_STATUS
        await api.merge(f"{RENDER}/namespaces/{where}/renderjobs/film", {"spec": {"suspend": True}})

        async def is_still() -> bool:
            return not any(each.get("status", {}).get("active") for each in await api.jobs(where))

        await eventually(is_still, "a suspended render to have no Job that runs")
        await api.delete(f"{RENDER}/namespaces/{where}/renderjobs/film")


async def test_inline_pages(plane: ControlPlane, api: Api, tmp_path: Path):
    where = await api.namespace("hostile-inline")
    page = "\N{CLAPPER BOARD}" * (INLINE // 4)

    def with_page(name: str, **composition: Any) -> Object:
        found = render_job(name, "inline")
        return {**found, "spec": {**found["spec"], "composition": composition}}

    with pytest.raises(Refused, match=r"spec\.composition\.inline: Too long"):
        await made(api, where, with_page("film", inline="x" * (129 * 1024)))
    await made(
        api,
        where,
        target("inline", 1),
        with_page("film", inline=page),
        with_page("together", inline="x" * 100_000, props={"a": "x" * 100_000}),
    )
    async with operated(plane, tmp_path, where):
        await api.until(where, "film", is_complete, "the film")
        (found,) = await api.items(f"/api/v1/namespaces/{where}/configmaps", f"{MANAGED_BY}={MANAGER}")
        assert found["data"]["index.html"] == page
        together = await api.until(where, "together", lambda status: status.get("phase") == "Failed", "the refusal")
    said = condition(together["status"], "Failed")
    assert said.startswith("True CompositionTooLarge: spec.composition.inline and props have 200")
    assert "put the page into a ConfigMap" in said


@pytest.fixture
def deep_calls() -> Iterator[None]:
    """Python reads what nests deep, and the test's own client with it."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(NESTING)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("deep_calls")
async def test_props_that_nest_deeper_than_python_calls(plane: ControlPlane, api: Api, tmp_path: Path):
    """The API server takes nearly ten thousand levels; Python's own limit is at a thousand."""
    where = await api.namespace("hostile-depth")
    deep = render_job("deep", "depth")
    props: Object = {}
    for _ in range(9000):
        props = {"a": props}
    deep["spec"]["composition"]["props"] = props
    await made(api, where, target("depth", 1), render_job("film", "depth"), deep)
    async with operated(plane, tmp_path, where):
        failed = await api.until(where, "deep", lambda status: status.get("phase") == "Failed", "the refusal")
        assert condition(failed["status"], "Failed").startswith("True PropsTooDeep: spec.composition.props")
        await api.until(where, "film", is_complete, "another's film")
        await api.delete(f"{RENDER}/namespaces/{where}/renderjobs/deep")


# --- secrets ----------------------------------------------------------------------------------------------------------


async def test_a_secret_of_headers_is_nowhere_and_what_it_lacks_is_said(plane: ControlPlane, api: Api, tmp_path: Path):
    """The plan's pod finds that the Secret allows no server. Targets without pods are named before anything starts."""
    where = await api.namespace("hostile-headers")
    await api.create(
        f"/api/v1/namespaces/{where}/secrets",
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "preview"}, "stringData": {"X-Key": SECRET}},
    )
    remedy = f"add the key origin to {setting('composition.headersFrom')}"
    refused = {"error": "UserError", "message": f"no server is named; {in_request(remedy)}", "remedy": remedy}
    pods = target("headers", 1, {"plan-0-a1": "64", "plan-0-a1.message": json.dumps(refused)})
    function = target("headers-function", 1)
    function["spec"] = {"lambda": {"functionName": "f", "region": "eu-west-1"}, "allowedStores": ["s3://fake/"]}
    films = [render_job("film", "headers"), render_job("unfit", "headers-function")]
    for film in films:
        film["spec"]["composition"] = {
            "url": "https://films.example/a/",
            "headersFrom": {"secretRef": {"name": "preview"}},
        }
    await made(api, where, pods, function, *films)
    async with operated(plane, tmp_path, where) as operator:
        failed = await api.until(where, "film", lambda status: status.get("phase") == "Failed", "the refusal")
        said = condition(failed["status"], "Failed")
        assert said.startswith(
            "True InputInvalid: the plan: no server is named; add the key origin to spec.composition.h"
        )
        unfit = await api.until(where, "unfit", lambda status: bool(status.get("conditions")), "what is unfit")
        assert condition(unfit["status"], "Stalled").startswith(
            "True TargetUnfit: none of the targets can run a chunk of this composition: headers-function (the Secret"
        )
        await heard(api, where, "unfit", "TargetUnfit")
        paths = (f"{RENDER}/namespaces/{where}/renderjobs", *(f"/api/v1/namespaces/{where}/{kind}" for kind in KINDS))
        kept = json.dumps([*[await api.items(path) for path in paths], await api.jobs(where)])
        assert '"secretName": "preview"' in kept, "the pod mounts it"
        assert not found_in(kept.encode() + operator.log.read_bytes())


# --- owners ---------------------------------------------------------------------------------------------------------


async def test_deleted_and_applied_again_at_once(plane: ControlPlane, api: Api, tmp_path: Path):
    where = await api.namespace("hostile-again")
    old, *_ = await made(
        api, where, render_job("film", "again-3"), target("again-3", 3, run="2s"), target("again-5", 5, run="200ms")
    )
    async with operated(plane, tmp_path, where):
        await api.until(where, "film", rendering, "chunks that run")
        await api.delete(f"{RENDER}/namespaces/{where}/renderjobs/film", propagationPolicy="Background")
        (new,) = await made(api, where, render_job("film", "again-5"))
        job = await api.until(where, "film", is_complete, "the second film")
        assert job["metadata"]["uid"] == new["metadata"]["uid"] != old["metadata"]["uid"]
        assert job["status"]["chunkMap"] == "#####"

        async def are_gone() -> bool:
            return all(each["metadata"]["labels"][UID] == new["metadata"]["uid"] for each in await api.jobs(where))

        await eventually(are_gone, "the first render's Jobs to go")
    assert len(await api.jobs(where)) == 7, "a plan, five chunks, a stitch"


def foreign_job(name: str, labels: Mapping[str, str], owner: Object | None = None) -> Object:
    """Somebody's Job, which ends well at once."""
    container = {"name": "worker", "image": "busybox"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    references = [] if owner is None else [owner]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": dict(labels), "ownerReferences": references},
        "spec": {"template": template},
    }


def prefix(job: Object) -> str:
    return f"{job['metadata']['name']}-{job['metadata']['uid'].replace('-', '')[:8]}"


def labels(uid: str, chunk: int) -> dict[str, str]:
    return {MANAGED_BY: MANAGER, UID: uid, STAGE: "chunk", CHUNK: str(chunk), ATTEMPT: "1"}


def reference(job: Object) -> Object:
    meta = job["metadata"]
    return {
        "apiVersion": job["apiVersion"],
        "kind": job["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
    }


async def test_a_name_that_is_taken(plane: ControlPlane, api: Api, tmp_path: Path):
    """It is neither adopted nor deleted; the user hears of it; the rest goes on; once it is gone, so does this."""
    where = await api.namespace("hostile-taken")
    await made(api, where, target("taken", 3))
    (job,) = await made(api, where, render_job("film", "taken"))
    path = f"/apis/batch/v1/namespaces/{where}/jobs"
    theirs = await api.create(path, foreign_job(f"{prefix(job)}-c00000-a1", {"app": "theirs"}))
    async with operated(plane, tmp_path, where):
        job = await api.until(where, "film", lambda status: status.get("chunkMap", "")[1:] == "##", "the other chunks")

        async def is_said() -> bool:
            found = (await api.render_job(where, "film"))["status"]
            texts = [*await told(api, where, "film"), *(condition(found, item["type"]) for item in found["conditions"])]
            return any("NameTaken" in text and theirs["metadata"]["name"] in text for text in texts)

        await eventually(is_said, "NameTaken to be said")
        kept = await api.get(f"{path}/{theirs['metadata']['name']}")
        assert kept["metadata"]["uid"] == theirs["metadata"]["uid"]
        assert "deletionTimestamp" not in kept["metadata"]
        assert not kept["metadata"].get("ownerReferences")
        await api.delete(f"{path}/{theirs['metadata']['name']}", propagationPolicy="Background")
        await api.until(where, "film", is_complete, "the film")


async def test_forged_children(own_plane: ControlPlane, tmp_path: Path):
    """Only a Job of the namespace whose label and controller both name the RenderJob counts.

    Whoever can create such a Job there can as well create the RenderJob: the stitch finds out that the chunk is not
    in the store, and it is rendered then.
    """
    async with connected(own_plane) as api:
        await forged_children_do_not_count(own_plane, api, tmp_path / "operator")


async def forged_children_do_not_count(plane: ControlPlane, api: Api, folder: Path) -> None:
    where, elsewhere = await api.namespace("hostile-forged"), await api.namespace("hostile-elsewhere")
    stitch: Object = {"stitch-0-a1": "1", "stitch-0-a1.message": json.dumps({"badChunks": chunk_bitmap([4])})}
    await made(api, where, target("forged", 5, stitch))
    (job,) = await made(
        api, where, {**render_job("film", "forged"), "spec": {**render_job("film", "forged")["spec"], "suspend": True}}
    )
    uid, owner = job["metadata"]["uid"], reference(job)
    here, there = (f"/apis/batch/v1/namespaces/{name}/jobs" for name in (where, elsewhere))
    await api.create(here, foreign_job("labels-alone", labels(uid, 0)))
    await api.create(here, foreign_job("labels-of-another", labels("another", 1), owner))
    await api.create(here, foreign_job("no-controller", labels(uid, 2), {**owner, "controller": False}))
    await api.create(there, foreign_job("another-namespace", labels(uid, 3), owner))
    await api.create(here, foreign_job("forged-whole", labels(uid, 4), owner))

    async def has_ended() -> bool:
        status: Object = (await api.get(f"{here}/forged-whole"))["status"]
        return bool(status.get("succeeded"))

    await eventually(has_ended, "the forged chunk to end")
    async with operated(plane, folder, ""):
        await api.merge(f"{RENDER}/namespaces/{where}/renderjobs/film", {"spec": {"suspend": False}})
        done = await api.until(where, "film", is_complete, "the film")
    assert done["status"]["chunkMap"] == "#####"
    ours = {
        name.removeprefix(f"{prefix(job)}-") for each in await api.jobs(where) if (name := each["metadata"]["name"])
    }
    assert {f"c0000{index}-a1" for index in range(4)} <= ours, "these were not taken for done"
    assert "c00004-a1" not in ours
    assert "c00004-a2" in ours, "what the stitch did not find was rendered"


# --- what workers say -----------------------------------------------------------------------------------------------


def lie(**changes: Any) -> str:
    """What a good plan says, changed."""
    return json.dumps(json.loads(plan_message(3)) | changes)


PATH = "s3://fake/NAMESPACE/jobs/0123456789abcdef/job.json"
BAD_PLANS = {
    "nothing": "",
    "garbage": "\x00\x1b[31m�PNG\r\n",
    "half": plan_message(3)[:40],
    "array": "[]",
    "number": "1e400",
    "huge": plan_message(3)[:-1] + f', "x": "{"ä" * 2000}"}}',
    "bomb": "[" * 4000,
    "nested": '{"jobPath":' * 300,
    "elsewhere": lie(jobPath=PATH.replace("s3://fake/", "s3://theirs/")),
    "traversal": lie(jobPath=PATH.replace("jobs/", "jobs/../")),
    "wrong-digest": lie(jobId="ffffffffffffffff"),
    "no-digest": lie(jobId="../../x", jobPath="s3://fake/NAMESPACE/jobs/../../x/job.json"),
    "no-chunk": lie(chunks=0),
    "negative": lie(chunks=-3),
    "too-many": lie(chunks=10**9),
    "digits": plan_message(3)[:-1] + ', "frames": ' + "9" * 3000 + "}",
    "text": lie(chunks="3"),
    "truth": lie(chunks=True),
    "infinite": plan_message(3)[:-1] + ', "frames": 1e999}',
    "bitmap": lie(cached="zz"),
    "warnings": lie(warnings={"a": 1}),
}
CONTROL = (
    "\x1b[31mred\x07\x00 \N{RIGHT-TO-LEFT OVERRIDE}4pm\N{POP DIRECTIONAL ISOLATE}\N{ZERO WIDTH SPACE}end"
    "\n\n\N{LINE SEPARATOR}x\ud800"
)


async def test_plans_that_lie(plane: ControlPlane, api: Api, tmp_path: Path):
    where = await api.namespace("hostile-plans")
    for name, message in BAD_PLANS.items():
        await made(
            api,
            where,
            target(f"lie-{name}", 3, {"plan": message}),
            render_job(name, f"lie-{name}", retries={"perChunk": 0}),
        )
    once_bad: Object = {"plan-0-a1.message": "garbage"}
    again = target("lie-once", 3, once_bad)
    odd = target("lie-odd", 3, {"plan": plan_message(3, warnings=[CONTROL, "x" * 900], cached=chunk_bitmap([1, 9999]))})
    await made(api, where, again, render_job("once", "lie-once"), odd, render_job("odd", "lie-odd"))
    async with operated(plane, tmp_path, where):
        for name in BAD_PLANS:
            job = await api.until(where, name, lambda status: status.get("phase") in ("Failed", "Complete"), "the end")
            said = condition(job["status"], "Failed")
            assert said.startswith("True RetriesExhausted: the plan"), (name, said)
            assert "no usable result" in said, (name, said)
            await heard(api, where, name, "ResultMissing: the plan, attempt 1")
        once = await api.until(where, "once", is_complete, "the film after a retry")
        assert once["status"]["failures"] == 1
        odd_job = await api.until(where, "odd", is_complete, "the film")
    assert odd_job["status"]["chunkMap"] == "#=#"
    for text in [*odd_job["status"]["plan"]["warnings"], *await told(api, where, "odd")]:
        assert text.isprintable(), ascii(text)
    assert odd_job["status"]["plan"]["warnings"][0] == "red 4pmend x?"


BAD_STITCHES = {
    "frames": film_message(3).replace("90", "91"),
    "digest": film_message(3).replace("0001", "zzzz"),
    "bytes": json.dumps({"sha256": "0" * 64, "bytes": -1, "frames": 90}),
    "array": "[[]]",
    "huge": film_message(3)[:-1] + ', "x": "' + "ä" * 2000 + '"}',
}
BAD_CHUNKS = {
    "beyond": chunk_bitmap([3, 9999]),
    "list": [0],
    "number": 10**30,
    "text": "everything",
    "long": "f" * 3000,
}


async def test_stitches_that_lie(plane: ControlPlane, api: Api, tmp_path: Path):
    """A film is there by the exit code; what is said of it is kept only when it can be so."""
    where = await api.namespace("hostile-stitches")
    for name, message in BAD_STITCHES.items():
        await made(api, where, target(f"film-{name}", 3, {"stitch": message}), render_job(name, f"film-{name}"))
    for name, bad in BAD_CHUNKS.items():
        once: Object = {"stitch-0-a1": "1", "stitch-0-a1.message": json.dumps({"message": CONTROL, "badChunks": bad})}
        await made(api, where, target(f"bad-{name}", 3, once), render_job(f"bad-{name}", f"bad-{name}"))
    async with operated(plane, tmp_path, where):
        for name in BAD_STITCHES:
            film = (await api.until(where, name, is_complete, "the film"))["status"]["output"]
            assert (film["url"], film["sha256"], film["bytes"], film["frames"]) == (
                f"s3://fake/{where}/out/{where}/{name}.mp4",
                "",
                0,
                0,
            ), name
        for name in BAD_CHUNKS:
            status = (await api.until(where, f"bad-{name}", is_complete, "the film"))["status"]
            lines = await told(api, where, f"bad-{name}")
            assert status["failures"] == 1, name
            assert any("the stitch, attempt 1: red 4pmend x?" in line for line in lines), lines
            assert not any("ChunksDiscarded" in line for line in lines), name


# --- targets --------------------------------------------------------------------------------------------------------


async def test_targets_that_are_of_no_use(plane: ControlPlane, api: Api, tmp_path: Path):
    where = await api.namespace("hostile-targets")
    closed = target("closed", 3)
    closed["spec"]["allowedNamespaces"] = ["films"]
    narrow = target("narrow", 3)
    narrow["spec"]["allowedStores"] = ["s3://fake-not/"]
    await made(api, where, closed, narrow)
    await made(api, where, render_job("film", "later"), render_job("shut-out", "closed"), render_job("thief", "narrow"))
    await api.merge(f"{RENDER}/namespaces/{where}/renderjobs/film", {"metadata": {"labels": {"a": "b"}}})
    thief = render_job("robber", "narrow")
    thief["spec"]["output"] = {"url": "s3://theirs/film.mp4"}
    await made(api, where, thief)

    async def says(name: str, reason: str, *words: str) -> None:
        job = await api.until(where, name, lambda status: reason in condition(status, "Stalled"), reason)
        assert job["status"]["phase"] == "Pending"
        assert all(word in condition(job["status"], "Ready") for word in words)

    async with operated(plane, tmp_path, where):
        await says("film", "TargetNotFound", "RenderTarget later")
        await says("shut-out", "TargetForbidden", f"namespace {where}", "allowedNamespaces")
        await says("robber", "StoreForbidden", "s3://theirs/film.mp4", "allowedStores")
        await made(api, where, target("later", 3, run="3s"))
        await api.until(where, "film", rendering, "chunks that run")
        await api.delete(f"{RENDER}/rendertargets/later")
        await says("film", "TargetNotFound", "RenderTarget later")
        await made(api, where, target("later", 3))
        job = await api.until(where, "film", is_complete, "the film")
        assert job["status"]["failures"] == 0


# --- statuses that users wrote --------------------------------------------------------------------------------------

LATE = "9999-12-31T23:59:59Z"


LIAR = "hostile-status"
MINE = PATH.replace(NAMESPACE, LIAR)


def plan_status(**changes: Any) -> Object:
    return {"jobPath": MINE, "jobId": "0123456789abcdef", "frames": 90, "chunks": 3, **changes}


STATUSES: dict[str, Object] = {
    "elsewhere": {"plan": plan_status(jobPath="s3://theirs/jobs/0123456789abcdef/job.json"), "chunkMap": "###"},
    "neighbour": {"plan": plan_status(jobPath=PATH.replace(NAMESPACE, "theirs")), "chunkMap": "###"},
    "old-place": {"plan": plan_status(jobPath=PATH.replace(f"{NAMESPACE}/", "")), "chunkMap": "##"},
    "no-plan": {"chunkMap": "###", "chunks": {"total": 3, "done": 3}},
    "no-map": {"plan": plan_status()},
    "long-map": {"plan": plan_status(), "chunkMap": "#" * 10_000},
    "attempts": {"retries": [{"stage": "plan", "attempt": 99_000, "failures": 1_000_000}]},
    "phase": {"phase": "Complete", "conditions": []},
    "negative": {"plan": plan_status(), "chunkMap": "...", "failures": 0, "startTime": LATE},
}


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"chunkMap": "x"}, "status.chunkMap"),
        ({"chunkMap": "#" * 10_001}, "status.chunkMap"),
        ({"plan": {"jobPath": "x"}}, "status.plan.frames"),
        ({"retries": [{"stage": "plan", "attempt": 10**9}]}, "status.retries[0].attempt"),
        ({"phase": "Great"}, "status.phase"),
        ({"startTime": "yesterday"}, "status.startTime"),
    ],
)
async def test_a_status_follows_the_schema(api: Api, status: Object, says: str):
    name = f"status-{abs(hash(says)) % 10**8}-{len(str(status))}"
    await made(api, "default", {**render_job(name, "nobody"), "metadata": {"name": name}})
    with pytest.raises(Refused) as caught:
        await api.merge(f"{RENDER}/namespaces/default/renderjobs/{name}/status", {"status": status})
    assert says in caught.value.message
    await api.delete(f"{RENDER}/namespaces/default/renderjobs/{name}")


async def test_statuses_that_users_wrote(plane: ControlPlane, api: Api, tmp_path: Path):
    """Who may write a status can lie to himself; nobody's store is touched that the targets do not allow."""
    where = await api.namespace(LIAR)
    await made(api, where, target("status", 3), *(render_job(name, "status") for name in STATUSES))
    for name, status in STATUSES.items():
        await api.merge(f"{RENDER}/namespaces/{where}/renderjobs/{name}/status", {"status": status})
    async with operated(plane, tmp_path, where):
        for name in STATUSES:
            job = await api.until(where, name, is_complete, f"the film of {name}")
            assert job["status"]["chunkMap"] == "###", name
            assert job["status"]["plan"]["jobPath"] == MINE
    for job in await api.jobs(where):
        (container,) = job["spec"]["template"]["spec"]["containers"]
        assert not [word for word in container["args"] if "theirs" in word], "a worker was sent elsewhere"
        stores = next(each["value"] for each in container["env"] if each["name"] == "HELIOS_ALLOWED_STORES")
        assert {url for url in stores.split(",") if not url.startswith(f"s3://fake/{LIAR}/")} <= {COMPOSITION_URL}
