"""Compositions that lie elsewhere: in a bucket, in an archive, on the web. All of them are the film of the same folder.

The bucket is on versitygw, the web a server of this machine.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest

from helios_crds.request import RenderRequest
from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.artifacts.errors import StoreError
from helios_worker.artifacts.snapshot import load_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import UserError
from helios_worker.network.addresses import AddressRule
from helios_worker.runtime import WorkerRuntime
from helios_worker.sources.archive import BadArchive, Limits
from helios_worker.sources.fetch import fetch_composition
from tests.clouds.archives import tar_of, zip_of
from tests.clouds.faulty import Fault, Faulty, faulty
from tests.clouds.s3_server import BUCKET, s3_environment, s3_server
from tests.integration.worker.project import html

PAGE = html('<style>body { margin: 0 }</style><img src="img/a.svg"><script src="film.js"></script>', frames=6)
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><rect width="90" height="90" fill="#c60"/></svg>'
)
FILES = {"index.html": PAGE, "img/a.svg": PICTURE, "film.js": "document.body.style.background = '#123'"}
prefixes = count()
RULE = AddressRule(loopback=True)


class Web(dict[str, bytes]):
    """What a web server has, by path. asked: what was asked for."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []


@contextmanager
def web_server() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            web.asked.append(self.path)
            if self.path == "/moved.tgz":
                self.send_response_only(302)
                self.send_header("Location", "/page.tgz")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            found = web.get(self.path.partition("?")[0])
            self.send_response_only(404 if found is None else 200)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with web_server() as server:
        server["/page.tgz"] = tar_of(FILES)
        server["/page.zip"] = zip_of(FILES)
        yield server


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """The line to an S3 server of this machine."""
    with (
        s3_server(tmp_path_factory.mktemp("s3") / "buckets") as address,
        faulty(address) as proxy,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in s3_environment(proxy.url).items():
            environment.setenv(name, value)
        yield proxy


@pytest.fixture
def place(line: Faulty) -> ArtifactStore:
    """A part of the bucket with the page in a folder, in archives, and with what does not belong to it."""
    line.calm()
    store = ArtifactStore(f"s3://{BUCKET}/{next(prefixes)}")
    for name, text in FILES.items():
        store.put(f"page/{name}", text.encode())
    store.put("page/.hidden/key", b"secret")
    store.put("page2/index.html", b"another")
    store.put("page.tar.gz", tar_of(FILES))
    store.put("page.zip", zip_of(FILES))
    store.put("inside.tgz", tar_of({f"teaser/{name}": text for name, text in FILES.items()}))
    return store


@pytest.fixture
def plan(runtime: WorkerRuntime, tmp_path: Path) -> Callable[..., Reply]:
    """Plans what an address names, with a store in a folder unless told otherwise."""

    def ask(url: str, *, artifacts: str = "", output: str = "", **composition: Any) -> Reply:
        store = ArtifactStore(artifacts or (tmp_path / "store").as_uri())
        asked = RenderRequest.model_validate(
            {"composition": {"url": url, **composition}, "output": output or str(tmp_path / "out.mp4")}
        )
        store.put("requests/1.json", asked.model_dump_json().encode())
        return runtime.process(Payload(jobPath=f"{store.url}requests/1.json", stage=Stage.PLAN))

    return ask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page in a folder here."""
    root = tmp_path / "page"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "page.tgz").write_bytes(tar_of(FILES))
    return root


def test_wherever_it_is_it_is_the_same_film(plan: Callable[..., Reply], place: ArtifactStore, web: Web, folder: Path):
    """One job, planned once: only the first of them opens a browser."""
    jobs = set()
    sources = [str(folder), str(folder / "index.html"), str(folder.parent / "page.tgz")]
    sources += [f"{place.url}{name}" for name in ("page/", "page", "page/index.html", "page.tar.gz", "page.zip")]
    sources += [f"{place.url}inside.tgz", f"{web.url}/page.tgz?X-Amz-Signature=abc", f"{web.url}/moved.tgz"]
    for source in sources:
        reply = plan(source)
        assert reply.exitCode == ExitCode.DONE, (source, reply.stderr)
        jobs.add((reply.result or {})["jobId"])
    assert len(jobs) == 1


def test_a_source_beside_its_own_artifacts_and_film(plan: Callable[..., Reply], place: ArtifactStore):
    """They are no part of the composition, or each render would be of another one."""
    options = {"artifacts": f"{place.url}page/artifacts", "output": f"{place.url}page/out/film.mp4"}
    first = plan(f"{place.url}page/", **options)
    assert first.exitCode == ExitCode.DONE, first.stderr
    place.put("page/out/film.mp4", b"an older film")
    again = plan(f"{place.url}page/", **options)
    assert (again.result or {})["jobId"] == (first.result or {})["jobId"]


def test_a_source_within_its_artifacts(plan: Callable[..., Reply], place: ArtifactStore):
    """As where a bucket's root is the artifact store; but the composition's own folder cannot be."""
    reply = plan(f"{place.url}page/", artifacts=place.url)
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    reply = plan(f"{place.url}page/", artifacts=f"{place.url}page")
    assert reply.exitCode == ExitCode.USER_ERROR
    assert reply.stderr.startswith(f"the artifacts lie in the composition's own folder {place.url}page/, which")


def test_the_page_may_lie_deeper(plan: Callable[..., Reply], place: ArtifactStore, folder: Path, tmp_path: Path):
    """And still uses what lies above it."""
    deep = {"pages/one.html": PAGE.replace('src="', 'src="../'), "img/a.svg": PICTURE, "film.js": FILES["film.js"]}
    place.put("deep.tgz", tar_of(deep))
    reply = plan(f"{place.url}deep.tgz", entry="pages/one.html")
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    (folder / "pages").mkdir()
    (folder / "pages/one.html").write_text(deep["pages/one.html"])
    (folder / "index.html").unlink()
    here = plan(str(folder), entry="pages/one.html")
    assert (here.result or {})["jobId"] == (reply.result or {})["jobId"]
    store = ArtifactStore((tmp_path / "store").as_uri())
    job = orjson.loads(store.get(f"jobs/{(reply.result or {})['jobId']}/job.json") or b"")
    assert sorted(load_snapshot(store, job["helios"]["film"]["snapshot"]).files) == sorted(deep)


def test_nothing_stays_in_the_workspace(plan: Callable[..., Reply], place: ArtifactStore, runtime: WorkerRuntime):
    assert plan(f"{place.url}page.tar.gz").exitCode == ExitCode.DONE
    assert plan(f"{place.url}page/", entry="gone.html").exitCode == ExitCode.USER_ERROR
    scratch = runtime._scratch.path
    assert not [path for path in scratch.rglob("*") if "source" in path.name or path.name == "unpacked"]


@pytest.mark.parametrize(
    ("source", "entry", "said"),
    [
        ("page/", "a.html", "there is no page a.html in {place}page/; name the page: index.html is there"),
        ("nowhere/", "", "there is no page index.html in {place}nowhere/; name the folder or archive"),
        ("page/gone.html", "", "there is no page gone.html in {place}page/; name the page: index.html is there"),
        ("gone.tgz", "", "there is no archive {place}gone.tgz; correct its address"),
        ("page.zip", "a.html", "there is no page a.html in {place}page.zip; name the page: index.html is there"),
    ],
)
def test_what_is_not_there_is_named(
    plan: Callable[..., Reply], place: ArtifactStore, source: str, entry: str, said: str
):
    reply = plan(f"{place.url}{source}", **({"entry": entry} if entry else {}))
    assert reply.exitCode == ExitCode.USER_ERROR
    assert reply.stderr.startswith(said.format(place=place.url)), reply.stderr


def test_an_archive_on_the_web_that_is_not_there(plan: Callable[..., Reply], web: Web):
    reply = plan(f"{web.url}/gone.tgz?X-Amz-Signature=abc")
    assert reply.exitCode == ExitCode.USER_ERROR
    assert reply.stderr == f"there is no archive {web.url}/gone.tgz?… (404); correct its address"


def test_a_signed_address_is_never_shown(plan: Callable[..., Reply], web: Web, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HELIOS_STORE_RETRY_SECONDS", "0.3")
    web["/bad.tgz"] = b"<html>"
    bad = plan(f"{web.url}/bad.tgz?X-Amz-Signature=abc")
    assert bad.exitCode == ExitCode.USER_ERROR
    assert bad.stderr.startswith(f"the archive {web.url}/bad.tgz is damaged")
    away = plan("http://127.0.0.1:1/page.tgz?X-Amz-Signature=abc")
    assert away.exitCode == ExitCode.RETRYABLE
    assert away.stderr.startswith("fetching http://127.0.0.1:1/page.tgz?…: nothing listens there")
    for reply in (bad, away):
        assert "abc" not in reply.model_dump_json()


def test_too_much_is_not_fetched(line: Faulty, place: ArtifactStore, tmp_path: Path):
    line.calm()
    with pytest.raises(UserError, match=r"page/ holds more than 2 files or 1 MiB, too much for a composition"):
        fetch_composition(f"{place.url}page/", "index.html", tmp_path, RULE, limits=Limits(files=2, bytes=1 << 20))
    assert line.asked("GET", "index.html") == 0
    (tmp_path / "a").mkdir()
    with pytest.raises(BadArchive, match="holds more than 2 files"):
        fetch_composition(
            f"{place.url}page.zip", "index.html", tmp_path / "a", RULE, limits=Limits(files=2, bytes=1 << 20)
        )


def test_a_file_that_changes_while_it_is_taken(line: Faulty, place: ArtifactStore, tmp_path: Path, monkeypatch):
    """Between the listing and the reading."""
    entries = ArtifactStore.entries

    def list_then_write(store: ArtifactStore, *prefix: str, **options: Any) -> list[Any]:
        found = entries(store, *prefix, **options)
        place.put("page/film.js", b"another")
        return found

    monkeypatch.setattr(ArtifactStore, "entries", list_then_write)
    with pytest.raises(StoreError, match=r"page/film.js: it changed meanwhile; run it again when nothing writes there"):
        fetch_composition(f"{place.url}page/", "index.html", tmp_path, RULE)


def test_a_source_over_a_bad_line(line: Faulty, place: ArtifactStore, tmp_path: Path):
    line.when(Fault(cut_download=20), method="GET", holding="film.js", times=2)
    line.when(Fault(503), method="GET", holding="list-type", times=2)
    line.when(Fault(429), method="GET", holding="index.html", times=2)
    page, root = fetch_composition(f"{place.url}page/", "index.html", tmp_path, RULE)
    assert page == root / "index.html"
    found = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}
    assert found == FILES


def test_folders_that_some_tools_make(line: Faulty, place: ArtifactStore, tmp_path: Path):
    """An empty object of a folder's name, beside what is in the folder."""
    listing = "<?xml version='1.0'?><ListBucketResult>{}</ListBucketResult>".format(
        "".join(
            f"<Contents><Key>{place.url.removeprefix(f's3://{BUCKET}/')}page/{key}</Key><Size>{size}</Size>"
            f"<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, size in (("", 0), ("img/", 0), ("img/a.svg", len(PICTURE)), ("index.html", len(PAGE)))
        )
    )
    line.when(Fault(200, listing), method="GET", holding="list-type")
    _, root = fetch_composition(f"{place.url}page/", "index.html", tmp_path, RULE)
    assert hashlib.sha256((root / "img/a.svg").read_bytes()).digest() == hashlib.sha256(PICTURE.encode()).digest()
