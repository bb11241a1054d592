"""What a page has loaded and cannot show ends the render by its name, as a missing file does, wherever it is used.

Long, because most of it is one table of cases and their outcomes.
"""

import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helios_crds.wire import ExitCode, Reply
from tests.integration.worker.project import MOVING, Project

SVG_NS = "http://www.w3.org/2000/svg"
NO_IMAGE, NO_STYLE, NO_SCRIPT, NO_EVAL, NO_FRAME = (
    f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    for policy in (
        *("img-src data:", "style-src 'none'", "script-src 'none'", "script-src 'unsafe-inline'"),
        "frame-src https:",
    )
)


def png(width: int = 64, height: int = 64) -> bytes:
    """A grey picture whose data do not compress."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((7 * x * y) % 251 for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


FILES = {
    "good.png": png(),
    "text.png": b"this is no picture at all, whatever its name says",
    "cut.png": png()[:200],
    "bad.woff2": b"wOF2" + bytes(60),
    "plain.txt": b"document.title = 'x'",
}


def outcome(project: Project, body: str, **changes) -> Reply:
    """What a render comes to: of the plan, or of the first chunk where only drawing asks for a file."""
    page = project.folder / "page"
    page.mkdir(exist_ok=True)
    for name, data in FILES.items():
        (page / name).write_bytes(data)
    reply = project.try_plan(body, **changes)
    if reply.exitCode == ExitCode.DONE:
        project.job_url = (reply.result or {})["jobPath"]
        reply = project.chunk()
    return reply


NO_PICTURE = "text.png cannot be shown: it is no picture"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param('<img src="text.png">', NO_PICTURE, id="img"),
        pytest.param('<picture><source srcset="text.png"><img src="good.png"></picture>', NO_PICTURE, id="picture"),
        pytest.param('<body style="background:url(text.png)">', NO_PICTURE, id="background"),
        pytest.param('<p style="border:9px solid;border-image:url(text.png) 9">x', NO_PICTURE, id="border-image"),
        pytest.param('<p style="mask:url(text.png)">x', NO_PICTURE, id="mask"),
        pytest.param(
            f'<svg xmlns="{SVG_NS}"><image href="text.png" width="9" height="9"/></svg>', NO_PICTURE, id="svg image"
        ),
        pytest.param('<video poster="text.png"></video>', NO_PICTURE, id="poster"),
        pytest.param(
            "<div id=a></div><script>a.attachShadow({mode:'closed'}).innerHTML='<img src=text.png>'</script>",
            NO_PICTURE,
            id="shadow root",
        ),
        pytest.param('<iframe srcdoc="<body style=background:url(text.png)>"></iframe>', NO_PICTURE, id="frame"),
        pytest.param('<img src="data:image/png;base64,iVBORw0KGgo=">', "data:image/png;base64,iVBORw0KGgo=", id="data"),
        pytest.param(
            "<div id=a></div><script>setTimeout(() => { a.innerHTML = '<img src=text.png>' }, 50)</script>",
            f"at frame 2 (t = 0.067 s): {NO_PICTURE}",
            id="late",
        ),
        pytest.param('<img src="cut.png">', "cut.png cannot be shown whole: the file ends before", id="truncated"),
        pytest.param(
            "<script>const i = new Image(); i.onload = () => {}; i.src = 'gone.png'</script>",
            "gone.png not found (404)",
            id="a sprite",
        ),
        pytest.param("<style>p::before{content:url(text.png)}</style><p>x", NO_PICTURE, id="generated content"),
        pytest.param(
            "<link rel=preload as=image href=gone.png><p style='background:url(gone.png)'>x",
            "gone.png not found (404)",
            id="preloaded and used",
        ),
        pytest.param(
            "<p style='background:url(data:image/png;base64,iVBORw0KGgo=)'>x",
            "data:image/png;base64,iVBORw0KGgo=",
            id="data, background",
        ),
        pytest.param(
            "<script>const f = new FontFace('F', 'url(bad.woff2)'); document.fonts.add(f); f.load().catch(() => {})"
            "</script>",
            "bad.woff2 cannot be used",
            id="font of a script",
        ),
        pytest.param(
            "<style>@font-face{font-family:F;src:url(bad.woff2)}</style><p style='font-family:F'>x",
            "bad.woff2 cannot be used: it is no font",
            id="font",
        ),
        pytest.param(f"{NO_IMAGE}<img src=good.png>", "Loading the image 'good.png' violates", id="policy"),
        pytest.param(
            f"{NO_IMAGE}<p style='background:url(good.png)'>x",
            "Loading the image 'good.png' violates",
            id="policy, background",
        ),
        pytest.param(
            f"{NO_STYLE}<style>p{{color:red}}</style>",
            "inline style violates",
            id="policy, style",
        ),
        pytest.param(f"{NO_SCRIPT}<script>1</script>", "inline script violates", id="policy, script"),
        pytest.param(f"{NO_FRAME}<iframe src=plain.txt></iframe>", "frame-src https:", id="policy, frame"),
        pytest.param(
            "<img src='file:///etc/hostname'>", "file:///etc/hostname could not be loaded: a page cannot", id="file"
        ),
        pytest.param(
            "<p style='background:url(file:///etc/hostname)'>x",
            "file:///etc/hostname could not be loaded: a page cannot",
            id="file, background",
        ),
        pytest.param(
            "<iframe src='file:///etc/hostname'></iframe>", "file:///etc/hostname could not be", id="file, frame"
        ),
        pytest.param(
            "<p id=p></p><script>fetch('no.txt').then(async (r) => { p.textContent = await r.text() })</script>",
            "no.txt not found (404)",
            id="the text of an answer that nobody questioned",
        ),
        pytest.param(
            "<script>fetch('no.json').then((r) => r.json()).then(console.log)</script>",
            "no.json not found (404)",
            id="no JSON",
        ),
        pytest.param(
            "<script>fetch('no.gltf').then((r) => { if (r.status !== 200) console.error('failed:', r.url) })</script>",
            "no.gltf not found (404)",
            id="an answer that the page calls an error",
        ),
        pytest.param("<script type=module src=plain.txt></script>", "Failed to load module script", id="module"),
    ],
)
def test_what_cannot_be_shown_is_named(project: Project, body: str, said: str):
    reply = outcome(project, body)
    assert reply.exitCode == ExitCode.USER_ERROR, reply.stderr
    assert said in reply.stderr
    assert "composition.pageErrors: warn" in reply.stderr


WITHOUT = """
<script>
  document.addEventListener("error", (e) => { if (e.target.className === "other") e.target.src = "good.png" }, true);
  new Image().src = "no-1.png";
  for (const type of ["avif", "jp2"]) new Image().src = `data:image/${type};base64,AAAA`;
  navigator.sendBeacon("no-2");
  fetch("no-3.mp4", { method: "HEAD" });
  (async () => {
    for (const name of ["no-4.woff2", "bad.woff2", "good.ttf"]) {
      try { document.fonts.add(await new FontFace("G", `url(${name})`).load()); break } catch { continue }
    }
  })();
