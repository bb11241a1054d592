"""What goes wrong in a page: one clear message, the right exit code, and the worker lives on."""

import json
from typing import Any

import pytest

from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.errors import HeliosError
from tests.integration.worker.project import (
    MOVING,
    Project,
    silent_server,
)

PNG = b"\x89PNG\r\n\x1a\n"
AT_FRAME_3 = """<script>
function step(time) { if (time >= 100) atFrameThree(); else requestAnimationFrame(step); }
requestAnimationFrame(step);
</script>"""


def report_of(project: Project, reply: Reply) -> dict[str, Any]:
    """The report of a stuck frame, from the artifacts."""
    assert reply.result is not None
    key = reply.result["report"].removeprefix(project.store.url)
    data = project.store.get(key)
    assert data is not None, f"no report at {key}"
    found: dict[str, Any] = json.loads(data)
    return found


def picture_of(project: Project, reply: Reply) -> bytes | None:
    assert reply.result is not None
    key = reply.result["report"].removeprefix(project.store.url).removesuffix(".json")
    return project.store.get(f"{key}.png")


def works(project: Project) -> bool:
    """Whether the same worker still renders a film."""
    project.plan(MOVING)
    return all(result["frames"] == 6 for result in project.chunks())


# -- the watchdog --------------------------------------------------------------------------------------------


def test_a_script_in_a_loop_is_named_with_its_line(project: Project):
    project.plan(
        f"""{AT_FRAME_3}
<script>
function atFrameThree() {{
  let n = 0;
  for (;;) n += 1;
}}
</script>""",
        frameTimeout=3,
    )
    reply = project.chunk()
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "frame 3 was not ready after 3 s: a script does not return: atFrameThree (index.html:" in reply.stderr
    source = (project.folder / "page/index.html").read_text().splitlines()
    line = int(reply.stderr.split("index.html:")[1].split(")")[0])
    assert source[line - 1].strip() == "for (;;) n += 1;"
    report = report_of(project, reply)
    assert report["while"] == "frame 3"
    assert report["script"][0].startswith("atFrameThree")
    assert works(project)


def test_a_loop_while_loading(project: Project):
    reply = project.try_plan("<script>function spin() { for (;;); }\nspin();</script>", frameTimeout=3)
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "loading was not ready after 3 s: a script does not return: spin (index.html:1)" in reply.stderr
    assert works(project)


def test_a_promise_that_is_never_kept(project: Project):
    body = """<script>
    window.__HELIOS_READY__ = new Promise(() => {});
    setInterval(function pollForData() {}, 50);
    setTimeout(function giveUp() {}, 9e6);
    console.log("waiting for the data");
    </script>"""
    reply = project.try_plan(body, frameTimeout=3)
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "loading was not ready after 3 s: waiting for the promise window.__HELIOS_READY__" in reply.stderr
    assert "execution.frameTimeout raises the limit" in reply.stderr
    report = report_of(project, reply)
    assert report["pending"] == ["the promise window.__HELIOS_READY__"]
    timers = {timer["callback"]: timer["kind"] for timer in report["timers"]}
    assert timers["pollForData"] == "setInterval"
    assert timers["giveUp"] == "setTimeout"
    assert "log: waiting for the data" in report["console"]
    assert (picture_of(project, reply) or b"").startswith(PNG)


def test_helios_own_promise_that_is_never_kept(project: Project):
    body = """<script>window.helios = {waitUntilStable() { return frame3 ? new Promise(() => {}) : undefined; }};
    let frame3 = false; function atFrameThree() { frame3 = true; }</script>"""
    project.plan(body + AT_FRAME_3, frameTimeout=3)
    reply = project.chunk()
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "frame 3 was not ready after 3 s: waiting for helios.waitUntilStable()" in reply.stderr


