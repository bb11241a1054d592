"""What the plan makes of compositions of HyperFrames: lengths that nothing declares, and what it warns of."""

import shutil
import socket
from pathlib import Path

import pytest

from helios_crds.wire import ExitCode
from helios_worker.capture.content.fonts import FOLDER
from helios_worker.runtime import WorkerRuntime
from tests.integration.worker.project import Project

CLIP = "<div {} style='background:#fc0;inset:0'></div>"
TIMELINE = "<script>window.__timelines.film = { seek() {}, duration: () => 1.2 };</script>"
LOTTIE = "<script>lottie = { getRegisteredAnimations: () => [{ frameRate: 10, totalFrames: 9 }] };</script>"
ANIME = "<script>hyperframesAnime.register('film', { seek() {}, duration: 700 });</script>"
OUTSIDE = f"</div>{CLIP.format('data-start=0.2 data-duration=0.6')}<div>"
ANIMATED = "<style>@keyframes go { to { opacity: 0 } }</style><p style='animation: go 1s linear both'>x</p>"


def film(content: str, attributes: str = "") -> str:
    """A composition. Its own length comes before the page's."""
    return f"<div data-composition-id=film data-width=160 data-height=90 {attributes}>{content}</div>"


@pytest.mark.parametrize(
    ("content", "frames"),
    [
        pytest.param(TIMELINE, 36, id="its timeline"),
        pytest.param(
            CLIP.format("data-start=0 data-duration=1") + CLIP.format("data-start=1 data-end=1.5"), 45, id="clips"
        ),
        pytest.param(ANIMATED, 30, id="an animation"),
        pytest.param(LOTTIE, 27, id="Lottie"),
        pytest.param(ANIME, 21, id="anime.js"),
        pytest.param(OUTSIDE, 24, id="a clip beside it"),
        pytest.param(
            f"<div data-composition-id=inner data-start=0.5>{CLIP.format('data-start=0.5 data-duration=0.5')}</div>",
            45,
            id="a nested clip",
        ),
        pytest.param(ANIMATED.replace("1s linear", "1s linear infinite") + TIMELINE, 36, id="not what never ends"),
    ],
)
def test_a_film_ends_with_what_it_shows(project: Project, content: str, frames: int):
    project.plan(film(content), frames=0)
    assert project.job.ours.film.frames == frames


def test_what_a_film_does_not_have(project: Project):
    content = (
        CLIP.format("id=late data-start=9 data-duration=1")
        + CLIP.format("id=shown data-start=0 data-duration=1")
        + "<audio data-automation='[]' id=loud></audio><img data-color-grading=warm src='data:image/gif;base64,"
        + "R0lGODlhAQABAAAAACwAAAAAAQABAAA='>"
        + f"<div data-start=0 data-end=0.2>{CLIP.format('id=apart data-start=0.5 data-duration=1')}</div>"
    )
    planned = project.plan(film(content, "data-duration=1"), composition={"seeking": "Auto"})
    warnings = " ".join(planned["warnings"])
    assert '<div id="late" data-start="9"> is never shown: it begins at 9 s, and the film ends at 1 s' in warnings
    assert (
        '<div id="apart" data-start="0.5"> is never shown: its time and that of what it lies in do not meet' in warnings
    )
    assert 'id="shown"' not in warnings
    assert '<audio id="loud" data-automation="[]">: data-automation is not supported; it is heard without' in warnings
    assert "data-color-grading is not supported; it is drawn without that" in warnings


def test_a_nested_composition_whose_file_is_not_there(project: Project):
    reply = project.try_plan(film("<div data-composition-id=part data-composition-src=part.html data-start=0></div>"))
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "part.html not found (404)" in reply.stderr


PART = """
<template><div data-composition-id=part data-width=160 data-height=90>
  <style>p { background: url(beside.svg) } b { background: url("../page.svg") }</style>
  <img src=beside.svg><img src=page.svg><svg><image href=./beside.svg></svg>
  <p>x</p><b style="background: url(beside.svg)">x</b>
  <link rel=stylesheet href=part.css><script src=part.js></script>
</div></template>
"""


