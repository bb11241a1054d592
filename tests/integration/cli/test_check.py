"""`heliosctl check`: what it finds in a page, where, and what its exit code says."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests import forks
from tests.integration.cli.conftest import TIMEOUT, serve
from tests.integration.compositions import compose

FILM = '<!doctype html><html data-width="64" data-height="48" data-fps="10" data-frames="6">\n<body>\n'
PAGE = f"""{FILM}<style>
  /* filter: blur(9px) is only in a comment */
  p {{ backdrop-filter: blur(8px); width: 64px; height: 40px }}
</style>
<p></p><canvas></canvas>
<script src="film.js"></script>
<script>
  // localStorage is only in a comment
  addEventListener("pointermove", () => 0);
  setTimeout(() => location.reload(), 1e6);
</script>
"""
SCRIPT = """const picture = document.querySelector("canvas").getContext("2d");

picture.getImageData(0, 0, 1, 1);
Math.random();
"""


def check(page: Path | str, *more: str) -> tuple[int, dict[str, Any]]:
    command = ["check", str(page), "--json", *more]
    if isinstance(page, Path):
        command += ["--artifacts", str(page.parent.parent / "store")]
    done = forks.run("heliosctl", command, cwd=Path.cwd(), env=os.environ, seconds=TIMEOUT)
    assert done.stdout, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "film.js").write_text(SCRIPT)
    return folder


def test_each_finding_names_the_line_of_the_page(folder: Path):
    (folder / "index.html").write_text(PAGE)
    code, said = check(folder / "index.html")
    places = {(each["rule"], each["severity"], each["file"], each["line"]) for each in said["findings"]}
    assert code == 0
    assert places == {
        ("readback", "slow", "film.js", 3),
        ("filter", "slow", "index.html", 5),
        ("input", "unlike", "index.html", 11),
        ("navigation", "unlike", "index.html", 12),
        ("random", "note", "film.js", 4),
    }


def test_a_page_that_would_be_refused_is_refused_with_the_sentence_of_the_render(folder: Path):
    (folder / "index.html").write_text(f"{FILM}<script>\nsetTimeout(() => {{ location = '?next' }}, 350)</script>")
    code, said = check(folder / "index.html")
    assert code == 64
    assert said["refusal"]["message"].startswith("frame 4: the page left its document for index.html?next")
    assert said["findings"][0]["severity"] == "refused"


def test_a_page_with_nothing_to_say_has_no_findings(folder: Path):
    (folder / "index.html").write_text(f"{FILM}<p>still</p>")
    assert check(folder / "index.html") == (0, {"source": str(folder / "index.html"), "findings": []})


def test_a_page_on_the_web_has_lines_too(folder: Path, tmp_path: Path):
    """Its files are those that its server has sent while it was planned, with headers if they are given."""
    (folder / "index.html").write_text(PAGE)

    def answer(path: str) -> str:
        return (folder / (path.strip("/") or "index.html")).read_text()

    with serve(answer) as url:
        code, said = check(url, "--artifacts", str(tmp_path / "store"))
    places = {(each["rule"], each["file"], each["line"]) for each in said["findings"]}
    assert code == 0
    assert places == {
        ("readback", f"{url}film.js", 3),
        ("filter", url, 5),
        ("input", url, 11),
        ("navigation", url, 12),
        ("random", f"{url}film.js", 4),
    }


def test_a_page_that_keeps_state_is_watched_further_than_its_first_frames(folder: Path):
    late = "requestAnimationFrame(function step() { if (++shown === 40) { open('a'); } requestAnimationFrame(step); });"
    walk = "document.querySelector('p').style.marginLeft = `${shown % 60}px`;"
    script = f"let shown = 0;\n{late.replace('if', walk + ' if').replace('open', 'self[`op${[]}en`]')}"
    film = FILM.replace('frames="6"', 'frames="60"')
    (folder / "index.html").write_text(f"{film}<p>x</p><script>\n{script}</script>")
    _, said = check(folder / "index.html")
    found = {(each["rule"], each["line"]) for each in said["findings"]}
    assert found == {("stateful", 5), ("window", 5)}, "once, though the render warns of it, too"


@pytest.mark.parametrize("name", ["iframe-nested", "video-canvas"])
def test_pages_that_render_exactly_are_not_refused(name: str, tmp_path: Path):
    compose(name, tmp_path / name, cache=tmp_path / "videos")
    code, said = check(tmp_path / name)
    assert (code, said.get("refusal")) == (0, None)
