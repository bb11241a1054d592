"""Pages on the network: every chunk sees what the plan saw, whatever the servers say or do meanwhile.

Long, because all of it shares one server, whose answers are the point of each test.
"""

from __future__ import annotations

import gzip
import re
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import av
import numpy as np
import pytest

from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.artifacts.digests import file_digest
from helios_worker.capture.content import recorder
from heliosctl.local.catalogue import keys_of
from tests.integration.worker.project import MOVING, Project, html
from tests.integration.worker.web_host import WebHost

SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40" fill="{}"/></svg>'
PAGE = (
    MOVING
    + """<link rel="stylesheet" href="style.css"><script src="OTHER/script.js"></script>
<img src="/moved.svg">
<script>
  window.__HELIOS_READY__ = (async () => {
    const data = await fetch("OTHER/data.json?q=1", { headers: { "X-Asked-By": "a page" } });
    document.body.style.borderTop = `${(await data.json()).border}px solid red`;
    const counted = new Worker("worker.js");
    document.body.style.borderLeft = `${await new Promise((r) => (counted.onmessage = (e) => r(e.data)))}px solid blue`;
    if (!isSecureContext || location.pathname !== "/film/") throw new Error(location);
  })();
</script>"""
)

# Headers by which the server's answers to /told differ.
TOLD = ("X-Mode", "Authorization", "Accept", "Cookie")


