"""What a page may do to a worker: ordinary code renders, the rest ends in one sentence, and the next film is fine.

All films share one worker. After each, another page renders in it.

Long, because faults are rows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest

from helios_crds.wire import ExitCode, Reply
from helios_worker.capture.devtools import process
from helios_worker.capture.page import page
from helios_worker.network.addresses import AddressRule
from helios_worker.runtime import WorkerRuntime
from tests.integration.worker.project import MOVING, Project

BODY = b"x" * 300_000
"""More than the browser takes of a body that nobody reads."""
LONGEST_SENTENCE = 700


def script(code: str) -> str:
    return f"{MOVING}<script>{code}</script>"


class _Origin(BaseHTTPRequestHandler):
    """Answers everything with BODY, /204 with nothing, and /hang not before the test has ended."""

    protocol_version = "HTTP/1.1"
    over = threading.Event()

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/hang":
            self.over.wait(60)
        empty = self.path == "/204"
        self.send_response(204 if empty else 200)
        self.send_header("access-control-allow-origin", "*")
        self.send_header("access-control-allow-headers", "*")
        if not empty:
            self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        if not empty and self.command != "HEAD":
            self.wfile.write(BODY)

    do_GET = do_HEAD = do_POST = do_OPTIONS = _answer  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def origin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Origin)
    server.daemon_threads = True
    _Origin.over.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        _Origin.over.set()
        server.shutdown()
        server.server_close()


def render(project: Project, body: str, *, timeout: float = 20.0, page_errors: str = "fail") -> Reply:
    """Plans a page and renders its one chunk; the first reply that is a failure, or the last."""
    reply = project.try_plan(body, frames=6, frameTimeout=timeout, composition={"pageErrors": page_errors})
    if reply.exitCode != ExitCode.DONE:
        return reply
    assert reply.result is not None
    project.job_url = reply.result["jobPath"]
    return project.chunk()


def settled(attempts: Iterator[Reply]) -> Reply:
    """The first reply that no other attempt would better."""
    return next(reply for reply in attempts if reply.exitCode != ExitCode.RETRYABLE)


def refused(reply: Reply) -> str:
    assert reply.exitCode == ExitCode.USER_ERROR, reply.stderr
    assert reply.stderr.isprintable() or "\n    console" in reply.stderr
    assert "\x1b" not in reply.stderr
    assert len(reply.stderr.split("\n", maxsplit=1)[0]) < LONGEST_SENTENCE
    return reply.stderr


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("fetch('ORIGIN/x')", id="a body that nobody reads"),
        pytest.param("fetch('ORIGIN/x').then(r => { if (!r.ok) throw r.status })", id="only the status is read"),
        pytest.param("fetch('ORIGIN/x').then(r => r.body.getReader().read())", id="only the start is read"),
        pytest.param("fetch('ORIGIN/x').then(r => r.clone())", id="a clone that nobody reads"),
        pytest.param("fetch('ORIGIN/x').then(async r => { await r.clone().text() })", id="only the clone is read"),
        pytest.param("fetch('ORIGIN/x').then(r => r.body.cancel())", id="cancelled"),
        pytest.param("fetch('ORIGIN/x', {method: 'HEAD'})", id="HEAD"),
        pytest.param("fetch('ORIGIN/204').then(r => r.status)", id="204"),
        pytest.param("fetch('ORIGIN/x', {mode: 'no-cors'})", id="opaque"),
        pytest.param("fetch('ORIGIN/x', {method: 'POST', keepalive: true, mode: 'no-cors', body: 'e=1'})", id="beacon"),
        pytest.param("fetch('ORIGIN/204', {method: 'POST', body: '{}'}).then(r => r.status)", id="POST"),
        pytest.param(
            "new Worker(URL.createObjectURL(new Blob([`fetch('ORIGIN/x'); close()`])))", id="in a worker that has ended"
        ),
        pytest.param(
            "new Worker(URL.createObjectURL(new Blob([`fetch('${location.origin}/index.html').then(r => r.status)`])))",
            id="of the page's own file, in a worker",
        ),
        pytest.param(
            "new Worker(URL.createObjectURL(new Blob([`fetch('ORIGIN/x').then(r => postMessage(r.status))`])))",
            id="in a worker",
        ),
        pytest.param(
            "const a = new AbortController(); fetch('ORIGIN/hang', {signal: a.signal}).catch(() => 0);"
            "setTimeout(() => a.abort(), 50)",
            id="aborted after a time of the page's own",
        ),
        pytest.param(
            "let asked = 0; fetch('ORIGIN/x', {get signal() { if (asked++) throw 1; return undefined }})",
            id="with options that may be read once",
        ),
    ],
)
def test_requests_of_ordinary_pages(project: Project, code: str):
    with origin() as address:
        # The plan loads the page as a chunk does.
        reply = project.try_plan(script(code.replace("ORIGIN", address)), frames=6, frameTimeout=4.0)
    assert reply.exitCode == ExitCode.DONE, reply.stderr


def test_the_answer_to_a_post_that_nobody_reads(project: Project):
    """It is data that cannot be recorded, which a page may be allowed; no frame waits for the rest of it."""
    post = "fetch('ORIGIN/x', {method: 'POST', body: '{}'}).then(r => r.status)"
    with origin() as address:
        body = script(post.replace("ORIGIN", address))
        reply = project.try_plan(body, frames=6, frameTimeout=4.0, composition={"pageErrors": "warn"})
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    assert any("asks for data by what it sends" in warning for warning in (reply.result or {})["warnings"])


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("setTimeout(() => location.hash = 'there', 90)", id="a fragment"),
        pytest.param("setTimeout(() => { history.pushState(1, '', '?x'); history.back() }, 90)", id="history"),
        pytest.param("if (!location.search) location.href = '?main'", id="going on while it loads"),
        pytest.param(
            "let e = document.body; for (let i = 0; i < 1500; i++) "
            "{ const c = document.createElement('i'); e.append(c); e = c }",
            id="1,500 levels deep",
        ),
        pytest.param("for (let i = 0; i < 2e3; i++) setTimeout(() => 0, 40)", id="2,000 timers in one frame"),
        pytest.param(
            "const set = []; for (let i = 0; i < 3e5; i++) set.push(setTimeout(() => 0, 1e9 - i * 7919 % 3e5));"
            "for (const id of set) if (id % 3) clearTimeout(id)",
            id="300,000 timers far ahead",
        ),
        pytest.param(
            "const t = Date.now(); while (Date.now() - t < 50);", id="waiting for the time without giving way"
        ),
        pytest.param(
            "setTimeout(() => { for (const _ of 'ab') document.startViewTransition(() => 0) }, 90)",
            id="breaking off its own view transition",
        ),
        pytest.param(
            "const there = ['serviceWorker', 'gpu'].filter(name => name in navigator);"
            "if (there.length) throw new Error(there + ' is there and cannot be used')",
            id="asking for what is not there",
        ),
        pytest.param(
            "const opaque = document.createElement('iframe'); opaque.sandbox = 'allow-scripts';"
            'opaque.srcdoc = \'<script>if ("serviceWorker" in navigator) throw new Error("it is there")<\\/script>\';'
            "document.body.append(opaque)",
            id="asking in a frame of an opaque origin",
        ),
        pytest.param(
            "setTimeout(() => { for (let i = 0; i < 2e5; i++) history.forward() }, 90)",
            id="200,000 steps through the history",
        ),
        pytest.param(
            "const fed = new ReadableStream({start(to) {"
            "setTimeout(() => { to.enqueue(new Uint8Array(9)); to.close() }, 90) }});"
            "new Response(fed).text()",
            id="reading what a timer will write",
        ),
        pytest.param(
            "const code = URL.createObjectURL(new Blob(['setTimeout(() => postMessage(0), 150)']));"
            "(function next() { const w = new Worker(code); w.onmessage = () => { w.terminate(); next() } })();"
            "window.__HELIOS_READY__ = new Promise(done => setTimeout(done, 500))",
            id="workers in turn without an end, until a timer of its own",
        ),
        pytest.param("for (let i = 0; i < 200; i++) alert(i)", id="200 dialogs"),
        pytest.param("for (let i = 0; i < 2e3; i++) console.warn('line ' + i)", id="2,000 lines"),
        pytest.param("console.log('x'.repeat(1e7)); alert('y'.repeat(2e6))", id="a line of 10 MB"),
        pytest.param("window.helios = {fps: {value: 'x'.repeat(3e7)}}", id="a declaration of 30 MB that is not used"),
    ],
)
def test_what_an_odd_page_does(project: Project, code: str):
    reply = render(project, script(code))
    assert reply.exitCode == ExitCode.DONE, reply.stderr


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("location.reload()", "frame 3: the page left its document", id="reload"),
        pytest.param("history.back()", "it went through its history", id="back"),
        pytest.param("location.href = '?next'", "a script changed its address", id="address"),
        pytest.param(
            "document.body.innerHTML = '<form><input name=a></form>'; document.forms[0].submit()",
            "a form was submitted",
            id="form",
        ),
        pytest.param(
            "document.body.innerHTML = '<a href=?x>x</a>'; document.querySelector('a').click()",
            "a link was clicked",
            id="link",
        ),
        pytest.param(
            "document.head.innerHTML = '<meta http-equiv=refresh content=0>'", 'http-equiv="refresh"', id="refresh"
        ),
        pytest.param("history.go(0)", "it reloads itself", id="go"),
        pytest.param("location = `javascript:'<p>other</p>'`", "a javascript: address returned it", id="javascript"),
        pytest.param(
            "document.body.innerHTML = '<iframe srcdoc=\"<script>parent.location = `?x`<\\/script>\"></iframe>'",
            "a script changed its address",
            id="by a frame",
        ),
    ],
)
def test_a_page_that_leaves_its_document_in_mid_film(project: Project, code: str, said: str):
    message = refused(render(project, script(f"setTimeout(() => {{ {code} }}, 90)")))
    assert "the page left its document for" in message
    assert said in message


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param(
            "fetch('api', {method: 'POST', body: 'x'})", "the page's folder is only read", id="a POST to a folder"
        ),
    ],
)
def test_what_a_film_cannot_show_is_refused_by_its_name(project: Project, code: str, said: str):
    assert said in refused(render(project, script(code)))


def test_no_page_hides_an_image_among_the_checks_of_images(project: Project):
    hidden = '<img src="no.png#helios-image-check"><img src="no.png#helios-image-check-0123abcd">'
    assert "no.png not found (404)" in refused(render(project, hidden + MOVING))


def test_work_without_an_end_is_named(project: Project):
    code = "(async () => { for (;;) await new Blob(['x']).text() })()"
    reply = project.try_plan(script(code), frames=6, frameTimeout=2.0)
    assert "Blob.text, begun while loading" in refused(reply)


def test_pictures_of_canvases_that_nobody_sees_do_not_take_a_second_each(project: Project):
    """The browser encodes them in the time that is left when it expects no frame, or else after one to ten seconds."""
    code = (
        "const canvas = document.createElement('canvas'); canvas.width = 1920; canvas.height = 1080;"
        "canvas.getContext('2d').fillRect(0, 0, 900, 900);"
        "(function next(left) { if (left) canvas.toBlob(() => next(left - 1)) })(9)"
    )
    reply = project.try_plan(script(code), frames=6, frameTimeout=6.0)
    assert reply.exitCode == ExitCode.DONE, reply.stderr


REFRESH = "<meta http-equiv=refresh content='1; url=?next'>"
NOT_ITERABLE = "<script>Array.prototype[Symbol.iterator] = function* () {}</script>"


def test_a_refresh_runs_on_the_clock_of_the_film(project: Project):
    """It is due at frame 30. A film that ends before, however long that takes, is not concerned."""
    nothing_cancelled = script("setTimeout(() => clearTimeout(0), 500)")
    project.plan(REFRESH + NOT_ITERABLE + nothing_cancelled + MOVING, frames=45, chunking={"count": 1})
    message = refused(project.chunk())
    assert "frame 30: the page left its document for index.html?next: its <meta http-equiv=" in message
    slow = script("requestAnimationFrame(function f() { for (let i = 0; i < 3e8; i++); requestAnimationFrame(f) })")
    reply = render(project, REFRESH + slow)
    assert reply.exitCode == ExitCode.DONE, reply.stderr


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("addEventListener('load', () => location.replace('?film'))", id="load event"),
        pytest.param("setTimeout(() => location.assign('?film'))", id="timer"),
        pytest.param("fetch('').then(() => { location = '?film' })", id="request"),
        pytest.param("document.write('<meta http-equiv=refresh content=\"0; url=?film\">')", id="refresh"),
    ],
)
def test_a_redirect_is_followed_before_frame_0(project: Project, code: str):
    film = "document.documentElement.dataset.frames = 8"
    project.plan(f"<script>if (location.search) {film}; else {code}</script>")
    assert project.job.ours.film.frames == 8


def test_a_page_that_goes_on_for_ever_while_it_loads(project: Project):
    code = "location.href = '?' + (Number(location.search.slice(1)) + 1)"
    page = script(f"addEventListener('load', () => setTimeout(() => {{ {code} }}))")
    assert "goes on to another page each time it has loaded" in refused(render(project, page))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("window.helios = {duration: {get value() { for (;;); }}}", "get value", id="declaration"),
        pytest.param("setTimeout(() => { for (;;); }, 50)", "a script does not return", id="timer"),
        pytest.param(
            "setTimeout(() => { (function next() { Promise.resolve().then(next) })() }, 50)",
            "does not return",
            id="microtasks",
        ),
        pytest.param(
            "window.w = new Worker(URL.createObjectURL(new Blob(['for (;;);'])))",
            "a script in a worker",
            id="worker from the start",
        ),
        pytest.param(
            "const w = new Worker(URL.createObjectURL(new Blob(['onmessage = () => { for (;;); }'])));"
            "setTimeout(() => w.postMessage(1), 50)",
            "a script in a worker",
            id="worker",
        ),
    ],
)
def test_a_script_that_does_not_return(project: Project, code: str, said: str):
    message = refused(render(project, script(code), timeout=1.0))
    assert "was not ready after 1 s" in message
    assert said in message
    after = render(project, MOVING)
    assert after.exitCode == ExitCode.DONE, after.stderr


GROW = "function grow() { const kept = []; for (;;) kept.push(Array(1e4).fill(Math.random())) }"
IN_A_WORKER = f"new Worker(URL.createObjectURL(new Blob([`{GROW} grow()`])))"


@pytest.mark.parametrize(
    "code", ["grow()", "setTimeout(grow, 90)", IN_A_WORKER], ids=["while loading", "in a timer", "in a worker"]
)
def test_a_page_that_takes_all_memory_is_at_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str):
    """The browser has gigabytes for a page; less of it shows the same in no time. Then the next film renders.

    Of a page's own scripts the browser says so before it gives them more memory, and before their process ends.
    """
    monkeypatch.setattr(process, "FLAGS", (*process.FLAGS, "--js-flags=--max-old-space-size=64"))
    if code != IN_A_WORKER:
        monkeypatch.setattr(page, "own_end", lambda code, log: "")
    worker = WorkerRuntime(tmp_path, lanes=1, addresses=AddressRule(loopback=True))
    project = Project(tmp_path, worker)
    try:
        assert "its scripts take more memory than the browser has" in refused(render(project, script(GROW + code)))
        assert render(project, MOVING).exitCode == ExitCode.DONE
    finally:
        worker.close()


def test_elements_that_are_nested_too_deep_are_the_pages_fault(project: Project):
    code = (
        "setTimeout(() => { let e = document.body; for (let i = 0; i < 6000; i++) "
        "{ const c = document.createElement('div'); e.append(c); e = c } }, 90)"
    )
    assert render(project, script(code)).exitCode == ExitCode.RETRYABLE, "as a fault of the browser's own would be"
    replies = (project.chunk(attempt=attempt) for attempt in range(2, 6))  # a busy machine may hear nothing of the end
    assert "its elements are nested too deep for the browser" in refused(settled(replies))
    assert render(project, MOVING).exitCode == ExitCode.DONE


def test_a_machine_that_is_overloaded_is_at_fault(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HELIOS_OVERLOADED", "0")
    reply = render(project, script("while (true) {}"), timeout=1.0)
    assert reply.exitCode == ExitCode.RETRYABLE
    assert "the machine is overloaded: the browser waits for a processor" in reply.stderr


def test_a_declaration_that_is_no_number_of_frames(project: Project):
    reply = render(project, script("document.documentElement.dataset.fps = '1e30000000'"))
    assert "the page declares a frame rate of '1e30000000'" in refused(reply)


HOSTILE = r"\x1b]0;title\x07\x1b[2J\nERROR helios_worker: forged\u202e"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(f'console.log("{HOSTILE}"); throw new Error("{HOSTILE}")', id="error"),
        pytest.param(
            f'throw new class extends Error {{ constructor() {{ super("a"); this.name = "{HOSTILE}" }} }}', id="name"
        ),
        pytest.param(f'Promise.reject("{HOSTILE}")', id="rejection"),
        pytest.param(f'alert("{HOSTILE}"); throw 1', id="dialog"),
        pytest.param(f'new Image().src = "{HOSTILE}.png"', id="file name"),
        pytest.param(f'document.documentElement.dataset.fps = "{HOSTILE}"', id="declaration"),
        pytest.param(f'location.href = "?{HOSTILE}" + Math.random()', id="address"),
    ],
)
def test_nothing_of_a_page_reaches_a_terminal_as_more_than_text(project: Project, code: str):
    reply = render(project, script(f"setTimeout(() => {{ {code} }}, 0)"))
    everything = f"{reply.stderr}{reply.stdout}{orjson.dumps(reply.result or {}).decode()}"
    assert "\x1b" not in everything
    assert "\\u001b" not in everything
    assert "\u202e" not in everything
    assert not any(line.startswith("ERROR") for line in reply.stderr.split("\n"))


def test_hundreds_of_mistakes_are_counted_not_kept(project: Project):
    body = script("for (let i = 0; i < 300; i++) setTimeout(() => { throw new Error(i + 'x'.repeat(9000)) }, 0);")
    assert "(and 299 more)" in refused(render(project, body))
    reply = render(project, body, page_errors="warn")
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    warnings = project.job.ours.warnings
    assert len(warnings) < 60
    assert warnings[-1].startswith("and 2")
    assert len(orjson.dumps(warnings)) < 60_000