</script>
<link rel="preload" as="image" href="no-5.png"><link rel="prefetch" href="no-6.html">
<link rel="stylesheet" media="print" href="no-7.css"><link rel="alternate stylesheet" title="a" href="no-8.css">
<link rel="stylesheet" href="no-9.css" onerror="this.remove()"><script src="no-10.js" onerror="1"></script>
<style>@font-face { font-family: F; src: url(no-11.woff2), url(bad.woff2), url(good.ttf) }</style>
<p style="font-family: F, G">x</p>
<img class="other" src="no-12.png"><img class="other" src="text.png"><img src="no-13.png" onerror="this.remove()">
<img src="no-14.png" hidden><img src="text.png" width="1" height="1"><img src="no-15.png" style="visibility: hidden">
<img src="cut.png" style="position: fixed; left: -999px">
<p style="position: fixed; left: -999px; width: 9px; height: 9px; background: url(no-16.png)"></p>
<object data="no-17.svg"><p>another picture</p></object><iframe src="no-18.html" style="display: none"></iframe>
<link rel="preload" as="font" href="no-19.woff2" crossorigin><link rel="modulepreload" href="no-20.js">
"""


def test_what_the_picture_does_without_is_only_warned_of(project: Project):
    (project.folder / "page").mkdir(exist_ok=True)
    font = Path(__file__).parents[1] / "pages/assets/barcode.ttf"
    (project.folder / "page/good.ttf").write_bytes(font.read_bytes())
    for name, data in FILES.items():
        (project.folder / "page" / name).write_bytes(data)
    plan = project.plan(f"{WITHOUT}{MOVING}")
    project.chunks()
    warned = " ".join(plan["warnings"])
    # 16 is outside of the picture, and a request with HEAD only asks whether a file is there.
    expected = [number for number in range(1, 21) if number not in (3, 16)]
    assert [number for number in expected if f"no-{number}." not in warned] in ([], [2])
    assert "no-3." not in warned
    assert "no-14.png not found (404): only the page's folder is served; nothing in the picture needs it" in warned


def test_an_image_that_fails_counts_once_it_is_shown(project: Project):
    body = '<img src="text.png" id="i" hidden><script>setTimeout(() => { i.hidden = false }, 150)</script>'
    reply = outcome(project, f"{body}{MOVING}")
    assert reply.exitCode == ExitCode.USER_ERROR
    assert f"the page failed at frame 5 (t = 0.167 s): {NO_PICTURE}" in reply.stderr


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('<img src="good.png"><p style="background:url(good.png)">x', id="whole pictures"),
        pytest.param("<img src=text.png onerror=\"this.src='good.png'\">", id="onerror in the markup"),
        pytest.param(
            "<script>const i = new Image(); i.onerror = () => { window.no = 1 };"
            "i.src = 'data:image/jxl;base64,AAAA'</script>",
            id="a test for a format",
        ),
        pytest.param("<p style='cursor:url(text.cur),auto'>x", id="a mouse pointer"),
        pytest.param(
            "<script>fetch('no.json').then(async (r) => { document.title = r.ok ? await r.text() : 'no' });"
            "fetch('no.txt').then(async (r) => { const text = await r.clone().text(); r.ok && alert(text) });"
            "(async () => { try { await (await fetch('none.json')).json() } catch { document.title = 'none' } })()"
            "</script><script>new Worker(URL.createObjectURL(new Blob([`fetch('${location.href}/../x.json')"
            ".then((r) => r.ok || postMessage(1))`])))</script>",
            id="answers that the page asks about",
        ),
        pytest.param(
            f"{NO_EVAL}<script>try {{ new Function('1') }} catch {{}}</script>",
            id="a test whether strings may be run",
        ),
        pytest.param(
            "<script>URL.createObjectURL; fetch('good.png').then(async (r) => { const i = new Image();"
            "i.onload = () => URL.revokeObjectURL(i.src); i.src = URL.createObjectURL(await r.blob()); "
            "document.body.append(i) })</script>",
            id="a blob that is revoked",
        ),
    ],
)
def test_what_the_page_handles_ends_nothing(project: Project, body: str):
    (project.folder / "page").mkdir(exist_ok=True)
    (project.folder / "page/text.cur").write_bytes(b"\0\0\2\0")
    reply = outcome(project, f"{body}{MOVING}")
    assert reply.exitCode == ExitCode.DONE, reply.stderr


class Guarded(BaseHTTPRequestHandler):
    """A server that keeps its pages from frames."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.mark.parametrize("hidden", ["hidden", ""])