@pytest.mark.parametrize(
    ("body", "what"),
    [
        pytest.param('<img src="SERVER/picture.png">', "/picture.png", id="image"),
        pytest.param('<link rel="stylesheet" href="SERVER/style.css">', "/style.css", id="style sheet"),
        pytest.param('<iframe src="SERVER/frame.html"></iframe>', "/frame.html", id="frame"),
        pytest.param(
            "<style>@font-face{font-family:Late;src:url(SERVER/late.woff2)} p{font-family:Late}</style><p>x</p>",
            "/late.woff2",
            id="font",
        ),
    ],
)
def test_a_request_that_is_never_answered_while_loading(project: Project, body: str, what: str):
    with silent_server() as server:
        reply = project.try_plan(body.replace("SERVER", server), frameTimeout=3)
    assert reply.exitCode == ExitCode.RETRYABLE, "the network may answer another time"
    assert f"loading was not ready after 3 s: waiting for request {server}{what}" in reply.stderr
    assert f"{server}{what}" in report_of(project, reply)["requests"]


def test_a_request_that_is_never_answered_at_a_frame(project: Project):
    with silent_server() as server:
        body = f"<script>function atFrameThree() {{ fetch('{server}/data.json') }}</script>"
        project.plan(body + AT_FRAME_3, frameTimeout=3)
        reply = project.chunk()
        assert reply.exitCode == ExitCode.RETRYABLE
        assert f"frame 3 was not ready after 3 s: waiting for request {server}/data.json" in reply.stderr
        assert report_of(project, reply)["frame"] == 3
        assert (picture_of(project, reply) or b"").startswith(PNG)
    assert project.store.keys("chunks/") == []
    assert works(project)


def test_each_attempt_keeps_its_own_report(project: Project):
    with silent_server() as server:
        project.plan(f"<script>function atFrameThree() {{ fetch('{server}/x') }}</script>{AT_FRAME_3}", frameTimeout=3)
        for attempt in (1, 2):
            project.runtime.process(Payload(jobPath=project.job_url, chunkIndex=0, attempt=attempt))
    reports = [key for key in project.store.keys(f"jobs/{project.job.id}/") if key.endswith(".json")]
    assert sorted(key.rpartition("/")[2] for key in reports) == [
        "chunk-00000-a1.json",
        "chunk-00000-a2.json",
        "job.json",
    ]


def test_a_frame_that_hangs_while_the_plan_goes_through_them_is_named(project: Project):
    page = """<!-- The plan goes through the frames of a page that speaks of audio. --><script>
      function step(time) { if (time >= 400) fetch("SERVER/x"); else requestAnimationFrame(step); }
      requestAnimationFrame(step);
    </script>"""
    with silent_server() as server:
        reply = project.try_plan(page.replace("SERVER", server), frames=24, frameTimeout=3)
    assert "frame 12 was not ready after 3 s" in reply.stderr


# -- mistakes in the page ------------------------------------------------------------------------------------


def test_an_error_while_loading_comes_with_the_console(project: Project):
    reply = project.try_plan('<script>console.warn("about to fail"); undefinedFunction()</script>')
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "the page failed while loading: uncaught error: ReferenceError: undefinedFunction is not" in reply.stderr
    assert "index.html:1" in reply.stderr
    assert "warning: about to fail" in reply.stderr
    assert "composition.pageErrors: warn" in reply.stderr


@pytest.mark.parametrize(
    ("throw", "said"),
    [
        pytest.param('throw new Error("boom")', "uncaught error: Error: boom", id="error"),
        pytest.param('throw "a string"', "uncaught error: a string", id="no error object"),
        pytest.param('throw new Error("half \\ud800")', "uncaught error: Error: half ?", id="no Unicode"),
        pytest.param('Promise.reject(new TypeError("later"))', "uncaught error: TypeError: later", id="promise"),
        pytest.param('setTimeout(() => { throw new Error("timer") })', "uncaught error: Error: timer", id="timer"),
    ],
)
def test_an_error_at_frame_40(project: Project, throw: str, said: str):
    body = f"""<script>let n = 0; function step() {{ if (n === 39) console.log("nearly there");
    if (n++ === 40) {{ {throw} }} requestAnimationFrame(step); }} requestAnimationFrame(step);</script>"""
    project.plan(body, frames=48, chunk=48)
    reply = project.chunk()
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "the page failed at frame 40 (t = 1.333 s): " in reply.stderr
    assert said in reply.stderr
    assert "log: nearly there" in reply.stderr
    assert project.store.keys("chunks/") == []


