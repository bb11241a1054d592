"""Time zone, locale and colour scheme of a page, its frames and its workers; and the element that it waits for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

import pytest

from helios_crds.wire import ExitCode, Payload, Reply, Stage
from tests.integration.worker.project import Project, html
from tests.integration.worker.web_host import WebHost

FACTS = """self.facts = [navigator.language, navigator.languages, Intl.DateTimeFormat().resolvedOptions().timeZone,
  Intl.NumberFormat().resolvedOptions().locale, new Date(2026, 6, 1).getTimezoneOffset(), (1234.5).toLocaleString(),
  new Date(0).toLocaleString()].join(" ");
self.asked = (worker) => new Promise((done) => (worker.onmessage = (event) => done(event.data)));"""
FILES = {
    "/facts.js": FACTS,
    "/worker.js": 'importScripts("/facts.js"); postMessage(facts);',
    "/nested.js": 'importScripts("/facts.js"); asked(new Worker("/worker.js")).then(postMessage);',
    "/frame.html": """<script src="/facts.js"></script><script>
      const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
      parent.postMessage([facts, scheme], "*");
    </script>""",
    "/film/": html(
        """<body><script src="/facts.js"></script><script>
  const framed = (source) => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.src = source;
    addEventListener("message", (event) => done(event.data), { once: true });
    document.body.append(frame);
  });
  window.__HELIOS_READY__ = (async () => {
    const told = [facts, ...(await framed("/frame.html")), ...(await framed("OTHER/frame.html"))];
    told.push(await asked(new Worker("/worker.js")), await asked(new Worker("/nested.js")));
    await fetch(`/told?${encodeURIComponent(JSON.stringify(told))}`);
  })();
</script>""",
        frames=2,
    ),
}
GERMAN = "de-DE de-DE,de Europe/Berlin de-DE -120 1.234,5 1.1.1970, 01:00:00"
USUAL = "en-US en-US UTC en-US 0 1,234.5 1/1/1970, 12:00:00 AM"


class Asked(WebHost):
    """languages: what it was told of them, by the file that was asked for."""

    def __init__(self) -> None:
        self.languages: dict[str, str | None] = {}
        super().__init__()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.languages[request.path] = request.headers.get("Accept-Language")
        body = FILES.get(request.path, "").replace("OTHER", self.other).encode()
        request.send_response(200)
        request.send_header(
            "Content-Type", "text/javascript" if request.path.endswith(".js") else "text/html; charset=utf-8"
        )
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def web() -> Iterator[Asked]:
    server = Asked()
    yield server
    server.stop()


def try_plan(project: Project, url: str, **composition: Any) -> Reply:
    request = project.ask("", composition={"url": url, "seeking": "Seekable", **composition}, frameTimeout=5)
    return project.runtime.process(Payload(jobPath=request, stage=Stage.PLAN))


@pytest.mark.parametrize(
    ("options", "facts", "scheme", "languages"),
    [
        pytest.param({}, USUAL, "light", None, id="usual"),
        pytest.param(
            {"timeZone": "Europe/Berlin", "locale": "de-DE", "colorScheme": "dark"},
            GERMAN,
            "dark",
            "de-DE,de;q=0.9",
            id="given",
        ),
    ],
)
def test_the_page_its_frames_and_workers_have_one_environment(
    project: Project, web: Asked, options: dict[str, str], facts: str, scheme: str, languages: str | None
):
    reply = try_plan(project, f"{web.url}/film/", **options)
    assert reply.exitCode == ExitCode.DONE, f"{reply.stderr} {web.languages}"
    (told,) = (path for path in web.languages if path.startswith("/told"))
    page, *rest = json.loads(unquote(told.partition("?")[2]).replace("\u202f", " "))
    assert [page, *rest] == [facts, facts, scheme, facts, scheme, facts, facts]
    assert {web.languages[path] for path in ("/film/", "/frame.html", "/worker.js", told)} == {languages}


LATE = """<script>
  let shown = 0;
  setTimeout(() => { document.body.innerHTML = '<p id="chart" hidden></p>'; shown = performance.now(); }, 5000);
  requestAnimationFrame(function step(now) {
    if (now > 0 && !document.querySelector("#chart")) throw new Error("the film began without it");
    if (shown !== 0) throw new Error(`its time was ${shown}`);
    requestAnimationFrame(step);
  });
</script>"""


def test_the_film_begins_when_the_element_is_there(project: Project):
    """It need not be visible: a film often begins with hidden elements, and its time stands at 0 meanwhile."""
    project.plan(LATE, composition={"waitFor": "#chart"})
    assert project.job.ours.film.waitFor == "#chart"
    assert {result["frames"] for result in project.chunks()} == {6}


def test_an_element_of_a_frame_is_none_of_the_page(project: Project):
    body = "<iframe srcdoc='<p id=chart></p>'></iframe>" + LATE
    project.plan(body, composition={"waitFor": "#chart"})


def test_an_element_that_never_comes_is_named(project: Project):
    reply = project.try_plan("<p id=chart></p>", composition={"waitFor": "#chart.drawn"}, frameTimeout=1)
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "loading was not ready after 1 s: waiting for an element that matches #chart.drawn" in reply.stderr


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        pytest.param("waitFor", "#", "'#' is no CSS selector; give composition.waitFor one such as", id="selector"),
        pytest.param("locale", "xq-XQ", "the browser knows no language xq-XQ; give composition.locale", id="locale"),
    ],
)
def test_what_only_a_browser_can_check(project: Project, option: str, value: str, says: str):
    reply = project.try_plan("<p>", composition={option: value})
    assert reply.exitCode == ExitCode.USER_ERROR
    assert says in reply.stderr