def test_a_frame_that_its_server_refuses_matters_where_it_is_shown(project: Project, hidden: str):
    with ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        reply = outcome(project, f"<iframe src=http://127.0.0.1:{server.server_port}/ {hidden}></iframe>{MOVING}")
        server.shutdown()
    assert reply.exitCode == (ExitCode.DONE if hidden else ExitCode.USER_ERROR), reply.stderr
    assert hidden or "its server keeps it from the frames of other origins" in reply.stderr


def test_only_warned_of_where_errors_are(project: Project):
    outcome(project, '<img src="good.png">')
    plan = project.plan(f'<img src="text.png">{MOVING}', composition={"pageErrors": "warn"})
    assert any(NO_PICTURE in warning for warning in plan["warnings"])
    project.chunks()


# -- files that are not there ------------------------------------------------------------------------------


def test_a_file_outside_of_the_folder_is_found_and_named(project: Project):
    (project.folder / "shared").mkdir()
    (project.folder / "shared/my logo.png").write_bytes(png())
    reply = outcome(project, '<img src="../shared/my%20logo.png">')
    assert reply.exitCode == ExitCode.USER_ERROR
    there = project.folder / "shared/my logo.png"
    said = "shared/my logo.png not found (404): only the page's folder is served, and the file is outside of it"
    assert f"{said}: {there}" in reply.stderr
    assert f"render the folder {project.folder} with composition.entry: page/index.html" in reply.stderr


def test_a_name_that_is_spelled_otherwise(project: Project):
    reply = outcome(project, '<img src="Good.PNG">')
    assert "Good.PNG not found (404): good.png is there, whose name is spelled otherwise; write" in reply.stderr


# -- glyphs ------------------------------------------------------------------------------------------------


def test_characters_that_no_font_has_are_named(project: Project):
    """Of a plane that no font fills, as CJK is on a machine without fonts for it."""
    elsewhere = (
        "<input placeholder='\U0003fff1'><input type=button value='\U0003fff2'><select><option>\U0003fff3</select>"
        "<canvas id=c></canvas><script>requestAnimationFrame(() => c.getContext('2d').fillText('a\U0003fff4', 9, 9))"
        "</script>"
    )
    plan = project.plan(
        f"<meta charset=utf-8><p>abc \U0003fff0 d</p>{elsewhere}{MOVING}", composition={"seeking": "Auto"}
    )
    [warning] = [each for each in plan["warnings"] if "they are drawn as boxes" in each]
    named = warning.partition("no font has ")[2].partition(": ")[0].split(", ")
    assert sorted(named) == ["U+3FFF0", "U+3FFF1", "U+3FFF2", "U+3FFF3", "U+3FFF4"]


def test_those_that_a_font_has_are_not(project: Project):
    plan = project.plan(f"<meta charset=utf-8><p>Ελληνικά — русский ✓ 😀 \u200d\ufe0f\u00ad</p>{MOVING}")
    assert not [each for each in plan["warnings"] if "drawn as boxes" in each]