ATTACK = r"\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b1m\u202etxt\r\nexit 0"
"""A window's title, a cleared screen, colours, text that runs backwards, and a line of its own."""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(f'<script>console.log("{ATTACK}"); nothing()</script>', "log: redtxt exit 0", id="console"),
        pytest.param(f'<script>throw new Error("{ATTACK}")</script>', "Error: redtxt exit 0 (", id="error"),
        pytest.param(f'<script>throw "{ATTACK}"</script>', "uncaught error: redtxt exit 0", id="string"),
        pytest.param(
            f'<script>alert("{ATTACK}"); nothing()</script>', "accepted automatically: redtxt exit 0", id="dialog"
        ),
        pytest.param(
            f'<script>document.documentElement.dataset.width = "{ATTACK}"</script>', '"redtxt exit 0"', id="size"
        ),
        pytest.param(
            f'<script>document.documentElement.dataset.duration = "{ATTACK}"; '
            "delete document.documentElement.dataset.frames</script>",
            '"redtxt exit 0"',
            id="length",
        ),
    ],
)
def test_nothing_that_a_page_says_controls_a_terminal(project: Project, body: str, said: str):
    reply = project.try_plan(body)
    assert reply.exitCode == ExitCode.USER_ERROR
    assert said in reply.stderr
    for line in (*reply.stderr.split("\n"), str(reply.result)):
        assert line.isprintable()


def test_nor_what_it_is_only_warned_of(project: Project):
    body = f'<script>Promise.reject(new Error("{ATTACK}"))</script>{MOVING}'
    warnings = project.plan(body, composition={"pageErrors": "warn"})["warnings"]
    assert any("redtxt exit 0" in warning for warning in warnings)
    assert all(warning.isprintable() for warning in warnings)


def test_errors_that_are_only_warned_of(project: Project):
    body = '<script>console.log("hello"); undefinedFunction()</script><img src="missing.png">'
    plan = project.plan(body, composition={"pageErrors": "warn"})
    assert any("undefinedFunction is not defined" in warning for warning in plan["warnings"])
    assert any("missing.png not found (404)" in warning for warning in plan["warnings"])
    project.chunks()


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('<img src="missing.png">', "missing.png"),
        ('<script src="missing.js"></script>', "missing.js"),
        ('<link rel="stylesheet" href="missing.css">', "missing.css"),
        ("<body style=\"background:url('missing.jpg')\">", "missing.jpg"),
    ],
    ids=["image", "script", "style sheet", "background"],
)
def test_a_missing_file_is_named(project: Project, body: str, name: str):
    reply = project.try_plan(body)
    if reply.exitCode == ExitCode.DONE:  # a background is asked for when it is drawn
        project.job_url = (reply.result or {})["jobPath"]
        reply = project.chunk()
    assert reply.exitCode == ExitCode.USER_ERROR
    assert f"{name} not found (404): only the page's folder is served; fix the page" in reply.stderr
    assert "or render with composition.pageErrors: warn" in reply.stderr


def test_a_missing_icon_is_nothing(project: Project):
    project.plan(f'<link rel="icon" href="/favicon.ico">{MOVING}')
    project.chunks()


def test_a_page_nobody_serves(project: Project):
    reply = project.try_plan("", composition={"url": "http://127.0.0.1:9/film.html"})
    assert reply.exitCode == ExitCode.USER_ERROR
    said = "http://127.0.0.1:9/film.html cannot be opened: browsers open nothing at this port (net::ERR_UNSAFE_PORT)"
    assert said in reply.stderr


def test_a_missing_page(project: Project):
    reply = project.try_plan("", composition={"url": str(project.folder / "nowhere.html")})
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "there is no page" in reply.stderr


def test_a_request_that_is_no_request(project: Project):
    project.store.put("requests/1.json", b'{"composition": {"url": "x"}, "video": {"fps": "29.97"}}')
    reply = project.runtime.process(Payload(jobPath=f"{project.store.url}requests/1.json", stage=Stage.PLAN))
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "the request's video.fps: '29.97' is not exact" in reply.stderr
    assert "30000/1001" in reply.stderr


def test_errors_know_their_exit_codes():
    def family(kind: type[HeliosError]) -> list[type[HeliosError]]:
        return [kind, *(member for child in kind.__subclasses__() for member in family(child))]

    assert {kind.exit_code for kind in family(HeliosError)} <= set(ExitCode)
