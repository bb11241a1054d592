"""Headers and cookies for a page's own server: who is sent them, and that nothing keeps them.

Long, because one server and one page try all ways by which a secret could leave.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.entrypoints.one_shot import answer
from helios_worker.entrypoints.process import _parser
from helios_worker.network.addresses import AddressRule
from helios_worker.network.origin_headers import OriginHeaders
from helios_worker.runtime import WorkerRuntime
from tests.integration.planted import BAKED, SECRET, assert_nowhere
from tests.integration.worker.project import MOVING, Project, html
from tests.integration.worker.web_host import WebHost

SECRETS = [("Authorization", f"Bearer {SECRET}"), ("X-Api-Key", SECRET)]
COOKIES = [("session", BAKED)]
SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9" fill="green"/></svg>'
KINDS = {"": "text/html", "html": "text/html", "svg": "image/svg+xml", "js": "text/javascript", "css": "text/css"}
PAGE = (
    MOVING
    + """<link rel="stylesheet" href="style.css"><img src="/own.svg">
<img src="OTHER/cross.svg"><img src="PORT/port.svg">
<img src="/away/once.svg"><img src="/away/back.svg"><iframe src="/inner.html"></iframe>
<iframe src="OTHER/evil.html"></iframe><iframe srcdoc='<img src="/srcdoc.svg">'></iframe>
<iframe sandbox="allow-scripts" srcdoc='<img src="/sandbox.svg">'></iframe>
<script>
  if (document.cookie.includes("session")) throw new Error("a script can read the cookie");
  console.log(document.cookie);
  const worked = (maker) => new Promise((done) => (maker.onmessage = (event) => done(event.data)));
  window.__HELIOS_READY__ = (async () => {
    await (await fetch("data.js", { headers: { "X-Api-Key": "the page's own" } })).text();
    await fetch("OTHER/cors.js");
    await fetch("OTHER/asked-before.js", { headers: { "X-Own": "1" } });
    await import("/module.js");
    await new Promise((done) => {
      const asked = new XMLHttpRequest();
      asked.onloadend = done;
      asked.open("GET", "/part.js");
      asked.setRequestHeader("Range", "bytes=0-1");
      asked.send();
    });
    await fetch("/away/fetch.js");
    await fetch("PORT/with.js", { credentials: "include", mode: "no-cors" });
    await worked(new Worker("worker.js"));
    await new Promise((done) => addEventListener("message", done, { once: true }) || window[1].postMessage("", "*"));
  })();
  requestAnimationFrame(function step(time) {
    if (time < 300) requestAnimationFrame(step);
    else fetch("/late.js");
  });
</script>"""
)
FILES = {
    "/worker.js": 'fetch("/from-worker.js").then(() => fetch("/away/worker.js")).then(() => postMessage(1));',
    "/film/worker.js": 'fetch("/from-worker.js").then(() => fetch("/away/worker.js")).then(() => postMessage(1));',
    "/inner.html": '<img src="/of-inner.svg">',
}
EVIL = """<img src="OWN/stolen.svg"><script>
  const asked = fetch("OWN/stolen.js").then((answer) => answer.text());
  const other = new Worker(URL.createObjectURL(new Blob(['fetch("OWN/by-worker.js").then(() => postMessage(1))'])));
  onmessage = async () => { await asked; parent.postMessage("", "*"); };
