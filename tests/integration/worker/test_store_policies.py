"""docs/stores.md says which rights are needed: those that a render and heliosctl really use, no more and no less."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import yaml

from helios_crds.backoff import Backoff
from helios_crds.wire import ExitCode, Payload, Stage
from helios_worker.artifacts import retry
from helios_worker.artifacts.access import StoreTimeouts
from helios_worker.artifacts.errors import StoreError
from helios_worker.artifacts.links import signed_url
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.runtime import WorkerRuntime
from heliosctl.local.catalogue import list_jobs, remove_jobs
from tests.clouds.faulty import Call, Fault, Faulty, faulty
from tests.clouds.gcs_server import gcs_server
from tests.clouds.s3_server import BUCKET, s3_environment, s3_server
from tests.integration.worker.project import MOVING, html

LARGE = 10_000_000


def blocks(repository: Path, kind: str) -> list[str]:
    """The fenced blocks of a language in the document."""
    return re.findall(rf"```{kind}\n(.*?)```", (repository / "docs/stores.md").read_text(), flags=re.DOTALL)


def s3_action(call: Call) -> str:
    """What a policy calls a request, as Amazon's reference of actions has it."""
    path, query = urlsplit(call.target).path, parse_qs(urlsplit(call.target).query, keep_blank_values=True)
    has_key = path.count("/") > 1
    match call.method, has_key:
        case "GET", False if "list-type" in query:
            return "s3:ListBucket"
        case (("GET" | "HEAD"), True):
            return "s3:GetObject"
        case (("PUT" | "POST"), True):
            return "s3:PutObject"
        case "POST", False if "delete" in query:
            return "s3:DeleteObject"
        case "DELETE", True:
            return "s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject"
    return f"unknown: {call}"


def google_action(call: Call) -> str:
    """What a role calls a request, as Google's reference of the XML API has it."""
    path, query = urlsplit(call.target).path, parse_qs(urlsplit(call.target).query, keep_blank_values=True)
    has_key = path.count("/") > 1
    match call.method, has_key, "uploads" in query or "uploadId" in query:
        case "GET", False, _:
            return "storage.objects.list"
        case (("GET" | "HEAD"), True, False):
            return "storage.objects.get"
        case "PUT", True, False:
            return "storage.objects.create"
        case "DELETE", True, False:
            return "storage.objects.delete"
        case "DELETE", True, True:
            return "storage.multipartUploads.abort"
        case (("PUT" | "POST"), True, True):
            return "storage.multipartUploads.create"
    return f"unknown: {call}"


def everything(store: ArtifactStore, line: Faulty, scratch: Path) -> None:
    """All that is done with a store: a page from it, a render, a large film, one that is broken off, jobs, a link."""
    store.put("page/index.html", html(MOVING, frames=6).encode())
    asked = {
        "composition": {"url": f"{store.url}page/", "seeking": "Seekable"},
        "output": f"{store.url}films/out.mp4",
    }
    store.put("requests/1.json", orjson.dumps(asked))
    worker = WorkerRuntime(scratch, lanes=1)
    try:
        plan = worker.process(Payload(jobPath=f"{store.url}requests/1.json", stage=Stage.PLAN))
        assert plan.exitCode == ExitCode.DONE, plan.stderr
        job = (plan.result or {})["jobPath"]
        assert worker.run(job, 0).exit_code == ExitCode.DONE
        assert worker.process(Payload(jobPath=job, stage=Stage.STITCH)).exitCode == ExitCode.DONE
    finally:
        worker.close()
    film = scratch / "film.mp4"
    film.write_bytes(os.urandom(LARGE))
    store.put("films/large.mp4", film)
    line.when(Fault(400, "<Error><Code>BadDigest</Code></Error>"), method="PUT", holding="broken", times=-1)
    with suppress(StoreError):
        store.put("films/broken.mp4", film)
    remove_jobs(store, list_jobs(store))
    signed_url(store.url, "films/large.mp4", timedelta(hours=1))


@pytest.fixture(params=["s3", "gs"])
def asked_of(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, set[str]]]:
    """Which store, and the actions that were asked of it."""
    monkeypatch.setattr(retry, "BACKOFF", Backoff(base=0.01))
    monkeypatch.setattr(retry, "REPEATS", 1)
    action: Callable[[Call], str] = s3_action if request.param == "s3" else google_action
    server = s3_server(tmp_path / "buckets") if request.param == "s3" else gcs_server(tmp_path)
    with server as upstream:
        address = upstream if isinstance(upstream, str) else upstream.url
        with faulty(address) as line:
            variables = s3_environment(line.url) if isinstance(upstream, str) else upstream.environment()
            for name, value in {**variables, "GOOGLE_BASE_URL": line.url}.items():
                monkeypatch.setenv(name, value)
            (tmp_path / "scratch").mkdir()
            store = ArtifactStore(f"{request.param}://{BUCKET}/a", timeouts=StoreTimeouts(retry=5, tries=2, pause=0.04))
            everything(store, line, tmp_path / "scratch")
            yield request.param, {action(call) for call in line.calls}


def test_the_documents_policies_are_what_is_asked_for(asked_of: tuple[str, set[str]], repository: Path):
    kind, actions = asked_of
    if kind == "s3":
        (policy,) = [orjson.loads(block) for block in blocks(repository, "json")]
        objects, bucket = policy["Statement"]
        assert (objects["Resource"], bucket["Resource"]) == ("arn:aws:s3:::media/*", "arn:aws:s3:::media")
        assert {*objects["Action"], bucket["Action"]} == actions
    else:
        (role,) = [yaml.safe_load(block) for block in blocks(repository, "yaml") if "includedPermissions" in block]
        assert set(role["includedPermissions"]) == actions