def test_a_nested_composition_names_files_beside_it_or_beside_the_page(project: Project):
    project.ask("")  # makes the folder
    page = project.folder / "page"
    (page / "parts").mkdir()
    picture = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
    beside = {"part.html": PART, "beside.svg": picture, "part.css": "i { color: red }", "part.js": "loaded = true"}
    for name, text in beside.items():
        (page / "parts" / name).write_text(text)
    (page / "page.svg").write_text(picture)
    part = "<div data-composition-id=part data-composition-src=parts/part.html data-start=0></div>"
    planned = project.plan(film(part, "data-duration=1"))
    assert [warning for warning in planned["warnings"] if "not found" in warning] == []


def test_a_nested_composition_that_a_redirect_leads_to(project: Project):
    project.ask("")  # makes the folder
    parts = project.folder / "page/part"
    parts.mkdir()
    (parts / "index.html").write_text("<template><div data-composition-id=part><img src=beside.svg></div></template>")
    (parts / "beside.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    part = "<div data-composition-id=part data-composition-src=part data-start=0></div>"
    planned = project.plan(film(part, "data-duration=1"))
    assert [warning for warning in planned["warnings"] if "not found" in warning] == []


def test_a_frame_that_shows_a_folder(project: Project):
    project.ask("")  # makes the folder
    (project.folder / "page/chart").mkdir()
    (project.folder / "page/chart/index.html").write_text("<script src=beside.js></script>")
    (project.folder / "page/chart/beside.js").write_text("")
    project.plan("<iframe src=chart></iframe><iframe src=chart/></iframe><iframe src='chart/?x'></iframe>")


def test_a_nested_composition_that_contains_itself(project: Project):
    project.ask("")  # makes the folder
    part = "<div data-composition-id=part data-composition-src=part.html data-start=0></div>"
    within = f"<template><div data-composition-id=part>{part}</div></template>"
    (project.folder / "page/part.html").write_text(within)
    reply = project.try_plan(film(part, "data-duration=1"))
    assert reply.exitCode == ExitCode.USER_ERROR
    assert 'data-composition-src="part.html": this composition contains itself' in reply.stderr


def test_an_element_after_a_nested_composition_with_the_same_id(project: Project):
    project.ask("")  # makes the folder
    within = """<template><div data-composition-id=part id=same><style>#same { color: rgb(1, 2, 3) }</style><script>
      const own = document.getElementById("same");
      if (own.localName !== "div" || getComputedStyle(own).color !== "rgb(1, 2, 3)") throw new Error("nested");
    </script></div></template>"""
    (project.folder / "page/part.html").write_text(within)
    part = "<div data-composition-id=part data-composition-src=part.html data-start=0></div><script></script>"
    script = """<script>
      const own = document.getElementById("same");
      if (own.localName !== "p" || getComputedStyle(own).color === "rgb(1, 2, 3)") throw new Error("the page's");
    </script>"""
    project.plan(film(f"{part}<p id=same>x</p>{script}", "data-duration=0.4"))
    project.chunks()


def expecting(faces: str) -> str:
    """Throws if other fonts than these are loaded when the film begins."""
    return f"""<script>requestAnimationFrame(() => requestAnimationFrame(() => {{
      const loaded = [...document.fonts].filter((face) => face.status === "loaded");
      const faces = loaded.map((face) => face.family.replaceAll('"', "") + " " + face.weight).sort().join(", ");
      if (faces !== "{faces}") throw new Error(`faces: ${{faces}}`);
    }}));</script>"""


OWN = "<style>@font-face { font-family: Nunito; font-weight: 700; src: url(own.woff2) }</style>"
NAMED = """<p style="font-family: Nunito">a<b>b</b></p><p style="font-family: Verdana">a</p>"""
FILM = film(NAMED, "data-duration=0.4")
PROPERTY = "<style>:root { --face: 'Nunito', serif } p { font-family: var(--face, Lato), sans-serif }</style>"


@pytest.mark.parametrize(
    ("page", "faces"),
    [
        pytest.param(FILM, "Nunito 400, Nunito 700, Verdana 400", id="a composition"),
        pytest.param(OWN + FILM, "Nunito 700, Verdana 400", id="which brings one itself"),
        pytest.param(PROPERTY + film("<p>a</p>", "data-duration=0.4"), "Nunito 400", id="by a custom property"),
        pytest.param(film("<p style='font: 20px Nunito'>a</p>", "data-duration=0.4"), "", id="not by font"),
        pytest.param(NAMED, "", id="another page"),
    ],
)
def test_fonts_that_the_worker_has_for_compositions(project: Project, page: str, faces: str):
    project.ask("")  # makes the folder
    shutil.copy(FOLDER / "nunito-900.woff2", project.folder / "page/own.woff2")
    project.plan(page + expecting(faces))
    project.chunks()


POLICY = '<meta http-equiv="Content-Security-Policy" content="{}">'
STYLED = "<link rel=stylesheet href=named.css>" + FILM.replace('style="font-family: ', 'data-font-family="')


@pytest.mark.parametrize(
    ("policy", "page", "is_lent"),
    [
        pytest.param("connect-src 'self'", FILM, False, id="requests"),
        pytest.param("font-src 'none'", FILM, False, id="fonts"),
        pytest.param("style-src 'self'", STYLED, True, id="styles"),
    ],
)
def test_a_policy_that_does_not_know_of_the_workers_fonts(project: Project, policy: str, page: str, is_lent: bool):
    project.ask("")  # makes the folder
    (project.folder / "page/named.css").write_text("p { font-family: Nunito }")
    planned = project.plan(POLICY.format(policy) + page + (expecting("Nunito 400, Nunito 700") if is_lent else ""))
    assert ("does not allow the fonts that the worker has" in " ".join(planned["warnings"])) is not is_lent
    if is_lent:
        project.chunks()


def test_a_policy_forbids_the_workers_fonts_once(project: Project):
    once = """<script>
      let count = 0;
      document.addEventListener("securitypolicyviolation", () => {
        if ((count += 1) > 1) throw new Error("asked again");
      });
    </script>"""
    project.plan(POLICY.format("connect-src 'self'") + once + FILM)
    project.chunks()


def test_a_page_finds_its_own_styles_in_their_places(project: Project):
    own = "<style>p { color: red }</style>"
    script = """<script>
      const isOwn = document.head.firstChild.textContent === "p { color: red }" && document.styleSheets.length === 1;
      if (!isOwn) throw new Error("styles");
      document.adoptedStyleSheets = [new CSSStyleSheet()];
    </script>"""
    project.plan(own + FILM + script + expecting("Nunito 400, Nunito 700, Verdana 400"))
    project.chunks()


GOOGLE = "https://fonts.googleapis.com/css2?family=Nunito:wght@400;700&family={}"
OTHER = "<style>@font-face { font-family: Verdana; font-weight: 500; src: url(own.woff2) }</style>"


@pytest.mark.parametrize(
    ("page", "is_lent"),
    [
        pytest.param(f"<style>@import url('{GOOGLE.format('Lato')}');</style>{FILM}", True, id="a composition"),
        pytest.param(f"<link rel=stylesheet href='{GOOGLE.format('Lato')}'>{FILM}", True, id="by a link"),
        pytest.param(f"{OTHER}<link rel=stylesheet href='{GOOGLE.format('Lato')}'>{FILM}", True, id="beside its own"),
        pytest.param(f"<link rel=stylesheet href='{GOOGLE.format('Gluten')}'>{FILM}", False, id="no such font"),
        pytest.param(f"<link rel=stylesheet href='{GOOGLE.format('Lato')}'>{NAMED}", False, id="another page"),
    ],
)
def test_google_fonts_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, is_lent: bool):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{nobody.getsockname()[1]}")
    (tmp_path / "workspace").mkdir()
    worker = WorkerRuntime(tmp_path / "workspace", lanes=1)
    try:
        project = Project(tmp_path, worker)
        project.ask("")  # makes the folder
        shutil.copy(FOLDER / "nunito-900.woff2", project.folder / "page/own.woff2")
        verdana = 500 if OTHER in page else 400
        reply = project.try_plan(page + expecting(f"Nunito 400, Nunito 700, Verdana {verdana}"))
        if not is_lent:
            assert reply.exitCode == ExitCode.RETRYABLE
            assert "fonts.googleapis.com" in reply.stderr
            return
        assert reply.exitCode == ExitCode.DONE, reply.stderr
        assert reply.result is not None
        warnings = " ".join(reply.result["warnings"])
        assert "Google Fonts cannot be reached; the worker's own fonts are shown for Nunito, Lato" in warnings
        project.job_url = reply.result["jobPath"]
        project.chunks()
    finally:
        worker.close()