</script>"""
HOME = {"/film/", "/film/style.css", "/own.svg", "/inner.html", "/of-inner.svg", "/srcdoc.svg", "/film/data.js"}
HOME |= {"/film/worker.js", "/from-worker.js", "/away/once.svg", "/away/back.svg", "/away/fetch.js", "/away/worker.js"}
HOME |= {"/late.js", "/module.js", "/part.js"}
ABROAD = {"/cross.svg", "/port.svg", "/evil.html", "/cors.js", "/with.js", "/stolen.svg", "/stolen.js", "/by-worker.js"}
ABROAD |= {"/landed/once.svg", "/landed/back.svg", "/landed/fetch.js", "/landed/worker.js", "/returned/back.svg"}
ABROAD |= {"/sandbox.svg", "/asked-before.js"}


class Guarded(WebHost):
    """Answers nobody without the secrets at home. got: headers by path. elsewhere: its neighbour's URL."""

    def __init__(self) -> None:
        self.got: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
        self.elsewhere = ""
        self.page = PAGE
        super().__init__()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got[path].append(headers)
        body = FILES.get(path, SQUARE if path.endswith(".svg") else "")
        if path == "/film/":
            body = html(self.page.replace("OTHER", self.other).replace("PORT", self.elsewhere), frames=12)
        if path == "/evil.html":
            body = EVIL.replace("OWN", self.url)
        status, place = 200, ""
        if path in HOME and not (SECRET in headers.get("authorization", "") and BAKED in headers.get("cookie", "")):
            status = 401
        elif path.startswith("/away/"):
            status, place = 302, f"{self.other}/landed/{path.rpartition('/')[2]}"
        elif path == "/landed/back.svg":
            status, place = 302, f"{self.url}/returned/back.svg"
        request.send_response(status)
        if place:
            request.send_header("Location", place)
        kind = KINDS.get(path.rpartition(".")[2] if "." in path else "", "text/plain")
        request.send_header("Content-Type", kind)
        request.send_header("Access-Control-Allow-Origin", "*")
        request.send_header("Access-Control-Allow-Headers", "*, authorization, x-api-key")
        request.send_header("Set-Cookie", "visits=1; Path=/")
        request.send_header("Content-Length", str(len(body.encode())))
        request.end_headers()
        request.wfile.write(body.encode())


@pytest.fixture(scope="module")
def web() -> Iterator[Guarded]:
    server, neighbour = Guarded(), Guarded()
    server.elsewhere = neighbour.url
    server.got = neighbour.got  # what either of them is asked
    yield server
    server.stop()
    neighbour.stop()


def worker(folder: Path, headers: OriginHeaders) -> WorkerRuntime:
    return WorkerRuntime(folder, lanes=1, addresses=AddressRule(loopback=True), headers=headers)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, web: Guarded) -> Iterator[WorkerRuntime]:
    made = worker(tmp_path_factory.mktemp("workspace"), OriginHeaders.to(web.url, SECRETS, COOKIES, key=b"k" * 32))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def fresh(web: Guarded) -> None:
    web.got.clear()
    web.page = PAGE


def try_plan(project: Project, url: str, runtime: WorkerRuntime | None = None, **changes: Any) -> Reply:
    silent = {"codec": "none"}  # or the plan goes through all frames, to listen
    request = project.ask("", composition={"url": url, "seeking": "Seekable"}, audio=silent, **changes)
    reply = (runtime or project.runtime).process(Payload(jobPath=request, stage=Stage.PLAN))
    if reply.result is not None:
        project.job_url = reply.result.get("jobPath", "")
    return reply


