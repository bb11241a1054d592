"""Attacks on what a worker reads and writes: by its callers, by a store that others write to, by files and links.

None of them gets as far as a browser. Addresses have a file of their own (tests/unit/crds/test_addresses.py).

Long, because one table of attacks is read as a whole.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from helios_crds.paths import inner_path
from helios_crds.renderjob import CompositionSpec
from helios_crds.request import CompositionRequest
from helios_crds.wire import ExitCode, Payload, Stage
from helios_worker.artifacts.allowed_stores import AllowedStores, StoreForbidden
from helios_worker.artifacts.recording import RecordedResponse
from helios_worker.artifacts.snapshot import Snapshot, load_snapshot, take_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.entrypoints.allowed_hosts import AllowedHosts
from helios_worker.entrypoints.payloads import BadPayload, payload_of
from helios_worker.errors import CorruptArtifact, OtherEngine, UserError
from helios_worker.jobs.commits import committed, read_job
from helios_worker.jobs.identity import AlteredJob, check_keys, job_bytes, with_own_id
from helios_worker.jobs.layout import job_key, manifest_key
from helios_worker.jobs.spec import FilmSpec, JobSpec, Manifest
from helios_worker.runtime import WorkerRuntime
from tests.unit.worker import builders

SHA = "ab" * 32

# -- the page of a composition -------------------------------------------------------------------------------

BAD_PATHS = {
    "steps up": "../../../proc/self/environ",
    "a step up": "..",
    "steps up inside": "a/../../b.html",
    "a step up at the end": "a/..",
    "a step nowhere": "./a.html",
    "absolute": "/etc/passwd",
    "two slashes": "a//b.html",
    "a slash at the end": "pages/",
    "nothing": "",
    "a backslash": "..\\..\\etc\\passwd",
    "a drive": "c:\\a.html",
    "NUL": "index.html\0.png",
    "a line feed": "a\nb.html",
    "an escape sequence": "\x1b[2J.html",
    "a control character of the second set": "a\x9bb.html",
    "a line separator": "a\u2028b.html",
    "an escaped step up": "%2e%2e/%2e%2e/etc/passwd",
    "an escaped slash": "..%2fetc",
    "an escaped NUL": "a%00.html",
    "too long": "a" * 513,
    "half a character": "a\ud800.html",
}
GOOD_PATHS = ["index.html", "a/b..html", "a b/ü.html", "100%.html", ".hidden/page.html", "…/a.html", "a?b#c.html"]


@pytest.mark.parametrize("path", [pytest.param(path, id=name) for name, path in BAD_PATHS.items()])
def test_a_page_outside_of_the_composition(path, tmp_path):
    for model, given in ((CompositionRequest, {"url": "/page"}), (CompositionSpec, {"url": "s3://media/page"})):
        with pytest.raises(ValidationError, match="entry"):
            model.model_validate({**given, "entry": path})
    asked = {"jobPath": f"{tmp_path.as_uri()}/requests/1.json", "stage": "plan"}
    with pytest.raises(BadPayload, match=r"request: (composition: entry: |str is not valid UTF-8)"):
        payload_of({**asked, "request": {"composition": {"url": "/page", "entry": path}}})


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_a_page_inside_of_it(path):
    assert inner_path(path) == CompositionSpec.model_validate({"url": "s3://media/page", "entry": path}).entry == path


def test_a_stored_request_is_read_by_the_same_rule(tmp_path):
    store = ArtifactStore((tmp_path / "store").as_uri())
    request = {"composition": {"url": str(tmp_path), "entry": "../../../proc/self/environ"}}
    store.put("requests/1.json", orjson.dumps(request))
    worker = WorkerRuntime(tmp_path, lanes=1)
    try:
        reply = worker.process(Payload(jobPath=f"{store.url}requests/1.json", stage=Stage.PLAN))
    finally:
        worker.close()
    assert (reply.exitCode, store.keys("blobs/")) == (ExitCode.USER_ERROR, [])
    assert "the request's composition.entry: must be a path within the composition" in reply.stderr


def out(folder: Path) -> Path:
    (folder / "secret").write_text("secret")
    (folder / "page/link.html").symlink_to(folder / "secret")
    return folder / "page/link.html"


def out_by_its_folder(folder: Path) -> Path:
    (folder / "others").mkdir()
    (folder / "others/index.html").write_text("secret")
    (folder / "page/others").symlink_to(folder / "others")
    return folder / "page/others/index.html"


def proc(folder: Path) -> Path:
    (folder / "page/environ.html").symlink_to("/proc/self/environ")
    return folder / "page/environ.html"


def device(folder: Path) -> Path:
    (folder / "page/null.html").symlink_to("/dev/null")
    return folder / "page/null.html"


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "page/pipe.html")
    return folder / "page/pipe.html"


@pytest.mark.parametrize("lead", [out, out_by_its_folder, proc, device, fifo])
def test_a_page_that_is_something_else(tmp_path, lead):
    (tmp_path / "page").mkdir()
    store = ArtifactStore((tmp_path / "store").as_uri())
    with pytest.raises(UserError, match=r"there is no page|does not lie in the composition's folder"):
        take_snapshot(store, lead(tmp_path), folder=tmp_path / "page")
    assert store.keys("blobs/") == []


@pytest.mark.parametrize("lead", [proc, device, fifo])
def test_even_where_it_is_named_by_itself(tmp_path, lead):
    (tmp_path / "page").mkdir()
    with pytest.raises(UserError, match="there is no page"):
        take_snapshot(ArtifactStore((tmp_path / "store").as_uri()), lead(tmp_path))


def test_the_kernels_files_belong_to_no_composition(tmp_path):
    store = ArtifactStore((tmp_path / "store").as_uri())
    with pytest.raises(UserError, match="there is no page"):
        take_snapshot(store, Path("/proc/self/environ"))
    with pytest.raises(UserError, match="does not lie in the composition's folder"):
        take_snapshot(store, Path("/page/../proc/self/environ"), folder=Path("/page"))
    assert store.keys("blobs/") == []


# -- places --------------------------------------------------------------------------------------------------


def test_a_link_in_an_allowed_folder_leads_nowhere_else(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/out").symlink_to(tmp_path / "others")
    (tmp_path / "mine/top").symlink_to("/")
    (tmp_path / "mine/round").symlink_to("round")
    allowed = AllowedStores([(tmp_path / "mine").as_uri()])
    allowed.check(f"{tmp_path}/mine/page", "the source")
    for place in ("out/page", "top/etc/passwd", "top", "round", "round/page"):
        with pytest.raises(StoreForbidden):
            allowed.check(f"{tmp_path}/mine/{place}", "the source")


@pytest.mark.parametrize("place", ["s3://media/a", "file:///a", "gs://films", "/etc", "memory:///"])
def test_where_strangers_call_nothing_is_allowed_unless_somebody_said_so(place):
    closed = AllowedStores.from_environment({}, serves_strangers=True)
    assert closed.allows_nothing
    with pytest.raises(StoreForbidden, match=r"worker may use; its owner has to set HELIOS_ALLOWED_STORES"):
        closed.check(place, "the artifact store")
    AllowedStores.from_environment({}).check(place, "the artifact store")


@pytest.mark.parametrize("listed", ["*", "s3://", "media", "s3://a/,../b", "file://host/a", "s3://a b/", "s3://a/?x"])
def test_a_list_that_cannot_be_read_allows_nothing_silently(listed):
    with pytest.raises(UserError, match=r"^HELIOS_ALLOWED_STORES: .* is not the address of a store: .*; correct it: "):
        AllowedStores.from_environment({"HELIOS_ALLOWED_STORES": listed})


@pytest.mark.parametrize(
    "output",
    [
        "blobs/film.mp4",
        "jobs/1/job.json",
        "chunks/a.json",
        "plans/film.mp4",
        "segments/a/film.mp4",
        "requests/1.json",
        "../others/jobs/1/job.json",
    ],
)
@pytest.mark.parametrize("stage", [Stage.PLAN, Stage.STITCH])
def test_a_film_among_the_artifacts(tmp_path, output, stage):
    store = ArtifactStore((tmp_path / "store").as_uri())
    target = os.path.normpath(f"{tmp_path}/store/{output}")
    job = builders.job(0, 60, output=target)
    store.put(job_key(job.id), job_bytes(job))
    store.put("requests/plan.json", orjson.dumps({"composition": {"url": str(tmp_path)}, "output": target}))
    path = "requests/plan.json" if stage is Stage.PLAN else job_key(job.id)
    worker = WorkerRuntime(tmp_path, lanes=1)
    try:
        reply = worker.process(Payload(jobPath=store.url + path, stage=stage))
    finally:
        worker.close()
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "would lie among the artifacts" in reply.stderr


@pytest.mark.parametrize(
    "url",
    ["STORE/jobs/%2e%2e/job.json", "STORE/jobs/../../job.json", "STORE/jobs/1/job.json?x", "STORE/jobs/1\\job.json",
     "STORE//jobs/1/job.json", "STORE/jobs/1/\n/job.json"],
)  # fmt: skip
def test_a_job_outside_of_its_store(tmp_path, url):
    with pytest.raises(UserError, match=r"is not the address of a store|does not lie in an artifact store"):
        read_job(url.replace("STORE", tmp_path.as_uri()))


# -- job.json ------------------------------------------------------------------------------------------------


def altered(**changes: Any) -> dict[str, Any]:
    """A planned job with other values, by dotted name; its ID is left as it is."""
    content: dict[str, Any] = orjson.loads(job_bytes(builders.job(0, 60, 120)))
    for name, value in changes.items():
        *way, last = name.split("__")
        place: Any = content
        for step in way:
            place = place[int(step) if step.isdecimal() else step]
        place[last] = value
    return content


ALTERED = {
    "another page": {"helios__film__url": "http://evil.example/", "helios__film__snapshot": ""},
    "a file as the page": {"helios__film__url": "file:///etc/passwd", "helios__film__snapshot": ""},
    "a file as the page, in capitals": {"helios__film__url": "FILE:///etc/passwd"},
    "data as the page": {"helios__film__url": "data:text/html,x"},
    "the browser as the page": {"helios__film__url": "chrome://version"},
    "a page's source as the page": {"helios__film__url": "view-source:file:///etc/passwd"},
    "a script as the page": {"helios__film__url": "javascript:0"},
    "a path as the page": {"helios__film__url": "/etc/passwd"},
    "steps up as the page": {"helios__film__entry": "../../etc/passwd"},
    "a path as the snapshot": {"helios__film__snapshot": "../jobs/1"},
    "a path as the recording": {"helios__film__recording": "../../secret"},
    "capitals in the snapshot": {"helios__film__snapshot": "AB" * 32},
    "a path as the plan": {"helios__plan": "../x"},
    "a path as a chunk's key": {"chunks__0__key": "../jobs/1/job"},
    "the key of another chunk": {"chunks__0__key": "c" * 40},
    "another output": {"helios__output": "s3://others/film.mp4"},
    "other props": {"helios__film__props": {"title": "mine"}},
    "another engine": {"helios__engine__browser": "mine"},
    "another frame rate": {"helios__film__encoder__fps": "60"},
    "no warnings about time": {"helios__frameTimeout": 1e9},
    "a command": {"mergeCommand": "rm -rf /"},
    "a command of a chunk": {"chunks__0__command": "rm -rf /"},
    "a negative frame": {"chunks__0__startFrame": -1},
    "no frame": {"chunks__0__frameCount": 0},
    "no ID": {"id": ""},
    "another ID": {"id": "0" * 40},
}


@pytest.mark.parametrize("changes", [pytest.param(changes, id=name) for name, changes in ALTERED.items()])
def test_a_job_that_was_altered(tmp_path, changes):
    store = ArtifactStore(tmp_path.as_uri())
    key = job_key(builders.job(0, 60, 120).id)
    store.put(key, orjson.dumps(altered(**changes)))
    with pytest.raises(CorruptArtifact, match=r"is not a job|is not believed"):
        read_job(store.url + key)


ALTERED_WITH_ITS_ID = {
    "a file as the page": {"helios__film__url": "file:///etc/passwd"},
    "steps up as the page": {"helios__film__entry": "../x"},
    "a path as the snapshot": {"helios__film__snapshot": "../x"},
    "chunks that leave a gap": {"chunks__1__startFrame": 61},
    "chunks that overlap": {"chunks__1__startFrame": 59},
    "a chunk twice": {"chunks__1__id": 0},
    "frames beyond the film": {"helios__film__end": 90},
}


@pytest.mark.parametrize("changes", [pytest.param(changes, id=name) for name, changes in ALTERED_WITH_ITS_ID.items()])
def test_a_job_that_was_altered_by_somebody_who_knows_how_ids_are_made(tmp_path, changes):
    store = ArtifactStore(tmp_path.as_uri())
    content = altered(**changes)
    try:
        content["id"] = with_own_id(JobSpec.model_validate(content)).id
    except ValidationError:
        content["id"] = "0" * 40
    store.put(job_key(content["id"]), orjson.dumps(content))
    with pytest.raises(CorruptArtifact, match=r"is not a job|is not believed"):
        read_job(store.url + job_key(content["id"]))


@pytest.mark.parametrize("found", [1, 3])
@pytest.mark.parametrize("more", [{}, {"what": "a later version has"}], ids=["the same fields", "other fields"])
def test_a_job_of_another_version_is_nobodys_mistake(tmp_path, found, more):
    """An operator that was upgraded in the middle of a render has it planned again."""
    store = ArtifactStore(tmp_path.as_uri())
    content = altered(helios__format=found)
    ids = {content["id"], with_own_id(JobSpec.model_validate(content)).id}
    content["helios"] |= more
    for own in ids:
        store.put(job_key(own), orjson.dumps({**content, "id": own}))
        with pytest.raises(OtherEngine, match=rf"has format {found}, of another version"):
            read_job(store.url + job_key(own))


def test_a_job_that_says_a_thing_twice(tmp_path):
    """Readers differ in which of the two they take."""
    store = ArtifactStore(tmp_path.as_uri())
    job = builders.job(0, 60, 120)
    evil = orjson.dumps(altered(helios__film__props={"title": "mine"})["helios"])
    data = job_bytes(job)
    for both in (data[:-1] + b',"helios":' + evil + b"}", b'{"helios":' + evil + b"," + data[1:]):
        store.put(job_key(job.id), both)
        with suppress(AlteredJob):
            assert read_job(store.url + job_key(job.id))[1] == job


def test_a_job_under_another_jobs_key(tmp_path):
    store = ArtifactStore(tmp_path.as_uri())
    store.put(job_key("0" * 40), job_bytes(builders.job(0, 60)))
    with pytest.raises(AlteredJob, match="is not believed: it is job "):
        read_job(store.url + job_key("0" * 40))


def test_a_chunk_that_would_be_committed_as_another_ones():
    """Its own ID is right; its pictures would be found by a film that another plan made."""
    content = altered(chunks__0__key="c" * 40)
    forged = with_own_id(JobSpec.model_validate(content))
    with pytest.raises(AlteredJob, match=r"chunk 0 of job .* has the key of other frames"):
        check_keys(forged, [0, 1])
    check_keys(forged, [1])


def test_a_job_of_ours_without_our_fields_is_one_of_commands(tmp_path):
    """It has no digest that could be proven, so it runs only where commands are allowed."""
    store = ArtifactStore(tmp_path.as_uri())
    content = altered(chunks__0__command="touch /tmp/harm")
    del content["helios"]
    store.put(job_key(content["id"]), orjson.dumps(content))
    worker = WorkerRuntime(tmp_path, lanes=1)
    try:
        reply = worker.process(Payload(jobPath=store.url + job_key(content["id"]), chunkIndex=0))
    finally:
        worker.close()
    assert (reply.exitCode, "is not the digest of its content" in reply.stderr) == (ExitCode.RETRYABLE, True)


# -- what else a store holds ---------------------------------------------------------------------------------

NOT_DIGESTS = ["", "x", "../" * 3 + "etc/passwd", SHA.upper(), SHA + "\n", SHA[:-1], SHA + "0", "g" * 64, f"{SHA}/../x"]


@pytest.mark.parametrize("digest", NOT_DIGESTS)
def test_only_digests_become_keys(digest):
    models: list[tuple[Any, dict[str, Any]]] = [
        (Snapshot, {"entry": "a", "files": {"a": digest}}),
        (Manifest, {**builders.manifest(builders.chunk(0, 60)).model_dump(), "sha256": digest}),
    ]
    if digest:
        models.append((RecordedResponse, {"status": 200, "body": digest}))
        models += [(FilmSpec, {**builders.film().model_dump(), name: digest}) for name in ("snapshot", "recording")]
    for model, value in models:
        with pytest.raises(ValidationError):
            model.model_validate(value)


@pytest.mark.parametrize("path", ["../a", "/a", "a/../b", "a//b", "", "a\0", "."])
def test_a_snapshot_with_a_path_that_leads_out(tmp_path, path):
    store = ArtifactStore(tmp_path.as_uri())
    with pytest.raises(ValidationError):
        Snapshot(entry=path, files={path: SHA})
    forged = Snapshot.model_construct(entry=path, files={path: SHA})
    store.put(forged.key, orjson.dumps(forged.model_dump()))
    with pytest.raises(CorruptArtifact, match="has been altered"):
        load_snapshot(store, forged.digest)


def test_a_snapshot_without_its_page():
    with pytest.raises(ValidationError, match="its page is none of its files"):
        Snapshot(entry="index.html", files={"other.html": SHA})


@pytest.mark.parametrize("sha256", ["../../jobs/1/job", "x", SHA.upper()])
def test_a_manifest_whose_segment_is_another_file(tmp_path, sha256):
    store = ArtifactStore(tmp_path.as_uri())
    chunk = builders.chunks(0, 60)[0]
    value = {**builders.manifest(chunk).model_dump(), "sha256": sha256, "segment": f"segments/{sha256}.mp4"}
    store.put(manifest_key(chunk.key), orjson.dumps(value))
    assert committed(store, chunk) is None
    assert not store.exists(manifest_key(chunk.key))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"segment": f"segments/{'cd' * 32}.mp4"}, id="another file"),
        pytest.param({"startFrame": 60}, id="other frames"),
        pytest.param({"frameCount": 59}, id="another number of frames"),
        pytest.param({"key": SHA}, id="another chunk"),
    ],
)
def test_a_manifest_of_something_else_under_a_chunks_key(tmp_path, changes):
    store = ArtifactStore(tmp_path.as_uri())
    chunk = builders.chunks(0, 60)[0]
    store.put(manifest_key(chunk.key), orjson.dumps({**builders.manifest(chunk).model_dump(), **changes}))
    assert committed(store, chunk) is None
    assert not store.exists(manifest_key(chunk.key))


# -- names of the server -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:8080", True),
        ("10.1.2.3", True),
        ("[::1]:8080", True),
        ("localhost:8080", True),
        ("LOCALHOST.", True),
        ("helios-worker", True),
        ("helios-worker.films.svc:8080", True),
        ("helios-worker.films.svc.cluster.local", True),
        ("helios-worker-4f2a-ew.a.run.app", True),
        ("abc.lambda-url.eu-west-1.on.aws", True),
        ("render.example.org:443", True),
        ("a.films.example", True),
        (None, True),
        ("attacker.example", False),
        ("attacker.example:8080", False),
        ("127.0.0.1.attacker.example", False),
        ("localhost.attacker.example", False),
        ("run.app.attacker.example", False),
        ("evilrun.app", False),
        ("render.example.org.attacker.example", False),
        ("films.example", False),
        ("evilfilms.example", False),
        ("localhost@attacker.example", False),
        ("attacker.example, localhost", False),
        ("attacker.example\tlocalhost", False),
        ("localhost/attacker.example", False),
        ("localhost:8080:attacker.example", False),
        ("[::1].attacker.example", False),
        ("::1", False),
        ("", False),
        (":8080", False),
        ("xn--lcalhost-9l8d.example", False),
    ],
)
def test_names_by_which_a_worker_is_called(host, allowed):
    hosts = AllowedHosts.from_environment({"HELIOS_ALLOWED_HOSTS": "render.example.org, .Films.example"})
    assert hosts.allow(host) is allowed


@pytest.mark.parametrize("environment", [{"HELIOS_ALLOWED_HOSTS": "*"}, {"K_SERVICE": "helios-worker"}])
def test_every_name_where_somebody_else_checks_it(environment):
    assert AllowedHosts.from_environment(environment).allow("films.example")


@pytest.mark.parametrize("listed", ["https://films.example", "films.example:443", "*.films.example", "a b", "/"])
def test_a_list_of_names_that_cannot_be_read(listed):
    with pytest.raises(UserError, match=r"HELIOS_ALLOWED_HOSTS: .* is not the name of a host"):
        AllowedHosts.from_environment({"HELIOS_ALLOWED_HOSTS": listed})