class Web(WebHost):
    """A server under two hosts, whose answers can be changed. hits: by path, with the host's name before it."""

    methods = (*WebHost.methods, "POST")

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        super().__init__()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.hits[f"{request.command} {path}"] += 1
        request.rfile.read(int(request.headers.get("Content-Length") or 0))
        kind, body = self.files.get(path, ("", b""))
        if path == "/told":
            told = "".join(request.headers.get(name, "") for name in TOLD)
            body = b"orange" if re.search("^2|Bearer 2|text/2|mode=2", told) else b"green"
        if request.command == "OPTIONS":
            body = b""
            request.send_response(204)
            request.send_header("Access-Control-Allow-Headers", "X-Asked-By")
        elif kind == "location":
            request.send_response(302)
            request.send_header("Location", body.decode())
            body = b""
        else:
            part = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
            request.send_response(206 if part else 200 if kind else 404)
            if part:
                first, last = int(part[1]), int(part[2] or len(body) - 1)
                request.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
                body = body[first : last + 1]
        if kind.startswith("text/"):
            body = gzip.compress(body)
            request.send_header("Content-Encoding", "gzip")
        elif kind.startswith("video/"):
            request.send_header("Accept-Ranges", "bytes")
        if kind != "location":
            request.send_header("Content-Type", kind)
        if path == "/told":
            request.send_header("Vary", ", ".join(TOLD))
        request.send_header("Access-Control-Allow-Origin", "*")
        request.send_header("Cache-Control", "max-age=600")
        request.send_header("Set-Cookie", f"hit={sum(self.hits.values())}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def write(self, page: str = PAGE, *, color: str = "green", frames: int = 12) -> None:
        self.files |= {
            "/": ("location", b"/film/"),
            "/film/": ("text/html; charset=utf-8", html(page.replace("OTHER", self.other), frames=frames).encode()),
            "/film/style.css": ("text/css", b"body { background: url(/square.svg) repeat }"),
            "/square.svg": ("image/svg+xml", SQUARE.format(color).encode()),
            "/moved.svg": ("location", b"/there.svg"),
            "/there.svg": ("image/svg+xml", SQUARE.format("orange").encode()),
            "/script.js": ("text/javascript", b'document.querySelector("html").style.outline = "3px solid white";'),
            "/data.json": ("application/json", b'{"border": 7}'),
            "/film/worker.js": ("text/javascript", b'importScripts("more.js"); postMessage(border);'),
            "/film/more.js": ("text/javascript", b"var border = 5;"),
            "/late.svg": ("image/svg+xml", SQUARE.format("purple").encode()),
        }

    def break_everything(self) -> None:
        """Every answer is another one from now on."""
        self.files = dict.fromkeys(self.files, ("text/plain", b"another answer"))


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.stop()


def try_plan(project: Project, url: str, **changes: object) -> Reply:
    composition = {"url": url, "seeking": "Seekable", **changes}
    # Listening to the page goes through all frames, and asks for what these tests have later ones ask for.
    request = project.ask("", composition=composition, audio={"codec": "none"})
    return project.runtime.process(Payload(jobPath=request, stage=Stage.PLAN))


def plan(project: Project, url: str, **changes: object) -> list[str]:
    """Plans the page at an address; the warnings."""
    reply = try_plan(project, url, **changes)
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    assert reply.result is not None
    project.job_url = reply.result["jobPath"]
    return [*reply.result["warnings"]]


def film(project: Project) -> str:
    """Renders what is planned; the film's SHA-256."""
    project.chunks()
    reply = project.stitch()
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    return file_digest(project.output)


def forget_chunks(project: Project) -> None:
    for key in project.store.keys("chunks/"):
        project.store.delete(key)


def test_chunks_render_what_the_plan_saw(project: Project, web: Web):
    web.write()
    assert plan(project, f"{web.url}/") == []
    undisturbed = film(project)
    forget_chunks(project)
    hits = web.hits.copy()
    assert set(hits.values()) == {1}, "each thing is asked for once"
    assert "OPTIONS /data.json" in hits
    web.break_everything()
    assert project.chunk(0).exitCode == ExitCode.DONE
    web.stop()
    assert project.chunk(1).exitCode == ExitCode.DONE
    assert project.stitch().exitCode == ExitCode.DONE
    assert file_digest(project.output) == undisturbed
    assert web.hits == hits


def test_a_page_that_has_changed_is_another_film_and_one_that_has_not_is_found(project: Project, web: Web):
    web.write()
    plan(project, f"{web.url}/film/")
    first, job = film(project), project.job.id
    plan(project, f"{web.url}/film/")
    assert project.job.id == job
    assert all(result["cached"] for result in project.chunks())
    web.write(color="navy")
    plan(project, f"{web.url}/film/")
    assert project.job.id != job
    assert film(project) != first


LATE = (
    MOVING
    + """<img width=40><script>
function step(time) {
  if (time < 300) requestAnimationFrame(step); else document.querySelector("img").src = "/late.svg";
}
requestAnimationFrame(step);</script>"""
)


def test_what_a_later_frame_asks_for_first_holds_for_all_who_ask_after(project: Project, web: Web):
    web.write(LATE)
    plan(project, f"{web.url}/film/")
    assert web.hits["GET /late.svg"] == 0
    assert project.chunk(1).exitCode == ExitCode.DONE
    assert web.hits["GET /late.svg"] == 1
    first = project.manifest(1)["sha256"]
    forget_chunks(project)
    web.stop()
    assert project.chunk(1).exitCode == ExitCode.DONE
    assert project.manifest(1)["sha256"] == first


def test_what_cannot_be_recorded_is_named(project: Project, web: Web):
    web.write(MOVING + "<script>fetch('/data.json', {method: 'POST'})</script>")
    (warning,) = plan(project, f"{web.url}/film/")
    assert warning.startswith("not recorded, so each chunk sends these requests itself")
    assert f"POST {web.url}/data.json" in warning


def test_a_folder_that_asks_other_hosts(project: Project, web: Web):
    web.write()
    body = f'<script src="{web.url}/script.js"></script><img src="{web.url}/there.svg">{MOVING}'
    result = project.plan(body)
    assert result["warnings"] == ()
    undisturbed = film(project)
    forget_chunks(project)
    web.stop()
    assert project.plan(body)["jobId"] == result["jobId"]
    assert film(project) == undisturbed


def test_a_folder_on_its_own_has_no_recording(project: Project):
    project.plan(MOVING)
    assert project.job.ours.film.recording == ""
    assert project.store.keys("recordings/") == []


def test_an_answer_that_was_altered_ends_the_chunk_and_is_recorded_anew(project: Project, web: Web):
    web.write()
    plan(project, f"{web.url}/film/")
    (blob,) = (path for path in (project.folder / "store/blobs").iterdir() if b"orange" in path.read_bytes())
    good = blob.read_bytes()
    blob.write_bytes(good.replace(b"orange", b"purple"))
    reply = project.chunk()
    assert reply.exitCode == ExitCode.RETRYABLE
    assert f"{web.url}/there.svg is altered" in reply.stderr
    plan(project, f"{web.url}/film/")
    assert blob.read_bytes() == good
    film(project)


def moving_video(path: Path, *, seconds: int = 3) -> bytes:
    """An MP4 of noise, with its index at the end, so that a player has to ask for parts of it."""
    noise = np.random.default_rng(7)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "18", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for _ in range(30 * seconds):
            picture = av.VideoFrame.from_ndarray(noise.integers(0, 256, (180, 320, 3), dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path.read_bytes()


def test_a_video_is_recorded_whole_and_answered_in_parts(project: Project, web: Web, tmp_path: Path):
    web.write('<video src="/clip.mp4" autoplay muted width=160></video>')
    clip = moving_video(tmp_path / "clip.mp4")
    web.files["/clip.mp4"] = ("video/mp4", clip)
    assert plan(project, f"{web.url}/film/") == []
    undisturbed = film(project)
    forget_chunks(project)
    web.stop()
    assert film(project) == undisturbed
    (project.folder / "page/clip.mp4").write_bytes(clip)
    project.plan('<video src="clip.mp4" autoplay muted width=160></video>')
    assert film(project) == undisturbed


def test_a_job_names_what_was_recorded_for_it(project: Project, web: Web):
    web.write(LATE)
    plan(project, f"{web.url}/film/")
    project.chunks()
    kept = {key for key in keys_of(project.store, project.job) if key.startswith(("recordings/", "blobs/"))}
    assert kept == {*project.store.keys("recordings/"), *project.store.keys("blobs/")}
    assert len([key for key in kept if key.startswith("recordings/")]) == 2


def test_a_page_that_is_missing_is_the_users_mistake(project: Project, web: Web):
    reply = try_plan(project, f"{web.url}/nowhere/")
    assert reply.exitCode == ExitCode.USER_ERROR
    assert f"{web.url}/nowhere/ not found (404); fix" in reply.stderr


VARYING = """<style>body{margin:0} div{width:80px;height:90px;float:left}</style><div id=a></div><div id=b></div>
<script>
const ask = async (box, options) => { box.style.background = await (await fetch("/told", options)).text(); };
window.__HELIOS_READY__ = ask(a).then(() => { %s; return ask(b, %s); });</script>"""


def halves(project: Project) -> list[bool]:
    """For the left and the right half of the first frame: whether it is the lighter colour, orange."""
    with av.open(str(project.segment_file())) as container:
        luma = next(container.decode(video=0)).to_ndarray(format="gray")
    return [float(part.mean()) > 120 for part in (luma[:, :72], luma[:, 88:])]


@pytest.mark.parametrize(
    ("before", "options"),
    [
        pytest.param("", '{headers: {"X-Mode": "2"}}', id="a header of the page's own"),
        pytest.param("", '{headers: {Authorization: "Bearer 2"}}', id="who asks"),
        pytest.param("", '{headers: {Accept: "text/2"}}', id="what is accepted"),
        pytest.param('document.cookie = "mode=2; path=/"', "{}", id="a cookie that the page set"),
    ],
)
def test_one_address_has_an_answer_for_each_way_to_ask(before: str, options: str, project: Project, web: Web):
    web.write(VARYING % (before, options))
    web.files["/told"] = ("application/octet-stream", b"")
    assert plan(project, f"{web.url}/film/") == []
    web.stop()
    assert project.chunk().exitCode == ExitCode.DONE
    assert halves(project) == [False, True]


def test_what_a_later_frame_was_answered_is_not_told_to_another_film(project: Project, web: Web):
    web.write(LATE)
    plan(project, f"{web.url}/film/")
    assert project.chunk(1).exitCode == ExitCode.DONE
    first = project.job.ours.film.recording
    web.files["/late.svg"] = ("image/svg+xml", SQUARE.format("orange").encode())
    plan(project, f"{web.url}/film/", seed=2)
    assert project.job.ours.film.recording != first, "though both were answered the same while they were planned"
    assert project.chunk(1).exitCode == ExitCode.DONE
    assert web.hits["GET /late.svg"] == 2


@pytest.mark.parametrize("mode", ["cors", "no-cors"])
def test_a_question_in_a_body_is_refused(project: Project, web: Web, mode: str):
    options = f"{{method: 'POST', body: '{{film}}', mode: '{mode}'}}"
    web.write(f"{MOVING}<script>window.__HELIOS_READY__ = fetch('/data.json', {options})</script>")
    reply = try_plan(project, f"{web.url}/film/")
    assert reply.exitCode == ExitCode.USER_ERROR
    assert f"POST {web.url}/data.json asks for data by what it sends" in reply.stderr
    assert "ask by GET, or put the answer into a file beside the page" in reply.stderr
    (warning, *_) = plan(project, f"{web.url}/film/", pageErrors="warn")
    assert "not recorded" in warning or "asks for data" in warning


def test_a_film_takes_no_more_from_the_network_than_it_may(project: Project, web: Web, monkeypatch: pytest.MonkeyPatch):
    web.write(MOVING + "<script>window.__HELIOS_READY__ = fetch('/big').then(r => r.text())</script>")
    web.files["/big"] = ("application/octet-stream", bytes(1 << 20))
    monkeypatch.setattr(recorder, "MAX_BYTES", 1 << 19)
    reply = try_plan(project, f"{web.url}/film/")
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "from the network; put what it needs into files beside the page" in reply.stderr
    monkeypatch.undo()
    monkeypatch.setattr(recorder, "MAX_ANSWERS", 1)
    assert "more than 1 answers" in try_plan(project, f"{web.url}/film/").stderr


def test_large_answers_pass_through_files(project: Project, web: Web):
    web.write(
        "<script>window.__HELIOS_READY__ = Promise.all([1, 2, 3].map(async n => {"
        " const bytes = new Uint8Array(await (await fetch(`/big${n}`)).arrayBuffer());"
        " if (bytes.length !== 20e6 + n || bytes.at(-1) !== n) throw new Error(`${n}: ${bytes.length}`) }))</script>"
        + MOVING
    )
    for n in (1, 2, 3):
        web.files[f"/big{n}"] = ("application/octet-stream", bytes(20_000_000 + n - 1) + bytes([n]))
    tracemalloc.start()
    try:
        assert plan(project, f"{web.url}/film/") == []
        web.stop()
        tracemalloc.reset_peak()
        assert project.chunk().exitCode == ExitCode.DONE
        assert tracemalloc.get_traced_memory()[1] < 20_000_000, "no answer is held as a whole"
    finally:
        tracemalloc.stop()


VISITS = """<style>body{margin:0}</style><script>
const before = "visited" in localStorage; localStorage.visited = 1;
document.cookie = "v=1; domain=composition.localhost";
document.body.style.background = before ? "white" : "black";</script>"""


def test_every_page_of_a_film_is_its_first_visit(project: Project):
    project.plan(f"<body>{VISITS}", composition={"seeking": "Auto"})
    assert [chunk["frames"] for chunk in project.chunks()] == [6, 6]
    for index in range(2):
        with av.open(str(project.segment_file(index))) as container:
            assert all(frame.to_ndarray(format="gray").mean() < 40 for frame in container.decode(video=0))