def test_the_pages_own_server_is_sent_them_and_no_other(
    project: Project, web: Guarded, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    """And nothing that is stored or said has them."""
    caplog.set_level(logging.DEBUG)
    replies = [try_plan(project, f"{web.url}/film/")]
    assert replies[0].exitCode == ExitCode.DONE, replies[0].stderr
    planned = set(web.got)
    replies += [project.chunk(chunk.id) for chunk in project.job.chunks]
    replies += [project.stitch()]
    assert [reply.stderr for reply in replies] == [""] * len(replies)

    assert set(web.got) == HOME | ABROAD, "all ways were tried"
    for path in HOME:
        for headers in web.got[path]:
            own = path == "/film/data.js"  # what the page itself sends stays
            assert headers["x-api-key"] == ("the page's own" if own else SECRET), path
            assert f"session={BAKED}" in headers["cookie"], path
    for path in ABROAD:
        for headers in web.got[path]:
            assert not {"authorization", "x-api-key"} & headers.keys(), path
            assert BAKED not in headers.get("cookie", ""), path
    assert "/late.js" not in planned, "a chunk asked first, with the headers"
    assert any("visits=1" in headers["cookie"] for headers in web.got["/own.svg"]), "the browser's own cookies stay"

    assert project.job.ours.film.sendsHeaders
    said = capfd.readouterr()
    assert_nowhere(project.folder, caplog.text, said.out, said.err, *(reply.model_dump_json() for reply in replies))


def test_a_report_about_a_stuck_page_has_none(project: Project, web: Guarded):
    web.page = (
        '<p>x</p><script>console.error("token?", document.cookie); window.__HELIOS_READY__ = new Promise(() => {});'
        "</script>"
    )
    reply = try_plan(project, f"{web.url}/film/", frameTimeout=1)
    assert reply.exitCode == ExitCode.USER_ERROR
    assert reply.result is not None
    assert reply.result["report"]
    assert_nowhere(project.folder, reply.model_dump_json())


def test_other_headers_are_another_recording(project: Project, web: Guarded, tmp_path: Path):
    """Also where the plan was answered alike: a later frame may not be. The same headers find the same film again."""
    web.page = "<p>alike"
    url = f"{web.url}/film/"
    assert try_plan(project, url).exitCode == ExitCode.DONE
    first = project.job
    assert try_plan(project, url).exitCode == ExitCode.DONE
    assert project.job.id == first.id
    headers = OriginHeaders.to(web.url, [*SECRETS, ("X-More", "1")], COOKIES, key=b"k" * 32)
    other = worker(tmp_path, headers)
    try:
        assert try_plan(project, url, other).exitCode == ExitCode.DONE
    finally:
        other.close()
    assert project.job.ours.film.recording != first.ours.film.recording
    assert {chunk.key for chunk in project.job.chunks}.isdisjoint(chunk.key for chunk in first.chunks)


def test_a_worker_without_them_replays_and_says_what_it_lacks(project: Project, web: Guarded, tmp_path: Path):
    """A chunk needs them only where a frame asks what the plan did not."""
    assert try_plan(project, f"{web.url}/film/").exitCode == ExitCode.DONE
    bare = worker(tmp_path, OriginHeaders())
    web.got.clear()
    try:
        early, late = (bare.process(Payload(jobPath=project.job_url, chunkIndex=index)) for index in (0, 1))
    finally:
        bare.close()
    assert early.exitCode == ExitCode.DONE, early.stderr
    assert late.exitCode == ExitCode.USER_ERROR, "this worker is never given them"
    assert late.result is not None
    assert late.result["error"] == "HeadersMissing"
    assert "/late.js is asked for by this frame first, and needs the headers" in late.stderr
    assert not set(web.got) & HOME


def test_headers_for_another_server_are_refused(project: Project, web: Guarded):
    reply = try_plan(project, f"{web.other}/film/")
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "the page is not on it" in reply.stderr
    assert not web.got
    assert not list(ArtifactStore(project.store.url).keys("jobs/"))


def test_a_pod_sends_a_secret_only_where_it_says(
    project: Project,
    web: Guarded,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
):
    """Whoever writes the RenderJob chooses Secret and page, and must not choose where the Secret goes."""
    monkeypatch.setenv("HELIOS_ALLOWED_ADDRESSES", "127.0.0.1,localhost")
    web.page = "<p>"
    secret = tmp_path_factory.mktemp("secret")
    for name, value in (*SECRETS, ("Cookie", f"session={BAKED}"), ("origin", web.other)):
        (secret / name).write_text(value)
    url = f"{web.url}/film/"
    request = project.ask("", composition={"url": url, "seeking": "Seekable"})
    options = ["plan", request, "--workspace", str(tmp_path), "--headers-from", str(secret), "--headers-to", url]
    refused = answer(_parser().parse_args(options))
    assert refused.exitCode == ExitCode.USER_ERROR
    assert f"may not be sent to {web.url}: its origin names other servers" in refused.stderr
    assert web.other not in refused.stderr
    assert not web.got

    (secret / "origin").write_text(f"{web.other}\n{web.url}\n")
    taken = answer(_parser().parse_args(options))
    assert taken.exitCode == ExitCode.DONE, taken.stderr
    assert SECRET in web.got["/film/"][0]["authorization"]
    assert_nowhere(project.folder, refused.model_dump_json(), taken.model_dump_json())
